# SPDX-License-Identifier: GPL-2.0-or-later
"""Heights at the pixels of a grid: other grids, other CRS, holes, units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr

from special_qgis.engine.errors import InputError
from special_qgis.engine.rasters.height_raster import HeightRaster
from special_qgis.engine.rasters.opening import Grid
from special_qgis.engine.windows import Window

ORIGIN, SIDE = (380000.0, 5810000.0), 16
WHOLE = Window(0, 0, SIDE, SIDE)


def _wkt(epsg: int) -> str:
    system = osr.SpatialReference()
    system.ImportFromEPSG(epsg)
    return str(system.ExportToWkt())


GRID = Grid(SIDE, SIDE, (ORIGIN[0], 4.0, 0.0, ORIGIN[1], 0.0, -4.0), _wkt(32633))


def write(path: Path, values: np.ndarray, pixel_m: float = 4.0, wkt: str = "", margin_m: float = 0.0) -> Path:
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), values.shape[1], values.shape[0], 1, gdal.GDT_Float32)
    dataset.SetGeoTransform((ORIGIN[0] - margin_m, pixel_m, 0.0, ORIGIN[1] + margin_m, 0.0, -pixel_m))
    dataset.SetProjection(wkt or GRID.crs_wkt)
    dataset.GetRasterBand(1).SetNoDataValue(-9999.0)
    dataset.GetRasterBand(1).WriteArray(values)
    dataset.FlushCache()
    return path


def _ramp(side: int, pixel_m: float, margin_m: float = 0.0) -> np.ndarray:
    """Heights that grow by a tenth of a metre a metre eastwards from the grid's corner."""
    x = (np.arange(side) + 0.5) * pixel_m - margin_m
    return np.broadcast_to(0.1 * x, (side, side)).astype(np.float32)


def test_heights_on_the_same_grid_are_read_as_they_are(tmp_path: Path) -> None:
    values = _ramp(SIDE, 4.0).copy()
    values[2, 3] = -9999.0
    found = HeightRaster(GRID, str(write(tmp_path / "h.tif", values)), "height raster").read(Window(1, 2, 5, 6))
    expected = values[1:6, 2:8].astype(float)
    expected[1, 1] = np.nan
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("pixel_m", [1.0, 3.0, 10.0], ids=["finer", "odd", "coarser"])
def test_heights_on_another_grid_are_interpolated(tmp_path: Path, pixel_m: float) -> None:
    margin = 20.0
    side = int(np.ceil((SIDE * 4.0 + 2 * margin) / pixel_m))
    path = write(tmp_path / "h.tif", _ramp(side, pixel_m, margin), pixel_m, margin_m=margin)
    found = HeightRaster(GRID, str(path), "height raster").read(WHOLE)
    np.testing.assert_allclose(found, _ramp(SIDE, 4.0), atol=0.02)


def test_heights_in_another_crs_are_placed_by_their_coordinates(tmp_path: Path) -> None:
    path = write(tmp_path / "h.tif", _ramp(120, 1.0, 20.0), 1.0, margin_m=20.0)
    gdal.Warp(
        str(tmp_path / "w.tif"), str(path), dstSRS="EPSG:3857", resampleAlg="bilinear", dstNodata=-9999.0
    ).FlushCache()
    found = HeightRaster(GRID, str(tmp_path / "w.tif"), "height raster").read(WHOLE)
    np.testing.assert_allclose(found[2:-2, 2:-2], _ramp(SIDE, 4.0)[2:-2, 2:-2], atol=0.1)


def test_heights_outside_the_raster_and_in_its_holes_are_not_known(tmp_path: Path) -> None:
    values = _ramp(30, 1.0).copy()
    values[:12, :12] = -9999.0
    found = HeightRaster(GRID, str(write(tmp_path / "h.tif", values, 1.0)), "height raster").read(WHOLE)
    assert np.isnan(found[:2, :2]).all() and np.isnan(found[9:]).all() and np.isnan(found[:, 9:]).all()
    assert np.isfinite(found[4:7, 4:7]).all()


@pytest.mark.parametrize(("unit", "metres"), [("m", 1.0), ("ft", 0.3048), ("US survey foot", 1200 / 3937), ("", 1.0)])
def test_heights_in_a_stated_unit_become_metres(tmp_path: Path, unit: str, metres: float) -> None:
    path = write(tmp_path / "h.tif", np.full((SIDE, SIDE), 10.0, np.float32))
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.GetRasterBand(1).SetUnitType(unit)
    del dataset
    np.testing.assert_allclose(HeightRaster(GRID, str(path), "height raster").read(WHOLE), 10.0 * metres)


def test_heights_of_a_vertical_axis_in_feet_become_metres(tmp_path: Path) -> None:
    system = osr.SpatialReference()
    system.SetFromUserInput("EPSG:32633+6360")  # NAVD88 height in US survey feet
    path = write(tmp_path / "h.tif", np.full((SIDE, SIDE), 10.0, np.float32), wkt=system.ExportToWkt())
    found = HeightRaster(GRID, str(path), "height raster").read(WHOLE)
    np.testing.assert_allclose(found[1:-1, 1:-1], 10.0 * 1200 / 3937, rtol=1e-6)


def test_heights_in_a_unit_that_is_no_length_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "h.tif", np.ones((SIDE, SIDE), np.float32))
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.GetRasterBand(1).SetUnitType("kelvin")
    del dataset
    with pytest.raises(InputError, match="unit 'kelvin'; metres and feet are accepted"):
        HeightRaster(GRID, str(path), "height raster")
