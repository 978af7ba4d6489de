# SPDX-License-Identifier: GPL-2.0-or-later
"""The spectral prior as a whole: probabilities from names and spectra."""

from __future__ import annotations

import json
from typing import Tuple

import numpy as np
import pytest

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.config import PriorConfig
from special_qgis.engine.errors import InputError
from special_qgis.engine.probabilities import decide
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.spectral_prior import SpectralPrior, interpret
from special_qgis.engine.spectral_prior.prior import CHUNK_PX, SMALL_OBJECT_FACTOR, evidence_sets
from tests.helpers.materials import FULL_RANGE_NM, VNIR_NM, axis_of, mixed_scene, sample_of

MATERIALS = ["water", "tree", "grass", "soil", "asphalt", "tile"]
NAMES = "water; tree; grass; bare soil; road; red roof"
BOTH = pytest.mark.parametrize("adapt", [False, True], ids=["rules", "adapted"])


def fit(
    spectra: np.ndarray,
    names: str = NAMES,
    adapt: bool = True,
    nm: np.ndarray = FULL_RANGE_NM,
    quantity: str = "unknown",
) -> SpectralPrior:
    classes = parse_classes(names)
    return SpectralPrior.fit(
        sample_of(spectra), axis_of(nm), classes, PriorConfig(adapt=adapt), quantity, NullProgress()
    )


def predict(prior: SpectralPrior, spectra: np.ndarray, rows: int = 1) -> np.ndarray:
    """(classes, rows, cols) probabilities of (pixels, bands) spectra, all valid."""
    values = np.ascontiguousarray(spectra[:, prior.band_indices].T).reshape(len(prior.band_indices), rows, -1)
    return prior.predict(values, np.ones(values.shape[1:], bool))


@pytest.fixture(scope="module")
def scene() -> Tuple[np.ndarray, np.ndarray]:
    """(pixels, bands) spectra of six materials and their class ids."""
    return mixed_scene(MATERIALS, 300), np.repeat(np.arange(1, 7), 300)


@BOTH
@pytest.mark.parametrize("nm", [FULL_RANGE_NM, VNIR_NM], ids=["full range", "vnir"])
def test_predict_pure_materials_are_named(adapt, nm):
    spectra, truth = mixed_scene(MATERIALS, 300, nm), np.repeat(np.arange(1, 7), 300)
    labels, _ = decide(predict(fit(spectra, adapt=adapt, nm=nm), spectra), np.ones((1, len(truth)), bool))
    assert (labels[0] == truth).mean() > 0.97


@BOTH
def test_predict_probabilities_sum_to_one_where_valid_and_are_zero_elsewhere(scene, adapt):
    spectra, _ = scene
    prior = fit(spectra, adapt=adapt)
    values = np.ascontiguousarray(spectra[:, prior.band_indices].T).reshape(len(prior.band_indices), 30, 60)
    valid = np.random.default_rng(0).random((30, 60)) > 0.3
    probabilities = prior.predict(values, valid)
    assert probabilities.shape == (6, 30, 60)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0)[valid], 1.0, atol=1e-5)
    assert np.all(probabilities[:, ~valid] == 0.0)


@BOTH
def test_predict_any_tile_agrees_to_the_last_bit(scene, adapt):
    spectra = np.tile(scene[0], (7, 1))[: 97 * 127]
    prior = fit(scene[0], adapt=adapt)
    assert len(spectra) > CHUNK_PX
    values = np.ascontiguousarray(spectra[:, prior.band_indices].T).reshape(-1, 97, 127)
    whole = prior.predict(values, np.ones((97, 127), bool))
    for rows, cols in ((slice(0, 1), slice(0, 127)), (slice(13, 64), slice(5, 38)), (slice(96, 97), slice(126, 127))):
        tile = np.ascontiguousarray(values[:, rows, cols])
        np.testing.assert_array_equal(prior.predict(tile, np.ones(tile.shape[1:], bool)), whole[:, rows, cols])


