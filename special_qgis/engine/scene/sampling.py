# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixels stand for a scene: all of a small one, else small windows spread evenly over it, drawn by seed.

Windows are 16 × 128 pixels on a fixed grid, many of them in the same rows: a striped file decodes few rows for them,
a tiled file few tiles. The choice depends on size and seed alone, never on memory, on blocks or on the file's layout.
"""

from __future__ import annotations

import math
from typing import Any, Iterable, Iterator, List, Set, Tuple

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress, check_cancelled
from ..windows import Window, plan_tiles
from .blocks import Sample, calibrated
from .reader import BlockReader

CELL_ROWS, CELL_COLS = 16, 128  # divide the usual tile sizes 128, 256 and 512
NEAR_PX = 512  # of the largest usual file tile
WHOLE_SCENE_FACTOR = 4  # a scene of up to this many times the wanted pixels is looked at as a whole
ROUNDS = 4  # of spread windows, before a scene with very few valid pixels is searched tile by tile
FEWEST_PX = 1000  # wanted at least; below, the search goes on


def plan_rounds(rows: int, cols: int, n_px: int, seed: int) -> Iterator[List[Window]]:
    """Windows to look at, in rounds; the next round is for when the ones before held too few valid pixels.

    Args:
        rows: Rows of the area.
        cols: Columns of the area.
        n_px: Pixels wanted.
        seed: Seed of the random generator that draws the positions.

    Yields:
        Windows that do not overlap those of other rounds of spread windows; at last all tiles in a drawn order.
    """
    area = Window(0, 0, rows, cols)
    if area.n_px <= WHOLE_SCENE_FACTOR * n_px:
        yield plan_tiles(area)
        return
    rng = np.random.default_rng(seed)
    used: Set[Tuple[int, int]] = set()
    for _ in range(ROUNDS):
        yield _spread_windows(area, n_px, rng, used)
    tiles = plan_tiles(area)
    yield [tiles[i] for i in rng.permutation(len(tiles))]


def _spread_windows(area: Window, n_px: int, rng: Any, used: Set[Tuple[int, int]]) -> List[Window]:
    """One window in each of a grid of strata, at cells not yet used."""
    cell_rows, cell_cols = math.ceil(area.rows / CELL_ROWS), math.ceil(area.cols / CELL_COLS)
    n_windows = max(1, math.ceil(n_px / (CELL_ROWS * CELL_COLS)))
    n_down = min(cell_rows, max(1, round(math.sqrt(n_windows * area.rows / area.cols))))
    n_across = min(cell_cols, math.ceil(n_windows / n_down))
    n_down = min(cell_rows, math.ceil(n_windows / n_across))
    windows = []
    for down in range(n_down):
        row = _draw(rng, down, n_down, cell_rows)
        for across in range(n_across):
            col = _draw(rng, across, n_across, cell_cols)
            if (row, col) not in used:
                used.add((row, col))
                windows.append(_cell(area, row, col))
    return sorted(windows, key=_near)


def _near(window: Window) -> Tuple[int, int, int, int]:
    """Sort key that puts windows of the same file tile side by side, so that GDAL's cache serves all but the first."""
    return window.row_off // NEAR_PX, window.col_off // NEAR_PX, window.row_off, window.col_off


def _draw(rng: Any, stratum: int, n_strata: int, n_cells: int) -> int:
    low, high = stratum * n_cells // n_strata, (stratum + 1) * n_cells // n_strata
    return int(rng.integers(low, max(high, low + 1)))


def _cell(area: Window, row: int, col: int) -> Window:
    row_off, col_off = row * CELL_ROWS, col * CELL_COLS
    return Window(row_off, col_off, min(CELL_ROWS, area.rows - row_off), min(CELL_COLS, area.cols - col_off))


