# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy and areas adjusted for how much of the map each class covers.

The map's classes are strata: each row of the confusion matrix is a sample of its class and is weighted by the class's
share of the map. That removes the bias of a reference that is dense in some classes and thin in others, and turns
classification errors into areas with standard errors.

Source: Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57, doi:10.1016/j.rse.2014.02.015; "Eq." below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Amounts = Union[NDArray[np.int64], Floats]


@dataclass(frozen=True)
class AdjustedAccuracy:
    """Area-adjusted figures of a map with K classes; a standard error is NaN where a stratum has one sample pixel.

    Attributes:
        overall: Overall accuracy, in [0, 1].
        overall_se: Standard error of the overall accuracy.
        precision: (K,) float64, user's accuracy; NaN for a class without sample pixels in the map.
        precision_se: (K,) float64, standard error of the precision.
        recall: (K,) float64, producer's accuracy; NaN for a class that the sample never finds in the reference.
        recall_se: (K,) float64, standard error of the recall.
        share: (K,) float64, share of the area that the class really covers, sums to 1.
        share_se: (K,) float64, standard error of the share.
        covered: Share of the map's area whose classes have sample pixels; the figures hold for that part.
    """

    overall: float
    overall_se: float
    precision: Floats
    precision_se: Floats
    recall: Floats
    recall_se: Floats
    share: Floats
    share_se: Floats
    covered: float


def adjust(counts: NDArray[np.int64], mapped: Amounts) -> Optional[AdjustedAccuracy]:
    """Weight a confusion matrix by the area that the map gives each class.

    Classes that the map has but the sample never meets are left out; ``covered`` is the share of the map that remains.

    Args:
        counts: (K, K) int64, sample pixels, rows = map, columns = reference.
        mapped: (K,) int64 or float64, how much of the whole map has each class: pixels, or area in any unit.

    Returns:
        The adjusted figures; None where the sample meets no mapped class.
    """
    n_rows = counts.sum(axis=1)
    sampled = (n_rows > 0) & (mapped > 0)
    if not sampled.any():
        return None
    weights = np.where(sampled, mapped, 0) / mapped[sampled].sum()  # W_i
    rows = counts / np.maximum(n_rows, 1)[:, None]  # n_ij / n_i.
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(rows * (1 - rows) > 0, rows * (1 - rows) / (n_rows - 1)[:, None], 0.0)  # NaN if n_i. = 1
        spread[n_rows == 1] = np.nan
        precision = np.where(sampled, np.diagonal(rows), np.nan)  # Eq. 2
    cells = weights[:, None] * rows  # p_ij, Eq. 4
    share = cells.sum(axis=0)  # p_.j, Eq. 9
    weighted = np.where(sampled[:, None], weights[:, None] ** 2 * spread, 0.0)
    recall, recall_se = _recall(cells, share, weighted)
    return AdjustedAccuracy(
        overall=float(np.trace(cells)),  # Eq. 1
        overall_se=float(np.sqrt(np.trace(weighted))),  # Eq. 5
        precision=precision,
        precision_se=np.where(sampled, np.sqrt(np.diagonal(spread)), np.nan),  # Eq. 6
        recall=recall,
        recall_se=recall_se,
        share=share,
        share_se=np.sqrt(weighted.sum(axis=0)),  # Eq. 10
        covered=float(mapped[sampled].sum() / mapped.sum()),
    )


def _recall(cells: Floats, share: Floats, weighted: Floats) -> tuple[Floats, Floats]:
    """Producer's accuracy (Eq. 3) and its standard error (Eq. 7), both divided through by the map's area.

    Args:
        cells: (K, K) float64, estimated shares p_ij of the area.
        share: (K,) float64, sums of ``cells`` over the rows: share of the area of each class, sums to 1.
        weighted: (K, K) float64, W_i² · n_ij/n_i. · (1 - n_ij/n_i.) / (n_i. - 1).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(share > 0, np.diagonal(cells) / share, np.nan)
        own = np.diagonal(weighted)
        others = weighted.sum(axis=0) - own
        variance = ((1 - recall) ** 2 * own + recall**2 * others) / share**2
    return recall, np.sqrt(variance)
