# SPDX-License-Identifier: GPL-2.0-or-later
"""A scene's colours at a scale, made part by part as windows need them; the whole is never in memory."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..windows import Window
from .scales import cubic_taps, resample, scaled_length
from .source import RgbSource
from .windows import reflect

__all__ = ["Part", "ScaledImage"]


class Part(NamedTuple):
    """Pixels of a window of a scaled image."""

    rgb: NDArray[np.float32]  # (3, rows, cols) in [0, 1]
    valid: NDArray[np.bool_]  # (rows, cols), of the nearest pixel
    guide: Optional[NDArray[np.float32]]  # (components, rows, cols)

    def cut(self, cols: slice) -> Part:
        """Some of the columns."""
        return Part(self.rgb[:, :, cols], self.valid[:, cols], None if self.guide is None else self.guide[:, :, cols])


class ScaledImage:
    """A scene's colours at a scale.

    Args:
        source: The scene's colours.
        factor: Rows of the scaled image per row of the scene, columns alike; 2 = twice as many.
    """

    def __init__(self, source: RgbSource, factor: float) -> None:
        self._source, self.factor = source, factor
        self.rows, self.cols = scaled_length(source.rows, factor), scaled_length(source.cols, factor)

    def read(self, window: Window, with_guide: bool = False) -> Part:
        """Pixels of a window; where it goes beyond the lower or right border, the image is reflected there.

        Args:
            window: Window of the scaled image; one that goes beyond a border begins at the opposite one.
            with_guide: Whether the guide is wanted.
        """
        height = min(window.rows, self.rows - window.row_off)
        width = min(window.cols, self.cols - window.col_off)
        inside = Window(window.row_off, window.col_off, height, width)
        part = self._copied(inside, with_guide) if self.factor == 1.0 else self._resampled(inside, with_guide)
        size = (window.rows, window.cols)
        guide = None if part.guide is None else reflect(part.guide, *size)
        return Part(reflect(part.rgb, *size), reflect(part.valid, *size), guide)

    def _copied(self, window: Window, with_guide: bool) -> Part:
        rgb, valid = self._source.read(window)
        return Part(rgb, valid, self._source.guide(window) if with_guide else None)

    def _resampled(self, window: Window, with_guide: bool) -> Part:
        source = self._source
        row_taps = cubic_taps(source.rows, self.rows, window.row_off, window.row_off + window.rows)
        col_taps = cubic_taps(source.cols, self.cols, window.col_off, window.col_off + window.cols)
        needed = Window(row_taps.first, col_taps.first, row_taps.stop - row_taps.first, col_taps.stop - col_taps.first)
        rgb, valid = source.read(needed)
        near_rows = _nearest(source.rows, self.rows, window.row_off, window.rows) - needed.row_off
        near_cols = _nearest(source.cols, self.cols, window.col_off, window.cols) - needed.col_off
        guide = source.guide(needed) if with_guide else None
        return Part(
            np.clip(resample(rgb, row_taps, col_taps), np.float32(0.0), np.float32(1.0)),
            valid[np.ix_(near_rows, near_cols)],
            None if guide is None else resample(guide, row_taps, col_taps),
        )


def _nearest(n_in: int, n_out: int, start: int, n: int) -> NDArray[np.intp]:
    """Input positions nearest to ``n`` outputs."""
    places = np.floor((np.arange(start, start + n) + 0.5) * n_in / n_out)
    return np.asarray(np.minimum(places, n_in - 1), np.intp)
