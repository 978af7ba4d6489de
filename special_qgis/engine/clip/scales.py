# SPDX-License-Identifier: GPL-2.0-or-later
"""Scale factors: which ones, the image resampled by one, and probabilities brought back to the scene's grid.

Images are resampled by Keys' cubic, widened where they shrink, so that nothing aliases. Probabilities come back by
area averaging, or bilinearly where the image had shrunk: both keep them in [0, 1] and their sum. Every value depends
on its place in the scene alone, so parts may be computed in any order.

Source: Keys 1981, IEEE TASSP 29(6), 1153-1160, with a = -1/2.
"""

from __future__ import annotations

import math
from typing import Any, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Taps", "area_taps", "automatic_factors", "cubic_taps", "resample"]

PUBLISHED = (1.0, 2.0)
COARSEST, FINEST = 0.25, 4.0  # smaller one of a pair of automatic factors


def automatic_factors(gsd_m: Optional[float]) -> Tuple[float, ...]:
    """Scale factors for a size of pixels on the ground.

    The pair {f, 2 f}, f the power of two nearest to the root of the pixel's size in metres, from 1/4 to 4. Pixels of
    0.5 to 2 m get the published {1, 2}. Finer scenes are shrunk and coarser ones enlarged, half way in octaves:
    objects keep nearer to the tens of pixels that they measure in the images CLIP was trained on, and a window still
    shows what is around.

    Args:
        gsd_m: Side of a pixel on the ground in metres; None = unknown, which gives {1, 2}.
    """
    if gsd_m is None or not math.isfinite(gsd_m) or gsd_m <= 0.0:
        return PUBLISHED
    factor = min(max(2.0 ** round(math.log2(gsd_m) / 2.0), COARSEST), FINEST)
    return (factor, 2.0 * factor)


class Taps:
    """For each output position along one side, the input positions it is made of and their weights."""

    def __init__(self, indices: NDArray[np.intp], weights: NDArray[np.float32]) -> None:
        self.indices, self.weights = indices, weights  # both (outputs, taps)

    @property
    def first(self) -> int:
        """First input position needed."""
        return int(self.indices.min())

    @property
    def stop(self) -> int:
        """Input position after the last one needed."""
        return int(self.indices.max()) + 1

    @property
    def needed(self) -> slice:
        """Input positions needed."""
        return slice(self.first, self.stop)

    def apply(self, image: NDArray[np.float32], axis: int, first: int) -> NDArray[np.float32]:
        """Resample along an axis of an image whose positions begin at ``first``."""
        moved = np.moveaxis(image, axis, -1)
        total = np.zeros((*moved.shape[:-1], len(self.indices)), np.float32)
        for tap in range(self.indices.shape[1]):
            total += moved[..., self.indices[:, tap] - first] * self.weights[:, tap]
        return np.moveaxis(total, -1, axis)


def scaled_length(length: int, factor: float) -> int:
    """Length of a side after scaling."""
    return max(1, round(length * factor))


def cubic_taps(n_in: int, n_out: int, start: int, stop: int) -> Taps:
    """Taps of outputs ``start`` to ``stop`` of a side of ``n_in`` resampled to ``n_out``; the border is repeated."""
    ratio = n_in / n_out
    widen = max(1.0, ratio)
    centres = (np.arange(start, stop) + 0.5) * ratio - 0.5
    reach = math.ceil(2.0 * widen)
    places = np.floor(centres)[:, None] + np.arange(-reach + 1, reach + 1)
    weights = _keys(np.abs(places - centres[:, None]) / widen)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.clip(places, 0, n_in - 1).astype(np.intp), weights.astype(np.float32))


def _keys(x: NDArray[Any]) -> NDArray[Any]:
    near = 1.5 * x**3 - 2.5 * x**2 + 1.0
    far = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def area_taps(n_in: int, n_out: int, start: int, stop: int) -> Taps:
    """Taps that bring a scaled side of ``n_in`` back to ``n_out`` positions.

    A position averages what lies on it, by area; where the image had shrunk it is interpolated between two.
    """
    ratio = n_in / n_out
    place = np.arange(start, stop)
    if ratio < 1.0:
        centres = np.clip((place + 0.5) * ratio - 0.5, 0.0, n_in - 1.0)
        lower = np.floor(centres)
        share = centres - lower
        indices = np.stack([lower, np.minimum(lower + 1.0, n_in - 1.0)], axis=1)
        weights = np.stack([1.0 - share, share], axis=1)
    else:
        begin = place * ratio
        indices = np.floor(begin + 1e-9)[:, None] + np.arange(math.ceil(ratio) + 1)
        overlap = np.minimum(indices + 1.0, (begin + ratio)[:, None]) - np.maximum(indices, begin[:, None])
        weights = np.clip(overlap, 0.0, None)
        weights /= weights.sum(axis=1, keepdims=True)
        used = int((weights > 1e-9).any(axis=0).sum())  # no input is asked for that has no weight
        indices, weights = np.minimum(indices[:, :used], n_in - 1.0), weights[:, :used]
    return Taps(indices.astype(np.intp), weights.astype(np.float32))


def resample(image: NDArray[np.float32], row_taps: Taps, col_taps: Taps) -> NDArray[np.float32]:
    """Resample an image (channels, rows, cols) whose first pixel is the first that the taps need."""
    return row_taps.apply(col_taps.apply(image, 2, col_taps.first), 1, row_taps.first)
