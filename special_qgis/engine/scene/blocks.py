# SPDX-License-Identifier: GPL-2.0-or-later
"""Pixels in memory: a block as it came from the file, and a sample of spectra.

A block keeps the file's own data type and says which pixels are valid; conversion to float32 happens when a stage wants
for the bands it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..windows import Window

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Calibration:
    """Scale and offset of every good band, as the file states them."""

    scale: NDArray[np.float32]  # (bands,) float32
    offset: NDArray[np.float32]  # (bands,) float32

    @property
    def is_identity(self) -> bool:
        """Whether values are taken as they are."""
        return bool(np.all(self.scale == 1.0) and np.all(self.offset == 0.0))


@dataclass(frozen=True)
class Block:
    """Pixels of a window."""

    raw: NDArray[Any]  # (bands, rows, cols) native type of the file, values as stored
    valid: BoolArray  # (rows, cols) bool; False = nodata, not a number, masked, or outside the area of interest
    calibration: Optional[Calibration] = None  # None = values are taken as they are

    def values(self, band_indices: Optional[Sequence[int] | NDArray[np.intp]] = None) -> NDArray[np.float32]:
        """Values with scale and offset applied.

        Args:
            band_indices: (k,) integer, bands wanted, as indices of the scene's axis; None = all.

        Returns:
            (k, rows, cols) float32, in the file's quantity; 0 where invalid.
        """
        index = np.arange(self.raw.shape[0]) if band_indices is None else np.asarray(band_indices, dtype=np.intp)
        out = np.empty((index.size, *self.valid.shape), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # invalid pixels may hold anything; they become 0 below
            for target, band in zip(out, index):
                np.copyto(target, self.raw[band], casting="unsafe")
                if self.calibration is not None:
                    target *= self.calibration.scale[band]
                    target += self.calibration.offset[band]
        if not self.valid.all():
            np.copyto(out, np.float32(0.0), where=~self.valid)
        return out

    def spectra(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.float32]:
        """Calibrated spectra of some pixels: (n, bands) float32; meant for valid pixels."""
        return calibrated(self.raw[:, rows, cols].T, self.calibration)

    def part(self, window: Window, origin: Window) -> Block:
        """A copy of the pixels of ``window``, where this block begins at ``origin``, so that the rest can be freed."""
        rows, cols = window.slices(origin)
        return Block(
            np.ascontiguousarray(self.raw[:, rows, cols]),
            np.ascontiguousarray(self.valid[rows, cols]),
            self.calibration,
        )


def calibrated(raw: NDArray[Any], calibration: Optional[Calibration]) -> NDArray[np.float32]:
    """Scale and offset applied to spectra.

    Args:
        raw: (n, bands) integer, float32 or float64, values as stored.
        calibration: None = take values as they are.

    Returns:
        (n, bands) float32.
    """
    out = np.ascontiguousarray(raw, dtype=np.float32)
    return out if calibration is None else out * calibration.scale + calibration.offset


@dataclass(frozen=True)
class Sample:
    """Spectra of valid pixels spread over the scene, in the order of rows and columns."""

    rows: NDArray[np.int64]  # (n,) int64, row in the area
    cols: NDArray[np.int64]  # (n,) int64, column in the area
    spectra: NDArray[np.float32]  # (n, bands) float32, scale and offset applied
    valid_share: float  # share of the pixels looked at that are valid, in [0, 1]
    pixel_m: Optional[float] = None  # side of a pixel on the ground in metres; None where the file does not say

    @property
    def n_px(self) -> int:
        """Number of pixels."""
        return int(self.rows.size)
