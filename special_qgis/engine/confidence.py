# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels and confidence from class probabilities.

Takes probabilities per class, gives the likeliest class and how far it leads: best minus second best, "BvSB"
(Joshi, Porikli and Papanikolopoulos 2009). Every pixel is decided on its own.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np
from numpy.typing import NDArray


def decide(
    probabilities: NDArray[np.float32], valid: NDArray[np.bool_], min_confidence: float = 0.0
) -> Tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Likeliest class of each pixel and its lead over the second; of equals, the class typed first wins with lead 0.

    Args:
        probabilities: (classes, rows, cols) float32, sum 1 where valid; at most 255 classes.
        valid: (rows, cols) bool.
        min_confidence: Pixels below stay unclassified (label 0) and keep their confidence.

    Returns:
        (rows, cols) uint8 labels, 1…K, 0 where invalid or unclassified; (rows, cols) float32 confidence in [0, 1], 0
        where invalid.
    """
    best = probabilities[0].copy()
    second = np.zeros_like(best)
    labels = np.ones(best.shape, dtype=np.uint8)
    for class_id, row in enumerate(probabilities[1:], start=2):
        np.maximum(second, np.minimum(best, row), out=second)
        labels[row > best] = class_id
        np.maximum(best, row, out=best)
    confidence = best - second
    confidence[~valid] = 0.0
    labels[~valid | (confidence < min_confidence)] = 0
    return labels, confidence
