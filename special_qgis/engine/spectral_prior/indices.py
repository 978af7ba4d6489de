# SPDX-License-Identifier: GPL-2.0-or-later
"""Spectral indices and brightness, computed on chunks of pixels of one fixed size.

Takes gain-corrected values of the needed bands, gives a dictionary of index arrays. An index whose bands the scene
lacks is absent. All operations work on whole contiguous chunks and pixel by pixel, so that a pixel's numbers do not
depend on its place in a chunk.

Source: normalised differences as usual (NDVI: Rouse et al. 1974; NDWI: McFeeters 1996; MNDWI: Xu 2006; NDBI: Zha et
al. 2003; cellulose absorption index: Nagler et al. 2000), with a floor that quietens dark pixels.
"""

from __future__ import annotations

from typing import Dict, Mapping, Tuple

import numpy as np

from .bands import BandPlan, FloatArray, mean_of_bands

FLOOR = np.float32(0.012)  # of every normalised difference, in units of bright pixels = 0.55

# name -> wavelengths of (a - b) / (|a| + |b| + floor); docs/method.md, section 3
NORMALISED_DIFFERENCES: Mapping[str, Tuple[int, int]] = {
    "ndvi": (850, 668),
    "ndwi": (555, 850),
    "re": (715, 668),
    "gr": (555, 668),
    "rb": (668, 480),
    "nb": (850, 480),
    "yg": (600, 555),
    "mndwi": (555, 1650),
    "ndbi": (1650, 850),
    "nbr": (1650, 2200),
}


def compute_indices(values: FloatArray, plan: BandPlan) -> Dict[str, FloatArray]:
    """Normalised differences, cellulose absorption, near-infrared and green light, and mean brightness.

    Args:
        values: (k, n) float32, >= 0, gain-corrected values of ``plan.needed``.
        plan: Where each wavelength is.

    Returns:
        Index name -> (n,) float32; ``brightness`` is always there.
    """
    at = {nm: mean_of_bands(values, positions) for nm, positions in plan.index_bands.items()}
    found = {
        name: normalised_difference(at[first], at[second])
        for name, (first, second) in NORMALISED_DIFFERENCES.items()
        if first in at and second in at
    }
    if {2030, 2100, 2210} <= set(at):
        found["cai"] = _cellulose_absorption(at[2030], at[2100], at[2210])
    found["nir"] = at[850]
    if 555 in at:
        found["green"] = at[555]
    if 1650 in at:
        found["swir"] = at[1650]
    found["brightness"] = mean_of_bands(values, plan.brightness)
    return found


def normalised_difference(first: FloatArray, second: FloatArray) -> FloatArray:
    """(a - b) / (a + b + floor) of values >= 0.

    Args:
        first: (n,) float32, >= 0.
        second: (n,) float32, >= 0.

    Returns:
        (n,) float32 in (-1, 1); 0 where both are 0.
    """
    difference: FloatArray = first - second
    total = first + second
    total += FLOOR
    difference /= total
    return difference


def _cellulose_absorption(at_2030: FloatArray, at_2100: FloatArray, at_2210: FloatArray) -> FloatArray:
    depth: FloatArray = at_2030 + at_2210
    depth *= np.float32(0.5)
    depth -= at_2100
    depth *= np.float32(3.0)
    depth /= at_2100 + np.float32(0.01)
    return depth
