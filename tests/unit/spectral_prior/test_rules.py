# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of the spectral prior: each material group recognises spectra of its material, made from formulae."""

from __future__ import annotations

import math
from typing import Dict, Optional

import numpy as np
import pytest

from special_qgis.engine.errors import SpectraError
from special_qgis.engine.spectral_prior.bands import INDEX_HALF_WIDTH_NM, plan_bands
from special_qgis.engine.spectral_prior.indices import compute_indices
from special_qgis.engine.spectral_prior.prior import brightness_rank, fit_statistics
from special_qgis.engine.spectral_prior.quantity import fit_correction
from special_qgis.engine.spectral_prior.rules import RULES, VEGETATION, RuleContext, class_likelihood, group_evidence
from special_qgis.engine.spectral_prior.scene_thresholds import (
    LOG_CANOPY_GREEN,
    canopy_threshold,
    mixed_ndvi,
    otsu,
    shadow_threshold,
)
from special_qgis.engine.spectral_prior.thresholds import above, apply_threshold, below, log_sigmoid
from tests.helpers.materials import FULL_RANGE_NM, MATERIALS, VNIR_NM, axis_of, mixed_scene

PX = 150


def _evidence(nm: np.ndarray, groups: Optional[tuple] = None) -> Dict[str, Dict[str, float]]:
    """Material -> group -> median evidence, in a scene of all materials."""
    axis, spectra = axis_of(nm), mixed_scene(list(MATERIALS), PX, nm)
    plan = plan_bands(axis)
    correction = fit_correction(spectra, axis, "reflectance")
    statistics = fit_statistics(spectra, plan, correction)
    values = np.ascontiguousarray(spectra[:, plan.needed].T)
    correction.apply(values, plan.needed)
    indices = compute_indices(values, plan)
    indices["built_ndvi"] = indices["ndvi"]
    indices["rank"] = brightness_rank(indices["brightness"], statistics.brightness_knots)
    context = RuleContext(groups or tuple(sorted(RULES)), statistics.log_shadow_threshold)
    evidence = group_evidence(indices, context)
    return {
        material: {group: float(np.median(values[i * PX : (i + 1) * PX])) for group, values in evidence.items()}
        for i, material in enumerate(MATERIALS)
    }


LIT = tuple(sorted(set(RULES) - {"shadow"}))  # with shadow typed, a dark pixel is shaded first


@pytest.fixture(scope="module")
def full_range() -> Dict[str, Dict[str, float]]:
    return _evidence(FULL_RANGE_NM, LIT)


@pytest.fixture(scope="module")
def with_shadow() -> Dict[str, Dict[str, float]]:
    return _evidence(FULL_RANGE_NM)


@pytest.fixture(scope="module")
def vnir() -> Dict[str, Dict[str, float]]:
    return _evidence(VNIR_NM, LIT)


@pytest.mark.parametrize("material", sorted(set(MATERIALS) - {"shadow"}))
def test_rule_own_material_fits(full_range, vnir, material):
    assert full_range[material][material] > -1.4
    assert vnir[material][material] > -1.4


@pytest.mark.parametrize("nm", [FULL_RANGE_NM, VNIR_NM], ids=["full range", "vnir"])
def test_rule_shadow_fits_its_own(nm):
    assert _evidence(nm)["shadow"]["shadow"] > -1.4


@pytest.mark.parametrize("material", ["tree", "grass", "soil", "concrete", "tile", "metal"])
def test_rule_lit_material_beats_shadow_and_keeps_its_evidence(full_range, with_shadow, material):
    assert with_shadow[material][material] > with_shadow[material]["shadow"] + 1.0
    assert with_shadow[material][material] == pytest.approx(full_range[material][material], abs=0.2)


@pytest.mark.parametrize("material", ["tree", "asphalt", "bitumen", "metal"])
def test_rule_shadow_beats_every_material_on_dark_ground(with_shadow, material):
    assert with_shadow["shadow"]["shadow"] > with_shadow["shadow"][material] + 1.0


def test_rule_water_stays_before_shadow(with_shadow):
    assert with_shadow["water"]["water"] > with_shadow["water"]["shadow"] + 0.5


@pytest.mark.parametrize("material", ["water", "burnt"])
def test_rule_what_is_dark_in_the_light_keeps_its_evidence(full_range, with_shadow, material):
    assert with_shadow[material][material] == full_range[material][material]


