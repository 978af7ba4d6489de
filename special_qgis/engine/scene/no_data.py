# SPDX-License-Identifier: GPL-2.0-or-later
"""Which values are no data: declared ones compared as GDAL does, values beyond all measurement, and undeclared fill.

A fill that is not declared shows as one value in all bands of many pixels, which no surface has. It is decided once for
a scene, from its survey, and then holds for every block.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]

LARGEST_VALUE = 1e30  # no sensor measures beyond; fills of about 3.4e38 that lost their last digits are
FILL_SHARE = 0.01  # of the pixels looked at, above which one value in all bands is fill
_TOLERANCE = 2.0 * float(np.finfo(np.float32).eps)  # GDAL's ARE_REAL_EQUAL, relative to the sum of both values
_FEWEST_BANDS_OF_A_SPECTRUM = 8  # that noise cannot give one negative value by chance
_LEAST_EQUAL_SHARE = 0.5  # of the bands; a pixel with fewer equal values cannot be fill, whatever bands are left out


def has_data(raw: NDArray[Any], nodata: Optional[float]) -> BoolArray:
    """Which values of one band are data.

    Args:
        raw: (...) integer, float32 or float64, values as stored.
        nodata: Value that stands for no data, or None.

    Returns:
        (...) bool; False = nodata, NaN, infinite, or beyond 1e30 on either side.
    """
    is_float = raw.dtype.kind == "f"
    known: BoolArray = np.abs(raw) <= LARGEST_VALUE if is_float else np.ones(raw.shape, bool)
    stored = stored_nodata(nodata, raw.dtype)
    if stored is None:
        return known
    low, high = _equal_range(float(stored)) if is_float else (stored, stored)
    if low == high:
        known &= raw != stored
    else:
        limits = np.finfo(raw.dtype)  # beyond which a bound cannot be compared in the band's own type
        known &= (raw < max(low, float(limits.min))) | (raw > min(high, float(limits.max)))
    return known


def stored_nodata(nodata: Optional[float], dtype: Any) -> Optional[Any]:
    """A nodata value in a band's own type; None when the type cannot hold it, so that no pixel has it.

    Args:
        nodata: Value as declared, or None.
        dtype: NumPy type of the band.
    """
    if nodata is None or nodata != nodata:
        return None
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return kind.type(min(max(nodata, float(np.finfo(kind).min)), float(np.finfo(kind).max)))
    limits = np.iinfo(kind)
    if not limits.min <= nodata <= limits.max or nodata != int(nodata):
        return None
    return kind.type(int(nodata))


def _equal_range(nodata: float) -> Tuple[float, float]:
    """Values that GDAL takes for equal: those whose distance is below twice the float epsilon times |a + b|."""
    near, far = nodata * (1.0 - _TOLERANCE) / (1.0 + _TOLERANCE), nodata * (1.0 + _TOLERANCE) / (1.0 - _TOLERANCE)
    return min(near, far), max(near, far)


def find_valid(
    raw: NDArray[Any], nodata: Sequence[Optional[float]], inside: Optional[BoolArray], fills: Sequence[float] = ()
) -> BoolArray:
    """Which pixels have data in every band.

    A pixel that is exactly 0 in all bands is the fill of a rotated or mosaicked scene, and no data. So is one that has
    the same negative value in all of eight or more bands, be it the only one of the scene.

    Args:
        raw: (bands, rows, cols) integer, float32 or float64, values as stored.
        nodata: Nodata value of each band, or None.
        inside: (rows, cols) bool, pixels that a mask or an area of interest keeps; None = all.
        fills: Values that are no data where all bands have them, beside 0.

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
    suspects = valid & np.isin(raw[0], (0.0, *fills)) if fills else valid & (raw[0] == 0)
    if raw.shape[0] >= _FEWEST_BANDS_OF_A_SPECTRUM:
        suspects |= valid & (raw[0] < 0) & (raw[-1] == raw[0])
    if suspects.any():
        rows, cols = np.nonzero(suspects)
        is_fill = np.all(raw[:, rows, cols] == raw[0, rows, cols], axis=0)
        valid[rows[is_fill], cols[is_fill]] = False
    return valid


class FillSearch:
    """Gathers, window by window, pixels that may be undeclared fill, and decides once the dead bands are known."""

    def __init__(self) -> None:
        self._equal: List[BoolArray] = []
        self._values: List[NDArray[np.float64]] = []
        self._n_seen = 0

    def add(self, raw: NDArray[Any], flags: BoolArray) -> None:
        """Look at the pixels of a window.

        Args:
            raw: (bands, n) integer, float32 or float64, values as stored.
            flags: (bands, n) bool, which of them are data.
        """
        self._n_seen += raw.shape[1]
        if raw.shape[1] == 0:
            return
        limits = np.finfo(raw.dtype) if raw.dtype.kind == "f" else np.iinfo(raw.dtype)
        lowest = raw.min(axis=0, initial=limits.max, where=flags)
        highest = raw.max(axis=0, initial=limits.min, where=flags)
        at_limit = highest == limits.max  # never of a float, whose largest values are no data
        suspects = np.flatnonzero((lowest < 0) | at_limit)
        if suspects.size == 0:
            return
        value = np.where(at_limit, highest, lowest)[suspects]
        equal = (raw[:, suspects] == value) & flags[:, suspects]
        likely = equal.mean(axis=0) >= _LEAST_EQUAL_SHARE
        self._equal.append(equal[:, likely])
        self._values.append(value[likely].astype(np.float64))

    def fills(self, bands: Sequence[int]) -> Tuple[float, ...]:
        """Values that all of some bands have in more than one per cent of the pixels, ascending.

        Args:
            bands: Indices of the bands that are not dead.
        """
        if not self._values or not len(bands):
            return ()
        is_fill = np.concatenate(self._equal, axis=1)[list(bands)].all(axis=0)
        values, counts = np.unique(np.concatenate(self._values)[is_fill], return_counts=True)
        return tuple(float(value) for value in values[counts > FILL_SHARE * self._n_seen])