def test_predict_input_values_are_left_untouched(scene):
    prior = fit(scene[0])
    values = np.ascontiguousarray(scene[0][:, prior.band_indices].T)[:, None, :]
    before = values.copy()
    prior.predict(values, np.ones(values.shape[1:], bool))
    np.testing.assert_array_equal(values, before)


@BOTH
@pytest.mark.parametrize("gain", [1e-4 / 7, 10_000.0], ids=["tiny", "large"])
def test_predict_one_gain_over_the_scene_changes_nothing(scene, adapt, gain):
    spectra, _ = scene
    scaled = spectra * np.float32(gain)
    plain, other = (predict(fit(s, adapt=adapt), s) for s in (spectra, scaled))
    np.testing.assert_allclose(other, plain, atol=2e-3)
    assert (plain.argmax(axis=0) == other.argmax(axis=0)).mean() > 0.999


@BOTH
def test_predict_order_of_the_sample_changes_nothing(scene, adapt):
    spectra, _ = scene
    shuffled = np.random.default_rng(0).permutation(spectra)
    plain, other = (predict(fit(s, adapt=adapt), spectra) for s in (spectra, shuffled))
    np.testing.assert_allclose(other, plain, atol=1e-3)


@BOTH
def test_predict_broken_values_stay_finite(scene, adapt):
    spectra = scene[0].copy()
    prior = fit(spectra, adapt=adapt)
    for row, value in enumerate([0.0, -1.0, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-30]):
        spectra[row] = value
    probabilities = predict(prior, spectra)
    assert np.all(np.isfinite(probabilities))
    np.testing.assert_allclose(probabilities.sum(axis=0), 1.0, atol=1e-5)


@BOTH
@pytest.mark.parametrize("value", [0.0, 0.3], ids=["zero", "constant"])
def test_fit_scene_without_any_variation_stays_finite(adapt, value):
    spectra = np.full((500, FULL_RANGE_NM.size), value, np.float32)
    probabilities = predict(fit(spectra, adapt=adapt), spectra)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1.0, atol=1e-5)


def test_fit_empty_sample_is_an_error():
    with pytest.raises(InputError, match="no valid pixel"):
        fit(np.zeros((0, FULL_RANGE_NM.size), np.float32))


@BOTH
def test_predict_inseparable_names_get_equal_evidence(scene, adapt):
    spectra, truth = scene
    prior = fit(spectra, "water; tree; road; grass; bare soil; parking lot; red roof", adapt)
    probabilities = predict(prior, spectra)
    np.testing.assert_array_equal(probabilities[2], probabilities[5])
    labels, confidence = decide(probabilities, np.ones((1, len(truth)), bool))
    assert np.mean(labels[0][truth == 5] == 3) > 0.95
    assert np.all(confidence[labels == 3] == 0.0)
    assert any("cannot separate “road”, “parking lot”" in warning for warning in prior.warnings)


@BOTH
def test_predict_inseparable_names_do_not_move_the_others(scene, adapt):
    spectra, _ = scene
    once, twice = (
        predict(fit(spectra, names, adapt), spectra).argmax(axis=0)[0]
        for names in ("water; tree; grass; bare soil; road", "water; tree; grass; bare soil; road; street; car park")
    )
    np.testing.assert_array_equal(once, twice)


@BOTH
def test_predict_unknown_name_is_uniform_and_never_wins(scene, adapt):
    spectra, _ = scene
    prior = fit(spectra, NAMES + "; qwertz", adapt)
    probabilities = predict(prior, spectra)
    known = predict(fit(spectra, NAMES, adapt), spectra)
    np.testing.assert_array_equal(probabilities.argmax(axis=0), known.argmax(axis=0))
    squared = probabilities**2  # undoes the output's exponent up to a constant a pixel
    np.testing.assert_allclose((squared / squared.sum(axis=0))[6], 1.0 / 7.0, atol=1e-4)
    assert any("does not know “qwertz”" in warning for warning in prior.warnings)


@BOTH
def test_predict_no_known_name_is_uniform(scene, adapt):
    probabilities = predict(fit(scene[0], "qwertz; asdfgh; yxcvbn", adapt), scene[0])
    np.testing.assert_allclose(probabilities, 1.0 / 3.0, atol=1e-6)


