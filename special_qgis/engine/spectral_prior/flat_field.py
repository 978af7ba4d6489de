# SPDX-License-Identifier: GPL-2.0-or-later
"""From radiance to something like reflectance: path radiance, gains of the file's number format, a flat field.

Takes spectra in radiance and their wavelengths, gives an offset and a factor a band. The sun's spectrum as a black
body leaves the atmosphere's and the sensor's own colour in the data; the flat field takes that off, as the mean of
many different bare materials has a spectrum that is known and smooth.

Source: dark-object subtraction with relative scattering (Chavez 1988); quick atmospheric correction by the mean of a
scene's materials (Bernstein et al. 2005, QUAC).
"""

from __future__ import annotations

from typing import Optional

import numpy as np
from numpy.typing import NDArray

from .bands import DoubleArray, FloatArray

DARK_QUANTILE, DARK_SHARE = 0.001, 0.95  # path radiance is taken as this share of each band's dark quantile
NIR_NM = (780.0, 900.0)
DARKEST_NIR = 0.4  # dark over median, from which a scene has no pixel that is dark in the near infrared
SCATTERING_POWER = 4.0  # of a clear sky (Rayleigh); path radiance falls with this power of the wavelength
SCATTERING_NM = 450.0  # where path radiance is read when the near infrared holds none

# AVIRIS stores radiance as integers, times 300, 600 and 1200 from one spectrometer to the next
GAIN_STEPS_NM = ((1372.0, 2.0), (1872.0, 2.0))
GAIN_RATIO = 2.0  # 2150-2250 over 1200-1300 nm of bright pixels in reflectance, from which the gains are still in
_GAIN_NM = ((1200.0, 1300.0), (2150.0, 2250.0))

# Mean reflectance of bare materials beyond the junction: highest near 1650 nm, lower by clay and lime beyond. At 2100
# nm it lies above the line between its neighbours, as soils have no cellulose (negative index, Daughtry 2001).
BARE_NM = (1030.0, 1050.0, 1250.0, 1650.0, 2030.0, 2100.0, 2210.0, 2400.0)
BARE_LEVEL = (1.05, 1.05, 1.10, 1.15, 1.05, 1.05, 1.0, 0.85)
JUNCTION_NM, JUNCTION_HALF_WIDTH_NM = 1030.0, 50.0  # where the flat field begins
LARGEST_GAIN = 5.0
VEGETATED_NDVI = 0.35  # of a cluster's centre, from which it is no bare material
DARK_LEVEL = 0.25  # of the median centre's mean, below which a centre is water or shadow
N_CLUSTERS, _ROUNDS, _CLUSTERED_PX = 24, 12, 4000


def fit_offset(spectra: FloatArray, nm: DoubleArray, sun: DoubleArray) -> DoubleArray:
    """Path radiance a band.

    Args:
        spectra: (n, bands) float32, radiance.
        nm: (bands,) float64, band centres in nm.
        sun: (bands,) float64, relative spectrum of the sun.

    Returns:
        (bands,) float64, in the units of the spectra.
    """
    dark = DARK_SHARE * np.quantile(spectra, DARK_QUANTILE, axis=0).astype(np.float64)
    nir = (nm >= NIR_NM[0]) & (nm <= NIR_NM[1])
    if not nir.any():
        return np.asarray(dark)
    median = np.maximum(np.median(spectra[:, nir], axis=0), 1e-30)
    if np.median(dark[nir] / median) <= DARKEST_NIR:
        return np.asarray(dark)
    at = int(np.abs(nm - SCATTERING_NM).argmin())
    scattered = dark[at] * sun / sun[at] * (nm[at] / nm) ** SCATTERING_POWER
    return np.asarray(np.minimum(dark, scattered))


