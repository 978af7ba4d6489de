# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows over an image: where they lie (``plan_windows``), and how their scores are blended (``RowMerger``).

Windows begin at multiples of the stride, the last one ends at the border. An image smaller than a window is
reflected to whole patches, and the window is as large as that. Memory holds the rows of one row of windows, in a
temporary file where that is much.

Source of window and stride: Li et al. 2024, SegEarth-OV, arXiv 2410.01768, section 4.1.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from typing import Any, Iterator, List, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, RasterWriteError
from ..windows import Window

__all__ = ["RowMerger", "WindowPlan", "allocate", "batches", "blend_weights", "plan_offsets", "plan_windows", "reflect"]

FEWEST_PATCHES = 4  # a side; learned upsamplers need more than two
LARGEST_IN_MEMORY_BYTES = 256 * 2**20  # of one buffer; above, it lies in a temporary file


@dataclass(frozen=True)
class WindowPlan:
    """Windows of one size over an image, row by row."""

    rows: int  # of the image, reflected to whole patches where it is small
    cols: int
    window_rows: int
    window_cols: int
    tops: Tuple[int, ...]
    lefts: Tuple[int, ...]

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return len(self.tops) * len(self.lefts)


def plan_windows(rows: int, cols: int, window_px: int, stride_px: int, patch: Tuple[int, int]) -> WindowPlan:
    """Lay windows over an image.

    Args:
        rows: Rows of the image.
        cols: Columns of the image.
        window_px: Side of a window in pixels.
        stride_px: Pixels from the beginning of a window to that of the next.
        patch: Height and width of the model's patches in pixels.

    Raises:
        ConfigError: A window is not made of whole patches, or of too few.
    """
    for side in patch:
        if window_px % side or window_px < FEWEST_PATCHES * side:
            raise ConfigError(
                f"window_px must be a multiple of the model's patch of {side} pixels and at least "
                f"{FEWEST_PATCHES * side}; got {window_px}.",
                f"Use {max(FEWEST_PATCHES, round(window_px / side)) * side}, or 0 for the model's own size.",
            )
    sides = []
    for length, side in ((rows, patch[0]), (cols, patch[1])):
        sides.append(length if length >= window_px else max(math.ceil(length / side), FEWEST_PATCHES) * side)
    height, width = (min(side, window_px) for side in sides)
    tops, lefts = plan_offsets(sides[0], height, stride_px), plan_offsets(sides[1], width, stride_px)
    return WindowPlan(sides[0], sides[1], height, width, tuple(tops), tuple(lefts))


def plan_offsets(length: int, window_px: int, stride_px: int) -> List[int]:
    """Where windows begin along one side: at multiples of the stride, the last one ending at the border."""
    n_more = max(0, math.ceil((length - window_px) / stride_px))
    return [min(i * stride_px, length - window_px) for i in range(n_more + 1)]


def blend_weights(offsets: Tuple[int, ...], window_px: int, blending: str) -> NDArray[np.float32]:
    """Weights along one side of each window; at every pixel those of all windows sum to 1.

    Args:
        offsets: First pixel of each window, ascending.
        window_px: Length of a window in pixels.
        blending: "mean" = all windows alike, "hann" = a window counts the more the farther its border is.

    Returns:
        (windows, window_px) float32.
    """
    place = (np.arange(window_px) + 0.5) / window_px
    shape = np.sin(np.pi * place) ** 2 if blending == "hann" else np.ones(window_px)
    total = np.zeros(offsets[-1] + window_px)
    for start in offsets:
        total[start:][:window_px] += shape
    weights = np.stack([shape / total[start:][:window_px] for start in offsets])
    return np.asarray(weights, np.float32)


def reflect(image: NDArray[Any], rows: int, cols: int) -> NDArray[Any]:
    """Reflect the last two axes of an image at its lower and right border to a size, without repeating the border."""
    missing = (rows - image.shape[-2], cols - image.shape[-1])
    if missing == (0, 0):
        return image
    widths = [(0, 0)] * (image.ndim - 2) + [(0, missing[0]), (0, missing[1])]
    return np.pad(image, widths, mode="reflect")


def allocate(shape: Tuple[int, ...], dtype: Any, folder: str = "") -> NDArray[Any]:
    """Zeros in memory, or, where they are many, in a temporary file that vanishes with the array.

    Raises:
        RasterWriteError: The file cannot be made.
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if n_bytes <= LARGEST_IN_MEMORY_BYTES:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile(dir=folder or None) as file:  # the mapping keeps the file alive
            file.truncate(n_bytes)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise RasterWriteError(
            f"A temporary file of {n_bytes / 2**20:.0f} MiB cannot be made: {error}.",
            "Free disk space, or set TMPDIR (TEMP on Windows) to a folder with more.",
        ) from error


class RowMerger:
    """Blends the scores of windows, which come row by row.

    Args:
        plan: Where the windows lie.
        n_channels: Number of channels of the scores.
        blending: One of ``config.BLENDINGS``, which ``blend_weights`` explains.
    """

    def __init__(self, plan: WindowPlan, n_channels: int, blending: str) -> None:
        self._plan = plan
        self._row_weights = blend_weights(plan.tops, plan.window_rows, blending)
        self._col_weights = blend_weights(plan.lefts, plan.window_cols, blending)
        self._sums = allocate((n_channels, plan.window_rows, plan.cols), np.float32)

    def add(self, row: int, col: int, scores: NDArray[np.float32]) -> None:
        """Take in a window.

        Args:
            row: Row of the window among windows, the one last begun.
            col: Column of the window among windows.
            scores: (channels, window rows, window cols) float32.
        """
        left = self._plan.lefts[col]
        weights = np.outer(self._row_weights[row], self._col_weights[col])
        self._sums[:, :, left:][:, :, : self._plan.window_cols] += scores * weights

    def finish(self, row: int) -> Tuple[Window, NDArray[np.float32]]:
        """The pixel rows that no later row of windows touches, once a row of windows is complete.

        Returns:
            Their place and (channels, rows, cols) float32; a view that the next window overwrites.
        """
        plan, top = self._plan, self._plan.tops[row]
        below = plan.tops[row + 1] if row + 1 < len(plan.tops) else plan.rows
        return Window(top, 0, below - top, plan.cols), self._sums[:, : below - top]

    def advance(self, row: int) -> None:
        """Forget the rows that ``finish`` gave."""
        if row + 1 == len(self._plan.tops):
            return
        done = self._plan.tops[row + 1] - self._plan.tops[row]
        for channel in self._sums:
            channel[:-done] = channel[done:].copy()
            channel[-done:] = 0.0


def batches(plan: WindowPlan, n: int) -> Iterator[Tuple[int, ...]]:
    """Columns of windows of one row, ``n`` neighbours at once."""
    for start in range(0, len(plan.lefts), n):
        yield tuple(range(start, min(start + n, len(plan.lefts))))
