# SPDX-License-Identifier: GPL-2.0-or-later
"""Rasters of one band of real numbers, such as classes, confidence or heights."""

from __future__ import annotations

from typing import Any

from osgeo import gdal

from ..errors import InputError
from .opening import open_raster

__all__ = ["open_single_band"]


def open_single_band(path: str, role: str, accepted: str, advice: str) -> Any:
    """Open a raster of one band of real numbers, beside which an alpha band may stand.

    Args:
        path: A path, or anything else that GDAL opens.
        role: What it is, for messages: "map", "height raster".
        accepted: What it must be, for messages: "a class raster has one band of whole numbers".
        advice: What to do where it is not, for messages.

    Raises:
        RasterReadError: It is missing, cut off, or GDAL cannot open it.
        InputError: It has several bands or complex values.
    """
    dataset = open_raster(path)
    bands = [dataset.GetRasterBand(b + 1) for b in range(dataset.RasterCount)]
    n_data = sum(band.GetColorInterpretation() != gdal.GCI_AlphaBand for band in bands)
    if n_data != 1 or gdal.DataTypeIsComplex(bands[0].DataType):
        kind = gdal.GetDataTypeName(bands[0].DataType)
        raise InputError(f"The {role} {path} has {n_data} bands of type {kind}; {accepted}.", advice)
    return dataset
