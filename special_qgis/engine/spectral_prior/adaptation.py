# SPDX-License-Identifier: GPL-2.0-or-later
"""Adaptation of the rules to a scene by expectation-maximisation.

Takes the rules' probabilities on a sample and a few features a pixel, gives class means and one shared covariance
that sharpen those probabilities. Only classes that the rules find with some certainty adapt; without that gate,
classes that are absent from the scene would be invented.

Features are principal components of the mean-removed log spectrum at the anchor wavelengths, and log brightness. As
they are linear in the logarithms, whitening by the shared covariance folds into one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from ..probabilities import normalise
from .bands import BandPlan, DoubleArray, FloatArray, mean_of_bands

N_COMPONENTS = 7
BRIGHTNESS_WEIGHT = 0.7
TEMPERATURE = 10.0  # divides squared distances: features of neighbouring wavelengths are not independent
SHRINKAGE = 0.05  # of the mean variance, added to the covariance's diagonal
PRIOR_FLOOR = 1e-4  # probability that a pixel may win back
CERTAIN = 0.6  # probability from which a pixel counts for the gate
LEAST_PX, LEAST_SHARE = 20, 0.002  # certain pixels that a class needs to adapt
LOG_FLOOR = np.float32(0.01)  # added before logarithms, in units of bright pixels = 0.55


@dataclass(frozen=True)
class Projection:
    """Logarithms of anchors and brightness -> features: ``matrix @ logs + shift``."""

    matrix: DoubleArray  # (features, anchors + 1) float64
    shift: DoubleArray  # (features,) float64

    def apply(self, logs: FloatArray) -> DoubleArray:
        """(features, n) float64 of (anchors + 1, n) float32 logarithms."""
        features: DoubleArray = self.matrix @ logs.astype(np.float64) + self.shift[:, None]
        return features


@dataclass(frozen=True)
class Adaptation:
    """Likelihoods of the classes that adapted, linear in the logarithms after whitening."""

    matrix: FloatArray  # (features, anchors + 1) float32, whitened projection
    shift: FloatArray  # (features,) float32
    means: FloatArray  # (adapted, features) float32, whitened class means
    adapted: Tuple[int, ...]  # rows of the probabilities that adapted

    def apply(self, probabilities: FloatArray, logs: FloatArray) -> FloatArray:
        """Adapted probabilities of pixels, each from its own values alone.

        Args:
            probabilities: (classes, n) float32, the rules', sum 1.
            logs: (anchors + 1, n) float32, from ``log_values``.

        Returns:
            (classes, n) float32, sum 1.
        """
        features = linear_map(self.matrix, self.shift, logs)
        offsets = -0.5 * np.sum(self.means.astype(np.float64) ** 2, axis=1)
        # the pixel's own squared length is common to all classes and falls out
        log_likelihood = linear_map(self.means, offsets.astype(np.float32), features)
        log_likelihood /= np.float32(TEMPERATURE)
        return weigh(probabilities, log_likelihood, self.adapted)


def log_values(values: FloatArray, brightness: FloatArray, plan: BandPlan) -> FloatArray:
    """Logarithms of the anchor spectrum and of the brightness.

    Args:
        values: (k, n) float32, corrected values of ``plan.needed``.
        brightness: (n,) float32.
        plan: Where the anchors are.

    Returns:
        (anchors + 1, n) float32; the last row is the brightness.
    """
    logs = np.empty((len(plan.anchors) + 1, values.shape[1]), dtype=np.float32)
    for row, positions in zip(logs, plan.anchors):
        row[:] = mean_of_bands(values, positions)
    logs[-1] = brightness
    logs += LOG_FLOOR
    return np.asarray(np.log(logs, out=logs))


def linear_map(matrix: FloatArray, shift: FloatArray, x: FloatArray) -> FloatArray:
    """``matrix @ x + shift`` summed term by term.

    A library's matrix product may order its sums by the shape of its input; this does not, so that tiles of any
    shape agree to the last bit.

    Args:
        matrix: (m, d) float32.
        shift: (m,) float32.
        x: (d, n) float32.

    Returns:
        (m, n) float32.
    """
    result = np.empty((matrix.shape[0], x.shape[1]), dtype=np.float32)
    product = np.empty(x.shape[1], dtype=np.float32)
    for row, weights, constant in zip(result, matrix, shift):
        row[:] = constant
        for values, weight in zip(x, weights):
            np.multiply(values, weight, out=product)
            row += product
    return result


def weigh(probabilities: FloatArray, log_likelihood: FloatArray, adapted: Tuple[int, ...]) -> FloatArray:
    """Probabilities times likelihoods, normalised; classes that did not adapt get the others' mean likelihood.

    Args:
        probabilities: (classes, n) float32, sum 1.
        log_likelihood: (adapted, n) float32, up to a constant a pixel; overwritten.
        adapted: Rows of ``probabilities`` that adapted.

    Returns:
        (classes, n) float32, sum 1.
    """
    log_likelihood -= log_likelihood.max(axis=0)
    likelihood = np.exp(log_likelihood, out=log_likelihood)
    weighted = np.zeros_like(likelihood[0])
    weight = np.zeros_like(likelihood[0])
    for row, one in zip(likelihood, adapted):
        weighted += row * probabilities[one]
        weight += probabilities[one]
    tiny = np.float32(1e-6)
    mean = (weighted + tiny) / (weight + tiny)
    result = probabilities + np.float32(PRIOR_FLOOR)
    rows = dict(zip(adapted, likelihood))
    for index, row in enumerate(result):
        row *= rows.get(index, mean)
    return normalise(result)


def fit_projection(logs: FloatArray) -> Projection:
    """Principal components of the mean-removed log spectrum, each scaled by the root of its singular value.

    Args:
        logs: (anchors + 1, n) float32, from ``log_values``.
    """
    spectra = logs[:-1].astype(np.float64)
    n_anchors, n_px = spectra.shape
    centring = np.eye(n_anchors) - 1.0 / n_anchors  # removes each pixel's mean
    mean = spectra.mean(axis=1)
    deviations = centring @ (spectra - mean[:, None])
    eigenvalues, vectors = np.linalg.eigh(deviations @ deviations.T / n_px)
    order = np.argsort(eigenvalues)[::-1][: min(N_COMPONENTS, n_anchors - 1)]
    spread = np.sqrt(np.maximum(eigenvalues[order], 1e-12))
    # unit variance, then the root of the singular values' ratio
    rows = (vectors[:, order] / spread * np.sqrt(spread / spread[0])).T @ centring
    matrix = np.zeros((len(order) + 1, n_anchors + 1))
    matrix[:-1, :-1] = rows
    brightness = logs[-1].astype(np.float64)
    matrix[-1, -1] = BRIGHTNESS_WEIGHT / max(float(brightness.std()), 1e-6)
    return Projection(matrix, -matrix @ np.append(mean, brightness.mean()))


def adaptable(probabilities: FloatArray) -> Tuple[int, ...]:
    """Classes that the rules find certainly enough, often enough, to adapt.

    Args:
        probabilities: (classes, n) float32.
    """
    least = max(LEAST_PX, LEAST_SHARE * probabilities.shape[1])
    return tuple(int(index) for index in np.flatnonzero((probabilities > CERTAIN).sum(axis=1) >= least))


def fit_adaptation(probabilities: FloatArray, logs: FloatArray, n_rounds: int) -> Adaptation:
    """Expectation-maximisation on a sample.

    A pixel counts for a class as far as both the current round and the rules give it to that class. Without the rules
    in that product, a class drifts from what its name means to whatever cluster is near.

    Args:
        probabilities: (classes, n) float32, the rules', sum 1.
        logs: (anchors + 1, n) float32.
        n_rounds: Rounds.

    Returns:
        What to apply to every pixel; with fewer than two classes that can adapt, nothing changes.
    """
    projection = fit_projection(logs)
    features = projection.apply(logs)
    adapted = adaptable(probabilities)
    means = np.zeros((0, len(features)))
    whitening = np.eye(len(features))
    current = probabilities
    for _ in range(n_rounds if len(adapted) > 1 else 0):
        means, whitening = estimate(features, (current * probabilities)[list(adapted)])
        current = weigh(probabilities, log_likelihoods(features, means, whitening), adapted)
    return Adaptation(
        (whitening @ projection.matrix).astype(np.float32),
        (whitening @ projection.shift).astype(np.float32),
        (means @ whitening.T).astype(np.float32),
        adapted if len(adapted) > 1 else (),
    )


def estimate(features: DoubleArray, shares: FloatArray) -> Tuple[DoubleArray, DoubleArray]:
    """Class means and the whitening of one shared covariance, the mean of the classes' own.

    Args:
        features: (features, n) float64.
        shares: (adapted, n) float32, >= 0, how much each pixel counts for each class.

    Returns:
        (adapted, features) float64 means; (features, features) float64 whitening matrix.
    """
    weights = shares.astype(np.float64)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    means = weights @ features.T
    dimension = len(features)
    # mean over classes of E[x x'] - m m'
    covariance = (features * weights.mean(axis=0)) @ features.T - means.T @ means / len(means)
    covariance += SHRINKAGE * np.trace(covariance) / dimension * np.eye(dimension)
    return means, np.linalg.inv(np.linalg.cholesky(covariance))


def log_likelihoods(features: DoubleArray, means: DoubleArray, whitening: DoubleArray) -> FloatArray:
    """``-d^2 / (2 * temperature)`` up to a constant a pixel.

    Args:
        features: (features, n) float64.
        means: (adapted, features) float64.
        whitening: (features, features) float64.

    Returns:
        (adapted, n) float32.
    """
    white = whitening @ features
    white_means = means @ whitening.T
    product = white_means @ white - 0.5 * np.sum(white_means**2, axis=1)[:, None]
    return np.asarray(product / TEMPERATURE, dtype=np.float32)
