# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the kernels of tiles lie, and which tiles of a window another window has already made.

Kernels depend on the image around them alone. Windows that overlap therefore have those in common that see neither
window's border; they are kept until no later row of windows can need them. Those near a border, and those of
windows whose pixels do not fall on one another, belong to their window and are overwritten by the next.
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from .folding import reach_of
from .tiling import BLOCKS, LANES, TILE_FLOATS

__all__ = ["KernelPool"]

KEPT_BYTES = 256 * 2**20  # of one step; columns that do not fit are made by every window for itself

Corner = Tuple[int, int]


class KernelPool:
    """Kernels of the windows that slide over one image.

    Args:
        packed: Whether kernels and sources are held as pairs of bfloat16, in words of uint32, or in float32.
        window: Rows and columns of a window in pixels; None = windows have nothing in common.
        cols: Columns of the image, in pixels.
    """

    def __init__(self, packed: bool, window: Optional[Tuple[int, int]] = None, cols: int = 0) -> None:
        self.dtype = np.dtype(np.uint32 if packed else np.float32)
        self._window, self._cols = window, cols
        self._levels: Dict[int, _LevelPool] = {}
        self._buffers: Dict[Tuple[int, ...], NDArray[Any]] = {}

    def place(
        self, level: int, size: Tuple[int, int], radius: int, n_images: int, corners: Optional[Sequence[Corner]]
    ) -> Tuple[NDArray[Any], List[NDArray[np.intp]], List[NDArray[np.intp]]]:
        """Find places for the kernels of a step.

        Args:
            level: Number of the step.
            size: Rows and columns of its result.
            radius: Radius of its neighbourhoods, in pixels of its result.
            n_images: Windows in the batch.
            corners: Row and column of each window in the image; None = windows have nothing in common.

        Returns:
            The pool; for each window places (row pairs, tile columns); and for each window the tiles that are to be
            made (tiles, 3): row pair, tile column and place.
        """
        found = self._levels.get(level)
        if found is None or not found.fits(size, n_images):
            scale = (size[1] / self._window[1]) if self._window is not None else 0.0
            found = _LevelPool(size, radius, n_images, math.ceil(self._cols * scale / LANES), self.dtype)
            self._levels[level] = found
        cells: List[Optional[Corner]] = [None] * n_images
        if corners is not None and self._window is not None:
            cells = [_cells(corner, size, self._window) for corner in corners]
        pairs = [found.place(image, corner) for image, corner in enumerate(cells)]
        return found.pool, [places for places, _ in pairs], [todo for _, todo in pairs]

    def buffer(self, *shape: int, number: int) -> NDArray[Any]:
        """An array that is zero where nothing was written, the same one for the same shape and number."""
        key = (number, *shape)
        if key not in self._buffers:
            self._buffers[key] = np.zeros(shape, self.dtype)
        return self._buffers[key]


def _cells(corner: Corner, size: Tuple[int, int], window: Tuple[int, int]) -> Optional[Corner]:
    """Row and column of a window on the grid of a step; None = its tiles do not fall on those of others.

    Rows must fall on one another by fours, as pairs of the source's rows do.
    """
    (top, more_top), (left, more_left) = (divmod(at * n, side) for at, n, side in zip(corner, size, window))
    return None if more_top or more_left or top % 4 or left % LANES else (top, left)


class _LevelPool:
    """Kernels of one step: a ring of rows that windows have in common, then each window's own."""

    def __init__(self, size: Tuple[int, int], radius: int, n_images: int, n_tiles: int, dtype: np.dtype[Any]) -> None:
        self._size, self._n_images = size, n_images
        self._n_pairs, self._n_tiles = size[0] // 2, -(-size[1] // LANES)
        self._reach = reach_of(radius)
        n_source = 2 * self._reach + 1
        n_floats = (self._reach + 1) * n_source * TILE_FLOATS * (2 if dtype == np.float32 else 1)
        kept = min(n_tiles, KEPT_BYTES // (4 * n_floats * self._n_pairs))
        self._made = np.full((self._n_pairs, kept), -1, np.int64)  # row pair of the image whose kernels lie there
        n_places = self._made.size + n_images * self._n_pairs * self._n_tiles
        self.pool = np.empty((n_places, n_floats), dtype)

    def fits(self, size: Tuple[int, int], n_images: int) -> bool:
        """Whether there is room for so many windows of this size."""
        return size == self._size and n_images <= self._n_images

    def place(self, image: int, corner: Optional[Corner]) -> Tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Places of a window's kernels, and the tiles that are to be made."""
        shape = (self._n_pairs, self._n_tiles)
        first = self._made.size + image * shape[0] * shape[1]
        places = np.arange(first, first + shape[0] * shape[1], dtype=np.intp).reshape(shape)
        todo = np.ones(shape, bool)
        if corner is not None:
            rows, cols = self._inside(corner[1] // LANES)
            row_pairs = corner[0] // 2 + np.arange(rows.start, rows.stop)
            ring = row_pairs % self._n_pairs
            tiles = corner[1] // LANES + np.arange(cols.start, cols.stop)
            places[rows, cols] = ring[:, None] * self._made.shape[1] + tiles
            todo[rows, cols] = self._made[np.ix_(ring, tiles)] != row_pairs[:, None]
            self._made[np.ix_(ring, tiles)] = row_pairs[:, None]
        row_pairs, tiles = np.nonzero(todo)
        return places, np.stack([row_pairs, tiles, places[row_pairs, tiles]], axis=1).astype(np.intp)

    def _inside(self, first_tile: int) -> Tuple[slice, slice]:
        """Row pairs and tile columns of a window that see none of its borders and are kept."""
        reach, n_source = self._reach, self._size[1] // 2
        left, right = -(-reach // BLOCKS), min((n_source - reach) // BLOCKS, self._made.shape[1] - first_tile)
        return slice(reach, max(reach, self._n_pairs - reach)), slice(left, max(left, right))
