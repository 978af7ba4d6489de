# SPDX-License-Identifier: GPL-2.0-or-later
"""From radiance to something like reflectance: path radiance, stored gains, flat field."""

from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.spectral_prior.flat_field import (
    BARE_LEVEL,
    BARE_NM,
    JUNCTION_NM,
    cluster_centres,
    fit_offset,
    flat_field,
    stored_gains,
)
from special_qgis.engine.spectral_prior.quantity import planck
from tests.helpers.materials import FULL_RANGE_NM, VNIR_NM, mixed_scene

BARE = ["soil", "sand", "concrete", "tile", "asphalt"]


def _gains(nm: np.ndarray) -> np.ndarray:
    """300, 600 and 1200 of an AVIRIS file, relative to the first."""
    return np.where(nm > 1872.0, 4.0, np.where(nm > 1372.0, 2.0, 1.0))


def test_fit_offset_dark_pixels_tell_path_radiance():
    sun = planck(FULL_RANGE_NM)
    path = 0.05 * (450.0 / FULL_RANGE_NM) ** 4
    spectra = (mixed_scene(["water", *BARE], 300) + path) * sun
    offset = fit_offset(spectra.astype(np.float32), FULL_RANGE_NM, sun)
    near = np.abs(FULL_RANGE_NM - 850.0).argmin()
    assert offset[near] == pytest.approx(path[near] * sun[near], abs=0.01)


def test_fit_offset_without_dark_pixels_leaves_the_infrared_to_the_surface():
    sun = planck(FULL_RANGE_NM)
    spectra = (mixed_scene(["sand", "concrete"], 300) + 0.05 * (450.0 / FULL_RANGE_NM[None]) ** 4) * sun
    offset = fit_offset(spectra.astype(np.float32), FULL_RANGE_NM, sun)
    near, blue = np.abs(FULL_RANGE_NM - 850.0).argmin(), np.abs(FULL_RANGE_NM - 450.0).argmin()
    darkest = np.quantile(spectra, 0.001, axis=0)
    assert offset[near] < 0.1 * darkest[near]
    assert offset[blue] == pytest.approx(0.95 * darkest[blue], rel=0.02)


@pytest.mark.parametrize("is_integral", [True, False], ids=["whole numbers", "fractions"])
@pytest.mark.parametrize("has_gains", [True, False], ids=["gains in", "gains out"])
def test_stored_gains_are_found_in_whole_numbers_only(is_integral, has_gains):
    apparent = mixed_scene([*BARE, "tree"], 100).astype(np.float64)
    if has_gains:
        apparent *= _gains(FULL_RANGE_NM)
    expected = _gains(FULL_RANGE_NM) if is_integral and has_gains else np.ones(FULL_RANGE_NM.size)
    np.testing.assert_array_equal(stored_gains(apparent, FULL_RANGE_NM, is_integral), expected)


def test_flat_field_takes_off_gains_and_leaves_the_visible():
    apparent = mixed_scene([*BARE, "tree"], 200).astype(np.float64)
    plain = flat_field(apparent, FULL_RANGE_NM)
    other = flat_field(apparent * _gains(FULL_RANGE_NM), FULL_RANGE_NM)
    np.testing.assert_array_equal(plain[FULL_RANGE_NM < JUNCTION_NM], 1.0)
    beyond = FULL_RANGE_NM > 1400.0
    np.testing.assert_allclose((plain / other)[beyond], _gains(FULL_RANGE_NM)[beyond], rtol=0.25)


def test_flat_field_bare_material_of_the_known_shape_needs_none():
    shape = np.interp(FULL_RANGE_NM, BARE_NM, BARE_LEVEL)
    apparent = np.outer(np.random.default_rng(0).uniform(0.15, 0.4, 500), shape)
    np.testing.assert_allclose(flat_field(apparent, FULL_RANGE_NM), 1.0, atol=1e-6)


@pytest.mark.parametrize(("materials", "nm"), [(["tree"], FULL_RANGE_NM), (BARE, VNIR_NM)], ids=["green", "vnir"])
def test_flat_field_without_bare_material_or_short_wave_infrared_is_none(materials, nm):
    assert flat_field(mixed_scene(materials, 200, nm).astype(np.float64), nm) is None


def test_cluster_centres_find_each_material_and_ignore_the_order():
    spectra = mixed_scene(["tree", "soil", "water"], 300, noise=0.0005).astype(np.float64)
    shuffled = np.random.default_rng(1).permutation(spectra)
    for one in (spectra, shuffled):
        centres = cluster_centres(one)
        for start in (0, 300, 600):
            material = one[start : start + 1] if one is shuffled else spectra[start : start + 300].mean(axis=0)[None]
            gaps = np.linalg.norm(centres - material, axis=1) / np.linalg.norm(material)
            assert gaps.min() < 0.15
