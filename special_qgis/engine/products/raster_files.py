# SPDX-License-Identifier: GPL-2.0-or-later
"""Products that are rasters GDAL opens as they are: their grid, their bands, and marks out of their quality rasters."""

from __future__ import annotations

from typing import Any, Callable, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, gdal_array

from ..errors import InputError, RasterReadError
from ..rasters.gdal_exceptions import use_exceptions
from ..rasters.opening import Grid, read_grid, read_window
from ..windows import Window
from .product import BandFile, QualityLayer

Mark = Callable[[NDArray[Any]], NDArray[np.bool_]]  # values of a quality band → True = marked


def open_file(path: str) -> Any:
    """Open a raster of a product.

    Raises:
        RasterReadError: GDAL cannot.
    """
    use_exceptions()
    try:
        return gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_READONLY | gdal.OF_VERBOSE_ERROR)
    except RuntimeError as error:
        raise RasterReadError(
            f"{path} cannot be opened as a raster: {error}.", "The file may be cut off; download the product again."
        ) from error


def grid_of(path: str) -> Grid:
    """Size and georeference of a raster."""
    return read_grid(open_file(path))


def bands_of(path: str, n_expected: int, title: str) -> Tuple[BandFile, ...]:
    """All bands of a raster.

    Raises:
        InputError: Their number is not the one that the description states.
    """
    count = open_file(path).RasterCount
    if count != n_expected:
        raise InputError(
            f"{path} has {count} bands, but the {title} describes {n_expected}.",
            "Keep the files of one product together; download it again if they belong together.",
        )
    return tuple(BandFile(path, number) for number in range(1, count + 1))


def read_values(dataset: Any, window: Window, numbers: Sequence[int]) -> NDArray[Any]:
    """Values of a window, (bands, rows, cols)."""
    kind = dataset.GetRasterBand(numbers[0]).DataType
    buffer = read_window(dataset, window, list(numbers), kind)
    dtype = gdal_array.GDALTypeCodeToNumericTypeCode(kind)
    return np.frombuffer(buffer, dtype).reshape(len(numbers), window.rows, window.cols)


def quality_layer(kind: str, path: str, numbers: Sequence[int], mark: Mark, grid: Grid) -> QualityLayer:
    """A quality layer out of bands of a raster; a pixel is marked where any of the bands marks it.

    Args:
        kind: One of ``QUALITY_KINDS``.
        path: The raster.
        numbers: Bands, from 1.
        mark: Values → True = marked.
        grid: The image's grid; a raster of other size is read by its nearest pixels.
    """
    opened: List[Any] = []

    def is_marked(window: Window) -> NDArray[np.bool_]:
        if not opened:
            opened.append(open_file(path))
        dataset = opened[0]
        if (dataset.RasterYSize, dataset.RasterXSize) == (grid.rows, grid.cols):
            return np.asarray(mark(read_values(dataset, window, numbers)).any(axis=0))
        return _nearest(dataset, window, numbers, mark, grid)

    return QualityLayer(kind, is_marked)


def _nearest(dataset: Any, window: Window, numbers: Sequence[int], mark: Mark, grid: Grid) -> NDArray[np.bool_]:
    """Marks of a coarser or finer raster over the same ground."""
    rows = (np.arange(window.row_off, window.row_off + window.rows) + 0.5) * dataset.RasterYSize / grid.rows
    cols = (np.arange(window.col_off, window.col_off + window.cols) + 0.5) * dataset.RasterXSize / grid.cols
    row, col = rows.astype(int), cols.astype(int)
    part = Window(int(row[0]), int(col[0]), int(row[-1] - row[0]) + 1, int(col[-1] - col[0]) + 1)
    marks = mark(read_values(dataset, part, numbers)).any(axis=0)
    return np.asarray(marks[np.ix_(row - row[0], col - col[0])])