# materials that people type side by side, of which the first is looked at
SEPARATED = [
    ("water", "asphalt"), ("water", "tree"), ("tree", "grass"), ("grass", "tree"),
    ("tree", "soil"), ("grass", "soil"), ("soil", "asphalt"), ("soil", "tree"), ("soil", "concrete"),
    ("sand", "asphalt"),
    ("asphalt", "soil"), ("asphalt", "water"), ("asphalt", "tile"), ("concrete", "soil"), ("concrete", "bitumen"),
    ("tile", "soil"), ("tile", "asphalt"), ("tile", "tree"), ("turf", "soil"), ("metal", "soil"), ("white", "soil"),
    ("bitumen", "concrete"), ("burnt", "tree"), ("slate", "soil"), ("dry", "tree"),
]  # fmt: skip


@pytest.mark.parametrize(("material", "other"), SEPARATED, ids="-".join)
def test_rule_own_material_beats_another(full_range, material, other):
    assert full_range[material][material] > full_range[material][other] + 0.5


@pytest.mark.parametrize(("material", "other"), [("snow", "white"), ("snow", "metal"), ("turf", "grass")], ids="-".join)
def test_rule_short_wave_infrared_separates_what_looks_alike(full_range, material, other):
    assert full_range[material][material] > full_range[material][other] + 0.5


def test_rules_every_threshold_uses_an_index_that_is_computed():
    axis, spectra = axis_of(), mixed_scene(["water", "tree"], 10)
    plan = plan_bands(axis)
    known = set(compute_indices(np.ascontiguousarray(spectra[:, plan.needed].T), plan)) | {"rank", "built_ndvi"}
    assert {threshold.index for rule in RULES.values() for threshold in rule} <= known


def test_group_evidence_missing_index_contributes_nothing():
    indices = {"brightness": np.ones(3, np.float32), "ndvi": np.array([0.2, 0.38, 0.6], np.float32)}
    evidence = group_evidence(indices, RuleContext(("soil",), 0.0))["soil"]
    np.testing.assert_array_equal(evidence, apply_threshold(below("ndvi", 0.36, 0.06), indices["ndvi"]))


def test_apply_threshold_at_the_centre_is_log_half():
    at_centre = np.array([0.3], np.float32)
    assert apply_threshold(above("ndvi", 0.3, 0.05), at_centre)[0] == pytest.approx(math.log(0.5), abs=1e-6)
    assert apply_threshold(below("ndvi", 0.3, 0.05, weight=0.6), at_centre)[0] == pytest.approx(0.6 * math.log(0.5))


def test_apply_threshold_brightness_rank_is_clipped_earlier():
    far = np.array([-10.0], np.float32)
    assert apply_threshold(above("ndvi", 0.0, 0.1), far)[0] == -5.0
    assert apply_threshold(above("rank", 0.0, 0.1), far)[0] == -2.5


def test_log_sigmoid_extremes_are_clipped_and_finite():
    z = np.array([-1e30, -6.0, -1.0, 0.0, 3.0, 100.0, 1e30], np.float32)
    plain = np.maximum(-np.logaddexp(0.0, -z.astype(np.float64)), -5.0)
    np.testing.assert_allclose(log_sigmoid(z.copy(), 5.0), plain, atol=1e-6)


def test_tree_without_low_vegetation_typed_takes_all_green():
    alone, beside = _evidence(FULL_RANGE_NM, ("soil", "tree")), _evidence(FULL_RANGE_NM, ("grass", "soil", "tree"))
    assert alone["grass"]["tree"] > alone["grass"]["soil"] + 1.0
    assert beside["grass"]["tree"] < beside["grass"]["grass"] - 0.5


def test_otsu_two_heaps_threshold_lies_between():
    generator = np.random.default_rng(0)
    x = np.concatenate([generator.normal(0, 0.3, 500), generator.normal(5, 0.3, 1500)])
    assert 1.0 < otsu(x) < 4.0


def test_otsu_constant_sample_is_that_value():
    assert otsu(np.full(100, 2.5)) == pytest.approx(2.5)


def test_shadow_threshold_stays_near_the_median():
    brightness = np.concatenate([np.full(100, 1e-4), np.full(900, 0.2)]).astype(np.float32)
    assert math.log(0.25 * 0.2) - 1e-3 <= shadow_threshold(brightness) <= math.log(0.6 * 0.2) + 1e-3


SENTINEL_2_NM = [443, 490, 560, 665, 705, 740, 783, 842, 865, 945, 1610, 2190]


@pytest.mark.parametrize(
    ("nm", "missing"),
    [
        (FULL_RANGE_NM, set()),
        (VNIR_NM, {1650, 2030, 2100, 2200, 2210}),
        (np.array(SENTINEL_2_NM, float), {600, 2030, 2100, 2210}),
        (np.array([482.0, 561.0, 655.0, 865.0, 1609.0, 2201.0]), {600, 715, 2030, 2100}),
    ],
    ids=["hyperspectral", "vnir", "sentinel-2", "landsat-8"],
)
def test_plan_bands_wavelengths_that_a_sensor_lacks_are_left_out(nm, missing):
    assert set(INDEX_HALF_WIDTH_NM) - set(plan_bands(axis_of(nm)).index_bands) == missing


