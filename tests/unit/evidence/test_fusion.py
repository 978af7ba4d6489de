# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from typing import Sequence

import numpy as np
import pytest

from special_qgis.engine.evidence.fusion import (
    FLOOR,
    HIGHEST_WEIGHT,
    Fusion,
    Weighing,
    explained_variance,
    match_temperature,
    mean_entropy,
    plain_features,
    source_agreement,
    tempered,
    weigh,
)

K, N = 4, 3000


def two(temperature: float, clip_weight: float, spectral_weight: float) -> Fusion:
    return Fusion((Weighing("spectral", spectral_weight), Weighing("clip", clip_weight, temperature)))


def drawn(seed: int, sharpness: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(K, 1.0 / sharpness), N).T.astype(np.float32)


def one_hot(labels: np.ndarray, lead: float) -> np.ndarray:
    return (np.eye(K)[labels].T * lead + (1.0 - lead) / K).astype(np.float32)


def combine(fusion: Fusion, sources: Sequence[np.ndarray]) -> np.ndarray:
    """The sources, each brought to its temperature, as one."""
    return fusion.combine_tempered([one.temper(p) for one, p in zip(fusion.weighings, sources)], sources)


def test_combine_equals_the_formula() -> None:
    clip, spectral = drawn(0), drawn(1)
    found = combine(two(2.0, 0.3, 0.5), [spectral, clip])
    softened = clip.astype(float) ** 0.5
    softened /= softened.sum(axis=0)
    logs = 0.3 * np.log(0.9 * softened + FLOOR / K) + 0.5 * np.log(0.9 * spectral.astype(float) + FLOOR / K)
    expected = np.exp(logs) / np.exp(logs).sum(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_combine_leaves_invalid_pixels_empty_and_takes_what_one_source_says_where_the_other_is_silent() -> None:
    spectral = drawn(1)
    clip = drawn(0)
    spectral[:, 0], clip[:, 1] = 0.0, 0.0
    clip[:, 0] = 0.0
    found = combine(two(1.0, 1.0, 1.0), [spectral, clip])
    assert (found[:, 0] == 0.0).all()
    assert found[:, 1].argmax() == spectral[:, 1].argmax()
    np.testing.assert_allclose(found[:, 1:].sum(axis=0), 1.0, atol=1e-5)


def test_names_of_equal_spectral_evidence_are_ranked_by_the_image_alone() -> None:
    spectral = np.array([[0.45], [0.45], [0.1], [0.0]], np.float32)
    clip = np.array([[0.2], [0.3], [0.1], [0.4]], np.float32)
    for weight in (0.01, 0.5, 1.0):
        assert combine(two(1.0, weight, 1.0), [spectral, clip]).argmax() == 1


@pytest.mark.parametrize("wanted", [0.2, 0.7, 1.2])
def test_temperature_gives_the_wanted_entropy(wanted: float) -> None:
    clip = drawn(2, 3.0)
    assert mean_entropy(tempered(clip, match_temperature(clip, wanted))) == pytest.approx(wanted, abs=5e-3)


def test_explained_variance_is_the_classical_ratio() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(K, size=N)
    features = rng.normal(size=(5, N)) + rng.normal(size=(5, K))[:, labels] * 2.0
    means = np.stack([features[:, labels == k].mean(axis=1) for k in range(K)])
    between = sum((labels == k).mean() * (means[k] - features.mean(axis=1)) ** 2 for k in range(K)).sum()
    found = explained_variance(np.eye(K)[labels].T.astype(np.float32), features)
    assert found == pytest.approx(between / features.var(axis=1).sum(), rel=1e-6)
    assert explained_variance(np.full((K, N), 1.0 / K, np.float32), features) == pytest.approx(0.0, abs=1e-9)


def test_a_model_that_guesses_counts_little_and_one_that_parts_the_spectra_counts_fully() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(K, size=N)
    features = rng.normal(size=(3, N)) + rng.normal(size=(3, K))[:, labels] * 3.0
    spectral = one_hot(labels, 0.7)
    good = weigh("clip", one_hot(labels, 0.8), spectral, features)
    bad = weigh("clip", one_hot(rng.integers(K, size=N), 0.8), spectral, features)
    assert 0.9 * HIGHEST_WEIGHT < good.weight <= HIGHEST_WEIGHT
    assert bad.weight < 0.01
    assert good.temperature > 1.0  # it is surer than the prior, and is held back


def test_names_that_the_prior_does_not_know_leave_the_image_alone() -> None:
    clip = drawn(0)
    assert np.array_equal(combine(two(1.0, 1.0, 0.0), [drawn(1), clip]).argmax(axis=0), clip.argmax(axis=0))


def test_fusion_of_three_is_the_product_of_all() -> None:
    sources = [drawn(seed) for seed in range(3)]
    fusion = Fusion((Weighing("a", 1.0), Weighing("b", 0.5), Weighing("c", 0.25)))
    logs = sum(one.weight * np.log(0.9 * p.astype(float) + FLOOR / K) for one, p in zip(fusion.weighings, sources))
    np.testing.assert_allclose(combine(fusion, sources), np.exp(logs) / np.exp(logs).sum(axis=0), atol=1e-5)


def test_plain_features_have_unit_spread_and_survive_a_constant_band() -> None:
    spectra = np.random.default_rng(0).normal(5.0, 3.0, (100, 3)).astype(np.float32)
    spectra[:, 1] = 7.0
    np.testing.assert_allclose(plain_features(spectra).std(axis=1), [1.0, 0.0, 1.0], atol=1e-6)


def test_agreement_is_one_for_the_same_and_zero_for_opposites() -> None:
    ours = np.array([[1.0, 0.5], [0.0, 0.5]], np.float32)
    np.testing.assert_allclose(source_agreement([ours, ours]), [1.0, 1.0])
    np.testing.assert_allclose(source_agreement([ours, ours[::-1]]), [0.0, 1.0])
