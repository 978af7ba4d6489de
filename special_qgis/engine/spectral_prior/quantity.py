# SPDX-License-Identifier: GPL-2.0-or-later
"""Reflectance or radiance: finds what a scene's values look like, and turns both into something like reflectance.

Takes a sample of spectra and the wavelengths, gives a ``Correction``: per band an offset and a factor after which
bright pixels are near 0.55 in any scene, whatever its units. What the user or the file says holds; where neither says
anything, deep absorption bands of the atmosphere decide, and the user is warned.

Source: Planck's law for the solar spectrum at 5800 K; dark-object subtraction (Chavez 1988); the oxygen A band at
760 nm and the water-vapour band at 940 nm are deep in radiance and nearly absent in reflectance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, List, Tuple

import numpy as np

from .bands import DoubleArray, FloatArray, IndexArray, usable_bands
from .flat_field import fit_offset, flat_field, stored_gains

if TYPE_CHECKING:
    from ..scene.spectra import SpectralAxis

BRIGHT_LEVEL = 0.55  # what the 95th percentile of bright pixels becomes
SUN_K = 5800.0
LARGEST_VALUE = np.float32(1e4)  # after the correction; beyond it sums of float32 lose their meaning
_DEPTH = 0.12  # of absorption bands and of the ratio of SWIR to green, from which values look like radiance
_DEEP_SHARE = 0.8  # of pixels in which an absorption band must be deep
_WATER_RATIO = 0.3  # 865 over 560 nm, from which a pixel is no water surface
_LEAST_PX = 50  # that a sign is read from
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
        with np.errstate(over="ignore", invalid="ignore"):  # infinities are cut off below
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
    nm = np.asarray(axis.centres_nm)
    usable = usable_bands(axis, drop_absorption=is_radiance)
    offset, divisor = np.zeros(axis.n_bands), np.ones(axis.n_bands)
    if is_radiance:
        offset, divisor[usable] = _of_radiance(thinned, nm, usable)
    corrected = np.maximum(thinned[:, usable] - offset[usable], 0.0) / divisor[usable]
    factor = np.zeros(axis.n_bands)
    factor[usable] = BRIGHT_LEVEL / max(bright_level(corrected), 1e-30) / divisor[usable]
    word = "radiance" if is_radiance else "reflectance"
    return Correction(word, offset.astype(np.float32), factor.astype(np.float32))


def _of_radiance(spectra: FloatArray, nm: DoubleArray, usable: IndexArray) -> Tuple[DoubleArray, DoubleArray]:
    """(bands,) path radiance, and (usable,) divisors of the rest: the sun, and the flat field or stored gains."""
    sun = planck(nm)
    offset = fit_offset(spectra, nm, sun)
    apparent = np.maximum(spectra[:, usable] - offset[usable], 0.0) / sun[usable]
    flat = flat_field(apparent, nm[usable])
    if flat is not None:
        return offset, sun[usable] / flat
    is_integral = bool(np.all(spectra == np.round(spectra)))
    return offset, sun[usable] * stored_gains(apparent, nm[usable], is_integral)


def bright_level(spectra: DoubleArray) -> float:
    """95th percentile over pixels of the mean of each pixel's brightest quarter of bands.

    Args:
        spectra: (n, bands) float.
    """
    n_bands = spectra.shape[1]
    first_bright = n_bands - max(1, n_bands // 4)
    brightest = np.partition(np.maximum(spectra, 0.0), first_bright, axis=1)[:, first_bright:]
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


@dataclass(frozen=True)
class QuantityChoice:
    """How a scene's values are treated, and what the user is to know about it."""

    quantity: str  # "reflectance" or "radiance"
    warning: str  # empty when there is nothing to tell


