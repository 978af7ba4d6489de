# SPDX-License-Identifier: GPL-2.0-or-later
"""Reflectance spectra of plain materials from formulae, for tests of the spectral prior.

Shapes follow what textbooks show (red edge at 715 nm, water absorption at 1450 and 1940 nm, iron absorption below
600 nm); none comes from the prior's own rules.
"""

from __future__ import annotations

from typing import Callable, Dict, Sequence

import numpy as np

from special_qgis.engine.scene.blocks import Sample
from special_qgis.engine.scene.spectra import SpectralAxis

FULL_RANGE_NM = np.arange(405.0, 2440.0, 10.0)
VNIR_NM = np.arange(405.0, 900.0, 5.0)


def step(nm: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Smooth step from 0 to 1."""
    return 1.0 / (1.0 + np.exp(-(nm - centre) / width))


def bump(nm: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Gaussian of height 1."""
    return np.exp(-(((nm - centre) / width) ** 2))


def leaf(nm: np.ndarray, plateau: float, visible: float) -> np.ndarray:
    """Green leaves: a green peak, the red edge, a plateau, leaf water in the short-wave infrared."""
    green = 0.8 * visible * bump(nm, 552.0, 35.0) - 0.3 * visible * bump(nm, 672.0, 25.0)
    water = 0.5 * step(nm, 1380.0, 40.0) + 0.25 * step(nm, 1870.0, 30.0)
    return visible + green + (plateau - visible) * step(nm, 715.0, 14.0) * (1.0 - water)


def rising(nm: np.ndarray, low: float, high: float, scale_nm: float) -> np.ndarray:
    """A curve that rises from ``low`` and levels off."""
    return low + (high - low) * (1.0 - np.exp(-(nm - 400.0) / scale_nm))


MATERIALS: Dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "water": lambda nm: 0.05 * np.exp(-(((nm - 530.0) / 130.0) ** 2)) + 0.002,
    "tree": lambda nm: leaf(nm, 0.42, 0.035),
    "grass": lambda nm: 0.8 * leaf(nm, 0.45, 0.075) + 0.2 * rising(nm, 0.05, 0.45, 500.0),
    "dry": lambda nm: rising(nm, 0.05, 0.48, 350.0) - 0.07 * bump(nm, 2100.0, 60.0) - 0.1 * step(nm, 2000.0, 120.0),
    "soil": lambda nm: rising(nm, 0.04, 0.42, 420.0),
    "sand": lambda nm: rising(nm, 0.14, 0.62, 260.0),
    "asphalt": lambda nm: 0.09 + 0.06 * step(nm, 600.0, 150.0),
    "concrete": lambda nm: 0.20 + 0.14 * step(nm, 560.0, 120.0),
    "bitumen": lambda nm: 0.055 + 0.01 * step(nm, 700.0, 300.0),
    "slate": lambda nm: 0.075 + 0.012 * step(nm, 600.0, 200.0),
    "tile": lambda nm: 0.05 + 0.28 * step(nm, 600.0, 18.0) + 0.12 * step(nm, 1200.0, 200.0),
    "white": lambda nm: 0.75 * step(nm, 380.0, 10.0) + 0.0 * nm,
    "metal": lambda nm: 0.50 + 0.00001 * (nm - 400.0),
    "rock": lambda nm: 0.24 + 0.07 * step(nm, 550.0, 80.0),
    "turf": lambda nm: 0.04 + 0.09 * bump(nm, 530.0, 45.0) + 0.26 * step(nm, 790.0, 25.0),
    "snow": lambda nm: 0.95 * (1.0 - step(nm, 1120.0, 130.0)) + 0.01,
    "burnt": lambda nm: 0.03 + 0.05 * (nm - 400.0) / 2000.0,
    "shadow": lambda nm: 0.018 + 0.006 * bump(nm, 450.0, 120.0),
}


def spectrum(material: str, nm: np.ndarray = FULL_RANGE_NM) -> np.ndarray:
    """(bands,) float64 reflectance of one material."""
    return MATERIALS[material](nm)


def mixed_scene(
    materials: Sequence[str], n_px: int = 400, nm: np.ndarray = FULL_RANGE_NM, seed: int = 0, noise: float = 0.002
) -> np.ndarray:
    """Pixels of several materials, ``n_px`` each in the order given, with varying brightness and noise.

    Returns:
        (pixels, bands) float32 reflectance.
    """
    generator = np.random.default_rng(seed)
    pure = np.repeat([spectrum(material, nm) for material in materials], n_px, axis=0)
    brightness = generator.normal(1.0, 0.06, (len(pure), 1))
    return np.maximum(pure * brightness + generator.normal(0.0, noise, pure.shape), 1e-4).astype(np.float32)


def sample_of(spectra: np.ndarray) -> Sample:
    """A sample whose pixels stand in one row."""
    return Sample(np.zeros(len(spectra), np.int64), np.arange(len(spectra)), spectra, 1.0)


def axis_of(nm: np.ndarray = FULL_RANGE_NM) -> SpectralAxis:
    """An axis of the given band centres."""
    return SpectralAxis(nm, None, "made up")
