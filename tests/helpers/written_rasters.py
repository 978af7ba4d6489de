# SPDX-License-Identifier: GPL-2.0-or-later
"""Grids, arrays and small output sets for the tests of what the engine writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np
from osgeo import gdal, osr

from special_qgis.engine.outputs.output_set import OutputSet
from special_qgis.engine.rasters.opening import Grid
from special_qgis.engine.windows import Window, plan_tiles


def utm_wkt() -> str:
    """Definition of UTM zone 33 north."""
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    return str(reference.ExportToWkt())


def utm_grid(rows: int, cols: int) -> Grid:
    """A north-up grid of 30 m pixels."""
    return Grid(rows, cols, geotransform=(360000.0, 30.0, 0.0, 5810000.0, 0.0, -30.0), crs_wkt=utm_wkt())


def numbered(n_bands: int, rows: int, cols: int, dtype: str) -> np.ndarray:
    """Values that tell band and position: what was read shows what was written."""
    band, row, col = np.meshgrid(np.arange(n_bands), np.arange(rows), np.arange(cols), indexing="ij")
    return ((band * 31 + row * 7 + col * 3) % 200 + 1).astype(dtype)


def write_tiles(writer: Any, values: np.ndarray) -> None:
    """Write an array tile by tile."""
    for tile in plan_tiles(Window(0, 0, *values.shape[1:])):
        rows, cols = tile.slices()
        writer.write(tile, values[:, rows, cols])


def write_raster(path: Path, values: np.ndarray, nodata: Optional[float] = None, grid: Optional[Grid] = None) -> None:
    """Write and commit one raster."""
    with OutputSet() as outputs:
        writer = outputs.raster(str(path), grid or utm_grid(*values.shape[1:]), len(values), values.dtype, nodata, None)
        write_tiles(writer, values)
        outputs.commit()


def read_raster(path: Path) -> np.ndarray:
    """All values of a raster, (bands, rows, cols)."""
    values: np.ndarray = gdal.Open(str(path)).ReadAsArray()
    return values if values.ndim == 3 else values[np.newaxis]


def contents(folder: Path) -> Dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