def stored_gains(apparent: DoubleArray, nm: DoubleArray, is_integral: bool) -> DoubleArray:
    """Gains a band that the file's integers still carry, 1 where they carry none.

    Args:
        apparent: (n, bands) float64, radiance over the sun's spectrum.
        nm: (bands,) float64, band centres in nm.
        is_integral: Whether all values were whole numbers.
    """
    gains = np.ones(nm.size)
    near, far = ((nm >= low) & (nm <= high) for low, high in _GAIN_NM)
    if not (is_integral and near.any() and far.any()):
        return gains
    ratio = apparent[:, far].mean(axis=1) / np.maximum(apparent[:, near].mean(axis=1), 1e-30)
    bright = apparent[:, near].mean(axis=1)
    if np.quantile(ratio[bright >= np.quantile(bright, 0.25)], 0.9) < GAIN_RATIO:
        return gains
    for step_nm, factor in GAIN_STEPS_NM:
        gains[nm > step_nm] *= factor
    return gains


def flat_field(apparent: DoubleArray, nm: DoubleArray) -> Optional[DoubleArray]:
    """Factor a band beyond 1030 nm after which the scene's bare materials have, in the median, their usual spectrum.

    Below 1030 nm the factor is 1: there a town's bare ground is flat and a field's is not, so that no one curve holds.

    Args:
        apparent: (n, bands) float64, >= 0, radiance over the sun's spectrum.
        nm: (bands,) float64, band centres in nm.

    Returns:
        (bands,) float64 within 1/5 and 5; None where the scene has no bare material or no band near 1030 nm.
    """
    junction = np.abs(nm - JUNCTION_NM) <= JUNCTION_HALF_WIDTH_NM
    centres = cluster_centres(apparent)
    centres = centres[_is_bare(centres, nm)]
    if len(centres) < 2 or not junction.any():
        return None
    shapes = centres / np.maximum(centres.mean(axis=1, keepdims=True), 1e-30)
    gain = np.interp(nm, BARE_NM, BARE_LEVEL) / np.maximum(np.median(shapes, axis=0), 1e-6)
    gain /= np.median(gain[junction])
    gain[nm < JUNCTION_NM] = 1.0
    return np.asarray(np.clip(gain, 1.0 / LARGEST_GAIN, LARGEST_GAIN))


def _is_bare(centres: DoubleArray, nm: DoubleArray) -> NDArray[np.bool_]:
    """Neither green nor, as water and deep shadow are, far darker than the rest."""
    red, nir = (centres[:, np.abs(nm - at).argmin()] for at in (668.0, 850.0))
    level = centres.mean(axis=1)
    is_green = (nir - red) / np.maximum(nir + red, 1e-30) > VEGETATED_NDVI
    return np.asarray(~is_green & (level > DARK_LEVEL * np.median(level)))


def cluster_centres(spectra: DoubleArray) -> DoubleArray:
    """Mean spectra of clusters of spectral shape and brightness, by k-means from far-apart seeds.

    Args:
        spectra: (n, bands) float64, >= 0.

    Returns:
        (at most N_CLUSTERS, bands) float64.
    """
    thinned = spectra[:: max(1, len(spectra) // _CLUSTERED_PX)]
    floor = max(0.02 * float(np.median(thinned)), 1e-30)
    logs = np.log(np.maximum(thinned, 0.0) + floor)
    members = _nearest(logs, _far_apart(logs))
    for _ in range(_ROUNDS):
        seeds = np.array([logs[members == one].mean(axis=0) for one in np.unique(members)])
        members = _nearest(logs, seeds)
    return np.array([thinned[members == one].mean(axis=0) for one in np.unique(members)])


def _far_apart(logs: DoubleArray) -> DoubleArray:
    """Spectra each as far as possible from all before, the first the farthest from the mean."""
    distance = np.sum((logs - logs.mean(axis=0)) ** 2, axis=1)
    chosen = []
    for _ in range(min(N_CLUSTERS, len(logs))):
        chosen.append(int(distance.argmax()))
        to_new = np.sum((logs - logs[chosen[-1]]) ** 2, axis=1)
        distance = to_new if len(chosen) == 1 else np.minimum(distance, to_new)
    return logs[chosen]


def _nearest(logs: DoubleArray, seeds: DoubleArray) -> NDArray[np.intp]:
    return np.asarray((np.sum(seeds**2, axis=1) - 2.0 * logs @ seeds.T).argmin(axis=1))
