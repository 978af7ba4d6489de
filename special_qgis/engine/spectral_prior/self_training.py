# SPDX-License-Identifier: GPL-2.0-or-later
"""Self-training: what the surest pixels of each evidence set look like, passed on to all others.

Takes probabilities on a sample and the logarithms of its spectra, gives one linear discriminant a set. Rules look at a
dozen indices; the whole spectrum of the pixels that they are sure of says more about those that they are not. The
discriminants are linear in the logarithms, so that applying them is one small product a pixel.

Source: linear discriminant analysis (Fisher 1936) with a shrunken covariance; self-training as Yarowsky (1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from .adaptation import SHRINKAGE, linear_map
from .bands import DoubleArray, FloatArray

SUREST_SHARE = 0.5  # of the pixels that a set wins, which it is learnt from
TEMPERATURE = 3.0  # divides squared distances: neighbouring bands are not independent
RULES_SHARE = 0.7  # weight of the probabilities that it starts from, in the logarithm; the rest is the discriminants'
LEAST_PX, LEAST_SHARE = 20, 0.002  # pixels that a set must win to be learnt
_FLOOR = np.float32(1e-6)  # of probabilities, before logarithms


@dataclass(frozen=True)
class Discriminants:
    """Log-likelihood of each set that was learnt, linear in the logarithms, up to a constant a pixel."""

    matrix: FloatArray  # (learnt, anchors + 1) float32
    shift: FloatArray  # (learnt,) float32
    learnt: Tuple[int, ...]  # rows of the probabilities

    def apply(self, probabilities: FloatArray, logs: FloatArray) -> FloatArray:
        """Probabilities of pixels, each from its own values alone.

        The sets that were learnt share among them what they had together; the others keep what they have.

        Args:
            probabilities: (sets, n) float32, sum 1.
            logs: (anchors + 1, n) float32, from ``adaptation.log_values``.

        Returns:
            (sets, n) float32, sum 1.
        """
        if not self.learnt:
            return probabilities
        rows = list(self.learnt)
        scores = linear_map(self.matrix, self.shift, logs)
        shares = probabilities[rows]
        mass = _total(shares)
        scores = np.log(_shares_of(np.exp(scores - scores.max(axis=0))) + _FLOOR)
        scores *= np.float32(1.0 - RULES_SHARE)
        scores += np.float32(RULES_SHARE) * np.log(shares / np.maximum(mass, _FLOOR) + _FLOOR)
        result = probabilities.copy()
        result[rows] = _shares_of(np.exp(scores - scores.max(axis=0))) * mass
        return result


def fit_discriminants(probabilities: FloatArray, logs: FloatArray) -> Discriminants:
    """Learn each set from the pixels that it wins most surely.

    Args:
        probabilities: (sets, n) float32, sum 1.
        logs: (anchors + 1, n) float32, from ``adaptation.log_values``.

    Returns:
        What to apply to every pixel; with fewer than two sets that can be learnt, nothing changes.
    """
    shape = shape_matrix(len(logs))
    features = shape @ logs.astype(np.float64)
    winners, best = probabilities.argmax(axis=0), probabilities.max(axis=0)
    least = max(LEAST_PX, LEAST_SHARE * probabilities.shape[1])
    learnt, means, covariances = [], [], []
    for index in range(len(probabilities)):
        won = np.flatnonzero(winners == index)
        if won.size < least:
            continue
        chosen = features[:, won[best[won] >= np.quantile(best[won], 1.0 - SUREST_SHARE)]]
        learnt.append(index)
        means.append(chosen.mean(axis=1))
        covariances.append(np.cov(chosen, bias=True))
    if len(learnt) < 2:
        return Discriminants(np.zeros((0, len(logs)), np.float32), np.zeros(0, np.float32), ())
    matrix, shift = _discriminants(np.array(means), np.mean(covariances, axis=0))
    return Discriminants((matrix @ shape).astype(np.float32), shift.astype(np.float32), tuple(learnt))


def _discriminants(means: DoubleArray, covariance: DoubleArray) -> Tuple[DoubleArray, DoubleArray]:
    """Fisher's linear discriminants of normal densities with one covariance, over the temperature."""
    dimension = len(covariance)
    shrunken = covariance + max(SHRINKAGE * np.trace(covariance) / dimension, 1e-12) * np.eye(dimension)
    matrix = np.linalg.solve(shrunken, means.T).T
    return matrix / TEMPERATURE, -0.5 * np.sum(matrix * means, axis=1) / TEMPERATURE


def shape_matrix(n_logs: int) -> DoubleArray:
    """Takes the mean off the anchors' logarithms, so that they describe the shape; the last row, brightness, stays.

    Args:
        n_logs: Anchors and brightness.

    Returns:
        (n_logs, n_logs) float64.
    """
    matrix = np.eye(n_logs)
    matrix[:-1, :-1] -= 1.0 / (n_logs - 1)
    return matrix


def _total(rows: FloatArray) -> FloatArray:
    """Sum over sets in order, so that tiles of any shape agree."""
    total: FloatArray = rows[0].copy()
    for row in rows[1:]:
        total += row
    return total


def _shares_of(rows: FloatArray) -> FloatArray:
    rows /= _total(rows)
    return rows
