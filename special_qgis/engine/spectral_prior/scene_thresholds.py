# SPDX-License-Identifier: GPL-2.0-or-later
"""Thresholds that each scene sets for itself: where light ends and shadow begins, where grass ends and canopy begins.

Takes brightness and indices of a sample, gives logarithms of thresholds, by Otsu's method within bounds.
"""

from __future__ import annotations

import math
from typing import Mapping, Optional, Sequence

import numpy as np

from .bands import FloatArray
from .thresholds import Threshold, apply_threshold

LOG_CANOPY_GREEN = math.log(0.09)  # of the green light plus 0.01, where the scene does not tell
LEAST_VEGETATION_PX = 200  # lit vegetation that a scene needs to tell
CANOPY_SHARE = 0.65  # weight of the scene's own threshold against the usual one, in the logarithm
# NDVI that green corners and courtyards add to a built pixel, by its side on the ground
MIXED_NDVI = 0.18
PURE_PX_M, MIXED_PX_M = 5.0, 30.0
_CLEARLY = -1.0  # log-evidence from which a pixel counts as vegetation


def shadow_threshold(brightness: FloatArray) -> float:
    """Log-brightness that parts shadow from light: Otsu's threshold, kept between a quarter and 0.6 of the median.

    Args:
        brightness: (n,) float32, > 0.

    Returns:
        Natural logarithm of the threshold.
    """
    log_brightness = np.log(np.asarray(brightness, dtype=np.float64) + 1e-6)
    median = float(np.median(log_brightness))
    return float(np.clip(otsu(log_brightness), median + math.log(0.25), median + math.log(0.6)))


def canopy_threshold(
    indices: Mapping[str, FloatArray], vegetation: Sequence[Threshold], log_shadow_threshold: float
) -> float:
    """Green light that parts canopies from low vegetation: Otsu's threshold over the scene's lit vegetation.

    It is drawn towards the usual threshold, as Otsu's parts one heap in two where a scene has but one kind.

    Args:
        indices: Index name -> (n,) float32, of a sample.
        vegetation: Thresholds that green vegetation meets.
        log_shadow_threshold: Natural logarithm of the brightness below which a pixel is shadow.

    Returns:
        Natural logarithm of green light plus 0.01.
    """
    if "green" not in indices:
        return LOG_CANOPY_GREEN
    fit = np.zeros_like(indices["brightness"])
    for one in vegetation:
        if one.index in indices:
            fit += apply_threshold(one, indices[one.index])
    is_lit = np.log(indices["brightness"] + np.float32(1e-6)) > log_shadow_threshold
    chosen = (fit > _CLEARLY) & is_lit
    if chosen.sum() < LEAST_VEGETATION_PX:
        return LOG_CANOPY_GREEN
    own = otsu(np.log(indices["green"][chosen].astype(np.float64) + 0.01))
    return CANOPY_SHARE * own + (1.0 - CANOPY_SHARE) * LOG_CANOPY_GREEN


def mixed_ndvi(pixel_m: Optional[float]) -> float:
    """NDVI that a built pixel may have beside its own from vegetation in it.

    Args:
        pixel_m: Side of a pixel on the ground in metres; None = not known, taken as small.
    """
    if pixel_m is None:
        return 0.0
    share = math.log(max(pixel_m, 1e-3) / PURE_PX_M) / math.log(MIXED_PX_M / PURE_PX_M)
    return MIXED_NDVI * min(max(share, 0.0), 1.0)


def otsu(x: FloatArray, n_bins: int = 256) -> float:
    """Threshold that parts a sample into two sets with the largest variance between them (Otsu 1979).

    Args:
        x: (n,) float.
        n_bins: Bins of the histogram.
    """
    counts, edges = np.histogram(x, bins=n_bins)
    if counts.max() == counts.sum():
        return float(x[0])
    centres = (edges[:-1] + edges[1:]) / 2.0
    below_share = (np.cumsum(counts) / counts.sum())[:-1]
    below_sum = (np.cumsum(counts * centres) / counts.sum())[:-1]
    mean = float((counts * centres).sum() / counts.sum())
    between = (mean * below_share - below_sum) ** 2 / (below_share * (1.0 - below_share))
    # empty bins between two heaps all do equally well; the middle of them is meant
    best = np.flatnonzero(between >= between.max() * (1.0 - 1e-9))
    return float(edges[1:-1][best].mean())
