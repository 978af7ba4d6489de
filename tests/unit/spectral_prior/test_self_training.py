# SPDX-License-Identifier: GPL-2.0-or-later
"""Self-training of the spectral prior: against Fisher's formulae, and on sets that rules are unsure of."""

from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.spectral_prior import self_training
from special_qgis.engine.spectral_prior.self_training import (
    RULES_SHARE,
    SUREST_SHARE,
    TEMPERATURE,
    fit_discriminants,
    shape_matrix,
)

N_LOGS = 9


def _made_up(n_px: int = 1200, seed: int = 3) -> tuple:
    """Probabilities of four sets, the last of which is absent, and logarithms that agree with the other three."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, n_px)
    shapes = generator.normal(0.0, 0.5, (3, N_LOGS)).cumsum(axis=1)
    logs = (shapes[truth] + generator.normal(0.0, 0.25, (n_px, N_LOGS))).T
    evidence = generator.normal(0.0, 1.0, (4, n_px))
    evidence[truth, np.arange(n_px)] += 2.0
    evidence[3] -= 6.0
    weights = np.exp(evidence)
    return (weights / weights.sum(axis=0)).astype(np.float32), logs.astype(np.float32), truth


def _slow(probabilities: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Normal densities of one covariance around each set's surest pixels, pixel by pixel."""
    features = shape_matrix(len(logs)) @ logs.astype(np.float64)
    winners, best = probabilities.argmax(axis=0), probabilities.max(axis=0)
    means, covariances = [], []
    for index in range(3):
        won = winners == index
        chosen = features[:, won & (best >= np.quantile(best[won], 1.0 - SUREST_SHARE))]
        means.append(chosen.mean(axis=1))
        covariances.append(np.cov(chosen, bias=True))
    covariance = np.mean(covariances, axis=0)
    covariance += 0.05 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    inverse = np.linalg.inv(covariance)
    result = probabilities.astype(np.float64)
    for i in range(probabilities.shape[1]):
        distances = [(features[:, i] - mean) @ inverse @ (features[:, i] - mean) for mean in means]
        likelihood = np.exp(-(np.array(distances) - min(distances)) / (2.0 * TEMPERATURE))
        mass = probabilities[:3, i].sum()
        mixed = (likelihood / likelihood.sum() + 1e-6) ** (1.0 - RULES_SHARE)
        mixed *= (probabilities[:3, i] / mass + 1e-6) ** RULES_SHARE
        result[:3, i] = mixed / mixed.sum() * mass
    return result


def test_discriminants_agree_with_normal_densities():
    probabilities, logs, _ = _made_up()
    fitted = fit_discriminants(probabilities, logs)
    assert fitted.learnt == (0, 1, 2)
    np.testing.assert_allclose(fitted.apply(probabilities, logs), _slow(probabilities, logs), atol=2e-4)


def test_discriminants_sharpen_what_rules_are_unsure_of():
    probabilities, logs, truth = _made_up(6000)
    after = fit_discriminants(probabilities, logs).apply(probabilities, logs)
    accuracy = [(one.argmax(axis=0) == truth).mean() for one in (probabilities, after)]
    assert accuracy[1] > accuracy[0] + 0.03
    np.testing.assert_allclose(after.sum(axis=0), 1.0, atol=1e-5)


def test_discriminants_absent_set_keeps_its_probability():
    probabilities, logs, _ = _made_up()
    np.testing.assert_array_equal(
        fit_discriminants(probabilities, logs).apply(probabilities, logs)[3], probabilities[3]
    )


def test_discriminants_one_set_alone_changes_nothing():
    probabilities, logs, _ = _made_up()
    probabilities = np.array([[0.97], [0.01], [0.01], [0.01]], np.float32) * np.ones_like(probabilities)
    fitted = fit_discriminants(probabilities, logs)
    assert fitted.learnt == ()
    assert fitted.apply(probabilities, logs) is probabilities


@pytest.mark.parametrize("width", [1, 31, 700])
def test_discriminants_pixels_place_changes_no_bit(width):
    probabilities, logs, _ = _made_up()
    fitted = fit_discriminants(probabilities, logs)
    whole = fitted.apply(probabilities, logs)
    part = slice(101, 101 + width)
    alone = fitted.apply(np.ascontiguousarray(probabilities[:, part]), np.ascontiguousarray(logs[:, part]))
    np.testing.assert_array_equal(alone, whole[:, part])


def test_discriminants_rules_alone_keep_their_order(monkeypatch):
    monkeypatch.setattr(self_training, "RULES_SHARE", 1.0)
    probabilities, logs, _ = _made_up()
    after = fit_discriminants(probabilities, logs).apply(probabilities, logs)
    np.testing.assert_allclose(after, probabilities, atol=1e-4)


def test_shape_matrix_takes_the_mean_off_and_keeps_brightness():
    logs = np.random.default_rng(0).normal(size=(N_LOGS, 50))
    shape = shape_matrix(N_LOGS) @ logs
    np.testing.assert_allclose(shape[:-1].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_array_equal(shape[-1], logs[-1])
