# SPDX-License-Identifier: GPL-2.0-or-later
"""Sensor products as scenes through ``qgis_process``: texts that QGIS itself loads no layer from."""

from __future__ import annotations

from pathlib import Path

import pytest
from osgeo import gdal

pytest.importorskip("h5py", reason="h5py writes the products of these tests")
pytest.importorskip("netCDF4", reason="netCDF4 writes the products of these tests")

from tests.helpers import product_files
from tests.helpers.qgis_process import QgisProcess

SUBDATASET = 'HDF5:"{}"://HARV/Reflectance/Reflectance_Data'


def test_container_of_a_product_is_a_scene(qgis_process: QgisProcess, tmp_path: Path) -> None:
    path = product_files.prisma(tmp_path / "PRS_L2D.he5")
    done = qgis_process.run_algorithm("special:inspectscene", {"INPUT": str(path)})
    assert done.rc == 0, done.errors
    assert (done.results["BANDS"], done.results["LONGEST_NM"]) == (7, 2400.0)


def test_subdataset_stands_for_its_product(qgis_process: QgisProcess, tmp_path: Path) -> None:
    path = product_files.neon(tmp_path / "NEON.h5")
    done = qgis_process.run_algorithm("special:inspectscene", {"INPUT": SUBDATASET.format(path)})
    assert done.rc == 0, done.errors
    assert (done.results["BANDS"], done.results["ROWS"]) == (6, product_files.ROWS)


def test_folder_of_a_product_is_mapped(qgis_process: QgisProcess, tmp_path: Path) -> None:
    product = tmp_path / "product"
    product.mkdir()
    picture = tmp_path / "picture.tif"
    colours = {"RED": 955, "GREEN": 950, "BLUE": 423}
    inputs = {"INPUT": str(product_files.enmap(product)), "OUTPUT": str(picture), **colours}
    done = qgis_process.run_algorithm("special:truecolour", inputs)
    assert done.rc == 0, done.errors
    assert gdal.Open(str(picture)).RasterXSize == product_files.COLS


def test_import_writes_raster_and_mask(qgis_process: QgisProcess, tmp_path: Path) -> None:
    product = tmp_path / "product"
    product.mkdir()
    raster, mask = tmp_path / "scene.tif", tmp_path / "mask.tif"
    inputs = {"FILE": str(product_files.enmap(product)), "OUTPUT": str(raster), "MASK": str(mask)}
    done = qgis_process.run_algorithm("special:importproduct", inputs)
    assert done.rc == 0, done.errors
    written = gdal.Open(str(raster))
    band = written.GetRasterBand(2)
    assert (band.GetMetadataItem("wavelength"), band.GetScale(), done.results["BANDS"]) == ("950", 1e-4, 5)
    assert (gdal.Open(str(mask)).ReadAsArray() == 0).sum() == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mask.tif", "product", "scene.tif"]


def test_file_that_is_no_product_is_refused(qgis_process: QgisProcess, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("none")
    done = qgis_process.run_algorithm("special:importproduct", {"FILE": str(path), "OUTPUT": str(tmp_path / "o.tif")})
    assert done.rc != 0
    assert "no sensor product" in done.errors
