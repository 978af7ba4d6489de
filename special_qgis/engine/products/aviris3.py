# SPDX-License-Identifier: GPL-2.0-or-later
"""AVIRIS-3 and AVIRIS-5 orthorectified netCDF: one cube (bands, rows, columns) with its grid mapping.

Source: AVIRIS-3 L2A product description (ORNL DAAC); grid mapping after the CF conventions, with GDAL's attributes.
"""

from __future__ import annotations

import re
from typing import Optional, Tuple

import numpy as np

from ..errors import InputError
from ..progress import Progress
from ..rasters.opening import Grid, spatial_reference
from .hdf5 import Hdf5File
from .product import Cube, Product, Spectra

_QUANTITIES = ("reflectance", "radiance")
_MAPPINGS = ("/transverse_mercator", "/projection")
_NAME = re.compile(r"av[35]\d{8}t\d{6}", re.IGNORECASE)
_FILL = -9999.0
_TILE_ROWS = 64


def recognises(file: Hdf5File) -> bool:
    """Whether a file has the groups of these products, and a grid mapping or a name that says so."""
    has_cube = any(file.has(f"/{name}/{name}") and file.has(f"/{name}/wavelength") for name in _QUANTITIES)
    return has_cube and (_NAME.match(file.name) is not None or any(file.has(name) for name in _MAPPINGS))


def read(file: Hdf5File, progress: Progress) -> Product:
    """Describe a product.

    Args:
        file: The open file.
        progress: Unused.

    Raises:
        InputError: It is not on a map grid, or damaged.
    """
    quantity = next(name for name in _QUANTITIES if file.has(f"/{name}/{name}"))
    array = f"/{quantity}/{quantity}"
    n_bands, rows, cols = file.shape(array)
    widths = f"/{quantity}/fwhm"
    fill = file.fill_value(array)
    return Product(
        title="AVIRIS-3",
        name=file.name,
        grid=_grid(file, rows, cols),
        spectra=Spectra(
            file.numbers(f"/{quantity}/wavelength", n_bands),
            file.numbers(widths, n_bands) if file.has(widths) else None,
        ),
        quantity=quantity,
        unit="" if quantity == "reflectance" else "uW/(cm^2 sr nm)",
        scale=np.ones(n_bands),
        offset=np.zeros(n_bands),
        cube=Cube(n_bands, np.float32, lambda window: file.cube_part(array, window), (_TILE_ROWS, 0)),
        nodata=_FILL if fill is None else fill,
    )


def _grid(file: Hdf5File, rows: int, cols: int) -> Grid:
    mapping: Optional[str] = next((name for name in _MAPPINGS if file.has(name)), None)
    if mapping is None or file.attribute(mapping, "GeoTransform") is None:
        raise InputError(
            f"{file.name} is not on a map grid. The orthorectified product (…_ORT.nc) is accepted.",
            "Download the orthorectified product of the flight line.",
        )
    values: Tuple[float, ...] = tuple(float(v) for v in file.list_of_numbers(mapping, "GeoTransform", 6))
    wkt = file.text(mapping, "spatial_ref") or file.text(mapping, "crs_wkt")
    spatial_reference(wkt)
    return Grid(rows, cols, values, wkt)  # type: ignore[arg-type] # six of them, counted above