@pytest.mark.parametrize(
    ("nm", "word"),
    [(np.arange(450.0, 700.0, 10.0), "near-infrared"), (np.arange(950.0, 2400.0, 10.0), "red")],
    ids=["visible only", "short-wave only"],
)
def test_plan_bands_without_red_or_infrared_is_an_error(nm, word):
    with pytest.raises(SpectraError, match=word):
        plan_bands(axis_of(nm))


def test_plan_bands_many_bands_needs_no_more_than_a_part():
    plan = plan_bands(axis_of(np.arange(400.0, 2500.0, 5.0)))
    assert len(plan.needed) < 200
    assert np.all(np.diff(plan.needed) > 0)
    nm = np.arange(400.0, 2500.0, 5.0)[plan.needed]
    assert not np.any(((nm > 1340) & (nm < 1460)) | ((nm > 1785) & (nm < 1990)) | (nm > 2440))


def _greens(*levels: float) -> Dict[str, np.ndarray]:
    """Lit vegetation with given green light, 300 pixels each."""
    green = np.concatenate([np.full(300, level) for level in levels]) * np.tile([0.97, 1.0, 1.03], 100 * len(levels))
    ones = np.ones_like(green)
    pairs = {"ndvi": 0.7 * ones, "nb": 0.7 * ones, "nir": 0.4 * ones, "re": 0.4 * ones, "brightness": 0.2 * ones}
    return {name: values.astype(np.float32) for name, values in {**pairs, "green": green}.items()}


@pytest.mark.parametrize(("canopy", "low"), [(0.03, 0.09), (0.08, 0.16), (0.10, 0.18)])
def test_canopy_threshold_lies_between_a_scenes_two_greens(canopy, low):
    threshold = math.exp(canopy_threshold(_greens(canopy, low), VEGETATION, math.log(0.05))) - 0.01
    assert canopy < threshold < low


def test_canopy_threshold_scene_with_little_vegetation_or_no_green_band_does_not_tell():
    few = {name: values[:150] for name, values in _greens(0.05, 0.15).items()}
    assert canopy_threshold(few, VEGETATION, math.log(0.05)) == LOG_CANOPY_GREEN
    shaded = _greens(0.05, 0.15)
    assert canopy_threshold(shaded, VEGETATION, math.log(0.5)) == LOG_CANOPY_GREEN
    shaded.pop("green")
    assert canopy_threshold(shaded, VEGETATION, math.log(0.05)) == LOG_CANOPY_GREEN


def test_dark_water_needs_the_short_wave_infrared_to_be_black():
    dark = {
        "ndvi": [0.5, 0.5],
        "ndwi": [-0.4, -0.4],
        "nir": [0.02, 0.02],
        "brightness": [0.02, 0.02],
        "rank": [0.0, 0.0],
    }
    indices = {name: np.array(values, np.float32) for name, values in dark.items()}
    blind = group_evidence(indices, RuleContext(("water",), 0.0))["water"]
    indices["swir"] = np.array([0.005, 0.08], np.float32)
    told = group_evidence(indices, RuleContext(("water",), 0.0))["water"]
    assert told[0] > -1.0 > -4.0 > blind[0]
    assert told[1] < -4.0


def test_class_likelihood_a_name_of_many_groups_gains_nothing_where_all_fit():
    evidence = {group: np.array([-0.5], np.float32) for group in "abc"}
    many, one = class_likelihood(evidence, [{"a": 0.3, "b": 0.3, "c": 0.4}, {"a": 1.0}])
    assert many[0] == pytest.approx(one[0]) == pytest.approx(math.exp(-0.5))


def test_class_likelihood_a_rare_group_that_fits_alone_counts_by_the_root_of_its_weight():
    evidence = {"a": np.array([-0.2], np.float32), "b": np.array([-9.0], np.float32)}
    (mixed,) = class_likelihood(evidence, [{"a": 0.25, "b": 0.75}])
    assert mixed[0] == pytest.approx(0.5 * math.exp(-0.2), rel=1e-3)


@pytest.mark.parametrize(
    ("pixel_m", "added"), [(None, 0.0), (0.5, 0.0), (5.0, 0.0), (math.sqrt(150.0), 0.09), (30.0, 0.18), (100.0, 0.18)]
)
def test_mixed_ndvi_grows_with_the_pixel_from_5_to_30_m(pixel_m, added):
    assert mixed_ndvi(pixel_m) == pytest.approx(added, abs=1e-9)
