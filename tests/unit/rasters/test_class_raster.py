# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.errors import InputError, RasterReadError
from special_qgis.engine.rasters.class_raster import open_class_raster, read_classes
from special_qgis.engine.windows import Window
from tests.helpers.class_maps import write_raster

ALL = Window(0, 0, 2, 3)


def _read(path: Path) -> list:
    return read_classes(open_class_raster(str(path), "map"), ALL).tolist()


@pytest.mark.parametrize(
    ("values", "gdal_type", "nodata", "expected"),
    [
        ([[1, 2, 255], [0, 3, 4]], gdal.GDT_Byte, 255, [[1, 2, 0], [0, 3, 4]]),
        ([[1, -1, -9999], [0, 3, 4]], gdal.GDT_Int16, -9999, [[1, 0, 0], [0, 3, 4]]),
        ([[1, np.nan, 2], [-5, 3, 1e38]], gdal.GDT_Float32, 1e38, [[1, 0, 2], [0, 3, 0]]),
        ([[1, 65535, 2], [0, 3, 4]], gdal.GDT_UInt16, None, [[1, 65535, 2], [0, 3, 4]]),
    ],
    ids=["byte", "int16", "float32", "uint16"],
)
def test_read_classes_turns_nodata_negative_and_nan_into_zero(
    tmp_path: Path, values: list, gdal_type: int, nodata: float, expected: list
) -> None:
    path = write_raster(tmp_path / "a.tif", np.array(values), gdal_type=gdal_type, nodata=nodata)
    assert _read(path) == expected


def test_read_classes_honours_a_mask(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.ones((2, 3), np.uint8))
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    dataset.GetRasterBand(1).GetMaskBand().WriteArray(np.array([[255, 0, 255], [0, 0, 255]], np.uint8))
    dataset = None
    assert _read(path) == [[1, 0, 1], [0, 0, 1]]


def test_read_classes_of_fractions_is_refused_with_the_value(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.full((2, 3), 0.25), gdal_type=gdal.GDT_Float32)
    with pytest.raises(InputError, match=r"holds the value 0\.25; a class raster holds whole numbers"):
        _read(path)


def test_read_classes_of_elevations_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.full((2, 3), 70000), gdal_type=gdal.GDT_Int32)
    with pytest.raises(InputError, match="holds the value 70000; class values go from 1 to 65535"):
        _read(path)


def test_open_several_bands_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((3, 2, 3), np.uint8))
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.GetRasterBand(3).SetColorInterpretation(gdal.GCI_BlueBand)
    dataset = None
    with pytest.raises(InputError, match=r"The map .*a.tif has 3 bands of type Byte; a class raster has one band"):
        open_class_raster(str(path), "map")


def test_open_complex_raster_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((2, 3), np.complex64), gdal_type=gdal.GDT_CFloat32)
    with pytest.raises(InputError, match="type CFloat32"):
        open_class_raster(str(path), "map")


def test_open_class_raster_with_opacity_band_is_fine(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.array([[[1, 2, 3], [1, 1, 1]], [[255, 0, 255], [255, 255, 255]]]))
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.GetRasterBand(2).SetColorInterpretation(gdal.GCI_AlphaBand)
    dataset = None
    assert _read(path) == [[1, 0, 3], [1, 1, 1]]


def test_open_missing_file_is_a_read_error(tmp_path: Path) -> None:
    with pytest.raises(RasterReadError, match=r"nowhere\.tif"):
        open_class_raster(str(tmp_path / "nowhere.tif"), "map")
