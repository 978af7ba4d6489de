# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports of an accuracy assessment: one HTML page, the same figures as JSON, and a tidy CSV table.

The CSV has one figure a row (``figure, class, reference_class, value, lower, upper, unit``), so that it loads as it is
into a spreadsheet, a data frame or a QGIS table.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

import numpy as np

from ..report.charts import IntervalRow, interval_chart
from ..report.formats import (
    area_unit,
    flatten,
    format_area,
    format_count,
    format_interval,
    format_number,
    format_share,
    key_in_words,
    to_json_value,
)
from ..report.page import figure, key_values, page, paragraph, section, swatch, table, tiles, warning_list
from ..report.tables import csv_text
from .assessment import Assessment, figures
from .confusion import ClassAccuracy, class_accuracies

REPORT_VERSION = 1  # of the JSON's keys; raised when one changes its meaning
_COLUMNS = ("figure", "class", "reference_class", "value", "lower", "upper", "unit")
_MAX_MATRIX_CLASSES = 30  # a larger matrix is no longer readable on a page; the CSV has it


def render_json(assessment: Assessment) -> str:
    """The report's content as JSON text."""
    confusion = assessment.confusion
    content = {
        "report_version": REPORT_VERSION,
        "map": assessment.map,
        "reference": assessment.reference,
        "how": assessment.how,
        "matched_by": assessment.matched_by,
        **figures(assessment),
        "confusion": {
            "classes": list(confusion.names),
            "map_values": [list(values) for values in assessment.map_values],
            "counts": confusion.counts.tolist(),  # rows = map, columns = reference
            "unclassified": confusion.unclassified.tolist(),
        },
        "warnings": list(assessment.warnings),
        "provenance": dict(assessment.provenance),
    }
    return json.dumps(to_json_value(content), ensure_ascii=False, allow_nan=False, indent=2)


def render_csv(assessment: Assessment) -> str:
    """All figures as a tidy table, one figure a row."""
    return csv_text(_COLUMNS, _csv_rows(assessment))


def _csv_rows(assessment: Assessment) -> Iterable[Tuple[Any, ...]]:
    found = figures(assessment)
    low, high = found["oa_interval"] or (None, None)
    yield "overall_accuracy", "", "", found["overall_accuracy"], low, high, "share"
    yield "overall_accuracy_classified", "", "", found["overall_accuracy_classified"], None, None, "share"
    yield "average_accuracy", "", "", found["average_accuracy"], None, None, "share"
    yield "kappa", "", "", found["kappa"], None, None, "1"
    yield "reference_pixels", "", "", found["n_px"], None, None, "pixels"
    adjusted = found["area_adjusted"]
    if adjusted:
        value, margin = adjusted["overall_accuracy"], adjusted["overall_accuracy_margin"]
        yield ("area_adjusted_overall_accuracy", "", "", *_around(value, margin, 1.0), "share")
    for name, row in found["per_class"].items():
        yield from _csv_class_rows(name, row)
    yield from _csv_matrix(assessment)


def _csv_class_rows(name: str, row: Mapping[str, Any]) -> Iterable[Tuple[Any, ...]]:
    for key in ("precision", "recall"):
        yield (key, name, "", row[key], *(row[f"{key}_interval"] or (None, None)), "share")
    for key in ("f1", "iou"):
        yield key, name, "", row[key], None, None, "share"
    for key in ("n_reference", "n_map", "n_correct", "n_unclassified", "mapped_px"):
        yield key, name, "", row[key], None, None, "pixels"
    yield "mapped_area", name, "", row["mapped_area_m2"], None, None, "m2"
    for key, unit, top in (("precision", "share", 1.0), ("recall", "share", 1.0), ("share", "share", 1.0)):
        value = row[f"adjusted_{key}"]
        yield (f"area_adjusted_{key}", name, "", *_around(value, row[f"adjusted_{key}_margin"], top), unit)
    area = _around(row["adjusted_area_m2"], row["adjusted_area_margin_m2"], None)
    yield ("area_adjusted_area", name, "", *area, "m2")


def _around(value: Optional[float], margin: Optional[float], top: Optional[float]) -> Tuple[Any, Any, Any]:
    """A figure and the ends of its interval, cut at 0 and at ``top``."""
    if value is None or margin is None:
        return value, None, None
    high = value + margin
    return value, max(0.0, value - margin), high if top is None else min(top, high)


