# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening rasters: what cannot be read says why; georeference goes through unchanged."""

from __future__ import annotations

import math

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.errors import InputError, RasterReadError
from special_qgis.engine.rasters.opening import (
    Grid,
    is_plain_path,
    open_raster,
    read_grid,
    spatial_reference,
    summarise_grid,
)
from special_qgis.engine.windows import Window
from tests.helpers.scene_files import NORTH_UP, coded_cube, update, wkt, write_envi, write_raster


def test_missing_file_is_named(tmp_path):
    with pytest.raises(RasterReadError, match=r"There is no file .*nothing\.tif"):
        open_raster(str(tmp_path / "nothing.tif"))


def test_text_file_is_no_raster(tmp_path):
    path = tmp_path / "notes.tif"
    path.write_text("not a picture", encoding="utf-8")
    with pytest.raises(RasterReadError, match="cannot be opened as a raster"):
        open_raster(str(path))


def test_folder_is_no_raster(tmp_path):
    with pytest.raises(RasterReadError, match="cannot be opened as a raster"):
        open_raster(str(tmp_path))


def test_vector_file_is_no_raster(tmp_path):
    path = tmp_path / "fields.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}', encoding="utf-8")
    with pytest.raises(RasterReadError, match="cannot be opened as a raster"):
        open_raster(str(path))


def test_path_with_blanks_and_umlauts_is_opened(tmp_path):
    folder = tmp_path / "Müggelsee im März"
    folder.mkdir()
    path = write_raster(folder / "szene – ä.tif", coded_cube(2, 9, 9))
    assert open_raster(str(path)).RasterCount == 2


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("change_bytes", [-1, -500, 2 * 12 * 11], ids=["byte short", "lines short", "band too long"])
def test_raw_file_of_another_length_than_its_header_says_is_refused(tmp_path, interleave, change_bytes):
    path = write_envi(tmp_path / "raw.img", coded_cube(5, 12, 11, np.int16), interleave=interleave)
    content = path.read_bytes()
    path.write_bytes(content[:change_bytes] if change_bytes < 0 else content + bytes(change_bytes))
    with pytest.raises(RasterReadError, match=r"bytes long, but its header raw\.hdr describes 1320 bytes"):
        open_raster(str(path))


def test_raw_file_with_a_short_tail_is_accepted(tmp_path):
    path = write_envi(tmp_path / "raw.img", coded_cube(5, 12, 11, np.int16))
    path.write_bytes(path.read_bytes() + b"tail")
    assert open_raster(str(path)).RasterCount == 5


def test_tiff_that_was_cut_off_is_refused(tmp_path):
    path = write_raster(tmp_path / "cut.tif", np.random.default_rng(0).integers(0, 9999, (5, 60, 60)).astype(np.int16))
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(RasterReadError, match=r"ends before its pixels do|cannot be opened"):
        open_raster(str(path))


def test_container_of_rasters_lists_them(tmp_path):
    path = tmp_path / "container.nc"
    driver = gdal.GetDriverByName("netCDF")
    if driver is None:
        pytest.skip("GDAL has no netCDF driver")
    first = gdal.GetDriverByName("MEM").CreateMultiDimensional("two")
    group = first.GetRootGroup()
    dims = [group.CreateDimension(n, None, None, 8) for n in ("y", "x")]
    for name in ("reflectance", "mask"):
        group.CreateMDArray(name, dims, gdal.ExtendedDataType.Create(gdal.GDT_Float32))
    driver.CreateCopy(str(path), first)
    with pytest.raises(RasterReadError, match=r"holds 2 data sets.*reflectance"):
        open_raster(str(path))


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("/data/scene.tif", True), ("C:/data/scene.tif", True), ("C:\\data\\scene.tif", True), ("scene.tif", True),
        ("/vsizip/a.zip/scene.tif", False), ('NETCDF:"a.nc":reflectance', False), ("<VRTDataset/>", False),
    ],
)  # fmt: skip
def test_plain_paths_are_told_from_connection_strings(source, plain):
    assert is_plain_path(source) == plain


def test_grid_of_a_file_holds_geotransform_and_reference(tmp_path):
    grid = read_grid(
        open_raster(str(write_raster(tmp_path / "a.tif", coded_cube(2, 9, 11), None, None, NORTH_UP, 32633)))
    )
    assert (grid.rows, grid.cols, grid.geotransform) == (9, 11, NORTH_UP)
    assert grid.has_crs and grid.units == "m"
    assert grid.pixel_area_m2 == pytest.approx(900.0)
    assert grid.pixel_size == (30.0, 30.0)
    assert summarise_grid(grid)["crs_authority"] == "EPSG:32633"


