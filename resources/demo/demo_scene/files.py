# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of the scene: an ENVI cube as airborne data are delivered, the truth and the class names beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from osgeo import gdal, osr

from .materials import CLASS_COLOURS, CLASS_NAMES
from .sensor import NODATA, SCALE, Bands

EPSG = 32633
ORIGIN_M = (396_480.0, 5_812_240.0)  # upper left corner, UTM 33 north


def _list(values: np.ndarray, pattern: str) -> str:
    parts = [pattern % value for value in values]
    return "{\n " + ", ".join(parts) + "}"


def _header(bands: Bands, n_rows: int, n_cols: int, pixel_m: float, wkt: str) -> str:
    x, y = ORIGIN_M
    map_info = f"{{UTM, 1, 1, {x:.1f}, {y:.1f}, {pixel_m:g}, {pixel_m:g}, 33, North, WGS-84, units=Meters}}"
    fields = {
        "description": "{Made scene: town on a river, bottom-of-atmosphere reflectance}",
        "samples": n_cols,
        "lines": n_rows,
        "bands": len(bands.centres_nm),
        "header offset": 0,
        "file type": "ENVI Standard",
        "data type": 2,
        "interleave": "bil",
        "byte order": 0,
        "data ignore value": NODATA,
        "reflectance scale factor": SCALE,
        "map info": map_info,
        "coordinate system string": "{" + wkt + "}",
        "wavelength units": "Nanometers",
        "wavelength": _list(bands.centres_nm, "%.1f"),
        "fwhm": _list(bands.fwhm_nm, "%.1f"),
        "bbl": _list(bands.good.astype(int), "%d"),
    }
    return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in fields.items())


def _wkt(flavour: str) -> str:
    system = osr.SpatialReference()
    system.ImportFromEPSG(EPSG)
    return str(system.ExportToWkt([f"FORMAT={flavour}"]))


def write_cube(path: Path, numbers: np.ndarray, bands: Bands, pixel_m: float) -> None:
    """Write (bands, rows, cols) int16 as a band-interleaved-by-line ENVI file with its header."""
    _, n_rows, n_cols = numbers.shape
    path.write_bytes(np.ascontiguousarray(numbers.transpose(1, 0, 2)).astype("<i2").tobytes())
    path.with_suffix(".hdr").write_text(_header(bands, n_rows, n_cols, pixel_m, _wkt("WKT1_ESRI")), encoding="utf-8")


def write_truth(path: Path, truth: np.ndarray, pixel_m: float) -> None:
    """Write (rows, cols) uint8 class ids as a paletted GeoTIFF; 0 is nodata."""
    n_rows, n_cols = truth.shape
    options = ["COMPRESS=DEFLATE", "TILED=YES"]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), n_cols, n_rows, 1, gdal.GDT_Byte, options)
    dataset.SetGeoTransform((ORIGIN_M[0], pixel_m, 0.0, ORIGIN_M[1], 0.0, -pixel_m))
    dataset.SetProjection(_wkt("WKT1_GDAL"))
    band = dataset.GetRasterBand(1)
    band.SetNoDataValue(0)
    table = gdal.ColorTable()
    for i, colour in enumerate(CLASS_COLOURS, start=1):
        table.SetColorEntry(i, (*bytes.fromhex(colour[1:]), 255))
    band.SetColorTable(table)
    band.SetCategoryNames(["unlabelled", *CLASS_NAMES])
    band.WriteArray(truth)
    dataset.FlushCache()


def write_heights(path: Path, heights_m: np.ndarray, pixel_m: float) -> None:
    """Write (rows, cols) float32 metres above ground as a GeoTIFF."""
    n_rows, n_cols = heights_m.shape
    options = ["COMPRESS=DEFLATE", "TILED=YES"]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), n_cols, n_rows, 1, gdal.GDT_Float32, options)
    dataset.SetGeoTransform((ORIGIN_M[0], pixel_m, 0.0, ORIGIN_M[1], 0.0, -pixel_m))
    dataset.SetProjection(_wkt("WKT1_GDAL"))
    dataset.GetRasterBand(1).SetUnitType("m")
    dataset.GetRasterBand(1).WriteArray(heights_m)
    dataset.FlushCache()


def write_classes(path: Path) -> None:
    """Write the class names, one a line, in the order of the truth's ids."""
    path.write_text("\n".join(CLASS_NAMES) + "\n", encoding="utf-8")
