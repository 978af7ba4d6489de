# SPDX-License-Identifier: GPL-2.0-or-later
"""From scores of a scaled image, which come in rows from the top, to class probabilities on the scene's grid."""

from __future__ import annotations

from typing import Iterator, Tuple

import numpy as np
from numpy.typing import NDArray

from ..windows import Window
from .scales import area_taps
from .windows import allocate

__all__ = ["WayBack", "class_probabilities", "cut_bands"]

COLS_AT_ONCE = 1024  # of the scene, so that a wide scene's exponentials are few


def class_probabilities(
    scores: NDArray[np.float32], class_of_query: NDArray[np.intp], temperature: float
) -> NDArray[np.float32]:
    """Softmax over queries, then the largest query of each class.

    Args:
        scores: (queries, rows, cols) float32.
        class_of_query: (queries,) intp, index of each query's class, ascending.
        temperature: Factor of the scores.

    Returns:
        (classes, rows, cols) float32 in [0, 1], of a sum of at most 1.
    """
    exponentials = np.exp((scores - scores.max(axis=0)) * np.float32(temperature))
    starts = np.flatnonzero(np.diff(class_of_query, prepend=-1))
    largest = np.maximum.reduceat(exponentials, starts, axis=0)
    return np.asarray(largest / exponentials.sum(axis=0), np.float32)


class WayBack:
    """Gathers class probabilities on the scene's grid.

    Args:
        scaled: Rows and columns of the scaled image.
        scene: Rows and columns of the scene.
        class_of_query: (queries,) intp, index of each query's class, ascending.
        temperature: Factor of the scores in the softmax.
    """

    def __init__(
        self,
        scaled: Tuple[int, int],
        scene: Tuple[int, int],
        class_of_query: NDArray[np.intp],
        temperature: float,
    ) -> None:
        self._scaled, self._scene = scaled, scene
        self._class_of_query, self._temperature = class_of_query, temperature
        self._rows = area_taps(scaled[0], scene[0], 0, scene[0])
        self._first = 0  # scene row that waits
        self._stop = 0  # scaled row after the last that came
        self._sums = np.zeros((int(class_of_query[-1]) + 1, 0, scene[1]), np.float32)

    def add(self, place: Window, scores: NDArray[np.float32]) -> None:
        """Take in the next rows of the scaled image.

        Args:
            place: Window of these rows in the scaled image.
            scores: (queries, rows, scaled cols) float32.
        """
        self._stop = place.row_off + place.rows
        touched = int(np.searchsorted(self._rows.indices[:, 0], self._stop)) - self._first
        self._grow(touched)
        weights = self._row_weights(place, touched)
        for start in range(0, self._scene[1], COLS_AT_ONCE):
            stop = min(start + COLS_AT_ONCE, self._scene[1])
            cols = area_taps(self._scaled[1], self._scene[1], start, stop)
            part = class_probabilities(scores[:, :, cols.needed], self._class_of_query, self._temperature)
            self._sums[:, :touched, start:stop] += np.matmul(weights, cols.apply(part, 2, cols.first))

    def _grow(self, n_rows: int) -> None:
        if self._sums.shape[1] < n_rows:
            grown = allocate((self._sums.shape[0], n_rows, self._scene[1]), np.float32)
            grown[:, : self._sums.shape[1]] = self._sums
            self._sums = grown

    def _row_weights(self, place: Window, touched: int) -> NDArray[np.float32]:
        """(touched scene rows, scaled rows that came) weights."""
        these = slice(self._first, self._first + touched)
        indices, values = self._rows.indices[these] - place.row_off, self._rows.weights[these]
        weights = np.zeros((touched, place.rows), np.float32)
        for tap in range(indices.shape[1]):
            here = (indices[:, tap] >= 0) & (indices[:, tap] < place.rows)
            weights[np.flatnonzero(here), indices[here, tap]] += values[here, tap]
        return weights

    def finished(self) -> Tuple[int, NDArray[np.float32]]:
        """Scene rows to which nothing more is added: the first of them, and (classes, rows, cols) float32."""
        n_done = int(np.searchsorted(self._rows.indices[:, -1], self._stop)) - self._first
        first, done = self._first, self._sums[:, :n_done]
        self._sums, self._first = self._sums[:, n_done:].copy(), first + n_done
        return first, done


def cut_bands(
    parts: Iterator[Tuple[int, NDArray[np.float32]]], rows: int, height: int
) -> Iterator[Tuple[int, NDArray[np.float32]]]:
    """Join and cut parts that come from the top into bands of equal height; the last may be lower.

    Args:
        parts: First row and (classes, rows, cols) float32.
        rows: Rows of all parts together.
        height: Rows of a band.

    Yields:
        First row and (classes, rows, cols) float32 of each band.
    """
    held, first = [], 0
    for _, part in parts:
        held.append(part)
        n_held = sum(one.shape[1] for one in held)
        while n_held >= min(height, rows - first) > 0:
            n = min(height, rows - first)
            joined = np.concatenate(held, axis=1) if len(held) > 1 else held[0]
            yield first, joined[:, :n]
            held, first, n_held = [joined[:, n:]], first + n, n_held - n
