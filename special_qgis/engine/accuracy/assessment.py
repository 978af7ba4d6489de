# SPDX-License-Identifier: GPL-2.0-or-later
"""What an accuracy assessment found, as plain values: the job fills an ``Assessment``, its reports show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from .confusion import (
    Confusion,
    Interval,
    average_accuracy,
    class_accuracies,
    classified_accuracy,
    kappa,
    normal_quantile,
    overall_accuracy,
    wilson_interval,
)
from .stratified import AdjustedAccuracy, adjust


@dataclass(frozen=True)
class Assessment:
    """A map compared with a reference.

    Attributes:
        map: Path of the class raster that is assessed.
        reference: Path of the reference.
        how: How the reference was brought onto the map's grid, in words.
        matched_by: How classes of map and reference were matched: "name" or "number".
        confusion: Confusion matrix, in pixels.
        mapped_px: (K,) int64, pixels of each class in the whole map.
        colours: K colours "#rrggbb", in the order of the classes.
        map_values: Of each of the K classes, its values in the map; () = it is not in the map.
        level: Confidence level of the intervals, above 0 and below 1.
        pixel_area_m2: Area of a pixel in m²; None where the map has no ground units.
        warnings: Warnings for the reader, in sentences.
        provenance: Versions and parameters, JSON values.
    """

    map: str
    reference: str
    how: str
    matched_by: str
    confusion: Confusion
    mapped_px: NDArray[np.int64]
    colours: Tuple[str, ...]
    map_values: Tuple[Tuple[int, ...], ...] = ()
    level: float = 0.95
    pixel_area_m2: Optional[float] = None
    warnings: Tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def overall_interval(self) -> Optional[Interval]:
        """Wilson interval of the overall accuracy."""
        return wilson_interval(self.confusion.n_correct, self.confusion.n_px, self.level)

    @property
    def adjusted(self) -> Optional[AdjustedAccuracy]:
        """Figures weighted by the area of each class; None where no mapped class was met."""
        return adjust(self.confusion.counts, self.mapped_px)

    @property
    def z(self) -> float:
        """Half width of the intervals in standard errors."""
        return normal_quantile(self.level)


def figures(assessment: Assessment) -> Dict[str, Any]:
    """All figures as JSON values; what cannot be computed is None.

    Args:
        assessment: Counts of map and reference, and where they come from.

    Returns:
        Keys are stable: they are what the JSON report and the job's result show.
    """
    confusion = assessment.confusion
    interval = assessment.overall_interval
    return {
        "overall_accuracy": overall_accuracy(confusion),
        "oa_interval": None if interval is None else list(interval),
        "average_accuracy": average_accuracy(confusion),
        "kappa": kappa(confusion),
        "n_px": confusion.n_px,
        "n_unclassified": confusion.n_unclassified,
        "overall_accuracy_classified": classified_accuracy(confusion),
        "confidence_level": assessment.level,
        "per_class": _per_class(assessment),
        "area_adjusted": _adjusted_overall(assessment),
    }


def _per_class(assessment: Assessment) -> Dict[str, Dict[str, Any]]:
    accuracies = class_accuracies(assessment.confusion, assessment.level)
    adjusted = _adjusted_by_class(assessment)
    return {
        a.name: {
            "n_reference": a.n_reference,
            "n_map": a.n_map,
            "n_correct": a.n_correct,
            "n_unclassified": int(assessment.confusion.unclassified[i]),
            "precision": a.precision,
            "precision_interval": None if a.precision_interval is None else list(a.precision_interval),
            "recall": a.recall,
            "recall_interval": None if a.recall_interval is None else list(a.recall_interval),
            "f1": a.f1,
            "iou": a.iou,
            "mapped_px": int(assessment.mapped_px[i]),
            "mapped_area_m2": _area(int(assessment.mapped_px[i]), assessment.pixel_area_m2),
            **adjusted[i],
        }
        for i, a in enumerate(accuracies)
    }


def _adjusted_by_class(assessment: Assessment) -> List[Dict[str, Optional[float]]]:
    """Adjusted shares and areas of every class with half widths of their intervals; Eq. 10, 11 of ``stratified``."""
    found = assessment.adjusted
    keys = ("precision", "recall", "share")
    n_classes = len(assessment.confusion.names)
    if found is None:
        names = [f"adjusted_{key}{end}" for key in keys for end in ("", "_margin")]
        return [dict.fromkeys([*names, "adjusted_area_m2", "adjusted_area_margin_m2"]) for _ in range(n_classes)]
    total_px = float(assessment.mapped_px.sum()) * found.covered
    result = []
    for i in range(n_classes):
        values: Dict[str, Optional[float]] = {}
        for key in keys:
            values[f"adjusted_{key}"] = _number(getattr(found, key)[i])
            values[f"adjusted_{key}_margin"] = _number(assessment.z * getattr(found, key + "_se")[i])
        values["adjusted_area_m2"] = _area(found.share[i] * total_px, assessment.pixel_area_m2)
        values["adjusted_area_margin_m2"] = _area(assessment.z * found.share_se[i] * total_px, assessment.pixel_area_m2)
        result.append(values)
    return result


def _adjusted_overall(assessment: Assessment) -> Optional[Dict[str, Optional[float]]]:
    found = assessment.adjusted
    if found is None:
        return None
    return {
        "overall_accuracy": _number(found.overall),
        "overall_accuracy_margin": _number(assessment.z * found.overall_se),
        "covered_share": found.covered,
    }


def _area(n_px: float, pixel_area_m2: Optional[float]) -> Optional[float]:
    return None if pixel_area_m2 is None else _number(n_px * pixel_area_m2)


def _number(value: float) -> Optional[float]:
    return float(value) if np.isfinite(value) else None
