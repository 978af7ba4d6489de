# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports of areas: one HTML page with bars, the same figures as JSON, and a tidy CSV table.

The CSV has one row a class and zone; a zone is the whole map or a polygon. Each row says on what it was measured.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any, Iterable, List, Optional, Sequence, Tuple

from ..report.charts import IntervalRow, Part, interval_chart, stacked_bar
from ..report.formats import (
    area_unit,
    flatten,
    format_area,
    format_count,
    format_number,
    format_share,
    key_in_words,
    to_json_value,
)
from ..report.page import (
    colour_key,
    figure,
    key_values,
    meter,
    page,
    paragraph,
    section,
    swatch,
    table,
    tiles,
    warning_list,
)
from ..report.tables import csv_text
from .classes import AreaClass
from .estimates import Estimate, Estimates
from .findings import Areas, PolygonAreas, figures, polygon_figures
from .sums import ClassSum, Sums

REPORT_VERSION = 1  # of the JSON's keys; raised when one changes its meaning
_MOST_POLYGONS = 200  # on a page; the table has all
_NO_CLASS = "(no class)"
_COLUMNS = (
    "zone",
    "polygon",
    "polygon_name",
    "class_ids",
    "class",
    "pixels",
    "share",
    "area_m2",
    "mean_confidence",
    "confidence_weighted_area_m2",
    "adjusted_share",
    "adjusted_area_m2",
    "adjusted_lower_m2",
    "adjusted_upper_m2",
    "measure",
)


def render_json(areas: Areas) -> str:
    """The report's content as JSON text."""
    content = {
        "report_version": REPORT_VERSION,
        "map": areas.map,
        "polygon_source": areas.source,
        **figures(areas),
        "polygons": polygon_figures(areas),
        "warnings": list(areas.warnings),
        "provenance": dict(areas.provenance),
    }
    return json.dumps(to_json_value(content), ensure_ascii=False, allow_nan=False, indent=2)


def render_csv(areas: Areas) -> str:
    """All areas as a tidy table, one row a class and zone."""
    return csv_text(_COLUMNS, _csv_rows(areas))


def _csv_rows(areas: Areas) -> Iterable[Sequence[Any]]:
    for row, one in zip(_zone_rows(areas, areas.whole), (*areas.classes, None)):
        estimate = None if one is None else areas.estimate_of(one.name)
        yield ("map", None, None, *row, *_adjusted_cells(areas, estimate), areas.measure)
    named = {one.name for one in areas.classes}
    for estimate in areas.estimates.by_class if areas.estimates else ():
        if estimate.name not in named:  # a class of the reference that the map does not have
            cells = _class_cells(areas, ClassSum(), 0.0)
            yield ("map", None, None, None, estimate.name, *cells, *_adjusted_cells(areas, estimate), areas.measure)
    for found in areas.polygons:
        for row in _zone_rows(areas, found.sums):
            yield ("polygon", found.polygon.number, found.polygon.name, *row, *[None] * 4, areas.measure)


def _zone_rows(areas: Areas, sums: Sums) -> Iterable[Tuple[Any, ...]]:
    """Cells from ``class_ids`` to ``confidence_weighted_area_m2`` of each class of a zone, and of its other pixels."""
    for one, share in zip(areas.classes, areas.shares(sums)):
        yield (one.ids, one.name, *_class_cells(areas, sums.of(one.values), share))
    rest = sums.unclassified
    yield ("0", _NO_CLASS, rest.n_px, None, areas.area_m2(rest.area), None, None)


def _class_cells(areas: Areas, found: ClassSum, share: float) -> Tuple[Any, ...]:
    weighted = areas.area_m2(found.weighted_area) if found.mean_confidence is not None else None
    return found.n_px, share, areas.area_m2(found.area), found.mean_confidence, weighted


def _adjusted_cells(areas: Areas, estimate: Optional[Estimate]) -> Tuple[Any, ...]:
    if estimate is None:
        return (None,) * 4
    low, high = estimate.area_interval or (None, None)
    return estimate.share, areas.area_m2(estimate.area), areas.area_m2(low), areas.area_m2(high)


