# SPDX-License-Identifier: GPL-2.0-or-later
"""What the network changed: pixels by their class in the first stage and in the map."""

from __future__ import annotations

from typing import Tuple

import numpy as np
from numpy.typing import NDArray

SHOWN_TRANSITIONS = 12  # the most frequent ones


class ChangeTally:
    """Running table of classes before and after.

    Args:
        n_classes: Number of classes K.
    """

    def __init__(self, n_classes: int) -> None:
        self.table = np.zeros((n_classes, n_classes), np.int64)  # (before, after)

    def add(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
        """Count the pixels of a tile.

        Args:
            before: (rows, cols) uint8 labels of the first stage, 1…K; 0 = no label.
            after: (rows, cols) uint8 labels of the map, 1…K; 0 = no label.
        """
        both = (before > 0) & (after > 0)
        n_classes = len(self.table)
        pairs = (before[both].astype(np.intp) - 1) * n_classes + after[both] - 1
        self.table += np.bincount(pairs, minlength=n_classes * n_classes).reshape(self.table.shape)

    @property
    def compared_px(self) -> int:
        """Pixels that have a class in both."""
        return int(self.table.sum())

    @property
    def changed_px(self) -> int:
        """Pixels that have another class in the map than in the first stage."""
        return self.compared_px - int(np.trace(self.table))

    def transitions(self) -> Tuple[Tuple[int, int, int], ...]:
        """From class, to class, pixels: the most frequent changes, at most ``SHOWN_TRANSITIONS``."""
        counts = self.table.copy()
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[:SHOWN_TRANSITIONS]
        pairs = np.stack(np.unravel_index(order, counts.shape), axis=1).tolist()
        return tuple((i + 1, j + 1, int(counts[i, j])) for i, j in pairs if counts[i, j] > 0)
