# SPDX-License-Identifier: GPL-2.0-or-later
"""Report of a classification: one HTML page that an analyst can judge the map by, and the same content as JSON.

Both are made from a ``RunSummary`` alone. The page needs no network, no script and no other file; the JSON holds every
figure of the page but not its pictures, with stable keys and ``null`` for what is not known.
"""

from __future__ import annotations

import dataclasses
import json
from html import escape
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .charts import Bars, Line, Part, histogram, line_chart, stacked_bar
from .formats import (
    area_unit,
    flatten,
    format_area,
    format_count,
    format_number,
    format_seconds,
    format_share,
    format_significant,
    key_in_words,
    to_json_value,
)
from .learning_section import learning_section
from .page import colour_key, figure, key_values, meter, page, paragraph, picture, section, swatch, table, tiles
from .page import warning_list as warnings_section
from .source_section import source_section
from .summary import ClassSummary, Histogram, MeanSpectrum, RunSummary

REPORT_VERSION = 1  # of the JSON's keys; raised when one changes its meaning
_MAX_SMALL_CHARTS = 24  # spectra drawn one by one; beyond, the classes with most pixels
_MAX_VALUE_CHARS = 400  # of one value in a list of parameters; the JSON has it whole
_UNITS = {"metre": "m", "meter": "m", "degree": "°", "US survey foot": "ft", "foot": "ft", "pixel": "px"}


def render_json(summary: RunSummary) -> str:
    """The report's content as JSON text, without its pictures."""
    content = {
        f.name: _plain(getattr(summary, f.name))
        for f in dataclasses.fields(summary)
        if f.name not in ("map_png", "rgb_png", "sources")
    }
    content["clip"] = {}  # of version 1 also where that source did not speak
    content.update({source.name: source.facts.to_json() for source in summary.sources if source.facts})
    content["classified_area_m2"] = summary.classified_area_m2
    return json.dumps(
        to_json_value({"report_version": REPORT_VERSION, **content}), ensure_ascii=False, allow_nan=False, indent=2
    )


