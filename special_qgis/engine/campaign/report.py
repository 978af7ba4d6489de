# SPDX-License-Identifier: GPL-2.0-or-later
"""Report of a campaign: one HTML page with every scene, areas over all and small maps; the same as JSON; a CSV table.

The CSV has one row a scene, with a column for the area and one for the share of each class.
"""

from __future__ import annotations

import json
import os
from html import escape
from pathlib import Path
from typing import Any, Iterable, List, Sequence
from urllib.parse import quote

from ..report.charts import Part, stacked_bar
from ..report.formats import (
    area_unit,
    flatten,
    format_area,
    format_count,
    format_number,
    format_seconds,
    format_share,
    key_in_words,
    to_json_value,
)
from ..report.page import (
    colour_key,
    key_values,
    meter,
    page,
    paragraph,
    picture,
    section,
    swatch,
    table,
    tiles,
    warning_list,
)
from ..report.tables import csv_text
from .findings import Campaign, SceneFinding
from .scene_task import DONE, FAILED, SKIPPED

__all__ = ["MOST_THUMBNAILS", "render_csv", "render_html", "render_json"]

REPORT_VERSION = 1  # of the JSON's keys; raised when one changes its meaning
MOST_THUMBNAILS = 60  # on a page
_MOST_ROWS = 1000  # scenes on a page; the table has all
_MOST_WARNINGS = 20  # of a scene on the page
_WORDS = {DONE: "mapped", SKIPPED: "mapped before", FAILED: "failed"}


def render_json(campaign: Campaign) -> str:
    """The report's content as JSON text, without its pictures."""
    content = {
        "report_version": REPORT_VERSION,
        "n_scenes": len(campaign.scenes),
        "n_done": campaign.count(DONE),
        "n_skipped": campaign.count(SKIPPED),
        "n_failed": campaign.count(FAILED),
        "seconds": campaign.seconds,
        "classified_px": campaign.classified_px,
        "classified_area_m2": campaign.classified_area_m2,
        "mean_confidence": campaign.mean_confidence,
        "class_areas": {
            one.name: {"count": one.count_px, "share": one.share, "area_m2": one.area_m2} for one in campaign.totals()
        },
        "mosaics": list(campaign.mosaics),
        "warnings": list(campaign.warnings),
        "scenes": [scene.figures() for scene in campaign.scenes],
        "provenance": dict(campaign.provenance),
    }
    return json.dumps(to_json_value(content), ensure_ascii=False, allow_nan=False, indent=2)


def render_csv(campaign: Campaign) -> str:
    """All scenes as a table, one row each."""
    columns = ["scene", "source", "status", "seconds", "classified_px", "classified_area_m2", "mean_confidence"]
    for one in campaign.classes:
        columns += [f"{one.name} share", f"{one.name} area_m2"]
    return csv_text([*columns, "warnings"], (_csv_row(campaign, scene) for scene in campaign.scenes))


def _csv_row(campaign: Campaign, scene: SceneFinding) -> List[Any]:
    row = [scene.name, scene.source, scene.status, round(scene.seconds, 3)]
    row += [scene.result.get(name) for name in ("classified_px", "classified_area_m2", "mean_confidence")]
    for one in campaign.classes:
        figures = scene.result.get("class_areas", {}).get(one.name, {})
        row += [figures.get("share"), figures.get("area_m2")]
    return [*row, " | ".join(scene.warnings)]


def render_html(campaign: Campaign, folder: Path) -> str:
    """The report as one self-contained HTML page; only its links to the scenes' own reports lead elsewhere.

    Args:
        campaign: What is reported.
        folder: Folder that the page will lie in.
    """
    n_scenes = len(campaign.scenes)
    return page(
        f"Land cover of {n_scenes} {'scene' if n_scenes == 1 else 'scenes'}",
        "Campaign report",
        _lead(campaign),
        (
            _tiles(campaign),
            warning_list(campaign.warnings),
            section("Classes over all scenes", _classes(campaign)),
            section("Scenes", _scenes(campaign, folder), "long"),
            section("Maps", _maps(campaign), "long"),
            section("Warnings by scene", _warnings(campaign), "long"),
            section(
                "Provenance",
                key_values((key_in_words(key), text) for key, text in flatten(campaign.provenance)),
                "long",
            ),
        ),
        "Made by SPECIAL for QGIS from the scenes and class names alone.",
    )


def _lead(campaign: Campaign) -> str:
    n_failed = campaign.count(FAILED)
    text = f"{len(campaign.mapped)} of {len(campaign.scenes)} scenes are mapped"
    text += f"; {n_failed} failed." if n_failed else "."
    totals = [one for one in campaign.totals() if one.count_px]
    if totals:
        largest = max(totals, key=lambda one: one.count_px)
        text += f" Largest class: {largest.name}, {format_share(largest.share)} of the pixels."
    return text


