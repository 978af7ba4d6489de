# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")

from special_qgis.engine.config import RefineConfig
from special_qgis.engine.errors import Cancelled
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine.losses import PixelSet
from special_qgis.engine.refine.mixtures import Projection, SpectralModel, divide, normalise_log
from special_qgis.engine.refine.soft_sets import CandidateLabels, draw_candidates, make_soft_sets
from tests.helpers.listener import Listener

CONFIG = RefineConfig()
NAMES = ("water", "forest")


def two_clouds(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(2 n, 3) features around two centres, and their labels."""
    rng = np.random.default_rng(seed)
    features = np.concatenate([rng.normal(0.0, 1.0, (n, 3)), rng.normal(10.0, 1.0, (n, 3))])
    return features, np.repeat(np.array([1, 2], np.uint8), n)


def test_soft_labels_of_an_outlier_whose_densities_underflow_are_numbers_that_sum_to_one() -> None:
    features, labels = two_clouds(300)
    model = SpectralModel.fit(features, labels, NAMES, CONFIG, 1e-6, 0, NullProgress())
    outlier = np.full((1, 3), 500.0)
    assert np.exp(model.log_densities(outlier)).sum() == 0.0  # normalising these divides 0 by 0
    soft = model.soft_labels(outlier)
    assert np.isfinite(soft).all()
    assert soft.sum() == pytest.approx(1.0)
    assert soft.argmax() == model.log_densities(outlier).argmax()


def test_normalise_log_equals_plain_division_where_that_works() -> None:
    densities = np.random.default_rng(0).uniform(0.1, 2.0, (20, 4))
    expected = densities / densities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(normalise_log(np.log(densities)), expected, rtol=1e-6)


def test_normalise_log_where_no_class_has_a_density_gives_zeros() -> None:
    assert not normalise_log(np.full((2, 3), -np.inf)).any()


def test_spectral_model_of_two_clouds_labels_both() -> None:
    features, labels = two_clouds(300)
    model = SpectralModel.fit(features, labels, NAMES, CONFIG, 1e-6, 0, NullProgress())
    assert ((model.soft_labels(features).argmax(axis=1) + 1) == labels).all()


@pytest.mark.parametrize("n", [0, 1, 3, 23], ids=str)
def test_spectral_model_of_a_class_with_too_few_pixels_leaves_it_out(n: int) -> None:
    features, labels = two_clouds(300)
    chosen = np.concatenate([np.arange(300), 300 + np.arange(n)])
    listener = Listener()
    model = SpectralModel.fit(features[chosen], labels[chosen], NAMES, CONFIG, 1e-6, 0, listener)
    assert model.known.tolist() == [True, False]
    assert [text[:10] for text in listener.infos] == (["“forest”: "] if n else [])
    np.testing.assert_array_equal(model.soft_labels(features), np.tile(np.float32([1.0, 0.0]), (600, 1)))


def test_spectral_model_of_a_class_with_few_pixels_has_fewer_components() -> None:
    features, labels = two_clouds(50)
    model = SpectralModel.fit(features, labels, NAMES, CONFIG, 1e-6, 0, NullProgress())
    assert [mixture.n_components for mixture in model._mixtures] == [2, 2]  # 24 pixels for each


def test_spectral_model_of_equal_pixels_is_finite() -> None:
    features = np.zeros((200, 3))
    model = SpectralModel.fit(features, np.ones(200, np.uint8), NAMES, CONFIG, 1e-6, 0, NullProgress())
    assert np.isfinite(model.soft_labels(features)).all()


def test_spectral_model_of_very_many_pixels_is_fitted_within_a_second() -> None:
    features, labels = two_clouds(500_000)
    started = time.process_time()
    model = SpectralModel.fit(features, labels, NAMES, CONFIG, 1e-6, 0, NullProgress())
    assert time.process_time() - started < 4.0  # all pixels would take minutes
    assert ((model.soft_labels(features[::1000]).argmax(axis=1) + 1) == labels[::1000]).all()


def test_divide_takes_a_fifth_of_the_confident_and_all_of_the_hard() -> None:
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.normal(c, 0.02, n) for c, n in ((0.9, 500), (0.5, 300), (0.1, 200))])
    found = divide(np.ones(1000, np.uint8), confidence.astype(np.float32), NAMES, CONFIG, 0, NullProgress())
    assert found.confident.sum() == 100
    assert (confidence[found.confident] > 0.7).all()
    np.testing.assert_array_equal(found.hard, confidence < 0.3)


@pytest.mark.parametrize("n", [1, 5, 19], ids=str)
def test_divide_of_a_class_with_too_few_pixels_leaves_it_out_and_names_it(n: int) -> None:
    listener = Listener()
    found = divide(np.full(n, 2, np.uint8), np.linspace(0, 1, n, dtype=np.float32), NAMES, CONFIG, 0, listener)
    assert not found.confident.any()
    assert not found.hard.any()
    assert [text for text in listener.infos if text.startswith("“forest”: ")]


def test_divide_of_equally_confident_pixels_leaves_the_class_out() -> None:
    found = divide(np.ones(500, np.uint8), np.ones(500, np.float32), NAMES, CONFIG, 0, NullProgress())
    assert not found.hard.any()


def test_divide_when_cancelled_stops() -> None:
    listener = Listener()
    listener.cancel()
    with pytest.raises(Cancelled):
        divide(np.ones(500, np.uint8), np.linspace(0, 1, 500, dtype=np.float32), NAMES, CONFIG, 0, listener)


def test_projection_keeps_distances_where_all_components_are_kept() -> None:
    spectra = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    features = Projection.fit(spectra, 4).apply(spectra)
    np.testing.assert_allclose(
        np.linalg.norm(features[0] - features[1:], axis=1), np.linalg.norm(spectra[0] - spectra[1:], axis=1), rtol=1e-5
    )
    assert (np.diff(features.var(axis=0)) < 0).all()


def test_projection_of_fewer_bands_than_dimensions_keeps_all_bands() -> None:
    spectra = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    assert Projection.fit(spectra, 5).apply(spectra).shape == (50, 3)


def test_candidates_are_drawn_from_valid_pixels_labelled_or_not() -> None:
    spectra = np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32)
    valid = np.zeros((10, 12), bool)
    valid[2:8, 3:9] = True
    projection = Projection.fit(spectra, 3)
    assert np.array_equal(draw_candidates(spectra, valid, projection, 1000, 0).index, np.flatnonzero(valid))
    capped = draw_candidates(spectra, valid, projection, 10, 0)
    assert capped.index.size == 10
    assert valid.ravel()[capped.index].all()
    np.testing.assert_allclose(capped.features, projection.apply(spectra[capped.index]))


def test_soft_sets_of_a_class_without_spectral_model_are_empty() -> None:
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(0.0, 1.0, (2000, 3)), rng.normal(5.0, 1.0, (30, 3))])
    spectra = features.astype(np.float32)
    candidates = draw_candidates(spectra, np.ones((29, 70), bool), Projection.fit(spectra, 3), 5000, 0)
    labels = np.concatenate([np.ones(2000, np.uint8), np.full(30, 2, np.uint8)])
    predicted = CandidateLabels(labels, rng.uniform(0.0, 1.0, 2030).astype(np.float32))
    (sets,) = make_soft_sets(
        [candidates], [predicted], NAMES, RefineConfig(spectral_px="confident", confident_share=0.1), 0, NullProgress()
    )
    for pixels in sets:
        assert isinstance(pixels, PixelSet)
        assert pixels.n_px > 0
        assert (pixels.index < 2000).all()
        np.testing.assert_allclose(pixels.targets.sum(axis=1), 1.0, rtol=1e-5)
