# SPDX-License-Identifier: GPL-2.0-or-later
"""Cubes that GDAL opens side-on: bands are image lines, because the container's axes are in another order."""

from __future__ import annotations

import re

from osgeo import gdal

from ..errors import EngineError, InputError
from ..rasters.gdal_exceptions import use_exceptions
from .candidate import find_candidate
from .hdf5 import Hdf5File, is_hdf5

_WAVELENGTH_ARRAY = re.compile(r".*/(center_|centre_|central_)?wavelengths?$", re.IGNORECASE)


def check_axes(text: str) -> None:
    """Refuse a raster of an HDF5 or netCDF file whose rows or columns are the wavelengths.

    Args:
        text: What the user gave as a scene.

    Raises:
        InputError: The container has a list of wavelengths as long as a side of the raster, and not as its bands.
    """
    candidate = find_candidate(text)
    if candidate is None or candidate.is_folder or not is_hdf5(candidate.path):
        return
    use_exceptions()
    try:
        raster = gdal.OpenEx(text, gdal.OF_RASTER)
        container = Hdf5File(candidate.path)
        lists = [name for name in container.arrays if _WAVELENGTH_ARRAY.match(name)]
        lengths = {container.shape(name)[0] for name in lists if len(container.shape(name)) == 1}
    except (RuntimeError, EngineError):  # opening it as a scene tells what is wrong
        return
    sides = {raster.RasterXSize, raster.RasterYSize}
    found = sorted((lengths & sides) - {raster.RasterCount, 1})
    if found and raster.RasterCount > 0:
        raise InputError(
            f"{text} lies on its side: its {found[0]} wavelengths run along the rows or columns of the raster, and its "
            f"{raster.RasterCount} bands are lines of the image. A raster with one band a wavelength is accepted.",
            "Turn the axes, for example in Python with numpy.moveaxis, and save a GeoTIFF.",
        )