def render_html(areas: Areas) -> str:
    """The report as one self-contained HTML page."""
    return page(
        f"Areas of {Path(areas.map).name}",
        "Area report",
        _lead(areas),
        (
            _tiles(areas),
            warning_list(areas.warnings),
            section("Classes of the whole map", _classes(areas)),
            section("Areas adjusted for the map's errors", _adjusted(areas)),
            section("Polygons", _polygons(areas), "long"),
            section("How to read these figures", _reading(areas)),
            section("What was measured", key_values(_measured(areas)), "long"),
        ),
        "Made by SPECIAL for QGIS.",
    )


def _lead(areas: Areas) -> str:
    total, largest = areas.whole.classified, areas.largest(areas.whole)
    where = f"{format_count(total.n_px)} pixels"
    if areas.has_areas:
        unit = area_unit([total.area])
        where = f"{format_area(total.area, unit)} {unit[1]}"
    n_met = sum(areas.whole.of(one.values).n_px > 0 for one in areas.classes)
    text = f"{n_met} {'class' if n_met == 1 else 'classes'} over {where}"
    if largest is None:
        return text + "."
    share = areas.whole.of(largest.values).area / total.area
    return f"{text}; largest: {largest.name}, {format_share(share)}."


def _tiles(areas: Areas) -> str:
    total, rest = areas.whole.classified, areas.whole.unclassified
    unit = area_unit([total.area, rest.area] if areas.has_areas else [])
    pixels, rest_pixels = (f"{format_count(found.n_px)} pixels" for found in (total, rest))
    confidence = format_number(total.mean_confidence)
    return tiles(
        (
            ("Classified area", f"{format_area(total.area, unit)} {unit[1]}" if areas.has_areas else pixels, pixels),
            ("No class", f"{format_area(rest.area, unit)} {unit[1]}" if areas.has_areas else rest_pixels, rest_pixels),
            ("Measured on", _measure_word(areas), areas.described),
            *([("Mean confidence", confidence, "weighted by area")] if areas.confidence else []),
            *([("Polygons", format_count(len(areas.polygons)), Path(areas.source).name)] if areas.polygons else []),
        )
    )


def _measure_word(areas: Areas) -> str:
    return {"ellipsoid": "ellipsoid", "crs": "plane of the CRS"}.get(areas.measure, "pixels")


def _classes(areas: Areas) -> str:
    has_areas, has_confidence = areas.has_areas, bool(areas.confidence)
    sums = [areas.whole.of(one.values) for one in areas.classes]
    unit = area_unit(found.area for found in sums)
    head = [("Class", ""), ("Share", "")]
    head += [(f"Area ({unit[1]})", "num")] if has_areas else []
    head += [("Pixels", "num wide" if has_areas else "num")]
    head += [("Confidence", "num wide")] if has_confidence else []
    head += [(f"Confidence-weighted ({unit[1]})", "num wide")] if has_confidence and has_areas else []
    rows = []
    for one, found, share in zip(areas.classes, sums, areas.shares(areas.whole)):
        row = [_name(one), f"{format_share(share)}{meter(share, one.colour)}"]
        row += [format_area(found.area, unit)] if has_areas else []
        row += [format_count(found.n_px)]
        row += [format_number(found.mean_confidence)] if has_confidence else []
        known = found.mean_confidence is not None
        row += [format_area(found.weighted_area if known else None, unit)] if has_confidence and has_areas else []
        rows.append(row)
    return _bar(areas, areas.whole) + table(head, rows)


def _name(one: AreaClass) -> str:
    return f"{swatch(one.colour)}{escape(one.name)}"


def _bar(areas: Areas, sums: Sums) -> str:
    """One bar of the classes' shares; empty where nothing is classified."""
    parts = [Part(one.name, one.colour, share) for one, share in zip(areas.classes, areas.shares(sums)) if share > 0]
    return stacked_bar(parts, ", ".join(f"{p.label} {p.share:.0%}" for p in parts)) if parts else ""


