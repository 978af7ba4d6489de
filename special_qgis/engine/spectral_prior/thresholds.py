# SPDX-License-Identifier: GPL-2.0-or-later
"""Soft thresholds, of which rules are made: an index above or below a centre, as a clipped log-probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bands import FloatArray

INDEX_CLIP, RANK_CLIP, CANOPY_CLIP = 5.0, 2.5, 4.0  # the least log-evidence that one threshold gives


@dataclass(frozen=True)
class Threshold:
    """Soft threshold ``weight * max(log sigmoid(sign * (x - centre) / width), -clip)``."""

    index: str
    centre: float
    width: float
    sign: int  # +1: above the centre, -1: below it
    weight: float = 1.0

    @property
    def clip(self) -> float:
        """The least value, positive."""
        return RANK_CLIP if self.index == "rank" else INDEX_CLIP


def above(index: str, centre: float, width: float, weight: float = 1.0) -> Threshold:
    """Evidence for an index above a centre."""
    return Threshold(index, centre, width, 1, weight)


def below(index: str, centre: float, width: float, weight: float = 1.0) -> Threshold:
    """Evidence for an index below a centre."""
    return Threshold(index, centre, width, -1, weight)


def apply_threshold(threshold: Threshold, x: FloatArray) -> FloatArray:
    """A soft threshold on one index.

    Args:
        threshold: What to apply.
        x: (n,) float32.

    Returns:
        (n,) float32 in [-weight * clip, 0].
    """
    z = x - np.float32(threshold.centre)
    z *= np.float32(threshold.sign / threshold.width)
    result = log_sigmoid(z, threshold.clip)
    if threshold.weight != 1.0:
        result *= np.float32(threshold.weight)
    return result


def log_sigmoid(z: FloatArray, clip: float) -> FloatArray:
    """max(log(1 / (1 + exp(-z))), -clip), computed in place.

    Args:
        z: (n,) float32; overwritten.
        clip: The least value, positive.

    Returns:
        (n,) float32 in [-clip, 0].
    """
    # beyond -clip the sigmoid's logarithm is below -clip, so clipping first keeps exp from overflowing
    np.maximum(z, np.float32(-clip), out=z)
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += np.float32(1.0)
    np.log(z, out=z)
    np.negative(z, out=z)
    np.maximum(z, np.float32(-clip), out=z)
    return z