def _tiles(campaign: Campaign) -> str:
    area = campaign.classified_area_m2
    unit = area_unit([area])
    pixels = f"{format_count(campaign.classified_px)} pixels"
    found = f"{format_count(campaign.count(DONE))} now, {format_count(campaign.count(SKIPPED))} before"
    return tiles(
        (
            ("Scenes mapped", format_count(len(campaign.mapped)), found),
            ("Scenes failed", format_count(campaign.count(FAILED)), ""),
            ("Classified area", "not known" if area is None else f"{format_area(area, unit)} {unit[1]}", pixels),
            ("Mean confidence", format_number(campaign.mean_confidence), "best minus second-best, 0 to 1"),
            ("Run time", format_seconds(campaign.seconds), campaign.described),
        )
    )


def _classes(campaign: Campaign) -> str:
    totals = campaign.totals()
    if not campaign.classified_px:
        return ""
    unit = area_unit(one.area_m2 for one in totals)
    parts = [Part(one.name, one.colour, one.share) for one in totals if one.share > 0]
    bar = stacked_bar(parts, "Shares of the classes: " + ", ".join(f"{p.label} {p.share:.0%}" for p in parts))
    rows = [
        [
            f"{swatch(one.colour)}{escape(one.name)}",
            f"{format_share(one.share)}{meter(one.share, one.colour)}",
            format_area(one.area_m2, unit),
            format_count(one.count_px),
        ]
        for one in totals
    ]
    note = paragraph(
        "Shares are of the classified pixels of all maps; ground that several scenes show counts each time."
    )
    head = [("Class", ""), ("Share", ""), (f"Area ({unit[1]})", "num"), ("Pixels", "num wide")]
    return bar + table(head, rows) + note


def _scenes(campaign: Campaign, folder: Path) -> str:
    unit = area_unit(scene.result.get("classified_area_m2") for scene in campaign.scenes)
    head = [("Scene", ""), ("Status", ""), ("Classes", ""), (f"Area ({unit[1]})", "num"), ("Confidence", "num wide")]
    shown = campaign.scenes[:_MOST_ROWS]
    note = ""
    if len(campaign.scenes) > len(shown):
        note = paragraph(f"The first {len(shown)} of {len(campaign.scenes)} scenes; the table has all.")
    rows = [
        [
            _link(scene, folder),
            f"{_WORDS[scene.status]}<small>{format_seconds(scene.seconds)}</small>",
            _bar(campaign, scene),
            format_area(scene.result.get("classified_area_m2"), unit),
            format_number(scene.result.get("mean_confidence")),
        ]
        for scene in shown
    ]
    return note + table([*head, ("Warnings", "num wide")], _with_counts(rows, shown))


def _with_counts(rows: Sequence[List[str]], scenes: Sequence[SceneFinding]) -> Iterable[List[str]]:
    return ([*row, format_count(len(scene.warnings))] for row, scene in zip(rows, scenes))


def _link(scene: SceneFinding, folder: Path) -> str:
    """Name of a scene, leading to its report where there is one."""
    report = scene.result.get("report")
    if not report:
        return escape(scene.name)
    target = quote(Path(os.path.relpath(report, folder)).as_posix())
    return f'<a href="{escape(target, quote=True)}">{escape(scene.name)}</a>'


def _bar(campaign: Campaign, scene: SceneFinding) -> str:
    """One bar of the shares of a scene's classes."""
    areas = scene.result.get("class_areas", {})
    parts = [Part(one.name, one.colour, areas[one.name]["share"]) for one in campaign.classes if one.name in areas]
    parts = [part for part in parts if part.share > 0]
    return stacked_bar(parts, ", ".join(f"{p.label} {p.share:.0%}" for p in parts)) if parts else ""


def _maps(campaign: Campaign) -> str:
    if not campaign.thumbnails:
        return ""
    pictures = [picture(png, f"Class map of {name}", name) for name, png in campaign.thumbnails.items()]
    key = colour_key((one.name, one.colour) for one in campaign.classes)
    n_left_out = len(campaign.mapped) - len(campaign.thumbnails)
    note = paragraph(f"The first {len(pictures)} of {len(campaign.mapped)} maps.") if n_left_out else ""
    return note + f'<div class="pair">{"".join(pictures)}</div>' + key


def _warnings(campaign: Campaign) -> str:
    items = []
    for scene in campaign.scenes[:_MOST_ROWS]:
        texts = "".join(f"<li>{escape(text)}</li>" for text in scene.warnings[:_MOST_WARNINGS])
        if texts:
            items.append(f"<h3>{escape(scene.name)}</h3>\n<ul>{texts}</ul>")
    return "\n".join(items)


def _provenance(campaign: Campaign) -> str:
    return key_values((key_in_words(key), text) for key, text in flatten(campaign.provenance))
