# SPDX-License-Identifier: GPL-2.0-or-later
"""The trained network over a whole scene: overlapping windows, blended so that no seam shows, in bounded memory.

Windows of the size that was trained on are spread evenly, so that the last one ends at the border. Where windows
overlap, each counts the more the farther from its own border, so probabilities pass smoothly from one to the next.
"""

from __future__ import annotations

import math
from typing import Callable, Iterator, List, Tuple

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress, check_cancelled
from ..windows import TILE_PX, Window

Predict = Callable[[Window], NDArray[np.float32]]  # (classes, rows, cols) float32 probabilities of a window


def plan_offsets(length: int, window_px: int, overlap_px: int) -> List[int]:
    """Where windows begin along one side: from 0, evenly spread, the last one ending at the border.

    Args:
        length: Length of the side in pixels.
        window_px: Side of a window in pixels, at most ``length``.
        overlap_px: Least overlap of neighbours in pixels, below ``window_px``.
    """
    if length <= window_px:
        return [0]
    n_windows = math.ceil((length - overlap_px) / (window_px - overlap_px))
    return [round(i * (length - window_px) / (n_windows - 1)) for i in range(n_windows)]


def ramp(offsets: List[int], number: int, window_px: int) -> NDArray[np.float32]:
    """Weights along one side of a window: 1 inside, falling linearly over the overlap with each neighbour.

    Args:
        offsets: Offsets in pixels of all windows along the side, ascending.
        number: Index of the window in ``offsets``.
        window_px: Side of a window in pixels.

    Returns:
        (window_px,) float32 in (0, 1]; those of two neighbours sum to 1 where only they overlap.
    """
    weights = np.ones(window_px)
    place = np.arange(window_px)
    if number > 0:
        overlap = offsets[number - 1] + window_px - offsets[number]
        weights = np.minimum(weights, (place + 1.0) / (overlap + 1.0))
    if number < len(offsets) - 1:
        overlap = offsets[number] + window_px - offsets[number + 1]
        weights = np.minimum(weights, (window_px - place) / (overlap + 1.0))
    return weights.astype(np.float32)


def predict_blended(
    rows: int, cols: int, n_classes: int, window_px: int, overlap_px: int, predict: Predict, progress: Progress
) -> Iterator[Tuple[Window, NDArray[np.float32]]]:
    """Predict a scene window by window.

    Memory holds about one row of windows of probabilities, whatever the height of the scene.

    Args:
        rows: Number of rows of the scene.
        cols: Number of columns of the scene.
        n_classes: Number of classes K.
        window_px: Side of a window in pixels; a scene of no more than ``window_px``² pixels is one window.
        overlap_px: Least overlap of neighbouring windows in pixels.
        predict: Gives the (classes, rows, cols) float32 probabilities of a window.
        progress: Receives the share of windows done; checked for cancel before each.

    Yields:
        The tiles of the fixed grid, row by row, and their (classes, rows, cols) float32 probabilities.
    """
    whole = rows * cols <= window_px * window_px
    height, width = (rows, cols) if whole else (min(window_px, rows), min(window_px, cols))
    tops, lefts = (
        plan_offsets(length, size, min(overlap_px, size - 1)) for length, size in ((rows, height), (cols, width))
    )
    strip = _Strip(rows, cols, n_classes)
    for i, top in enumerate(tops):
        row_weights = ramp(tops, i, height)
        for j, left in enumerate(lefts):
            check_cancelled(progress)
            window = Window(top, left, height, width)
            strip.add(window, predict(window), np.outer(row_weights, ramp(lefts, j, width)))
            progress.report((i * len(lefts) + j + 1) / (len(tops) * len(lefts)))
        yield from strip.finish(tops[i + 1] if i + 1 < len(tops) else rows)


class _Strip:
    """Weighted sums of the rows that are not finished yet."""

    def __init__(self, rows: int, cols: int, n_classes: int) -> None:
        self._rows, self._cols, self._n_classes = rows, cols, n_classes
        self._top = 0  # of the rows held; a border of the fixed grid
        self._sums = np.zeros((n_classes, 0, cols), np.float32)
        self._weights = np.zeros((0, cols), np.float32)

    def add(self, window: Window, probabilities: NDArray[np.float32], weights: NDArray[np.float32]) -> None:
        """Add a window."""
        missing = window.row_off + window.rows - self._top - self._weights.shape[0]
        if missing > 0:
            self._sums = np.concatenate(
                [self._sums, np.zeros((self._n_classes, missing, self._cols), np.float32)], axis=1
            )
            self._weights = np.concatenate([self._weights, np.zeros((missing, self._cols), np.float32)])
        rows, cols = window.slices(Window(self._top, 0, self._weights.shape[0], self._cols))
        self._sums[:, rows, cols] += probabilities * weights
        self._weights[rows, cols] += weights

    def finish(self, below: int) -> Iterator[Tuple[Window, NDArray[np.float32]]]:
        """Give the tiles whose rows all lie above ``below`` and forget them."""
        while self._top < below:
            height = min(TILE_PX, self._rows - self._top)
            if self._top + height > below:
                return
            for left in range(0, self._cols, TILE_PX):
                width = min(TILE_PX, self._cols - left)
                here = slice(left, left + width)
                blended = self._sums[:, :height, here] / self._weights[:height, here]
                yield Window(self._top, left, height, width), blended
            self._sums, self._weights = self._sums[:, height:].copy(), self._weights[height:].copy()
            self._top += height
