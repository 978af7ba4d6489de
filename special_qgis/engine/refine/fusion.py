# SPDX-License-Identifier: GPL-2.0-or-later
"""Fusion of network and first stage by the noise transition matrix of the first stage.

The noise transition matrix holds how often the first stage gives class j where the network predicts class i. It is
counted on the training images, without a reference, and measures how far the first stage can be trusted class by class:
where whole regions of the first stage are wrong, its labels carry little evidence and the network decides; where only
close calls are wrong, its probabilities refine those of the network.

The network has learnt the errors of the first stage too: where three labels of ten are wrong, it gives its classes
seven chances of ten. Its probabilities are therefore unfolded first (Richardson–Lucy): to those that give the network's
after the matrix's errors. Otherwise the errors would count twice.

Source: one E-step of Dawid and Skene 1979, Applied Statistics 28, 20-28, with probabilities in place of labels; before
it, iterations of unfolding by Richardson 1972, J. Opt. Soc. Am. 62, 55-59, and Lucy 1974, few, because many would
sharpen noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-30  # keeps products of probabilities above 0
FLOOR = 1e-4  # probability that neither of two can rule out in their mean
TRUSTED_AGREEMENT, DOUBTED_AGREEMENT = 0.93, 0.83  # training agreements: from the first on the least share, to all


class NoiseTransitions:
    """Noise transition matrix of the first stage, counted from pixels that are added one array after the other.

    Args:
        n_classes: Number of classes K.
    """

    def __init__(self, n_classes: int) -> None:
        self._table = np.ones((n_classes, n_classes))  # (network, first stage); starts with one pixel each

    def add(self, network: NDArray[np.float32], first_stage: NDArray[np.float32]) -> None:
        """Count pixels.

        Args:
            network: (classes, n) float32 probabilities of the network, sum 1.
            first_stage: (classes, n) float32 sharpened probabilities of the first stage, which the network learnt from;
                pixels of all 0 have no label and are left out.
        """
        self._table += network.astype(np.float64) @ first_stage.astype(np.float64).T

    def matrix(self) -> NDArray[np.float64]:
        """Noise transition matrix: share of first-stage labels of class j (column) where the network predicts i (row).

        Returns:
            (classes, classes) float64, rows sum to 1.
        """
        transitions: NDArray[np.float64] = self._table / self._table.sum(axis=1, keepdims=True)
        return transitions

    def evidence(self) -> NDArray[np.float64]:
        """Likelihood ratios P(first stage gives class j | class i is true) / P(first stage gives j), rows i, columns j.

        Returns:
            (classes, classes) float64, 1 = no evidence.
        """
        evidence: NDArray[np.float64] = self.matrix() / (self._table.sum(axis=0) / self._table.sum())
        return evidence


def richardson_lucy_unfolding(
    network: NDArray[np.float32], transitions: NDArray[np.float64], n_rounds: int
) -> NDArray[np.float32]:
    """Probabilities that, after the errors of the first stage, give those of the network, by Richardson–Lucy unfolding.

    Args:
        network: (classes, rows, cols) float32 probabilities of the network, sum 1: estimates of the first stage's
            label.
        transitions: (classes, classes) float64, noise transition matrix from ``NoiseTransitions.matrix``; rows sum to
            1.
        n_rounds: Number of iterations, 0 or more; 0 = the network's probabilities unchanged.

    Returns:
        (classes, rows, cols) float32, sum 1.
    """
    chances = np.maximum(network, np.float32(SMALLEST))
    table = transitions.astype(np.float32)
    found = chances
    for _ in range(n_rounds):
        ratio = chances / np.tensordot(table.T, found, axes=1)
        found = found * np.tensordot(table, ratio, axes=1)
        found /= found.sum(axis=0)
    return found


def fuse(
    network: NDArray[np.float32], first_stage: NDArray[np.float32], evidence: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Combine network and first stage for each pixel.

    Args:
        network: (classes, rows, cols) float32 probabilities of the network, sum 1.
        first_stage: (classes, rows, cols) float32 sharpened probabilities of the first stage, sum 1; all 0 = no label.
        evidence: (classes, classes) float64, likelihood ratios from ``NoiseTransitions.evidence``.

    Returns:
        (classes, rows, cols) float32, sum 1; the network's where the first stage has no label.
    """
    unlabelled = first_stage.max(axis=0) <= 0.0
    weights = np.tensordot(evidence.astype(np.float32), first_stage, axes=1)
    product = np.maximum(network, np.float32(SMALLEST)) * np.where(unlabelled, np.float32(1.0), weights)
    fused: NDArray[np.float32] = product / product.sum(axis=0)
    return fused


def network_share(agreement: float, least: float) -> float:
    """Weight of the fused probabilities beside the first stage's own, from how far the network keeps the latter.

    A network that keeps nearly all that the first stage is sure of has found few errors in it, and its changes are as
    likely wrong as right: the map then stays near the first stage. One that contradicts it often has found whole
    regions of wrong labels, and decides.

    Args:
        agreement: Training agreement, in [0, 1]: share of the first stage's labels that the network keeps, weighted by
            their confidence.
        least: Share from which on it rises, in [0, 1].

    Returns:
        From ``least`` to 1.
    """
    doubt = (TRUSTED_AGREEMENT - agreement) / (TRUSTED_AGREEMENT - DOUBTED_AGREEMENT)
    return least + (1.0 - least) * min(1.0, max(0.0, doubt))


def weighted_mean(fused: NDArray[np.float32], first_stage: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Geometric mean of both, renormalised: ``P ∝ fused^share · first_stage^(1 − share)``.

    Args:
        fused: (classes, rows, cols) float32, sum 1.
        first_stage: (classes, rows, cols) float32, sum 1; all 0 where it says nothing.
        share: Weight of ``fused``, in [0, 1].

    Returns:
        (classes, rows, cols) float32, sum 1; ``fused`` where the first stage says nothing.
    """
    silent = first_stage.max(axis=0) <= 0.0
    floor = np.float32(FLOOR)
    product = np.power(fused + floor, np.float32(share)) * np.power(first_stage + floor, np.float32(1.0 - share))
    product /= product.sum(axis=0)
    return np.where(silent, fused, product)