def test_grid_of_a_file_without_reference_knows_neither_area_nor_unit(tmp_path):
    grid = read_grid(open_raster(str(write_raster(tmp_path / "a.tif", coded_cube(2, 9, 11)))))
    assert grid.geotransform is None and not grid.has_crs
    assert (grid.pixel_area_m2, grid.pixel_size, grid.units) == (None, None, "px")


def test_crop_of_a_rotated_grid_keeps_every_pixel_in_place():
    whole = Grid(100, 80, (1000.0, 2.0, 0.5, 5000.0, 0.4, -2.0), wkt())
    window = Window(30, 20, 10, 5)
    part = whole.crop(window)
    assert (part.rows, part.cols) == (10, 5)
    assert gdal.ApplyGeoTransform(part.geotransform, 3, 4) == pytest.approx(
        gdal.ApplyGeoTransform(whole.geotransform, 3 + 20, 4 + 30)
    )


def test_rotated_pixel_area_is_that_of_the_parallelogram():
    angle = math.radians(30)
    a, b = 20 * math.cos(angle), 10 * math.sin(angle)
    d, e = 20 * math.sin(angle), -10 * math.cos(angle)
    grid = Grid(10, 10, (0.0, a, b, 0.0, d, e), wkt())
    assert grid.pixel_area_m2 == pytest.approx(200.0)
    assert grid.pixel_size == pytest.approx((20.0, 10.0))


def test_geographic_pixel_area_matches_the_ellipsoid():
    # A whole degree cell, against the closed form of the area between two parallels on WGS 84.
    def zone(latitude):
        e = math.sqrt(6.69437999014e-3)
        s = math.sin(math.radians(latitude))
        return 6356752.314245**2 / 2 * (s / (1 - e * e * s * s) + math.log((1 + e * s) / (1 - e * s)) / (2 * e))

    exact = math.radians(1) * (zone(52.5) - zone(51.5))
    grid = Grid(1, 1, (13.0, 1.0, 0.0, 52.5, 0.0, -1.0), wkt(4326))
    assert grid.pixel_area_m2 == pytest.approx(exact, rel=1e-4)
    assert grid.units == "°"


def test_web_mercator_pixel_area_is_taken_at_its_latitude():
    y = 6378137 * math.log(math.tan(math.pi / 4 + math.radians(60) / 2))
    grid = Grid(2, 2, (0.0, 10.0, 0.0, y + 10, 0.0, -10.0), wkt(3857))
    assert grid.pixel_area_m2 == pytest.approx(25.0, rel=0.01)


def test_feet_are_converted_to_square_metres():
    grid = Grid(1, 1, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0), wkt(2263))
    assert grid.pixel_area_m2 == pytest.approx(100 * 0.3048006096**2)
    assert "foot" in grid.units.lower()


def test_ground_control_points_and_coefficients_pass_through_a_crop(tmp_path):
    path = write_raster(tmp_path / "raw.tif", coded_cube(2, 40, 50))
    dataset = update(path)
    points = [gdal.GCP(13 + c / 100, 52 - r / 100, 5, c, r) for c, r in ((0, 0), (50, 0), (0, 40), (50, 40))]
    dataset.SetGCPs(points, wkt(4326))
    coefficients = {"LINE_OFF": "20", "SAMP_OFF": "25", "LAT_OFF": "52", "LONG_OFF": "13", "HEIGHT_OFF": "0"}
    coefficients |= {f"{axis}_SCALE": "10" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")}
    terms = " ".join(["1"] * 20)
    coefficients |= {f"{axis}_{part}_COEFF": terms for axis in ("LINE", "SAMP") for part in ("NUM", "DEN")}
    dataset.SetMetadata(coefficients, "RPC")
    del dataset
    part = read_grid(open_raster(str(path))).crop(Window(10, 20, 9, 9))
    out = gdal.GetDriverByName("MEM").Create("", 9, 9, 1)
    part.apply_to(out)
    assert [(p.GCPPixel, p.GCPLine, p.GCPZ) for p in out.GetGCPs()] == [
        (-20, -10, 5), (30, -10, 5), (-20, 30, 5), (30, 30, 5),
    ]  # fmt: skip
    assert spatial_reference(out.GetGCPProjection()).IsGeographic()
    rpc = out.GetMetadata("RPC")
    assert (float(rpc["LINE_OFF"]), float(rpc["SAMP_OFF"]), float(rpc["LAT_OFF"])) == (10, 5, 52)


def test_reference_that_nobody_understands_is_refused():
    with pytest.raises(InputError, match="cannot be understood"):
        spatial_reference("PROJCS[nonsense")
