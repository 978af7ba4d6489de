# SPDX-License-Identifier: GPL-2.0-or-later
"""PRISMA L2D: two cubes (rows, bands, columns) in HDF5, long wavelengths first, on a UTM grid.

Source: PRISMA Products Specification Document (ASI, issue 2.3): attributes, scale factors, error matrices. The corners
are pixel centres.
"""

from __future__ import annotations

import math
from typing import Any, List, NamedTuple, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import osr

from ..errors import InputError
from ..progress import Progress
from ..rasters.opening import Grid, traditional
from ..windows import Window
from .hdf5 import Hdf5File
from .product import Cube, Product, QualityLayer, Spectra

_FIELDS = "/HDFEOS/SWATHS/PRS_L2D_HCO/"
_LARGEST_DN = 65535.0
_TILE_ROWS = 128
_DETECTORS = ("Vnir", "Swir")
_FARTHEST_PX = 0.75  # between the first pixel's own coordinates and the corner: the half pixel in doubt, and rounding


class _Detector(NamedTuple):
    """One of the two cubes."""

    array: str
    channels: NDArray[np.intp]  # indices of the channels that exist
    centres_nm: NDArray[np.float64]
    fwhm_nm: NDArray[np.float64]
    scale: float
    offset: float


def recognises(file: Hdf5File) -> bool:
    """Whether a file is a PRISMA product of any level."""
    return any("/PRS_L" in name for name in file.arrays)


def read(file: Hdf5File, progress: Progress) -> Product:
    """Describe a product.

    Args:
        file: The open file.
        progress: Receives warnings of georeference that does not agree with itself.

    Raises:
        InputError: It is of another level than L2D, or damaged.
    """
    if not any(name.startswith(_FIELDS) for name in file.arrays):
        raise InputError(
            f"{file.name} is a PRISMA product in the sensor's own geometry (L1, L2B or L2C). L2D is accepted.",
            "Download the scene as L2D.",
        )
    detectors = [_detector(file, word) for word in _DETECTORS]
    rows, _, cols = file.shape(detectors[0].array)
    grid = _grid(file, rows, cols)
    counts = [detector.channels.size for detector in detectors]
    return Product(
        title="PRISMA L2D",
        name=file.name,
        grid=grid,
        spectra=Spectra(
            np.concatenate([detector.centres_nm for detector in detectors]),
            np.concatenate([detector.fwhm_nm for detector in detectors]),
            None,
            np.repeat([False, True], counts),
        ),
        quantity="reflectance",
        scale=np.repeat([detector.scale for detector in detectors], counts),
        offset=np.repeat([detector.offset for detector in detectors], counts),
        cube=Cube(sum(counts), np.uint16, lambda window: _read_cube(file, detectors, window), (_TILE_ROWS, 0)),
        layers=tuple(_layers(file, rows, cols)),
        preferred_detector="swir",
        notes=("The corners of PRISMA's product are taken for pixel centres.", *_check_place(file, grid)),
    )


def _detector(file: Hdf5File, word: str) -> _Detector:
    array = f"{_FIELDS}Data Fields/{word.upper()}_Cube"
    shape = file.shape(array)
    centres = file.list_of_numbers("", f"List_Cw_{word}")
    if len(shape) != 3 or shape[1] != centres.size or file.dtype(array) != np.uint16:
        raise InputError(
            f"{array} in {file.name} has the shape {shape}; (rows, {centres.size}, columns) of uint16 is expected.",
            "The product is damaged or of another version; download it again.",
        )
    flags = file.list_of_numbers("", f"List_Cw_{word}_Flags", centres.size)
    channels = np.flatnonzero((centres > 0) & (flags == 1))
    low, high = file.number("", f"L2Scale{word}Min"), file.number("", f"L2Scale{word}Max")
    fwhm = file.list_of_numbers("", f"List_Fwhm_{word}", centres.size)
    return _Detector(array, channels, centres[channels], fwhm[channels], (high - low) / _LARGEST_DN, low)


def _read_cube(file: Hdf5File, detectors: List[_Detector], window: Window) -> NDArray[Any]:
    parts = []
    for detector in detectors:
        n_channels = file.shape(detector.array)[1]
        start, count = (window.row_off, 0, window.col_off), (window.rows, n_channels, window.cols)
        values = file.read(detector.array, start, count)
        parts.append(values.transpose(1, 0, 2)[detector.channels])
    return np.concatenate(parts)


def _grid(file: Hdf5File, rows: int, cols: int) -> Grid:
    corners = {
        f"{corner}_{axis}": file.number("", f"Product_{corner}corner_{axis}")
        for corner in ("UL", "LR")
        for axis in ("easting", "northing")
    }
    width = (corners["LR_easting"] - corners["UL_easting"]) / max(cols - 1, 1)
    height = (corners["LR_northing"] - corners["UL_northing"]) / max(rows - 1, 1)
    if not (width > 0 > height):
        raise InputError(
            f"The corners of {file.name} give pixels of {width:g} × {height:g}.", "Download the product again."
        )
    x, y = corners["UL_easting"] - width / 2, corners["UL_northing"] - height / 2
    return Grid(rows, cols, (x, width, 0.0, y, 0.0, height), _crs(file).ExportToWkt())


def _crs(file: Hdf5File) -> Any:
    code = file.number("", "Epsg_Code")
    srs = osr.SpatialReference()
    try:
        srs.ImportFromEPSG(int(code))
    except RuntimeError as error:
        raise InputError(
            f"{file.name} states EPSG:{code:g}, which PROJ does not know.", "Check the product."
        ) from error
    return traditional(srs)


def _check_place(file: Hdf5File, grid: Grid) -> Tuple[str, ...]:
    """Compare the first pixel's longitude and latitude with the grid."""
    folder = f"{_FIELDS}Geolocation Fields/"
    if not (file.has(folder + "Longitude") and file.has(folder + "Latitude")) or grid.geotransform is None:
        return ("The product has no longitudes and latitudes to check its corners by.",)
    longitude, latitude = (float(file.read(folder + n, (0, 0), (1, 1))[0, 0]) for n in ("Longitude", "Latitude"))
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        return ("The first pixel has no longitude and latitude to check the corners by.",)
    srs = _crs(file)
    x, y, _ = osr.CoordinateTransformation(traditional(srs.CloneGeogCS()), srs).TransformPoint(longitude, latitude)
    x0, width, _, y0, _, height = grid.geotransform
    off = math.hypot((x - x0) / width - 0.5, (y - y0) / height - 0.5)
    if off <= _FARTHEST_PX:
        return (f"The first pixel's longitude and latitude agree with that within {off:.2f} pixels.",)
    return (f"The first pixel's longitude and latitude lie {off:.1f} pixels from its place; check the map's position.",)


def _layers(file: Hdf5File, rows: int, cols: int) -> List[QualityLayer]:
    angles = f"{_FIELDS}Geometric Fields/Solar_Zenith_Angle"
    if not file.has(angles) or file.shape(angles) != (rows, cols):
        return []

    def is_padding(window: Window) -> NDArray[np.bool_]:
        start, count = (window.row_off, window.col_off), (window.rows, window.cols)
        return np.asarray(file.read(angles, start, count) == 0)

    return [QualityLayer("fill", is_padding)]
