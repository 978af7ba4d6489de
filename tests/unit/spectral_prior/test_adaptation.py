# SPDX-License-Identifier: GPL-2.0-or-later
"""Adaptation of the spectral prior: the fast form against a slow one that follows the formulae pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.probabilities import normalise
from special_qgis.engine.spectral_prior.adaptation import (
    BRIGHTNESS_WEIGHT,
    N_COMPONENTS,
    PRIOR_FLOOR,
    SHRINKAGE,
    TEMPERATURE,
    adaptable,
    fit_adaptation,
    linear_map,
)


def _made_up(n_px: int = 600, n_anchors: int = 12, seed: int = 3) -> tuple:
    """Probabilities of four classes, the last of which is absent, and logarithms that agree with the other three."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, n_px)
    shapes = generator.normal(0.0, 0.6, (3, n_anchors + 1)).cumsum(axis=1)
    logs = (shapes[truth] + generator.normal(0.0, 0.25, (n_px, n_anchors + 1))).T
    evidence = generator.normal(0.0, 1.0, (4, n_px))
    evidence[truth, np.arange(n_px)] += 2.5
    evidence[3] -= 4.0
    weights = np.exp(evidence)
    return (weights / weights.sum(axis=0)).astype(np.float32), logs.astype(np.float32), truth


def _slow_features(logs: np.ndarray) -> np.ndarray:
    spectra = logs[:-1].astype(np.float64)
    shape = spectra - spectra.mean(axis=0)
    shape = shape - shape.mean(axis=1, keepdims=True)
    left, singular, _ = np.linalg.svd(shape, full_matrices=False)
    rows = []
    for i in range(min(N_COMPONENTS, len(spectra) - 1)):
        score = left[:, i] @ shape
        rows.append(score / score.std() * np.sqrt(singular[i] / singular[0]))
    brightness = logs[-1].astype(np.float64)
    rows.append(BRIGHTNESS_WEIGHT * (brightness - brightness.mean()) / brightness.std())
    return np.array(rows)


def _slow_adaptation(probabilities: np.ndarray, logs: np.ndarray, n_rounds: int) -> np.ndarray:
    """The formulae of the method, one pixel and one class at a time."""
    features = _slow_features(logs)
    dimension, n_px = features.shape
    least = max(20, 0.002 * n_px)
    adapted = [k for k in range(len(probabilities)) if (probabilities[k] > 0.6).sum() >= least]
    prior = probabilities.astype(np.float64)
    current = prior.copy()
    for _ in range(n_rounds):
        means, covariances = {}, []
        for k in adapted:
            weight = current[k] * prior[k]
            means[k] = sum(weight[i] * features[:, i] for i in range(n_px)) / weight.sum()
            deviation = features - means[k][:, None]
            covariances.append((weight * deviation) @ deviation.T / weight.sum())
        covariance = np.mean(covariances, axis=0)
        covariance += SHRINKAGE * np.trace(covariance) / dimension * np.eye(dimension)
        inverse = np.linalg.inv(covariance)
        updated = np.empty_like(current)
        for i in range(n_px):
            likelihood = {}
            for k in adapted:
                deviation = features[:, i] - means[k]
                likelihood[k] = np.exp(-(deviation @ inverse @ deviation) / (2 * TEMPERATURE))
            mean = sum(prior[k, i] * likelihood[k] for k in adapted) / sum(prior[k, i] for k in adapted)
            for k in range(len(prior)):
                updated[k, i] = (prior[k, i] + PRIOR_FLOOR) * likelihood.get(k, mean)
        current = updated / updated.sum(axis=0)
    return current


@pytest.mark.parametrize("n_rounds", [1, 3, 8])
@pytest.mark.parametrize("n_anchors", [5, 12])
def test_adaptation_agrees_with_the_formulae(n_rounds, n_anchors):
    probabilities, logs, _ = _made_up(n_anchors=n_anchors)
    fast = fit_adaptation(probabilities, logs, n_rounds).apply(probabilities, logs)
    np.testing.assert_allclose(fast, _slow_adaptation(probabilities, logs, n_rounds), atol=2e-4)


def test_adaptation_clusters_sharpen_uncertain_rules():
    probabilities, logs, truth = _made_up(n_px=3000)
    adapted = fit_adaptation(probabilities, logs, 8).apply(probabilities, logs)
    before, after = ((p.argmax(axis=0) == truth).mean() for p in (probabilities, adapted))
    assert after > before + 0.03


def test_adaptation_absent_class_is_not_invented():
    probabilities, logs, _ = _made_up(n_px=3000)
    fitted = fit_adaptation(probabilities, logs, 8)
    assert fitted.adapted == (0, 1, 2)
    after = fitted.apply(probabilities, logs)
    assert (after.argmax(axis=0) == 3).sum() <= (probabilities.argmax(axis=0) == 3).sum() + 3


@pytest.mark.parametrize(
    ("n_certain", "n_px", "adapts"), [(19, 1000, False), (20, 1000, True), (39, 20_000, False), (40, 20_000, True)]
)
def test_adaptable_needs_enough_certain_pixels(n_certain, n_px, adapts):
    probabilities = np.full((2, n_px), 0.5, np.float32)
    probabilities[:, :n_certain] = [[0.9], [0.1]]
    assert adaptable(probabilities) == ((0,) if adapts else ())


def test_fit_adaptation_one_certain_class_changes_nothing():
    probabilities, logs, _ = _made_up()
    probabilities = normalise(probabilities * np.array([[50.0], [0.01], [0.01], [0.01]], np.float32))
    assert fit_adaptation(probabilities, logs, 8).adapted == ()


def test_linear_map_agrees_with_a_matrix_product_and_ignores_the_pixels_place():
    generator = np.random.default_rng(5)
    matrix, shift, x = (generator.normal(size=size).astype(np.float32) for size in ((8, 30), (8,), (30, 777)))
    mapped = linear_map(matrix, shift, x)
    np.testing.assert_allclose(mapped, matrix @ x + shift[:, None], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(linear_map(matrix, shift, np.ascontiguousarray(x[:, 100:131])), mapped[:, 100:131])
