# SPDX-License-Identifier: GPL-2.0-or-later
"""NEON airborne reflectance (DP1 and DP3.30006): a cube (lines, samples, bands) in HDF5, 426 bands.

Source: NEON Imaging Spectrometer Level 1 reflectance ATBD and the product's HDF5 layout (NEON.DOC.001288).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, osr

from ..errors import InputError, RasterReadError
from ..progress import Progress
from ..rasters.opening import Grid, read_window, traditional
from ..windows import Window
from .hdf5 import Hdf5File
from .product import Cube, Product, Spectra
from .xml_tree import to_number

_ENDING = "/Reflectance/Reflectance_Data"
_TILE_ROWS = 32


def recognises(file: Hdf5File) -> bool:
    """Whether a file has NEON's reflectance."""
    return file.find(_ENDING) is not None


def read(file: Hdf5File, progress: Progress) -> Product:
    """Describe a product.

    Args:
        file: The open file.
        progress: Unused.

    Raises:
        InputError: It is damaged.
    """
    array = file.require(_ENDING)
    group = array.rpartition("/")[0]
    centres = file.numbers(f"{group}/Metadata/Spectral_Data/Wavelength")
    dataset = _open_classic(file, array)
    sizes = (dataset.RasterCount, dataset.RasterYSize, dataset.RasterXSize)
    if sizes[2] == centres.size:
        rows, cols, is_side_on = sizes[0], sizes[1], True
    elif sizes[0] == centres.size:
        rows, cols, is_side_on = sizes[1], sizes[2], False
    else:
        raise InputError(
            f"{array} in {file.name} has no side of {centres.size} bands: {sizes}.", "Download the product again."
        )
    scale = _item(file, array, "Scale_Factor")
    if scale <= 0:
        raise InputError(f"The scale factor of {file.name} is {scale:g}.", "Download the product again.")
    widths = f"{group}/Metadata/Spectral_Data/FWHM"
    return Product(
        title="NEON AOP",
        name=file.name,
        grid=_grid(file, group, rows, cols),
        spectra=Spectra(
            centres, file.numbers(widths, centres.size) if file.has(widths) else None, ~_bad(file, group, centres)
        ),
        quantity="reflectance",
        scale=np.full(centres.size, 1.0 / scale),
        offset=np.zeros(centres.size),
        cube=Cube(
            centres.size, np.int16, lambda window: _part(dataset, window, centres.size, is_side_on), (_TILE_ROWS, 0)
        ),
        nodata=_item(file, array, "Data_Ignore_Value"),
    )


def _open_classic(file: Hdf5File, array: str) -> Any:
    try:
        return gdal.OpenEx(f'HDF5:"{file.path}":/{array}', gdal.OF_RASTER)
    except RuntimeError as error:
        raise RasterReadError(f"{array} in {file.path} cannot be opened: {error}.", "Download it again.") from error


def _part(dataset: Any, window: Window, n_bands: int, is_side_on: bool) -> NDArray[Any]:
    if not is_side_on:
        data = read_window(dataset, window, list(range(1, n_bands + 1)), gdal.GDT_Int16)
        return np.frombuffer(data, np.int16).reshape(n_bands, window.rows, window.cols)
    numbers = list(range(window.row_off + 1, window.row_off + window.rows + 1))
    data = read_window(dataset, Window(window.col_off, 0, window.cols, n_bands), numbers, gdal.GDT_Int16)
    return np.frombuffer(data, np.int16).reshape(window.rows, window.cols, n_bands).transpose(2, 0, 1)


def _item(file: Hdf5File, array: str, name: str) -> float:
    """An attribute of the cube, which the classic interface lists by the array's path."""
    ending = f"{array.strip('/').replace('/', '_')}_{name}"
    text = next((value for key, value in file.items().items() if key.replace("/", "_").endswith(ending)), None)
    if text is None:
        raise InputError(f"{array} in {file.name} has no {name}.", "Download the product again.")
    return to_number(text, name)


def _bad(file: Hdf5File, group: str, centres: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Bands inside the windows of water vapour that the product lists."""
    bad = np.zeros(centres.size, bool)
    for name in ("Band_Window_1_Nanometers", "Band_Window_2_Nanometers"):
        if file.attribute(group, name) is not None:
            low, high = file.list_of_numbers(group, name, 2)
            bad |= (centres >= low) & (centres <= high)
    return bad


def _grid(file: Hdf5File, group: str, rows: int, cols: int) -> Grid:
    folder = f"{group}/Metadata/Coordinate_System/"
    fields = file.string(folder + "Map_Info").split(",")
    if len(fields) < 7:
        raise InputError(f"Map_Info of {file.name} has {len(fields)} fields.", "Download the product again.")
    x, y, width, height = (to_number(field, "Map_Info") for field in fields[3:7])
    code = int(to_number(file.string(folder + "EPSG Code"), "EPSG Code"))
    srs = osr.SpatialReference()
    try:
        srs.ImportFromEPSG(code)
    except RuntimeError as error:
        raise InputError(f"{file.name} states EPSG:{code}, which PROJ does not know.", "Check the product.") from error
    return Grid(rows, cols, (x, width, 0.0, y, 0.0, -height), traditional(srs).ExportToWkt())
