# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of jobs as text for a terminal."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Mapping, Tuple

_SQUARE_METRES = ((1e6, "km²"), (1e4, "ha"), (1.0, "m²"))  # the largest unit that an area fills
_MOST_CHARS = 160  # of a value in a list of fields; what is longer is cut


def format_result(job: str, result: Mapping[str, Any]) -> str:
    """A result in lines for people.

    Args:
        job: Name of the job, a key of ``jobs.JOBS``.
        result: Result of the job, as JSON values.
    """
    lines = _FORMATS.get(job, format_fields)(result)
    return "\n".join(lines) + "\n"


_PATHS = ("map", "confidence", "probabilities", "pseudo_labels", "classifier", "report")


def format_classified(result: Mapping[str, Any]) -> List[str]:
    """Table of classes with areas, mean confidence, what the network changed, paths."""
    rows = [["id", "class", "pixels", "share", "area"]]
    for name, figures in result["class_areas"].items():
        area = format_area(figures["area_m2"])
        rows.append([str(figures["id"]), name, f"{figures['count']:,}", f"{figures['share']:.1%}", area])
    lines = format_table(rows)
    if result["mean_confidence"] is not None:
        lines += ["", f"mean confidence {result['mean_confidence']:.3f}"]
    if result["changed_share"] is not None:
        lines.append(f"the network changed {result['changed_share']:.1%} of the pixels")
    lines += [f"{key.replace('_', ' ')} {result[key]}" for key in _PATHS if result[key]]
    return lines


def format_campaign(result: Mapping[str, Any]) -> List[str]:
    """Table of scenes, table of classes over all, paths."""
    rows = [["scene", "status", "seconds", "pixels", "area", "confidence"]]
    for scene in result["scenes"]:
        pixels, confidence = scene["classified_px"], scene["mean_confidence"]
        row = [scene["name"], scene["status"], f"{scene['seconds']:.1f}", "-" if pixels is None else f"{pixels:,}"]
        rows.append([*row, format_area(scene["classified_area_m2"]), _share(confidence)])
    lines = [*format_columns(rows, ("scene", "status")), ""]
    rows = [["class", "pixels", "share", "area"]]
    for name, figures in result["class_areas"].items():
        rows.append([name, f"{figures['count']:,}", f"{figures['share']:.1%}", format_area(figures["area_m2"])])
    counts = ", ".join(f"{result[f'n_{word}']} {word}" for word in ("done", "skipped", "failed"))
    lines += [*format_table(rows), "", f"{result['n_scenes']} scenes: {counts}"]
    return lines + [f"{key} {result[key]}" for key in ("report", "table", "mosaic") if result[key]]


def format_assessed(result: Mapping[str, Any]) -> List[str]:
    """Overall figures and a table of classes."""
    names = {"overall_accuracy": "overall accuracy", "average_accuracy": "average accuracy", "kappa": "kappa"}
    lines = [f"{title:<18}{_share(result.get(key))}" for key, title in names.items()]
    rows = [["class", "reference", "precision", "recall", "F1", "IoU"]]
    for name, figures in result["per_class"].items():
        shares = [_share(figures.get(key)) for key in ("precision", "recall", "f1", "iou")]
        rows.append([name, f"{figures['n_reference']:,}", *shares])
    return [*lines, "", *format_table(rows)]


def format_areas(result: Mapping[str, Any]) -> List[str]:
    """Table of classes with areas, adjusted ones where they are known, what they were measured on, paths."""
    adjusted = (result["area_adjusted"] or {}).get("per_class", {})
    rows = [["class", "pixels", "share", "area", *(["adjusted", "±"] if adjusted else [])]]
    for name, figures in result["class_areas"].items():
        row = [name, f"{figures['count']:,}", f"{figures['share']:.1%}", format_area(figures["area_m2"])]
        if adjusted:
            found = adjusted.get(name, {})
            row += [format_area(found.get("area_m2")), format_area(found.get("area_margin_m2"))]
        rows.append(row)
    lines = [*format_table(rows), "", f"measured on {result['measured_on']}"]
    return lines + [f"{key} {result[key]}" for key in ("report", "table", "vector") if result[key]]


def format_models(result: Mapping[str, Any]) -> List[str]:
    """Models that are installed, then those that are known and are not."""
    lines = [f"folder {result['folder']}", f"taken when none is named: {result['default'] or 'none'}", ""]
    rows = [["name", "architecture", "MB", "licence", "file"]]
    for model in result["models"]:
        size = f"{model['size_bytes'] / 1e6:.1f}"
        rows.append([model["name"], model["architecture"] or "-", size, model["licence"], model["path"]])
    lines += (
        format_columns(rows, ("name", "architecture", "licence", "file")) if result["models"] else ["none installed"]
    )
    rows = [["name", "title", "licence", "page"]]
    rows += [[e["name"], e["title"], e["licence"], e["page"]] for e in result["known"] if not e["installed"]]
    return [*lines, "", "known, not installed", *format_columns(rows, tuple(rows[0]))]


def format_fields(result: Mapping[str, Any]) -> List[str]:
    """One line a field; long lists are cut."""
    width = max((len(name) for name in result), default=0) + 2
    return [f"{name:<{width}}{_short(value)}" for name, value in result.items() if value not in ("", None, [], {})]


def format_table(rows: List[List[str]]) -> List[str]:
    """Rows in columns; class names to the left, numbers to the right.

    Args:
        rows: Cells of each row as text; the first row holds the titles of the columns.
    """
    return format_columns(rows, ("class",))


def format_columns(rows: List[List[str]], texts: Tuple[str, ...]) -> List[str]:
    """Rows in columns; texts to the left, numbers to the right.

    Args:
        rows: Cells of each row as text; the first row holds the titles of the columns.
        texts: Titles of the columns that hold texts.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    is_text = [title in texts for title in rows[0]]
    aligned = [
        [cell.ljust(width) if text else cell.rjust(width) for cell, width, text in zip(row, widths, is_text)]
        for row in rows
    ]
    return ["  ".join(cells).rstrip() for cells in aligned]


def format_area(area_m2: float | None) -> str:
    """An area in the largest unit that it fills; a dash when it is not known."""
    if area_m2 is None:
        return "-"
    for size, unit in _SQUARE_METRES:
        if area_m2 >= size:
            return f"{area_m2 / size:,.2f} {unit}"
    return f"{area_m2:.2f} m²"


def _share(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, (int, float)) else "-"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 4] + " ..."


_FORMATS: Dict[str, Callable[[Mapping[str, Any]], List[str]]] = {
    "classify": format_classified,
    "scenes": format_campaign,
    "refine": format_classified,
    "apply_classifier": format_classified,
    "assess": format_assessed,
    "areas": format_areas,
    "list_models": format_models,
}