def _csv_matrix(assessment: Assessment) -> Iterable[Tuple[Any, ...]]:
    confusion = assessment.confusion
    for i, mapped in enumerate(confusion.names):
        for j, reference in enumerate(confusion.names):
            yield "confusion", mapped, reference, int(confusion.counts[i, j]), None, None, "pixels"
    for j, reference in enumerate(confusion.names):
        yield "confusion", "(unclassified)", reference, int(confusion.unclassified[j]), None, None, "pixels"


def render_html(assessment: Assessment) -> str:
    """The report as one self-contained HTML page."""
    found = figures(assessment)
    return page(
        f"Accuracy of {Path(assessment.map).name}",
        "Accuracy report",
        _lead(assessment, found),
        (
            _tiles(assessment, found),
            warning_list(assessment.warnings),
            section("Confusion matrix", _matrix(assessment)),
            section("Accuracy of each class", _class_table(assessment) + _class_charts(assessment)),
            section("Areas adjusted for the map's errors", _areas(assessment, found)),
            section("How to read these figures", _reading(assessment)),
            section("What was compared", key_values(_compared(assessment)), "long"),
        ),
        "Made by SPECIAL for QGIS. The reference was used to measure the map, not to make it.",
    )


def _lead(assessment: Assessment, found: Mapping[str, Any]) -> str:
    n_px, names = format_count(found["n_px"]), len(assessment.confusion.names)
    return (
        f"{format_share(found['overall_accuracy'])} of {n_px} reference pixels in {names} classes have the right class "
        f"({assessment.level:.0%} interval {format_interval(assessment.overall_interval)})."
    )


def _tiles(assessment: Assessment, found: Mapping[str, Any]) -> str:
    adjusted = found["area_adjusted"] or {}
    margin = adjusted.get("overall_accuracy_margin")
    return tiles(
        (
            ("Overall accuracy", format_share(found["overall_accuracy"]), format_interval(assessment.overall_interval)),
            ("Average accuracy", format_share(found["average_accuracy"]), "mean recall of the classes"),
            ("Kappa", format_number(found["kappa"], 3), "agreement beyond chance"),
            (
                "Area-adjusted accuracy",
                format_share(adjusted.get("overall_accuracy")),
                "" if margin is None else f"± {format_share(margin)}",
            ),
            ("Reference pixels", format_count(found["n_px"]), f"{format_count(found['n_unclassified'])} unclassified"),
        )
    )


