# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.evidence.fusion import (
    FLOOR,
    HIGHEST_WEIGHT,
    Fusion,
    agreement,
    explained_variance,
    fit_fusion,
    match_temperature,
    mean_entropy,
    tempered,
)

K, N = 4, 3000


def drawn(seed: int, sharpness: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(K, 1.0 / sharpness), N).T.astype(np.float32)


def one_hot(labels: np.ndarray, lead: float) -> np.ndarray:
    return (np.eye(K)[labels].T * lead + (1.0 - lead) / K).astype(np.float32)


def combine(fusion: Fusion, clip: np.ndarray, spectral: np.ndarray) -> np.ndarray:
    return fusion.combine_tempered(tempered(clip, fusion.temperature), spectral)


def test_combine_equals_the_formula() -> None:
    clip, spectral = drawn(0), drawn(1)
    found = combine(Fusion(2.0, 0.3, 0.5), clip, spectral)
    softened = clip.astype(float) ** 0.5
    softened /= softened.sum(axis=0)
    logs = 0.3 * np.log(0.9 * softened + FLOOR / K) + 0.5 * np.log(0.9 * spectral.astype(float) + FLOOR / K)
    expected = np.exp(logs) / np.exp(logs).sum(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_combine_leaves_invalid_pixels_empty_and_takes_what_one_source_says_where_the_other_is_silent() -> None:
    spectral = drawn(1)
    clip = drawn(0)
    spectral[:, 0], clip[:, 1] = 0.0, 0.0
    found = combine(Fusion(1.0, 1.0, 1.0), clip, spectral)
    assert (found[:, 0] == 0.0).all()
    assert found[:, 1].argmax() == spectral[:, 1].argmax()
    np.testing.assert_allclose(found[:, 1:].sum(axis=0), 1.0, atol=1e-5)


def test_names_of_equal_spectral_evidence_are_ranked_by_the_image_alone() -> None:
    spectral = np.array([[0.45], [0.45], [0.1], [0.0]], np.float32)
    clip = np.array([[0.2], [0.3], [0.1], [0.4]], np.float32)
    for weight in (0.01, 0.5, 1.0):
        assert combine(Fusion(1.0, weight, 1.0), clip, spectral).argmax() == 1


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
    good = fit_fusion(one_hot(labels, 0.8), spectral, features, K)
    bad = fit_fusion(one_hot(rng.integers(K, size=N), 0.8), spectral, features, K)
    assert 0.9 * HIGHEST_WEIGHT < good.clip_weight <= HIGHEST_WEIGHT
    assert bad.clip_weight < 0.01
    assert good.temperature > 1.0  # it is surer than the prior, and is held back


def test_names_that_the_prior_does_not_know_leave_the_image_alone() -> None:
    fusion = fit_fusion(drawn(0), drawn(1), np.zeros((2, N)), 0)
    clip = drawn(0)
    assert fusion == Fusion(1.0, 1.0, 0.0)
    assert np.array_equal(combine(fusion, clip, drawn(1)).argmax(axis=0), clip.argmax(axis=0))


def test_agreement_is_one_for_the_same_and_zero_for_opposites() -> None:
    ours = np.array([[1.0, 0.5], [0.0, 0.5]], np.float32)
    np.testing.assert_allclose(agreement(ours, ours), [1.0, 1.0])
    np.testing.assert_allclose(agreement(ours, ours[::-1]), [0.0, 1.0])
