# SPDX-License-Identifier: GPL-2.0-or-later
"""Reflectance or radiance: tells what a scene's values look like, and turns both into something like reflectance.

Takes a sample of spectra and the wavelengths, gives a ``Correction``: per band an offset and a factor after which
bright pixels are near 0.55 in any scene, whatever its units.

Source: Planck's law for the solar spectrum at 5800 K; dark-object subtraction (Chavez 1988); the oxygen A band at
760 nm and the water-vapour band at 940 nm are deep in radiance and nearly absent in reflectance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List

import numpy as np
from numpy.typing import NDArray

from .bands import DoubleArray, FloatArray, IndexArray, usable_bands

if TYPE_CHECKING:
    from ..spectra import SpectralAxis

BRIGHT_LEVEL = 0.55  # what the 95th percentile of bright pixels becomes
DARK_QUANTILE, DARK_SHARE = 0.001, 0.95  # path radiance is taken as this share of each band's dark quantile
SUN_K = 5800.0
LARGEST_VALUE = np.float32(1e4)  # after the correction; beyond it sums of float32 lose their meaning
_DEPTH = 0.12  # of absorption bands and of the ratio of SWIR to green, from which values look like radiance
_STATISTICS_PX = 20_000  # pixels are plenty for a percentile


@dataclass(frozen=True)
class Correction:
    """``max(value - offset, 0) * factor`` per band of the axis; the factor of unusable bands is 0."""

    quantity: str  # "reflectance" or "radiance", as it was treated
    offset: FloatArray  # (bands,) float32, in the scene's units
    factor: FloatArray  # (bands,) float32, one over the scene's units

    def apply(self, values: FloatArray, bands: IndexArray) -> None:
        """Correct values in place; NaN becomes 0.

        Args:
            values: (k, n) float32, raw values of ``bands``; overwritten.
            bands: (k,) intp, indices into the axis.
        """
        for row, offset, factor in zip(values, self.offset[bands], self.factor[bands]):
            if offset != 0.0:
                row -= offset
            row *= factor
            np.fmax(row, np.float32(0.0), out=row)
            np.fmin(row, LARGEST_VALUE, out=row)


def fit_correction(spectra: FloatArray, axis: SpectralAxis, quantity: str) -> Correction:
    """Offsets and factors of a scene.

    Args:
        spectra: (n, bands) float32, raw values of valid pixels.
        axis: The scene's bands.
        quantity: "radiance" is corrected; anything else is taken as proportional to reflectance.
    """
    thinned = thin(spectra)
    is_radiance = quantity == "radiance"
    offset = np.zeros(axis.n_bands)
    divisor = np.ones(axis.n_bands)
    if is_radiance:
        offset = DARK_SHARE * np.quantile(thinned, DARK_QUANTILE, axis=0)
        divisor = planck(np.asarray(axis.centres_nm))
    usable = usable_bands(axis, drop_absorption=is_radiance)
    corrected = np.maximum(thinned[:, usable] - offset[usable], 0.0) / divisor[usable]
    factor = np.zeros(axis.n_bands)
    factor[usable] = BRIGHT_LEVEL / max(bright_level(corrected), 1e-30) / divisor[usable]
    word = "radiance" if is_radiance else "reflectance"
    return Correction(word, offset.astype(np.float32), factor.astype(np.float32))


def bright_level(spectra: DoubleArray) -> float:
    """95th percentile over pixels of the mean of each pixel's brightest quarter of bands.

    Args:
        spectra: (n, bands) float.
    """
    n_bands = spectra.shape[1]
    n_bright = max(1, n_bands // 4)
    brightest = np.partition(np.maximum(spectra, 0.0), n_bands - n_bright, axis=1)[:, n_bands - n_bright :]
    return float(np.percentile(brightest.mean(axis=1, dtype=np.float64), 95.0))


def planck(nm: DoubleArray, kelvin: float = SUN_K) -> DoubleArray:
    """Planck's spectral radiance per wavelength, scaled to 1 at 550 nm.

    Args:
        nm: (n,) float64, wavelengths in nm.
        kelvin: Temperature.
    """
    second_constant_nm_k = 1.438776877e7  # h c / k_B
    wanted, reference = (
        1.0 / (at**5 * np.expm1(second_constant_nm_k / (at * kelvin))) for at in (np.asarray(nm, float), 550.0)
    )
    return np.asarray(wanted / reference)


def radiance_signs(spectra: FloatArray, axis: SpectralAxis) -> List[str]:
    """Reasons to believe that values are radiance; empty where they look like reflectance.

    Args:
        spectra: (n, bands) float32, raw values of valid pixels.
        axis: The scene's bands.

    Returns:
        Phrases for a warning.
    """
    at = _Samples(thin(spectra), axis)
    tests: Dict[str, NDArray[np.bool_]] = {}
    if at.covers(942) and at.covers(865):
        shoulder = 0.56 * at[865] + 0.44 * at[1035] if at.covers(1035) else at[865]
        tests["a deep water-vapour band at 942 nm"] = _depth(at[942], shoulder) > _DEPTH
    if axis.median_spacing_nm < 12.0 and all(at.covers(nm, 6.0) for nm in (748, 761, 765, 778)):
        floor = np.minimum(at[761], at[765])
        tests["a deep oxygen band at 761 nm"] = _depth(floor, 0.5 * (at[748] + at[778])) > _DEPTH
    signs = [words for words, deep in tests.items() if deep.mean() > 0.8]
    if at.covers(2200) and at.covers(560):
        brightness = at.values.mean(axis=1)
        bright = brightness >= np.quantile(brightness, 0.75)
        if np.median(at[2200][bright] / np.maximum(at[560][bright], 1e-30)) < _DEPTH:
            signs.append("values at 2200 nm far below those at 560 nm")
    return signs


class _Samples:
    """Values of a sample at a wavelength, from the nearest band."""

    def __init__(self, values: DoubleArray, axis: SpectralAxis) -> None:
        self.values = values
        self._axis = axis

    def covers(self, nm: float, tolerance_nm: float = 15.0) -> bool:
        return self._axis.covers(nm, tolerance_nm)

    def __getitem__(self, nm: float) -> DoubleArray:
        return np.asarray(self.values[:, self._axis.nearest(nm)])


def _depth(floor: DoubleArray, shoulder: DoubleArray) -> DoubleArray:
    return np.asarray(1.0 - floor / np.maximum(shoulder, 1e-30))


def thin(spectra: FloatArray) -> DoubleArray:
    """Every n-th pixel, so that about 20 000 are left, as float64.

    Args:
        spectra: (n, bands) float32.
    """
    step = max(1, len(spectra) // _STATISTICS_PX)
    return np.asarray(spectra[::step], dtype=np.float64)
