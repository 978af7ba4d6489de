# SPDX-License-Identifier: GPL-2.0-or-later
"""Class rasters as files: opened, checked and read as whole numbers, and empty blocks on their grid."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from ..errors import InputError
from ..windows import Window
from .legend import MAX_CLASS_VALUE
from .opening import GeoTransform, damaged_error
from .proj import prepare_proj
from .single_band import open_single_band
from .text import description

Values = NDArray[np.int64]


def open_class_raster(path: str, role: str) -> gdal.Dataset:
    """Open a class raster.

    Args:
        path: Anything GDAL opens.
        role: What it is, for messages: "map", "reference" or "class raster".

    Raises:
        RasterReadError: It is missing, cut off, or GDAL cannot open it.
        InputError: It has several bands or complex values, so it is no class raster.
    """
    return open_single_band(
        path,
        role,
        "a class raster has one band of whole numbers",
        "Choose the class raster instead of an image or a stack of probabilities.",
    )


def open_source(path: str, kind: int) -> Optional[gdal.Dataset]:
    """Open a source of a GDAL kind; None where it is not one."""
    prepare_proj()
    try:
        return gdal.OpenEx(path, kind | gdal.OF_READONLY)
    except RuntimeError:
        return None


def read_classes(dataset: gdal.Dataset, window: Window) -> Values:
    """Class values of a window of a class raster; 0 where it is nodata, masked, NaN or negative.

    Raises:
        RasterReadError: The file is damaged.
        InputError: A value is not a whole number, or above 65535.
    """
    return as_classes(read_unmasked(dataset, window), description(dataset))


def read_unmasked(dataset: gdal.Dataset, window: Window, fill: float = 0) -> NDArray[Any]:
    """Values of a window of the first band as stored, where it is nodata or masked the fill value.

    Raises:
        RasterReadError: The file is damaged.
    """
    band = dataset.GetRasterBand(1)
    place = (window.col_off, window.row_off, window.cols, window.rows)
    try:
        values = band.ReadAsArray(*place)
        mask = None if band.GetMaskFlags() == gdal.GMF_ALL_VALID else band.GetMaskBand().ReadAsArray(*place)
    except RuntimeError as error:
        raise damaged_error(dataset, window, error) from error
    if values is None:
        raise damaged_error(dataset, window, "no pixels came back")
    return values if mask is None else np.where(mask == 0, fill, values)


def as_classes(values: NDArray[Any], path: str) -> Values:
    """Class values as whole numbers, 0 where they are NaN or negative.

    Args:
        values: (...) integer, float32 or float64.
        path: Where they come from, for messages.

    Raises:
        InputError: A value is not a whole number, or above 65535.
    """
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=-1.0, neginf=-1.0)
        fractional = values != np.rint(values)
        if fractional.any():
            raise InputError(
                f"{path} holds the value {values[fractional][0]:g}; a class raster holds whole numbers.",
                "Choose the class raster instead of an image or a probability.",
            )
    if values.size and values.max() > MAX_CLASS_VALUE:
        raise InputError(
            f"{path} holds the value {values.max():g}; class values go from 1 to {MAX_CLASS_VALUE}, 0 is no data.",
            "Declare nodata in the file, or choose the class raster.",
        )
    classes: Values = np.maximum(values, 0).astype(np.int64)
    return classes


def require_confidence(values: NDArray[Any], path: str) -> None:
    """Refuse values above 1 as confidence.

    Args:
        values: (...) integer, float32 or float64, no NaN; at least one.
        path: Where they come from, for the message.

    Raises:
        InputError: One is.
    """
    largest = float(values.max())
    if largest > 1.0:
        raise InputError(
            f"The confidence raster {path} holds the value {largest:g}; 0 to 1 is accepted.",
            "Divide it by its largest value, or leave it out.",
        )


def block_dataset(window: Window, transform: GeoTransform, wkt: str, gdal_type: int) -> gdal.Dataset:
    """An empty raster in memory that covers a window of a grid."""
    block = gdal.GetDriverByName("MEM").Create("", window.cols, window.rows, 1, gdal_type)
    x0, dx, rx, y0, ry, dy = transform
    x = x0 + window.col_off * dx + window.row_off * rx
    y = y0 + window.col_off * ry + window.row_off * dy
    block.SetGeoTransform((x, dx, rx, y, ry, dy))
    if wkt:
        block.SetProjection(wkt)
    return block
