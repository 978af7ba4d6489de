# SPDX-License-Identifier: GPL-2.0-or-later
"""Reflectance or radiance: what values look like, and how they are corrected."""

from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.spectral_prior.quantity import (
    absorption_signs,
    bright_level,
    choose_quantity,
    fit_correction,
    planck,
    swir_signs,
)
from tests.helpers.materials import FULL_RANGE_NM, VNIR_NM, axis_of, mixed_scene

LAND = ["tree", "grass", "soil", "asphalt", "water"]


def as_radiance(reflectance: np.ndarray, nm: np.ndarray) -> np.ndarray:
    """Radiance of a scene below a plain atmosphere: sun, oxygen and water-vapour bands, path radiance."""
    transmission = np.ones_like(nm)
    for centre, width, depth in ((761, 4, 0.6), (820, 12, 0.15), (942, 25, 0.55), (1135, 30, 0.55)):
        transmission *= 1.0 - depth * np.exp(-0.5 * ((nm - centre) / width) ** 2)
    path = 0.05 * (450.0 / nm) ** 3.5
    return (800.0 * planck(nm) * (reflectance * transmission + path)).astype(np.float32)


@pytest.mark.parametrize("nm", [FULL_RANGE_NM, VNIR_NM], ids=["full range", "vnir"])
def test_absorption_signs_reflectance_has_none_radiance_has_some(nm):
    reflectance = mixed_scene(LAND, 200, nm)
    assert absorption_signs(reflectance, axis_of(nm)) == []
    assert absorption_signs(as_radiance(reflectance, nm), axis_of(nm)) != []


def test_absorption_signs_wide_bands_cannot_show_oxygen():
    nm = np.arange(410.0, 900.0, 20.0)
    assert absorption_signs(as_radiance(mixed_scene(LAND, 200, nm), nm), axis_of(nm)) == []


def test_absorption_signs_water_surface_is_not_taken_for_vapour():
    spectra = mixed_scene(["water"] * 9 + ["tree"], 100, noise=0.0)
    nearest = np.abs(FULL_RANGE_NM - 942.0).argmin()
    spectra[:900, nearest] *= 0.7
    assert absorption_signs(spectra, axis_of()) == []


def test_swir_signs_snow_alone_warns_but_is_not_corrected():
    snow = mixed_scene(["snow"], 300)
    assert swir_signs(snow, axis_of()) != []
    choice = choose_quantity(snow, axis_of(), "unknown")
    assert choice.quantity == "reflectance"
    assert "Set the quantity to radiance" in choice.warning


@pytest.mark.parametrize(
    ("stated", "treated", "warning"),
    [
        ("unknown", "radiance", "Set the quantity to reflectance"),
        ("reflectance", "reflectance", "Set the quantity to radiance"),
        ("radiance", "radiance", ""),
    ],
)
def test_choose_quantity_radiance_what_is_stated_holds(stated, treated, warning):
    radiance = as_radiance(mixed_scene(LAND, 200), FULL_RANGE_NM)
    choice = choose_quantity(radiance, axis_of(), stated)
    assert choice.quantity == treated
    assert warning in choice.warning
    assert bool(warning) == bool(choice.warning)


def test_choose_quantity_reflectance_says_nothing():
    choice = choose_quantity(mixed_scene(LAND, 200), axis_of(), "unknown")
    assert (choice.quantity, choice.warning) == ("reflectance", "")


@pytest.mark.parametrize("gain", [1e-4 / 7, 1.0, 1e4], ids=["tiny", "one", "large"])
def test_fit_correction_bright_pixels_come_to_the_same_level(gain):
    spectra = mixed_scene(LAND, 200) * np.float32(gain)
    correction = fit_correction(spectra, axis_of(), "reflectance")
    values = np.ascontiguousarray(spectra.T)
    correction.apply(values, np.arange(FULL_RANGE_NM.size))
    assert bright_level(values[correction.factor > 0].T) == pytest.approx(0.55, rel=1e-3)


@pytest.mark.parametrize(("nm", "least"), [(FULL_RANGE_NM, 0.94), (VNIR_NM, 0.98)], ids=["full range", "vnir"])
def test_fit_correction_radiance_comes_near_reflectance(nm, least):
    reflectance = mixed_scene([*LAND, "sand", "concrete", "tile"], 400, nm)
    shape, truth = _corrected(as_radiance(reflectance, nm), nm, reflectance)
    assert np.corrcoef(shape, truth)[0, 1] > least


def _corrected(radiance: np.ndarray, nm: np.ndarray, reflectance: np.ndarray) -> tuple:
    """Mean spectrum of soil (pixels 800 to 1200) in the bands used: corrected, and as it is."""
    correction = fit_correction(radiance, axis_of(nm), "radiance")
    values = np.ascontiguousarray(radiance.T)
    correction.apply(values, np.arange(nm.size))
    used, soil = correction.factor > 0, slice(800, 1200)
    return values[used][:, soil].mean(axis=1), reflectance.T[used][:, soil].mean(axis=1)


def test_correction_apply_bad_values_become_finite():
    correction = fit_correction(mixed_scene(LAND, 50), axis_of(), "reflectance")
    values = np.array([[np.nan, -5.0, 0.0, np.inf, -np.inf, 3e38]], np.float32)
    correction.apply(values, np.array([20]))
    assert np.all(np.isfinite(values))
    assert values[0, :3].tolist() == [0.0, 0.0, 0.0]


def test_planck_peaks_near_500_nm_by_wiens_law():
    nm = np.arange(300.0, 1000.0, 1.0)
    assert nm[planck(nm).argmax()] == pytest.approx(2.897771955e6 / 5800.0, abs=1.0)
    assert planck(np.array([550.0]))[0] == pytest.approx(1.0)
