# SPDX-License-Identifier: GPL-2.0-or-later
"""Wavelengths of netCDF cubes as GDAL's driver really names them, in the file's root and in a group."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.config import SceneConfig
from special_qgis.engine.scene.opening import open_scene
from tests.helpers.listener import Listener

NM = np.linspace(450.0, 900.0, 12)


def _array(group: Any, name: str, dimensions: List[Any], values: np.ndarray, **attributes: str) -> None:
    kinds = {"float32": gdal.GDT_Float32, "float64": gdal.GDT_Float64}
    array = group.CreateMDArray(name, dimensions, gdal.ExtendedDataType.Create(kinds[values.dtype.name]))
    array.Write(values)
    for key, text in attributes.items():
        array.CreateAttribute(key, [], gdal.ExtendedDataType.CreateString()).Write(text)


def _write(path: Path, in_group: bool, unit: str, factor: float) -> str:
    """Write a cube with its wavelengths as coordinate variable; gives the name of the raster in it."""
    dataset = gdal.GetDriverByName("netCDF").CreateMultiDimensional(str(path))
    root = dataset.GetRootGroup()
    group = root.CreateGroup("reflectance") if in_group else root
    bands = group.CreateDimension("wavelength", None, None, NM.size)
    rows, cols = root.CreateDimension("northing", None, None, 9), root.CreateDimension("easting", None, None, 10)
    _array(
        root, "northing", [rows], 5800000.0 - 30.0 * np.arange(9), standard_name="projection_y_coordinate", units="m"
    )
    _array(root, "easting", [cols], 600000.0 + 30.0 * np.arange(10), standard_name="projection_x_coordinate", units="m")
    _array(group, "wavelength", [bands], (NM * factor).astype(np.float32), units=unit)
    cube = np.random.default_rng(0).uniform(0.1, 0.5, (NM.size, 9, 10)).astype(np.float32)
    _array(group, "reflectance", [bands, rows, cols], cube)
    return f'NETCDF:"{path}":' + ("/reflectance/reflectance" if in_group else "reflectance")


@pytest.mark.skipif(gdal.GetDriverByName("netCDF") is None, reason="this GDAL has no netCDF")
@pytest.mark.parametrize("in_group", [False, True], ids=["root", "group"])
@pytest.mark.parametrize(("unit", "factor"), [("nm", 1.0), ("micrometers", 1e-3)])
def test_coordinate_variable_of_a_netcdf_cube_gives_wavelengths(
    tmp_path: Path, in_group: bool, unit: str, factor: float
) -> None:
    listener = Listener()
    with open_scene(SceneConfig(_write(tmp_path / "cube.nc", in_group, unit, factor)), listener) as scene:
        assert scene.axis.centres_nm == pytest.approx(NM, abs=1e-3)
        assert "netcdf_dim_wavelength" in scene.axis.source
    assert listener.warnings == []