def draw_sample(reader: BlockReader, n_px: int, seed: int, progress: Progress) -> Sample:
    """Spectra of up to ``n_px`` valid pixels.

    Args:
        reader: Reads the good bands.
        n_px: Most pixels wanted; all valid pixels are taken when there are fewer.
        seed: Seed of the random generator of all draws.
        progress: Checked for cancel before every window.

    Returns:
        The sample, empty when no pixel is valid.
    """
    rows, cols = reader.area.window.rows, reader.area.window.cols
    pool = _Pool(min(n_px, rows * cols), reader)
    rng = np.random.default_rng((seed, 1))
    n_seen = 0
    for windows in plan_rounds(rows, cols, n_px, seed):
        searching = n_seen > 0
        for window in windows:
            check_cancelled(progress)
            block = reader.read(window)
            keys = rng.random(window.n_px, dtype=np.float32)[block.valid.ravel()]
            in_rows, in_cols = np.nonzero(block.valid)
            pool.add(keys, in_rows + window.row_off, in_cols + window.col_off, block.raw[:, in_rows, in_cols].T)
            n_seen += window.n_px
            if searching and pool.n_offered >= FEWEST_PX:
                break
        if pool.n_offered >= min(n_px, FEWEST_PX):
            break
    return pool.sample(n_seen)


class _Pool:
    """The pixels with the smallest keys of all that were offered, in memory fixed beforehand."""

    def __init__(self, capacity: int, reader: BlockReader) -> None:
        self._calibration = reader.bands.calibration
        self._keys = np.full(capacity, np.inf, np.float32)
        self._rows = np.zeros(capacity, np.int64)
        self._cols = np.zeros(capacity, np.int64)
        self._raw = np.zeros((capacity, len(reader.bands.numbers)), reader.bands.dtype)
        self._n = 0
        self.n_offered = 0

    def add(
        self, keys: NDArray[np.float32], rows: NDArray[np.int64], cols: NDArray[np.int64], raw: NDArray[Any]
    ) -> None:
        """Offer pixels: (n,) keys, (n,) rows and columns, (n, bands) values as stored."""
        self.n_offered += keys.size
        free = min(self._keys.size - self._n, keys.size)
        self._put(slice(self._n, self._n + free), slice(0, free), keys, rows, cols, raw)
        self._n += free
        if free == keys.size:
            return
        capacity = self._keys.size
        both = np.concatenate([self._keys, keys[free:]])
        chosen = np.zeros(both.size, bool)
        chosen[np.argpartition(both, capacity - 1)[:capacity]] = True
        leaving = np.flatnonzero(~chosen[:capacity])
        entering = free + np.flatnonzero(chosen[capacity:])
        self._put(leaving, entering, keys, rows, cols, raw)

    def _put(self, target: Any, origin: Any, keys: Any, rows: Any, cols: Any, raw: Any) -> None:
        self._keys[target], self._rows[target], self._cols[target] = keys[origin], rows[origin], cols[origin]
        self._raw[target] = raw[origin]

    def sample(self, n_seen: int) -> Sample:
        """What was chosen, by rows and columns."""
        order = np.lexsort((self._cols[: self._n], self._rows[: self._n]))
        share = self.n_offered / n_seen if n_seen else 0.0
        spectra = calibrated(self._raw[order], self._calibration)
        return Sample(self._rows[order], self._cols[order], spectra, share)


class SampleTiles:
    """Finds the pixels of a sample that lie in a tile.

    Args:
        sample: Pixels in the order of rows.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def find(self, window: Window) -> Tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the sample's pixels in a window, and their rows and columns in it: three (n,) arrays."""
        rows, cols = self.sample.rows, self.sample.cols
        first, last = np.searchsorted(rows, (window.row_off, window.row_off + window.rows))
        beside = (cols[first:last] >= window.col_off) & (cols[first:last] < window.col_off + window.cols)
        index = first + np.flatnonzero(beside)
        return index, rows[index] - window.row_off, cols[index] - window.col_off

    def inside(
        self, windows: Iterable[Window]
    ) -> Iterator[Tuple[Window, NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]]:
        """The windows that hold pixels of the sample, each with what ``find`` gives."""
        for window in windows:
            index, rows, cols = self.find(window)
            if index.size:
                yield window, index, rows, cols
