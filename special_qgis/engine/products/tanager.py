# SPDX-License-Identifier: GPL-2.0-or-later
"""Tanager ortho products: an HDF-EOS grid with one cube (bands, rows, columns) and quality rasters on the same grid.

Source: Planet's Tanager product specification; HDF-EOS5 structure metadata (NASA ESDIS).
"""

from __future__ import annotations

import re
from typing import List

import numpy as np
from osgeo import osr

from ..errors import InputError
from ..progress import Progress
from ..rasters.opening import Grid, traditional
from .hdf5 import Hdf5File
from .product import Cube, Product, QualityLayer, Spectra
from .xml_tree import to_number

_FIELDS = "/HDFEOS/GRIDS/HYP/Data Fields/"
_CUBES = (("surface_reflectance", "reflectance"), ("toa_radiance", "radiance"))
_MASKS = (("cloud", "beta_cloud_mask"), ("cirrus", "beta_cirrus_mask"), ("fill", "nodata_pixels"))
_TILE_ROWS = 128


def recognises(file: Hdf5File) -> bool:
    """Whether a file is a Tanager product of any level."""
    return any(name.startswith(("/HDFEOS/GRIDS/HYP/", "/HDFEOS/SWATHS/HYP/")) for name in file.arrays)


def read(file: Hdf5File, progress: Progress) -> Product:
    """Describe a product.

    Args:
        file: The open file.
        progress: Unused.

    Raises:
        InputError: It is in the sensor's own geometry, or damaged.
    """
    found = [(_FIELDS + name, quantity) for name, quantity in _CUBES if file.has(_FIELDS + name)]
    if not found:
        raise InputError(
            f"{file.name} is a Tanager product without a map grid (basic_…). ortho_sr and ortho_radiance are accepted.",
            "Download the ortho product of the scene.",
        )
    name, quantity = found[0]
    n_bands, rows, cols = file.shape(name)
    good = [item for item in ("good_wavelengths", "all_good_wavelengths") if file.attribute(name, item) is not None]
    return Product(
        title="Tanager",
        name=file.name,
        grid=_grid(file, rows, cols),
        spectra=Spectra(
            file.list_of_numbers(name, "wavelengths", n_bands),
            file.list_of_numbers(name, "fwhm", n_bands) if file.attribute(name, "fwhm") is not None else None,
            file.list_of_numbers(name, good[0], n_bands) == 1 if good else None,
        ),
        quantity=quantity,
        unit="" if quantity == "reflectance" else "W/(m^2 sr um)",
        scale=np.ones(n_bands),
        offset=np.zeros(n_bands),
        cube=Cube(n_bands, np.float32, lambda window: file.cube_part(name, window), (_TILE_ROWS, 0)),
        nodata=file.fill_value(name),
        layers=tuple(_layers(file, rows, cols)),
    )


def _grid(file: Hdf5File, rows: int, cols: int) -> Grid:
    text = _structure(file)
    left, top = _pair(text, "UpperLeftPointMtrs", file)
    right, bottom = _pair(text, "LowerRightMtrs", file)
    geotransform = (left, (right - left) / cols, 0.0, top, 0.0, (bottom - top) / rows)
    srs = osr.SpatialReference()
    code = _epsg(file, text)
    try:
        srs.ImportFromEPSG(code)
    except RuntimeError as error:
        raise InputError(f"{file.name} states EPSG:{code}, which PROJ does not know.", "Check the product.") from error
    return Grid(rows, cols, geotransform, traditional(srs).ExportToWkt())


def _structure(file: Hdf5File) -> str:
    """Text of the structure metadata, which GDAL reads as an array of one string."""
    return file.string("/HDFEOS INFORMATION/StructMetadata.0")


def _pair(text: str, name: str, file: Hdf5File) -> List[float]:
    found = re.search(rf"{name}\s*=\s*\(([^,()]*),([^,()]*)\)", text)
    if found is None:
        raise InputError(f"The structure metadata of {file.name} has no {name}.", "Download the product again.")
    return [to_number(part, name) for part in found.groups()]


def _epsg(file: Hdf5File, text: str) -> int:
    if file.attribute("/HDFEOS/GRIDS/HYP", "epsg_code") is not None:
        return int(file.number("/HDFEOS/GRIDS/HYP", "epsg_code"))
    zone = re.search(r"ZoneCode\s*=\s*(-?\d{1,2})\b", text)
    if zone is None:
        raise InputError(f"{file.name} states no reference system.", "Download the product again.")
    number = int(zone.group(1))
    return (32600 if number > 0 else 32700) + abs(number)


def _layers(file: Hdf5File, rows: int, cols: int) -> List[QualityLayer]:
    return [
        _layer(file, kind, _FIELDS + name)
        for kind, name in _MASKS
        if file.has(_FIELDS + name) and file.shape(_FIELDS + name) == (rows, cols)
    ]


def _layer(file: Hdf5File, kind: str, name: str) -> QualityLayer:
    return QualityLayer(
        kind,
        lambda window: np.asarray(file.read(name, (window.row_off, window.col_off), (window.rows, window.cols)) > 0),
    )
