# SPDX-License-Identifier: GPL-2.0-or-later
"""Network and stage 1 as two witnesses: what each says of a pixel counts as much as it deserves.

How far stage 1 can be trusted is read from how it and the network agree, class by class, with no reference: a table of
which class stage 1 gives where the network sees another. Where whole regions of stage 1 are wrong, they disagree much
and the network decides; where stage 1 is right but for its closest calls, its probabilities refine the network's.

Source: one E-step of Dawid and Skene 1979, Applied Statistics 28, 20-28, with probabilities in place of labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-30  # keeps products of probabilities above 0


class Agreement:
    """Running table of what stage 1 says where the network sees each class.

    Args:
        n_classes: Number of classes K.
    """

    def __init__(self, n_classes: int) -> None:
        self._table = np.ones((n_classes, n_classes))  # one pixel each before any is seen; (network, stage 1)

    def add(self, network: NDArray[np.float32], labels: NDArray[np.uint8]) -> None:
        """Take in pixels.

        Args:
            network: (classes, n) float32, the network's probabilities.
            labels: (n,) uint8, stage 1's classes, 1…K; 0 = none, which is left out.
        """
        for k in range(len(self._table)):
            self._table[:, k] += network[:, labels == k + 1].sum(axis=1, dtype=np.float64)

    def evidence(self) -> NDArray[np.float64]:
        """How much likelier than by chance stage 1 says the column's class where the row's is true.

        Returns:
            (classes, classes) float64, 1 = no evidence.
        """
        told = self._table / self._table.sum(axis=1, keepdims=True)
        evidence: NDArray[np.float64] = told / (self._table.sum(axis=0) / self._table.sum())
        return evidence


def fuse(
    network: NDArray[np.float32], stage_one: NDArray[np.float32], evidence: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Combine the two for each pixel.

    Args:
        network: (classes, rows, cols) float32, sum 1.
        stage_one: (classes, rows, cols) float32, sum 1; all 0 where it says nothing.
        evidence: (classes, classes) float64, from ``Agreement.evidence``.

    Returns:
        (classes, rows, cols) float32, sum 1; the network's where stage 1 says nothing.
    """
    silent = stage_one.max(axis=0) <= 0.0
    weights = np.tensordot(evidence.astype(np.float32), stage_one, axes=1)
    product = np.maximum(network, np.float32(SMALLEST)) * np.where(silent, np.float32(1.0), weights)
    fused: NDArray[np.float32] = product / product.sum(axis=0)
    return fused