def _adjusted(areas: Areas) -> str:
    found = areas.estimates
    if found is None:
        return ""
    explanation = paragraph(
        "Counting a map's pixels counts its errors too. Here every class of the map is weighted by its area and "
        "corrected by how often the reference of the accuracy report disagrees (Olofsson et al. 2014, "
        f"doi:10.1016/j.rse.2014.02.015), with {found.level:.0%} intervals. They hold for the whole map, not for a "
        "polygon, and for reference pixels drawn at random, over the map or within its classes."
    )
    rows = [IntervalRow(one.name, _colour(areas, one), one.share, one.share_interval) for one in found.by_class]
    title = "adjusted share of the area"
    chart = figure(interval_chart(rows, "Adjusted share of each class with its interval", title))
    return f'{explanation}<div class="pair">{chart}<div>{_adjusted_table(areas, found)}</div></div>'


def _colour(areas: Areas, estimate: Estimate) -> str:
    return next((one.colour for one in areas.classes if one.name == estimate.name), "")


def _adjusted_table(areas: Areas, found: Estimates) -> str:
    unit = area_unit(value for one in found.by_class for value in (one.mapped_area, one.area))
    sign = unit[1] if areas.has_areas else "share"
    total = sum(one.mapped_area for one in found.by_class) or 1.0
    rows: List[List[str]] = []
    for one in found.by_class:
        cells = [format_share(one.mapped_area / total), format_share(one.share), format_share(one.share_margin)]
        if areas.has_areas:
            cells = [format_area(value, unit) for value in (one.mapped_area, one.area, one.area_margin)]
        name = f"{swatch(_colour(areas, one))}{escape(one.name)}"
        rows.append([name, cells[0], f"{cells[1]}<small>± {cells[2]}</small>"])
    return table([("Class", ""), (f"Mapped ({sign})", "num"), (f"Adjusted ({sign})", "num")], rows)


def _polygons(areas: Areas) -> str:
    if not areas.polygons:
        return ""
    shown = areas.polygons[:_MOST_POLYGONS]
    unit = area_unit(found.sums.classified.area for found in areas.polygons)
    title = f"Area ({unit[1]})" if areas.has_areas else "Pixels"
    head = [("Polygon", ""), ("Classes", ""), ("Largest class", ""), (title, "num"), ("No class", "num wide")]
    met = [one for one in areas.classes if any(found.sums.of(one.values).n_px for found in shown)]
    note = ""
    if len(areas.polygons) > len(shown):
        note = paragraph(f"The first {len(shown)} of {len(areas.polygons)} polygons; the table has all.")
    rows = [_polygon_row(areas, found, unit) for found in shown]
    return colour_key((one.name, one.colour) for one in met) + note + table(head, rows)


def _polygon_row(areas: Areas, found: PolygonAreas, unit: Tuple[float, str]) -> List[str]:
    total, rest, largest = found.sums.classified, found.sums.unclassified, areas.largest(found.sums)
    words = ""
    if largest is not None:
        share = found.sums.of(largest.values).area / total.area
        words = f"{_name(largest)}<small>{format_share(share)}</small>"
    n_px = total.n_px + rest.n_px
    return [
        escape(found.label),
        _bar(areas, found.sums),
        words,
        format_area(total.area, unit) if areas.has_areas else format_count(total.n_px),
        format_share(rest.n_px / n_px if n_px else None),
    ]


def _reading(areas: Areas) -> str:
    texts = [
        "Shares are of the classified area: pixels without a class are left out."
        + (" A pixel belongs to a polygon when its centre lies in it; polygons may overlap." if areas.polygons else "")
    ]
    if areas.measure == "ellipsoid":
        texts.append("Areas are those of the earth's surface, on the ellipsoid, whatever the projection makes of them.")
    if areas.measure == "crs":
        texts.append("Areas are those in the plane of the CRS, which an equal-area projection alone draws to scale.")
    if areas.confidence:
        texts.append(
            "A confidence-weighted area adds up each pixel's area times its confidence: of two classes of one size, "
            "the one that the map is less sure of gets less. It is no estimate of the true area."
        )
    return "".join(paragraph(text) for text in texts)


def _measured(areas: Areas) -> List[Tuple[str, str]]:
    pairs = [("Map", areas.map), ("Areas measured on", areas.described)]
    pairs += [("Polygons", areas.source)] if areas.source else []
    pairs += [("Confidence on the map's grid", areas.confidence)] if areas.confidence else []
    return pairs + [(key_in_words(key), text) for key, text in flatten(areas.provenance)]