@BOTH
def test_predict_absent_classes_are_not_invented(adapt):
    spectra = mixed_scene(["tree", "soil", "asphalt", "water"], 1000)
    names = "tree; bare soil; road; water; snow; artificial turf; shadow; red roof; burnt area"
    labels = predict(fit(spectra, names, adapt), spectra).argmax(axis=0)[0]
    assert (labels >= 4).mean() < 0.02


@BOTH
def test_predict_one_class_that_dominates_is_kept(adapt):
    spectra = np.concatenate([mixed_scene(["tree"], 9800), mixed_scene(["water", "asphalt"], 100)])
    labels = predict(fit(spectra, "tree; water; road; bare soil; grass", adapt), spectra).argmax(axis=0)[0]
    assert (labels[:9800] == 0).mean() > 0.9
    assert (labels[9800:9900] == 1).mean() > 0.9


@BOTH
def test_predict_two_classes_and_forty_classes_work(scene, adapt):
    spectra, truth = scene
    two = predict(fit(spectra, "vegetation; water", adapt), spectra).argmax(axis=0)[0]
    assert np.all(two[truth == 1] == 1)
    assert np.all(two[np.isin(truth, [2, 3])] == 0)
    words = (
        "water; tree; lawn; corn; straw; soil; sand; gravel; asphalt; concrete; bitumen; slate; brick; plastic; steel; "
        "astroturf; snow; burnt; shadow; roof; road; orchard; scrub; marsh; bridge; railway; car park; vegetation"
    )
    names = words + "".join(f"; word{chr(97 + i)}zzz" for i in range(12))
    probabilities = predict(fit(spectra, names, adapt), spectra)
    assert len(probabilities) == 40
    np.testing.assert_allclose(probabilities.sum(axis=0), 1.0, atol=1e-5)
    assert np.mean(probabilities.argmax(axis=0)[0][truth == 1] == 0) > 0.95


@BOTH
def test_predict_multispectral_bands_suffice(adapt):
    nm = np.array([443, 490, 560, 665, 705, 740, 783, 842, 865, 945, 1610, 2190], float)
    spectra, truth = mixed_scene(MATERIALS[:5], 300, nm), np.repeat(np.arange(1, 6), 300)
    names = "water; tree; grass; bare soil; road"
    labels = predict(fit(spectra, names, adapt, nm), spectra).argmax(axis=0)[0] + 1
    assert (labels == truth).mean() > 0.9


def test_predict_430_bands_reads_a_part_of_them():
    nm = np.linspace(400.0, 2500.0, 430)
    spectra = mixed_scene(MATERIALS, 100, nm)
    prior = fit(spectra, nm=nm)
    assert len(prior.band_indices) < 200
    truth = np.repeat(np.arange(6), 100)
    assert (predict(prior, spectra).argmax(axis=0)[0] == truth).mean() > 0.97


def test_to_json_holds_numbers_and_interpretation(scene):
    prior = fit(scene[0], NAMES + "; qwertz")
    told = json.loads(json.dumps(prior.to_json()))
    assert told["quantity"] == "reflectance"
    assert told["adapted_class_ids"] == [1, 2, 3, 4, 5, 6]
    assert told["interpretation"]["7"] == {"known": False, "groups": {}, "text": prior.interpretation.classes[6].text}


def test_evidence_sets_of_small_things_alone_are_less_common():
    sets = evidence_sets(interpret(parse_classes("car; road; crosswalk; seat; metal roof")))
    by_class = [sets.commonness[index] for index in sets.set_of_class]
    assert by_class == [SMALL_OBJECT_FACTOR, 1.0, 1.0, SMALL_OBJECT_FACTOR, 1.0]


def test_predict_small_things_need_more_evidence_than_their_materials():
    spectra = mixed_scene(MATERIALS, 300)
    as_object, as_material = (
        predict(fit(spectra, f"water; tree; grass; soil; asphalt; {name}", adapt=False), spectra)[-1]
        for name in ("car", "sheet: metal, white surface, bitumen, tarmac")
    )
    assert 0.0 < as_object.sum() < 0.6 * as_material.sum()
