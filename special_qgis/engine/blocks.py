# SPDX-License-Identifier: GPL-2.0-or-later
"""Pixels in memory: a block as it came from the file, and a sample of spectra.

A block keeps the file's own data type and says which pixels are valid; conversion to float32 happens when a stage asks
for the bands it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from .windows import Window

BoolArray = NDArray[np.bool_]
FLOAT32_MAX = float(np.finfo(np.float32).max)


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
            band_indices: Bands wanted, as indices of the scene's axis; None = all.

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
        raw: (n, bands) native type.
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
    n_valid_estimate: int  # valid pixels of the whole area, by that share
    pixel_m: Optional[float] = None  # side of a pixel on the ground in metres; None where the file does not say

    @property
    def n_px(self) -> int:
        """Number of pixels."""
        return int(self.rows.size)


def has_data(raw: NDArray[Any], nodata: Optional[float]) -> BoolArray:
    """Which values of one band are data.

    Args:
        raw: (...) native type.
        nodata: Value that stands for no data, or None.

    Returns:
        (...) bool; False = nodata, NaN, infinite, or beyond float32.
    """
    if raw.dtype.kind == "f":
        known: BoolArray = np.isfinite(raw) if raw.dtype.itemsize <= 4 else np.abs(raw) <= FLOAT32_MAX
    else:
        known = np.ones(raw.shape, bool)
    stored = stored_nodata(nodata, raw.dtype)
    if stored is not None:
        known &= raw != stored
    return known


def stored_nodata(nodata: Optional[float], dtype: Any) -> Optional[Any]:
    """A nodata value in a band's own type; None when the type cannot hold it, so that no pixel has it."""
    if nodata is None or nodata != nodata:
        return None
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return kind.type(min(max(nodata, float(np.finfo(kind).min)), float(np.finfo(kind).max)))
    limits = np.iinfo(kind)
    if nodata != int(nodata) or not limits.min <= nodata <= limits.max:
        return None
    return kind.type(int(nodata))


def find_valid(raw: NDArray[Any], nodata: Sequence[Optional[float]], inside: Optional[BoolArray]) -> BoolArray:
    """Which pixels have data in every band.

    A pixel that is exactly 0 in all bands is the fill of a rotated or mosaicked scene, and no data.

    Args:
        raw: (bands, rows, cols) native type.
        nodata: Nodata value of each band, or None.
        inside: (rows, cols) bool, pixels that a mask or an area of interest keeps; None = all.

    Returns:
        (rows, cols) bool.
    """
    valid = np.ones(raw.shape[1:], bool) if inside is None else inside.copy()
    is_float = raw.dtype.kind == "f"
    for band, value in zip(raw, nodata):
        stored = stored_nodata(value, raw.dtype)
        if is_float:
            valid &= has_data(band, value)
        elif stored is not None:
            valid &= band != stored
    empty = valid & (raw[0] == 0)
    if empty.any():
        rows, cols = np.nonzero(empty)
        dark = ~np.any(raw[:, rows, cols] != 0, axis=0)
        valid[rows[dark], cols[dark]] = False
    return valid