def _matrix(assessment: Assessment) -> str:
    """Table of counts, shaded by the share of each reference class: green on the diagonal, red off it."""
    confusion = assessment.confusion
    if len(confusion.names) > _MAX_MATRIX_CLASSES:
        return paragraph(f"With {len(confusion.names)} classes the matrix is too large for a page; the table has it.")
    n_reference = np.maximum(confusion.n_reference, 1)
    has_gaps = confusion.n_unclassified > 0
    counts = np.vstack([confusion.counts, confusion.unclassified[None]]) if has_gaps else confusion.counts
    labels = [_name(assessment, i) for i in range(len(confusion.names))] + ["<i>no class</i>"] * has_gaps
    rows = []
    for i, label in enumerate(labels):
        cells = [_cell(int(n), n / n_reference[j], i == j) for j, n in enumerate(counts[i])]
        rows.append(f'<tr><th scope="row">{label}</th>{"".join(cells)}{_total(int(counts[i].sum()))}</tr>')
    totals = "".join(_total(int(n)) for n in confusion.n_reference) + _total(confusion.n_px)
    rows.append(f'<tr><th scope="row">reference pixels</th>{totals}</tr>')
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in confusion.names)
    explanation = paragraph(
        "Rows are the map, columns the reference. Each cell gives pixels and their share of the reference class: the "
        "diagonal is right, all else is wrong."
    )
    return (
        f'{explanation}<div class="scroll"><table class="heat"><thead><tr><th scope="col">Map \\ reference</th>{heads}'
        f'<th scope="col">map pixels</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _cell(count: int, share: float, is_right: bool) -> str:
    if not count:
        return "<td>0</td>"
    shade = f"rgba(var(--{'accent' if is_right else 'bad'}-rgb), {0.06 + 0.5 * min(1.0, share):.2f})"
    return f'<td style="background:{shade}">{format_count(count)}<small>{format_share(share)}</small></td>'


def _total(count: int) -> str:
    return f'<td class="total">{format_count(count)}</td>'


def _name(assessment: Assessment, index: int) -> str:
    return f"{swatch(assessment.colours[index])}{escape(assessment.confusion.names[index])}"


def _class_table(assessment: Assessment) -> str:
    head = [("Class", ""), ("Precision", "num"), ("Recall", "num"), ("F1", "num wide"), ("IoU", "num wide")]
    head += [("Reference pixels", "num wide")]
    rows = []
    for i, a in enumerate(class_accuracies(assessment.confusion, assessment.level)):
        rows.append(
            [
                _name(assessment, i),
                f"{format_share(a.precision)}<small>{format_interval(a.precision_interval)}</small>",
                f"{format_share(a.recall)}<small>{format_interval(a.recall_interval)}</small>",
                format_share(a.f1),
                format_share(a.iou),
                format_count(a.n_reference),
            ]
        )
    return table(head, rows)


def _class_charts(assessment: Assessment) -> str:
    accuracies = class_accuracies(assessment.confusion, assessment.level)
    charts = []
    for key, title in (("precision", "precision (user's accuracy)"), ("recall", "recall (producer's accuracy)")):
        rows = [_row(a, key, colour) for a, colour in zip(accuracies, assessment.colours)]
        charts.append(figure(interval_chart(rows, f"{title} of each class with its interval", title)))
    return f'<div class="pair">{"".join(charts)}</div>'


def _row(a: ClassAccuracy, key: str, colour: str) -> IntervalRow:
    return IntervalRow(a.name, colour, getattr(a, key), getattr(a, f"{key}_interval"))


def _areas(assessment: Assessment, found: Mapping[str, Any]) -> str:
    if found["area_adjusted"] is None:
        return ""
    rows_by_class: Dict[str, Dict[str, Any]] = found["per_class"]
    has_area = assessment.pixel_area_m2 is not None
    unit = area_unit(row["mapped_area_m2"] for row in rows_by_class.values())
    total_px = max(1, int(assessment.mapped_px.sum()))
    sign = unit[1] if has_area else "share"
    head = [("Class", ""), (f"Mapped ({sign})", "num"), (f"Adjusted ({sign})", "num"), ("Recall, adjusted", "num wide")]
    rows: List[List[str]] = []
    for i, row in enumerate(rows_by_class.values()):
        if has_area:
            mapped, area = format_area(row["mapped_area_m2"], unit), format_area(row["adjusted_area_m2"], unit)
            margin = format_area(row["adjusted_area_margin_m2"], unit)
        else:
            mapped, area = format_share(row["mapped_px"] / total_px), format_share(row["adjusted_share"])
            margin = format_share(row["adjusted_share_margin"])
        recall = f"{format_share(row['adjusted_recall'])}<small>± {format_share(row['adjusted_recall_margin'])}</small>"
        rows.append([_name(assessment, i), mapped, f"{area}<small>± {margin}</small>", recall])
    explanation = paragraph(
        "Counting a map's pixels counts its errors too. Here every map class is weighted by its area and corrected by "
        "how often the reference disagrees (Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015)."
    )
    return explanation + table(head, rows)


def _reading(assessment: Assessment) -> str:
    return "".join(
        paragraph(text)
        for text in (
            "Precision (user's accuracy): of the pixels mapped as a class, the share that is right. Recall (producer's "
            "accuracy): of a class's reference pixels, the share that the map found. F1 is their harmonic mean; IoU is "
            "the overlap of map and reference over their union. Reference pixels without a class in the map count as "
            "missed.",
            f"The intervals ({assessment.level:.0%}, Wilson) and the adjusted areas hold for reference pixels drawn at "
            "random, over the whole map or within its classes. Where the reference is a set of chosen plots, or of "
            "polygons whose neighbouring pixels resemble each other, true uncertainty is larger than stated, and "
            "figures can be too high when easy places were chosen.",
        )
    )


def _compared(assessment: Assessment) -> List[Tuple[str, str]]:
    pairs = [
        ("Map", assessment.map),
        ("Reference", assessment.reference),
        ("Reference on the map's grid", assessment.how),
        ("Classes matched by", assessment.matched_by),
    ]
    return pairs + [(key_in_words(key), text) for key, text in flatten(assessment.provenance)]
