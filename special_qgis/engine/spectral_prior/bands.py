# SPDX-License-Identifier: GPL-2.0-or-later
"""Which bands of a scene the spectral prior uses, and for what.

Takes the scene's wavelengths, gives a plan: the bands that make up each index wavelength, the brightness and the
anchor spectrum, as positions in one short list of needed bands, so that a scene of 400 bands costs no more than one
of 100. A wavelength that the scene does not cover is left out of the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, Iterable, List, Mapping, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import SpectraError

if TYPE_CHECKING:
    from ..scene.spectra import SpectralAxis

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

LOWEST_NM, HIGHEST_NM = 400.0, 2440.0
WATER_VAPOUR_NM = ((1340.0, 1460.0), (1785.0, 1990.0))  # left out; the atmosphere is opaque there
RADIANCE_DROPPED_NM = ((755.0, 772.0), (895.0, 985.0), (1095.0, 1165.0))  # O2-A and water vapour, left in radiance
BRIGHTNESS_NM = (450.0, 900.0)
BRIGHTNESS_STEP_NM = 15.0

# Half widths of the index bands; docs/method.md, section 3. Broad features get a wider band.
INDEX_HALF_WIDTH_NM: Mapping[int, float] = {
    480: 15.0, 555: 15.0, 600: 15.0, 668: 15.0, 715: 15.0, 850: 25.0,
    1650: 25.0, 2030: 15.0, 2100: 15.0, 2200: 25.0, 2210: 15.0,
}  # fmt: skip
_MULTISPECTRAL_REACH_NM: Mapping[int, float] = {850: 45.0, 1650: 60.0, 2200: 60.0}  # one broad band stands in

# Wavelengths that catch the shape of a spectrum, dense where materials differ.
ANCHORS_NM = (
    445, 480, 510, 535, 555, 580, 605, 630, 650, 670, 690, 705, 720, 740, 780, 820, 865,
    1000, 1040, 1080, 1200, 1270, 1310, 1530, 1600, 1650, 1720, 2050, 2100, 2160, 2205, 2260, 2330,
)  # fmt: skip
ANCHOR_HALF_WIDTH_NM = 10.0


@dataclass(frozen=True)
class BandPlan:
    """Bands to read, and where in that list each quantity finds its own."""

    needed: IndexArray  # (k,) intp, indices into the axis, ascending
    index_bands: Mapping[int, IndexArray]  # index wavelength in nm -> positions in ``needed``
    brightness: IndexArray  # positions in ``needed``
    anchors: Tuple[IndexArray, ...]  # one array of positions in ``needed`` an anchor


def usable_bands(axis: SpectralAxis, drop_absorption: bool = False) -> IndexArray:
    """Bands of 400-2440 nm outside the water-vapour windows.

    Args:
        axis: The scene's bands.
        drop_absorption: Leave out oxygen and water-vapour bands too, for radiance.

    Returns:
        (n,) intp, indices into the axis.
    """
    nm = np.asarray(axis.centres_nm)
    keep = (nm >= LOWEST_NM) & (nm <= HIGHEST_NM)
    for low, high in WATER_VAPOUR_NM + (RADIANCE_DROPPED_NM if drop_absorption else ()):
        keep &= (nm < low) | (nm > high)
    return np.flatnonzero(keep)


def plan_bands(axis: SpectralAxis, drop_absorption: bool = False) -> BandPlan:
    """Choose the bands for indices, brightness and anchors.

    Args:
        axis: The scene's bands.
        drop_absorption: Leave out oxygen and water-vapour bands, for radiance.

    Raises:
        SpectraError: The scene has no red or no near-infrared band, without which no rule works.
    """
    usable = usable_bands(axis, drop_absorption)
    index_bands = {nm: _bands_of_index(axis, usable, nm) for nm in INDEX_HALF_WIDTH_NM}
    present = {nm: bands for nm, bands in index_bands.items() if bands.size}
    for nm, word in ((668, "red"), (850, "near-infrared")):
        if nm not in present:
            raise SpectraError(
                f"The scene has no {word} band near {nm} nm, which the spectral prior needs.",
                "Check the wavelengths that the file declares, or give them by hand; CLIP alone needs visible bands.",
            )
    brightness = _bands_on_grid(axis, usable)
    anchors = _distinct(_within(axis, usable, nm, ANCHOR_HALF_WIDTH_NM) for nm in ANCHORS_NM)
    needed = np.unique(np.concatenate([*present.values(), brightness, *anchors]))
    return BandPlan(
        needed,
        {nm: np.searchsorted(needed, bands) for nm, bands in present.items()},
        np.searchsorted(needed, brightness),
        tuple(np.searchsorted(needed, bands) for bands in anchors),
    )


def _within(axis: SpectralAxis, usable: IndexArray, nm: float, half_width_nm: float) -> IndexArray:
    inside: IndexArray = np.intersect1d(axis.within(nm, half_width_nm), usable)
    return inside


def _bands_of_index(axis: SpectralAxis, usable: IndexArray, nm: int) -> IndexArray:
    """Bands within the half width, else the one band near enough to stand in; empty where there is none."""
    inside = _within(axis, usable, nm, INDEX_HALF_WIDTH_NM[nm])
    if inside.size or not usable.size:
        return inside
    distances = np.abs(np.asarray(axis.centres_nm)[usable] - nm)
    nearest = int(np.argmin(distances))
    reach_nm = _MULTISPECTRAL_REACH_NM.get(nm, INDEX_HALF_WIDTH_NM[nm])
    if axis.fwhm_nm is not None:
        reach_nm = max(reach_nm, float(axis.fwhm_nm[usable[nearest]]) / 2.0)
    return usable[[nearest]] if distances[nearest] <= reach_nm else usable[:0]


def _bands_on_grid(axis: SpectralAxis, usable: IndexArray) -> IndexArray:
    """At most one band a grid step of 450-900 nm: enough for a mean, whatever the number of bands."""
    nm = np.asarray(axis.centres_nm)[usable]
    inside = usable[(nm >= BRIGHTNESS_NM[0]) & (nm <= BRIGHTNESS_NM[1])]
    grid = np.arange(BRIGHTNESS_NM[0], BRIGHTNESS_NM[1] + 1.0, BRIGHTNESS_STEP_NM)
    nearest = np.abs(np.asarray(axis.centres_nm)[inside][None, :] - grid[:, None]).argmin(axis=1)
    chosen: IndexArray = inside[np.unique(nearest)]
    return chosen


def _distinct(bands: Iterable[IndexArray]) -> List[IndexArray]:
    """Anchors that have bands, each set of bands once."""
    found: Dict[Tuple[int, ...], IndexArray] = {}
    for one in bands:
        if one.size:
            found.setdefault(tuple(one.tolist()), one)
    return list(found.values())


def mean_of_bands(values: FloatArray, positions: IndexArray) -> FloatArray:
    """Mean of some bands, summed band by band in order, so that each pixel's result depends on that pixel alone.

    Args:
        values: (k, n) float32.
        positions: Rows to average.

    Returns:
        (n,) float32.
    """
    total: FloatArray = values[positions[0]].copy()
    for position in positions[1:]:
        total += values[position]
    total *= np.float32(1.0 / len(positions))
    return total
