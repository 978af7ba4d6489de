# SPDX-License-Identifier: GPL-2.0-or-later
"""The sensor and what the atmosphere leaves behind: bands, stray light, noise, stripes, dead bands, missing corner.

Takes apparent reflectance, gives what a processing chain delivers: int16 reflectance x 10 000.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .optics import gaussian, vapour_transmittance

NODATA = -9999
SCALE = 10_000


class Bands(NamedTuple):
    """Band centres, widths and flags, each (n,)."""

    centres_nm: np.ndarray
    fwhm_nm: np.ndarray
    good: np.ndarray  # bool; False goes into the header's bbl


def band_set() -> Bands:
    """120 bands: 60 of 10 nm in the visible and near infrared, 60 of 25 nm beyond, as a binned pair of cameras."""
    centres = np.concatenate([400.0 + 10.0 * np.arange(60), 1012.5 + 25.2 * np.arange(60)])
    fwhm = np.concatenate([np.full(60, 10.8), np.full(60, 27.5)])
    good = vapour_transmittance(centres) > 0.45
    return Bands(centres, fwhm, good)


def through_bands(nm: np.ndarray, spectra: np.ndarray, bands: Bands) -> np.ndarray:
    """Spectra (..., n) seen through Gaussian bands, (..., bands)."""
    response = gaussian(nm[None, :], bands.centres_nm[:, None], bands.fwhm_nm[:, None] / 2.3548)
    return spectra @ (response / response.sum(axis=1, keepdims=True)).T


def signal_to_noise(bands: Bands) -> np.ndarray:
    """(bands,) ratio for a 30 % target: sunlight, detector and vapour together.

    Shape: Planck curve at 5778 K through vapour; level: 350 at 550 nm and about 150 in the short-wave infrared, as
    published for airborne push-broom cameras (Koehler, Journal of Large-Scale Research Facilities 2 (2016) A93).
    """
    nm = bands.centres_nm
    planck = 1.0 / nm**5 / (np.exp(1.4388e7 / (nm * 5778.0)) - 1.0)
    photons = planck * nm * vapour_transmittance(nm)
    reach = np.where(nm < 1000, np.exp(-(((nm - 640.0) / 330.0) ** 2)), 1.7)
    return np.maximum(3.0, 350.0 * np.sqrt(photons * reach / (photons * reach).max()))


def record(cube: np.ndarray, bands: Bands, rng: np.random.Generator) -> np.ndarray:
    """Delivered numbers of a scene.

    Args:
        cube: (rows, cols, bands) float32, apparent reflectance. Changed in place.
        bands: The sensor's bands.
        rng: Source of noise.

    Returns:
        (bands, rows, cols) int16, reflectance x 10 000; NODATA where the flight strip ends.
    """
    nm = bands.centres_nm
    blurred = _blur(cube, 2)
    stray = 0.035 + 0.07 * (550.0 / nm) ** 1.5  # point spread and atmospheric adjacency
    stray = np.minimum(stray, 0.13).astype(np.float32)
    cube += stray * (blurred - cube)
    numbers = np.empty((len(nm), *cube.shape[:2]), np.int16)
    snr = signal_to_noise(bands)
    vapour = _vapour_residue(cube.shape[0], cube.shape[1], rng)
    loss = 1.0 - vapour_transmittance(nm)
    for k in range(len(nm)):
        seen = cube[:, :, k]
        noise = rng.standard_normal(seen.shape, dtype=np.float32)
        sigma = 0.3 / snr[k] * np.sqrt(0.25 + 0.75 * np.clip(seen, 0, None) / 0.3)
        gain = 1.0 + 0.0025 * rng.standard_normal(seen.shape[1]).astype(np.float32)
        value = seen * gain * (1.0 + np.float32(0.06 * loss[k]) * vapour) + sigma.astype(np.float32) * noise
        numbers[k] = np.clip(np.rint(value * SCALE), -500, 16_000).astype(np.int16)
    numbers[:, beyond_strip(*cube.shape[:2])] = NODATA
    return numbers


def beyond_strip(n_rows: int, n_cols: int) -> np.ndarray:
    """(rows, cols) bool: the corner that the aircraft did not see."""
    row, col = np.arange(n_rows)[:, None] / n_rows, np.arange(n_cols)[None, :] / n_cols
    return col - 0.12 * row > 0.965


def _vapour_residue(n_rows: int, n_cols: int, rng: np.random.Generator) -> np.ndarray:
    """(rows, cols) float32 about 0: slow error of the water-vapour correction."""
    phase = rng.uniform(0, 2 * np.pi, 2)
    row, col = np.arange(n_rows)[:, None] / n_rows, np.arange(n_cols)[None, :] / n_cols
    return (np.sin(4.1 * row + 2.2 * col + phase[0]) + 0.6 * np.sin(7.3 * col - 3.0 * row + phase[1])).astype(
        np.float32
    )


def _blur(cube: np.ndarray, radius_px: int) -> np.ndarray:
    """Mean over a square window, edges repeated."""
    size = 2 * radius_px + 1
    out = cube
    for axis in (0, 1):
        padding = [(0, 0)] * 3
        padding[axis] = (radius_px + 1, radius_px)
        total = np.cumsum(np.pad(out, padding, mode="edge"), axis=axis, dtype=np.float32)
        n = cube.shape[axis]
        high = np.take(total, np.arange(size, size + n), axis=axis)
        out = (high - np.take(total, np.arange(n), axis=axis)) / np.float32(size)
    return out
