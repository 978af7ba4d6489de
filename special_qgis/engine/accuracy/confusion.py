# SPDX-License-Identifier: GPL-2.0-or-later
"""Confusion matrix and the figures drawn from it: overall, average and per-class accuracy, kappa, Wilson intervals.

Rows are the map's classes and columns the reference's. Reference pixels that the map leaves without a class are kept
apart and count as errors of omission. A figure whose denominator is zero is ``None``, never 0 or NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Optional, Tuple

import numpy as np
from numpy.typing import NDArray

Interval = Tuple[float, float]


@dataclass(frozen=True)
class ClassAccuracy:
    """Figures of one class."""

    name: str
    n_reference: int  # pixels of this class in the reference
    n_map: int  # pixels of this class in the map, where the reference has any class
    n_correct: int
    precision: Optional[float]  # user's accuracy, 1 - commission error; None without mapped pixels
    recall: Optional[float]  # producer's accuracy, 1 - omission error; None without reference pixels
    f1: Optional[float]  # harmonic mean of both; None without either
    iou: Optional[float]  # intersection over union; None without either
    precision_interval: Optional[Interval]
    recall_interval: Optional[Interval]


@dataclass(frozen=True)
class Confusion:
    """Numbers of pixels by map class and reference class.

    Attributes:
        names: K class names.
        counts: (K, K) int64, rows = map, columns = reference.
        unclassified: (K,) int64, reference pixels of each class that the map leaves without a class.
    """

    names: Tuple[str, ...]
    counts: NDArray[np.int64]
    unclassified: NDArray[np.int64]

    def __post_init__(self) -> None:
        k = len(self.names)
        if self.counts.shape != (k, k) or self.unclassified.shape != (k,):
            raise ValueError(f"{k} classes need counts ({k}, {k}) and unclassified ({k},); got {self.counts.shape}")

    @property
    def n_px(self) -> int:
        """Number of reference pixels."""
        return int(self.counts.sum() + self.unclassified.sum())

    @property
    def n_unclassified(self) -> int:
        """Number of reference pixels without a class in the map."""
        return int(self.unclassified.sum())

    @property
    def n_correct(self) -> int:
        """Number of reference pixels whose class in the map is right."""
        return int(np.trace(self.counts))

    @property
    def n_reference(self) -> NDArray[np.int64]:
        """(K,) int64, reference pixels of each class, those without a class in the map included."""
        total: NDArray[np.int64] = self.counts.sum(axis=0) + self.unclassified
        return total

    @property
    def n_map(self) -> NDArray[np.int64]:
        """(K,) int64, pixels of each map class where the reference has any class."""
        total: NDArray[np.int64] = self.counts.sum(axis=1)
        return total


def overall_accuracy(confusion: Confusion) -> Optional[float]:
    """Share of reference pixels whose class is right; pixels without a class in the map count as wrong."""
    return _ratio(confusion.n_correct, confusion.n_px)


def classified_accuracy(confusion: Confusion) -> Optional[float]:
    """Overall accuracy over the pixels that the map gives a class."""
    return _ratio(confusion.n_correct, confusion.n_px - confusion.n_unclassified)


def average_accuracy(confusion: Confusion) -> Optional[float]:
    """Mean recall over the classes that the reference has."""
    recalls = [c.recall for c in class_accuracies(confusion) if c.recall is not None]
    return sum(recalls) / len(recalls) if recalls else None


def kappa(confusion: Confusion) -> Optional[float]:
    """Agreement beyond chance; None where chance alone would agree everywhere (one class in both).

    Source: Cohen 1960, doi:10.1177/001316446002000104. Unclassified pixels are a map class that the reference lacks.
    """
    n = confusion.n_px
    if n == 0:
        return None
    observed = confusion.n_correct / n
    expected = float(np.dot(confusion.n_map / n, confusion.n_reference / n))
    return None if 1.0 - expected < 1e-12 else (observed - expected) / (1.0 - expected)


def class_accuracies(confusion: Confusion, level: float = 0.95) -> Tuple[ClassAccuracy, ...]:
    """Figures of every class, in the matrix's order.

    Args:
        confusion: Confusion matrix, in pixels.
        level: Confidence level of the intervals, above 0 and below 1.
    """
    rows = zip(confusion.names, confusion.n_reference, confusion.n_map, np.diagonal(confusion.counts))
    return tuple(_class_accuracy(name, int(ref), int(mapped), int(hit), level) for name, ref, mapped, hit in rows)


def _class_accuracy(name: str, n_reference: int, n_map: int, n_correct: int, level: float) -> ClassAccuracy:
    return ClassAccuracy(
        name=name,
        n_reference=n_reference,
        n_map=n_map,
        n_correct=n_correct,
        precision=_ratio(n_correct, n_map),
        recall=_ratio(n_correct, n_reference),
        f1=_ratio(2 * n_correct, n_map + n_reference),
        iou=_ratio(n_correct, n_map + n_reference - n_correct),
        precision_interval=wilson_interval(n_correct, n_map, level),
        recall_interval=wilson_interval(n_correct, n_reference, level),
    )


def wilson_interval(n_hits: int, n: int, level: float = 0.95) -> Optional[Interval]:
    """Score interval of a share; None for an empty sample.

    Args:
        n_hits: Number of hits, 0 to ``n``.
        n: Sample size, 0 or more.
        level: Confidence level, above 0 and below 1.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if n == 0:
        return None
    z = normal_quantile(level)
    share = n_hits / n
    centre = share + z * z / (2 * n)
    half = z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def normal_quantile(level: float) -> float:
    """Half width of the central interval of a standard normal variable: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def _ratio(part: int, whole: int) -> Optional[float]:
    return part / whole if whole else None
