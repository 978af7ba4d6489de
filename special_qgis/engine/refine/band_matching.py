# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings another scene of a sensor onto the bands that a classifier was trained on.

Every band of the classifier must have a band of the scene within half a band spacing; values in between are
interpolated linearly. Farther bands are refused by name, because extrapolation would not give a measured spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import SpectraError
from ..scene.spectra import SpectralAxis

SAME_NM = 0.05  # wavelengths closer than this are the same
_SHOWN_BANDS = 5  # in a message


@dataclass(frozen=True)
class BandMatch:
    """Bands of a scene and weights that give those of the classifier."""

    needed: NDArray[np.intp]  # (m,) indices into the scene's axis, ascending
    lower: NDArray[np.intp]  # (n,) places in ``needed``
    upper: NDArray[np.intp]  # (n,)
    weight: NDArray[np.float32]  # (n,) float32, of the upper band
    largest_shift_nm: float

    @property
    def is_exact(self) -> bool:
        """Whether every band is taken as it is."""
        return not self.weight.any()

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, rows, cols) or (n, pixels) float32 values of the classifier's bands, from those of ``needed``."""
        lower = values[self.lower]
        if self.is_exact:
            return lower
        weight = self.weight.reshape((-1,) + (1,) * (values.ndim - 1))
        lower += weight * (values[self.upper] - lower)
        return lower


def match_bands(axis: SpectralAxis, centres_nm: Tuple[float, ...]) -> BandMatch:
    """Find the bands.

    Args:
        axis: Wavelengths of the scene's good bands.
        centres_nm: Band centres of the classifier in nm, ascending.

    Raises:
        SpectraError: A band has none near enough; the message names the first few.
    """
    wanted, have = np.array(centres_nm), axis.centres_nm
    nearest = np.abs(wanted[:, None] - have[None]).argmin(axis=1)
    distance = np.abs(have[nearest] - wanted)
    reach = _half_spacing_nm(wanted)
    far = np.flatnonzero(distance > reach)
    if far.size:
        shown = ", ".join(f"{wanted[i]:g} nm (nearest {have[nearest[i]]:g})" for i in far[:_SHOWN_BANDS])
        more = f" and {far.size - _SHOWN_BANDS} more" if far.size > _SHOWN_BANDS else ""
        raise SpectraError(
            f"The scene has no good band for {far.size} of the classifier's {wanted.size} bands: {shown}{more}; a band "
            "within half a band spacing is accepted.",
            "Use a scene of the same sensor, or train a classifier on the bands that all your scenes have: leave bands "
            "out with BAD_BANDS.",
        )
    upper = np.searchsorted(have, wanted).clip(1, max(1, have.size - 1))
    lower = upper - 1
    upper = np.minimum(upper, have.size - 1)
    weight = np.clip((wanted - have[lower]) / np.maximum(have[upper] - have[lower], 1e-9), 0.0, 1.0)
    same = distance <= SAME_NM
    lower, weight = np.where(same, nearest, lower), np.where(same, 0.0, weight)
    upper = np.where(same, nearest, upper)
    needed = np.unique(np.concatenate([lower, upper]))
    places = [np.searchsorted(needed, ends) for ends in (lower, upper)]
    return BandMatch(needed, places[0], places[1], weight.astype(np.float32), float(distance.max()))


def _half_spacing_nm(centres_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) float64, half the distance to the nearer neighbour of each band, at least ``SAME_NM``."""
    if centres_nm.size < 2:
        return np.full(centres_nm.shape, SAME_NM)
    gaps = np.diff(centres_nm)
    nearer = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
    return np.maximum(nearer / 2.0, SAME_NM)
