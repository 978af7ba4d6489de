# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a map once in blocks and sums its pixels by class, over the whole map and under every polygon.

Memory grows with the number of polygons and of their classes, not with the map.
"""

from __future__ import annotations

from typing import Iterator, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress, check_cancelled
from ..rasters.class_raster import read_classes
from ..windows import Window, plan_reads
from .ellipsoid import Floats
from .inputs import Inputs
from .polygons import Polygon, burn
from .sums import Sums, Values

_BLOCK_PX = 512  # rows of a block
_BLOCK_BYTES = 64 * 1024 * 1024  # of one block with its arrays
_BYTES_PER_PX = 64  # map, area, confidence, mask and index arrays while summing


def sum_areas(inputs: Inputs, progress: Progress) -> Tuple[Sums, List[Sums]]:
    """Sum pixels by class.

    Args:
        inputs: Map, pixel areas, polygons and confidence.
        progress: Receives progress; checked for cancel at every block and polygon.

    Returns:
        Sums over the map, and over each polygon.

    Raises:
        EngineError: A file is damaged or holds other values than it should.
        Cancelled: The user cancelled.
    """
    blocks = plan_reads(Window(0, 0, inputs.grid.rows, inputs.grid.cols), _BYTES_PER_PX, _BLOCK_BYTES, _BLOCK_PX)
    whole, in_polygons = Sums(), [Sums() for _ in inputs.polygons]
    bounds = _bounds(inputs.polygons)
    for number, block in enumerate(blocks):
        check_cancelled(progress)
        progress.report(number / len(blocks), "Measuring areas")
        values = read_classes(inputs.map, block)
        areas = _areas_of(values, inputs.pixel_areas.read(block), inputs.pixel_areas.described)
        confidence = None if inputs.confidence is None else inputs.confidence.read(block)
        whole.add(values.ravel(), areas.ravel(), None if confidence is None else confidence.ravel())
        for index, part in _parts(bounds, block):
            check_cancelled(progress)
            inside, place = burn(inputs.polygons[index], inputs.grid, part), part.slices(block)
            of_pixels = None if confidence is None else confidence[place][inside]
            in_polygons[index].add(values[place][inside], areas[place][inside], of_pixels)
    return whole, in_polygons


def _areas_of(values: Values, areas: Floats, described: str) -> Floats:
    """Areas of a block's pixels, of the block's shape; 0 for pixels of no class whose area is not known.

    Raises:
        InputError: The area of a pixel that has a class is not known.
    """
    areas = np.broadcast_to(areas, values.shape)
    unknown = ~np.isfinite(areas)
    if (unknown & (values > 0)).any():
        raise InputError(
            f"A part of the map lies where its CRS shows no place on the {described}.",
            "Measure in the plane of the CRS (crs), or crop the map to the CRS's area of use.",
        )
    return np.where(unknown, 0.0, areas)


def _bounds(polygons: Sequence[Polygon]) -> NDArray[np.int64]:
    """First row and column and those after the last of each polygon's window, (n, 4) int64; empty ones are all 0."""
    bounds = np.zeros((len(polygons), 4), np.int64)
    for index, polygon in enumerate(polygons):
        window = polygon.window
        if window is not None:
            bounds[index] = window.row_off, window.col_off, window.row_off + window.rows, window.col_off + window.cols
    return bounds


def _parts(bounds: NDArray[np.int64], block: Window) -> Iterator[Tuple[int, Window]]:
    """Polygons whose windows share pixels with a block, by index, and what they share."""
    first = np.maximum(bounds[:, :2], (block.row_off, block.col_off))
    after = np.minimum(bounds[:, 2:], (block.row_off + block.rows, block.col_off + block.cols))
    for index in np.flatnonzero((first < after).all(axis=1)).tolist():
        (row, col), (rows, cols) = first[index].tolist(), (after[index] - first[index]).tolist()
        yield index, Window(row, col, rows, cols)