def choose_quantity(spectra: FloatArray, axis: SpectralAxis, stated: str) -> QuantityChoice:
    """Decide how to treat a scene's values.

    Args:
        spectra: (n, bands) float32, raw values of valid pixels.
        axis: The scene's bands.
        stated: "reflectance" or "radiance" as the user or the file says; anything else where neither does.
    """
    if stated == "radiance":
        return QuantityChoice("radiance", "")
    absorption = absorption_signs(spectra, axis)
    signs = absorption + swir_signs(spectra, axis)
    looks = f"The scene's values look like radiance ({', '.join(signs)})"
    if absorption and stated != "reflectance":
        return QuantityChoice(
            "radiance",
            f"{looks} and were corrected roughly for the sun and the atmosphere. Set the quantity to reflectance if "
            "they are reflectance; accuracy is better with atmospherically corrected scenes.",
        )
    advice = f"{looks}, but were taken as reflectance. Set the quantity to radiance if they are radiance."
    return QuantityChoice("reflectance", advice if signs else "")


def absorption_signs(spectra: FloatArray, axis: SpectralAxis) -> List[str]:
    """Deep bands of the atmosphere's water vapour and oxygen, which reflectance does not have.

    Water surfaces are left out at 942 nm: they are dark there in reflectance, too.

    Args:
        spectra: (n, bands) float32, raw values of valid pixels.
        axis: The scene's bands.

    Returns:
        Phrases for a warning.
    """
    at = _Samples(thin(spectra), axis)
    signs = []
    if at.covers(942) and at.covers(865) and at.covers(560):
        shoulder = 0.56 * at[865] + 0.44 * at[1035] if at.covers(1035) else at[865]
        is_land = at[865] > _WATER_RATIO * at[560]
        if is_land.sum() >= _LEAST_PX and _is_deep(at[942][is_land], shoulder[is_land]):
            signs.append("a deep water-vapour band at 942 nm")
    if axis.median_spacing_nm < 12.0 and all(at.covers(nm, 6.0) for nm in (748, 761, 765, 778)):
        is_deep = _is_deep(np.minimum(at[761], at[765]), 0.5 * (at[748] + at[778]))
        if is_deep:
            signs.append("a deep oxygen band at 761 nm")
    return signs


def swir_signs(spectra: FloatArray, axis: SpectralAxis) -> List[str]:
    """Bright pixels that are very dark in the short-wave infrared, as sunlight is; snow and water are so, too.

    Args:
        spectra: (n, bands) float32, raw values of valid pixels.
        axis: The scene's bands.

    Returns:
        Phrases for a warning.
    """
    at = _Samples(thin(spectra), axis)
    if not (at.covers(2200) and at.covers(560)):
        return []
    brightness = at.values.mean(axis=1)
    bright = brightness >= np.quantile(brightness, 0.75)
    ratio = np.median(at[2200][bright] / np.maximum(at[560][bright], 1e-30))
    return ["values at 2200 nm far below those at 560 nm"] if ratio < _DEPTH else []


class _Samples:
    """Values of a sample at a wavelength, from the nearest band."""

    def __init__(self, values: FloatArray, axis: SpectralAxis) -> None:
        self.values = values
        self._axis = axis

    def covers(self, nm: float, tolerance_nm: float = 15.0) -> bool:
        return self._axis.covers(nm, tolerance_nm)

    def __getitem__(self, nm: float) -> DoubleArray:
        return self.values[:, self._axis.nearest(nm)].astype(np.float64)


def _is_deep(floor: DoubleArray, shoulder: DoubleArray) -> bool:
    """Whether an absorption band is deep in nearly all pixels."""
    depth = 1.0 - floor / np.maximum(shoulder, 1e-30)
    return bool(np.mean(depth > _DEPTH) > _DEEP_SHARE)


def thin(spectra: FloatArray) -> FloatArray:
    """Every n-th pixel, so that about 20 000 are left; a view.

    Args:
        spectra: (n, bands) float32.
    """
    step = max(1, len(spectra) // _STATISTICS_PX)
    return spectra[::step]
