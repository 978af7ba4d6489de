# SPDX-License-Identifier: GPL-2.0-or-later
"""Sums over the pixels of each class: number, area, and area weighted by confidence. Added block by block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Iterable, Optional

import numpy as np
from numpy.typing import NDArray

from .ellipsoid import Floats

Values = NDArray[np.int64]
NO_CONFIDENCE = -1.0  # of a pixel whose confidence is not known; 0 is a confidence


@dataclass
class ClassSum:
    """Sums of one class; areas are m², or pixels where pixels are only counted."""

    n_px: int = 0
    area: float = 0.0
    weighted_area: float = 0.0  # each pixel's area times its confidence; pixels without count as 0
    area_with_confidence: float = 0.0

    def add(self, other: ClassSum) -> None:
        """Add the sums of other pixels."""
        self.n_px += other.n_px
        self.area += other.area
        self.weighted_area += other.weighted_area
        self.area_with_confidence += other.area_with_confidence

    @property
    def mean_confidence(self) -> Optional[float]:
        """Mean over the area whose confidence is known; None where it is known nowhere."""
        return self.weighted_area / self.area_with_confidence if self.area_with_confidence > 0 else None


@dataclass
class Sums:
    """Sums by class value; 0 = pixels without a class."""

    by_value: Dict[int, ClassSum] = field(default_factory=dict)

    def add(self, values: Values, areas: Floats, confidence: Optional[Floats] = None) -> None:
        """Add pixels.

        Args:
            values: (n,) int64, class values; 0 = no class.
            areas: (n,) float64, areas of the pixels.
            confidence: (n,) float64, in [0, 1]; NO_CONFIDENCE where not known; None = known nowhere.
        """
        if not len(values):
            return
        counts = np.bincount(values)
        area = _totals(values, areas)
        weighted = known = np.zeros_like(area)
        if confidence is not None:
            is_known = confidence >= 0.0
            known = _totals(values, areas * is_known)
            weighted = _totals(values, areas * np.where(is_known, confidence, 0.0))
        for value in np.flatnonzero(counts).tolist():
            found = ClassSum(int(counts[value]), float(area[value]), float(weighted[value]), float(known[value]))
            self.by_value.setdefault(value, ClassSum()).add(found)

    def of(self, values: Iterable[int]) -> ClassSum:
        """Sums of several class values together."""
        total = ClassSum()
        for value in values:
            total.add(self.by_value.get(value, ClassSum()))
        return total

    @property
    def values(self) -> Iterable[int]:
        """Class values that occur, ascending, without 0."""
        return sorted(value for value in self.by_value if value > 0)

    @property
    def classified(self) -> ClassSum:
        """Sums of all pixels that have a class."""
        return self.of(self.values)

    @property
    def unclassified(self) -> ClassSum:
        """Sums of all pixels that have none."""
        return self.of((0,))


def _totals(values: Values, amounts: Floats) -> Floats:
    """Sum of the amounts at each value, from 0 to the largest value."""
    return np.asarray(np.bincount(values, amounts), np.float64)
