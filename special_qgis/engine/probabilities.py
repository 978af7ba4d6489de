# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels and confidence from class probabilities.

Takes probabilities per class, gives the likeliest class and how far it leads: best minus second best, "BvSB"
(Joshi, Porikli and Papanikolopoulos 2009). Every pixel is decided on its own.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray


def normalise(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide by the sum over classes, in place, class by class in order, so that tiles of any shape agree.

    Args:
        weights: (classes, …) float32, 0 or more and above 0 for some class everywhere; overwritten.
    """
    total = weights[0].copy()
    for row in weights[1:]:
        total += row
    weights /= total
    return weights


def decide(
    probabilities: NDArray[np.float32],
    valid: NDArray[np.bool_],
    precedence: Optional[Sequence[int]] = None,
) -> Tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Likeliest class of each pixel and its lead over the second; of equals, the first in precedence wins with lead 0.

    Args:
        probabilities: (classes, rows, cols) float32, sum 1 where valid; at most 255 classes.
        valid: (rows, cols) bool, pixels with data.
        precedence: Row indices of all classes in the order in which they win ties; None = the order of the rows.

    Returns:
        (rows, cols) uint8 labels, 1…K, 0 where invalid; (rows, cols) float32 confidence in [0, 1], 0 where invalid.
    """
    first, *others = precedence if precedence is not None else range(len(probabilities))
    best = probabilities[first].copy()
    second = np.zeros_like(best)
    labels = np.full(best.shape, first + 1, dtype=np.uint8)
    for index in others:
        row = probabilities[index]
        np.maximum(second, np.minimum(best, row), out=second)
        labels[row > best] = index + 1
        np.maximum(best, row, out=best)
    confidence = best - second
    confidence[~valid] = 0.0
    labels[~valid] = 0
    return labels, confidence


def decide_known(
    probabilities: NDArray[np.float32],
    valid: NDArray[np.bool_],
    precedence: Optional[Sequence[int]] = None,
) -> Tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Label and confidence of pixels as maps show them and training learns them: ``decide``, where anything is known.

    Args:
        probabilities: (classes, rows, cols) float32, sum 1 where known; all 0 = nothing is known there.
        valid: (rows, cols) bool, pixels with data.
        precedence: Row indices of all classes in the order in which they win ties; None = the order of the rows.

    Returns:
        (rows, cols) uint8 labels, 1…K, 0 where invalid or unknown; (rows, cols) float32 confidence, 0 there.
    """
    return decide(probabilities, valid & (probabilities.max(axis=0) > 0.0), precedence)


def sharpen(probabilities: NDArray[np.float32], power: float) -> NDArray[np.float32]:
    """Raise probabilities to a power and scale them to sum 1; ranks and equals stay.

    Args:
        probabilities: (classes, …) float32, sum 1; all 0 = no label.
        power: Power that the probabilities are raised to, above 0; above 1 sharpens, below 1 flattens.

    Returns:
        (classes, …) float32, sum 1; 0 where all probabilities are 0.
    """
    raised = probabilities**power
    total = raised.sum(axis=0)
    sharpened: NDArray[np.float32] = raised / np.where(total > 0.0, total, np.float32(1.0))
    return sharpened


def probabilities_of_labels(
    labels: NDArray[np.uint8], confidence: NDArray[np.float32], n_classes: int
) -> NDArray[np.float32]:
    """Probabilities whose likeliest class and lead over the others are those given, all others being equal.

    Args:
        labels: (rows, cols) uint8, class ids 1…K; 0 = no label.
        confidence: (rows, cols) float32 in [0, 1], confidence of each label.
        n_classes: Number of classes K.

    Returns:
        (classes, rows, cols) float32, sum 1 where labelled, 0 elsewhere.
    """
    labelled = labels > 0
    rest = np.where(labelled, (1.0 - confidence) / n_classes, 0.0).astype(np.float32)
    probabilities = np.repeat(rest[None], n_classes, axis=0)
    rows, cols = np.nonzero(labelled)
    probabilities[labels[rows, cols].astype(np.intp) - 1, rows, cols] += confidence[rows, cols]
    return probabilities
