# SPDX-License-Identifier: GPL-2.0-or-later
"""Rectangles of pixels: the fixed tile grid that stages compute on and the strips that files are read in.

Stages compute on tiles of a fixed absolute grid, whatever the memory budget, so the result cannot depend on it; the
budget decides only how many tiles are read from the file at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

TILE_PX = 256  # side of a compute tile; also the block size of the rasters written


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: offsets of its first row and column, and its size."""

    row_off: int
    col_off: int
    rows: int
    cols: int

    @property
    def n_px(self) -> int:
        """Number of pixels."""
        return self.rows * self.cols

    def slices(self, origin: Window | None = None) -> tuple[slice, slice]:
        """Row and column slices of this window in an array whose first pixel is that of ``origin``."""
        row = self.row_off - (origin.row_off if origin else 0)
        col = self.col_off - (origin.col_off if origin else 0)
        return slice(row, row + self.rows), slice(col, col + self.cols)


def plan_tiles(area: Window, tile_px: int = TILE_PX) -> List[Window]:
    """Cut an area into tiles of a fixed grid that begins at the area's first pixel, row by row.

    Args:
        area: Window to cover, in pixels.
        tile_px: Side of a tile in pixels; tiles at the right and lower border are smaller.

    Returns:
        Tiles that cover the area once.
    """
    return [
        Window(row, col, min(tile_px, area.row_off + area.rows - row), min(tile_px, area.col_off + area.cols - col))
        for row in range(area.row_off, area.row_off + area.rows, tile_px)
        for col in range(area.col_off, area.col_off + area.cols, tile_px)
    ]


def plan_reads(
    area: Window, bytes_per_px: int, budget_bytes: int, tile_px: int = TILE_PX, block_rows: int = 1
) -> List[Window]:
    """Cut an area into read windows of whole tiles, as wide as the budget allows, so that few reads are needed.

    Where the file's blocks are higher than a tile, read windows are as high as a block when the budget allows, since
    a block is decoded as a whole.

    Args:
        area: Window to cover, in pixels.
        bytes_per_px: Size of one pixel in bytes, with all the bands that are read.
        budget_bytes: Largest read wanted in bytes; one tile is read even where it is larger.
        tile_px: Side of a tile in pixels.
        block_rows: Number of rows of the file's blocks.

    Returns:
        Read windows, each a union of tiles, that cover the area once.
    """
    tiles_per_read = max(1, budget_bytes // max(1, bytes_per_px * tile_px * tile_px))
    tiles_down = max(1, min(block_rows // tile_px, tiles_per_read))
    height_px, width_px = tile_px * tiles_down, tile_px * max(1, tiles_per_read // tiles_down)
    return [
        Window(row, col, min(height_px, area.row_off + area.rows - row), min(width_px, area.col_off + area.cols - col))
        for row in range(area.row_off, area.row_off + area.rows, height_px)
        for col in range(area.col_off, area.col_off + area.cols, width_px)
    ]
