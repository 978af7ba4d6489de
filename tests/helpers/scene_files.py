# SPDX-License-Identifier: GPL-2.0-or-later
"""Small scene files made by GDAL, whose pixel values tell band, row and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Sequence

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, gdal_array, osr

from special_qgis.engine.rasters.gdal_exceptions import use_exceptions

use_exceptions()

UTM_33 = 32633
NORTH_UP = (600000.0, 30.0, 0.0, 5800000.0, 0.0, -30.0)


def coded_cube(bands: int, rows: int, cols: int, dtype: Any = np.int32) -> NDArray[Any]:
    """Values that are 1 000 000 × band + 1000 × row + col, bands counted from 1."""
    band, row, col = np.meshgrid(np.arange(1, bands + 1), np.arange(rows), np.arange(cols), indexing="ij")
    return (1_000_000 * band + 1000 * row + col).astype(dtype)


def wkt(epsg: int = UTM_33) -> str:
    """A coordinate reference system as WKT."""
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(epsg)
    return str(srs.ExportToWkt())


def write_raster(
    path: Path,
    cube: NDArray[Any],
    wavelengths_nm: Optional[Sequence[float]] = None,
    nodata: Optional[float] = None,
    geotransform: Optional[Sequence[float]] = None,
    epsg: Optional[int] = None,
    driver: str = "GTiff",
    options: Sequence[str] = (),
) -> Path:
    """Write a cube (bands, rows, cols), wavelengths as tags of the bands."""
    bands, rows, cols = cube.shape
    kind = _gdal_type(cube.dtype)
    dataset = gdal.GetDriverByName(driver).Create(str(path), cols, rows, bands, kind, options=list(options))
    if geotransform is not None:
        dataset.SetGeoTransform(list(geotransform))
    if epsg is not None:
        dataset.SetProjection(wkt(epsg))
    for number in range(1, bands + 1):
        band = dataset.GetRasterBand(number)
        if nodata is not None:
            band.SetNoDataValue(nodata)
        if wavelengths_nm is not None:
            band.SetMetadataItem("wavelength", repr(float(wavelengths_nm[number - 1])))
            band.SetMetadataItem("wavelength_units", "Nanometers")
        band.WriteArray(cube[number - 1])
    dataset.FlushCache()
    return path


def update(path: Path) -> Any:
    """Open a raster for changes."""
    return gdal.OpenEx(str(path), gdal.OF_RASTER | gdal.OF_UPDATE)


def _gdal_type(dtype: Any) -> int:
    return int(gdal_array.NumericTypeCodeToGDALTypeCode(np.dtype(dtype).type))


def write_envi(path: Path, cube: NDArray[Any], extra: str = "", interleave: str = "bsq") -> Path:
    """Write a raw file and its header by hand; ``extra`` lines go into the header."""
    axes = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}[interleave]
    code = {"uint8": 1, "int16": 2, "int32": 3, "float32": 4, "float64": 5, "complex64": 6, "uint16": 12}
    path.write_bytes(np.ascontiguousarray(cube.transpose(axes)).tobytes())
    bands, rows, cols = cube.shape
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {cols}\nlines = {rows}\nbands = {bands}\nheader offset = 0\nfile type = ENVI Standard\n"
        f"data type = {code[cube.dtype.name]}\ninterleave = {interleave}\nbyte order = 0\n{extra}",
        encoding="utf-8",
    )
    return path