def _plain(value: Any) -> Any:
    """Dataclasses inside a value as mappings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def render_html(summary: RunSummary) -> str:
    """The report as one self-contained HTML page."""
    return page(
        summary.title,
        "Land-cover map report",
        _lead(summary),
        (
            _tiles(summary),
            warnings_section(summary.warnings),
            section("Scene and map", _pictures(summary)),
            section("Classes and areas", _classes(summary)),
            section("How your class names were read", _names(summary)),
            *(section(s.section.title, source_section(summary, s.section)) for s in summary.sources if s.section),
            section("What the network changed", learning_section(summary)),
            section("Confidence", _confidence(summary)),
            section("Mean spectra of the mapped classes", _spectra(summary), "long"),
            section("The scene as it was read", key_values(_scene_pairs(summary))),
            section("Where the time went", _timing(summary)),
            section("Parameters", key_values(_short(flatten(summary.parameters))), "long"),
            section("Provenance", _provenance(summary), "long"),
        ),
        f"Made by SPECIAL for QGIS from the scene and {_starting_point(summary)} alone; no reference data was used to "
        "make this map.",
    )


def _starting_point(summary: RunSummary) -> str:
    """What the classes come from, in words."""
    start = summary.stages[0] if summary.stages else ""
    return "its " + start if start.startswith(("class raster", "classifier")) else "class names"


def _lead(summary: RunSummary) -> str:
    """The result in one or two sentences."""
    if not summary.classified_px:
        return "No pixel was classified."
    mapped = sum(c.count_px > 0 for c in summary.classes)
    where = f"{format_count(summary.classified_px)} pixels"
    area = summary.classified_area_m2
    if area is not None:
        unit = area_unit([area])
        where = f"{format_area(area, unit)} {unit[1]}"
    largest = max(summary.classes, key=lambda c: c.count_px)
    text = f"{mapped} of {len(summary.classes)} classes mapped over {where}. "
    text += f"Largest: {largest.name}, {format_share(largest.share)}."
    if summary.mean_confidence is not None:
        text += f" Mean confidence {format_number(summary.mean_confidence)}."
    return f"{text} Made by: {' → '.join(summary.stages)}." if summary.stages else text


def _tiles(summary: RunSummary) -> str:
    area = summary.classified_area_m2
    unit = area_unit([area])
    n_px = summary.classified_px + summary.unclassified_px + summary.invalid_px
    pixels = f"{format_count(summary.classified_px)} pixels"
    left_out = f"of {format_count(n_px)} pixels"
    return tiles(
        (
            ("Classified area", f"{format_area(area, unit)} {unit[1]}", pixels)
            if area is not None
            else ("Classified pixels", format_count(summary.classified_px), "no ground units in the scene"),
            ("Mean confidence", format_number(summary.mean_confidence), "best minus second-best, 0 to 1"),
            ("Unclassified", format_count(summary.unclassified_px), "valid, but confidence too low"),
            ("No data", format_count(summary.invalid_px), left_out),
            ("Pixel size", _pixel_size(summary), ""),
            ("Run time", format_seconds(sum(summary.timing_s.values())), summary.status),
        )
    )


def _pixel_size(summary: RunSummary) -> str:
    if summary.pixel_size is None:
        return "not known"
    x, y = (format_significant(abs(side), 4) for side in summary.pixel_size)
    unit = _UNITS.get(summary.pixel_units, summary.pixel_units)
    return f"{x} {unit}".strip() if x == y else f"{x} × {y} {unit}".strip()


def _pictures(summary: RunSummary) -> str:
    names = ", ".join(c.name for c in summary.classes if c.count_px)
    pictures = picture(summary.rgb_png, "The scene in true colour", "True colour")
    pictures += picture(summary.map_png, f"Class map of the scene: {names}", "Class map")
    if not pictures:
        return ""
    return f'<div class="pair">{pictures}</div>' + colour_key((c.name, c.colour) for c in summary.classes)


def _classes(summary: RunSummary) -> str:
    unit = area_unit(c.area_m2 for c in summary.classes)
    has_area = any(c.area_m2 is not None for c in summary.classes)
    head = [("Class", ""), ("Share", "")]
    head += [(f"Area ({unit[1]})", "num")] if has_area else []
    head += [("Pixels", "num wide" if has_area else "num"), ("Confidence", "num wide")]
    parts = [Part(c.name, c.colour, c.share) for c in summary.classes if c.share > 0]
    bar = stacked_bar(parts, "Shares of the classes: " + ", ".join(f"{p.label} {p.share:.0%}" for p in parts))
    rows = [_class_row(c, unit if has_area else None) for c in summary.classes]
    return (bar if parts else "") + table(head, rows)


def _class_row(c: ClassSummary, unit: Optional[Tuple[float, str]]) -> List[str]:
    other_words = f"<small>also: {escape(', '.join(c.aliases))}</small>" if c.aliases else ""
    return [
        f"{swatch(c.colour)}{escape(c.name)}{other_words}",
        f"{format_share(c.share)}{meter(c.share, c.colour)}",
        *([format_area(c.area_m2, unit)] if unit else []),
        format_count(c.count_px),
        format_number(c.mean_confidence),
    ]


def _names(summary: RunSummary) -> str:
    if not any(c.interpretation or not c.is_known for c in summary.classes):
        return ""
    items = []
    for c in summary.classes:
        badge = "" if c.is_known else '<span class="badge">not understood</span>'
        reading = escape(c.interpretation)
        words = f' <span class="reading">read as:</span> {reading}' if reading else ""
        items.append(f"<li>{swatch(c.colour)}<b>{escape(c.name)}</b>{badge}{words}</li>")
    text = f'<ul class="names">{"".join(items)}</ul>' if items else ""
    for group in summary.inseparable:
        names = [f"“{summary.class_name(class_id)}”" for class_id in group]
        listed = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)
        text += paragraph(f"Spectra cannot tell {listed} apart: trust the sum of their areas, not each by itself.")
    return text


def _confidence(summary: RunSummary) -> str:
    found = summary.confidence
    if found is None or not any(found.counts):
        return ""
    series = _confidence_series(summary, found)
    low = _low_share(found)
    explanation = paragraph(
        "Confidence is the probability of the best class minus that of the second best: near 0 the two are equally "
        f"likely, near 1 there is no rival. {format_share(low)} of the classified pixels lie below 0.1."
    )
    chart = histogram(found.edges, series, "Histogram of confidence over the classified pixels", "confidence")
    key = colour_key((bars.label, bars.colour) for bars in series) if len(series) > 1 else ""
    means = [
        [
            f"{swatch(c.colour)}{escape(c.name)}",
            f"{format_number(c.mean_confidence)}{meter(c.mean_confidence, c.colour)}",
        ]
        for c in summary.classes
        if c.mean_confidence is not None
    ]
    beside = table([("Class", ""), ("Mean confidence", "")], means) if means else ""
    return explanation + f'<div class="pair">{figure(chart, caption_html=key)}<div>{beside}</div></div>'


def _low_share(found: Histogram) -> float:
    """Share of the pixels in bins that end at or below a confidence of 0.1."""
    n_low = sum(count for edge, count in zip(found.edges[1:], found.counts) if edge <= 0.1 + 1e-9)
    return n_low / sum(found.counts)


def _confidence_series(summary: RunSummary, found: Histogram) -> List[Bars]:
    """Histograms of the classes where they were kept, else one of all pixels."""
    series = [
        Bars(c.name, c.colour, tuple(map(float, summary.class_confidence[c.id].counts)))
        for c in summary.classes
        if c.id in summary.class_confidence and any(summary.class_confidence[c.id].counts)
    ]
    return series or [Bars("all classes", "#0b6e63", tuple(map(float, found.counts)))]


def _spectra(summary: RunSummary) -> str:
    if not summary.spectra:
        return ""
    colours = {c.id: c.colour for c in summary.classes}
    lines = [_line(summary.class_name(s.class_id), colours.get(s.class_id, "#888888"), s) for s in summary.spectra]
    y_title = summary.quantity if summary.quantity in ("reflectance", "radiance") else "value"
    means = [dataclasses.replace(line, spread=()) for line in lines]
    together = line_chart(means, "Mean spectra of all classes", "wavelength (nm)", f"mean {y_title}")
    shown = sorted(range(len(lines)), key=lambda i: -summary.spectra[i].n_px)[:_MAX_SMALL_CHARTS]
    figures = [figure(together, caption_html="All classes" + colour_key((line.label, line.colour) for line in lines))]
    for i in sorted(shown):
        chart = line_chart([lines[i]], f"Mean spectrum of {lines[i].label}", "wavelength (nm)", y_title)
        n_px = format_count(summary.spectra[i].n_px)
        label = f"{swatch(lines[i].colour)}{escape(lines[i].label)}: mean ± one standard deviation, {n_px} pixels"
        figures.append(figure(chart, caption_html=label))
    note = paragraph(
        "A class whose curve does not look like its material is worth a second look. Lines break where bands were left "
        "out; the chart of all classes compares them, each other chart has a scale of its own."
    )
    return note + f'<div class="pair tight">{"".join(figures)}</div>'


def _line(label: str, colour: str, spectrum: MeanSpectrum) -> Line:
    return Line(label, colour, spectrum.wavelengths_nm, spectrum.mean, spectrum.sd)


def _scene_pairs(summary: RunSummary) -> List[Tuple[str, str]]:
    """Description of the scene, its keys in words; its warnings are among the run's."""
    values = {key: value for key, value in summary.scene.items() if key != "warnings"}
    return _short((key_in_words(key), text) for key, text in flatten(values))


def _short(pairs: Any) -> List[Tuple[str, str]]:
    """Cut long values, such as lists of wavelengths."""
    return [(name, text if len(text) <= _MAX_VALUE_CHARS else text[:_MAX_VALUE_CHARS] + " …") for name, text in pairs]


def _timing(summary: RunSummary) -> str:
    total = sum(summary.timing_s.values())
    if not total:
        return ""
    rows: List[Sequence[str]] = [
        [escape(stage), format_seconds(seconds), f"{format_share(seconds / total)}{meter(seconds / total)}"]
        for stage, seconds in summary.timing_s.items()
    ]
    rows.append(["all stages", format_seconds(total), ""])
    return table([("Stage", ""), ("Time", "num"), ("Share", "")], rows)


def _provenance(summary: RunSummary) -> str:
    """Versions and estimated numbers; the parameters have a section of their own."""
    values: Dict[str, Any] = {key: value for key, value in summary.provenance.items() if key != "parameters"}
    return key_values(_short((key_in_words(key), text) for key, text in flatten(values)))
