# SPDX-License-Identifier: GPL-2.0-or-later
"""One GeoTIFF written block by block: values, georeference, structure, metadata."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.errors import RasterWriteError
from special_qgis.engine.outputs.raster_writer import (
    OVERVIEWS_ABOVE_PX,
    RasterForm,
    RasterWriter,
    plan_overviews,
    verify_raster,
    write_error,
)
from special_qgis.engine.rasters.opening import Grid, GroundPoint
from special_qgis.engine.windows import Window
from tests.helpers.written_rasters import numbered, read_raster, utm_grid, utm_wkt, write_raster, write_tiles


def new_writer(path: Path, grid: Grid, n_bands: int = 1, dtype: str = "uint8", **options: Any) -> RasterWriter:
    return RasterWriter(path, path, RasterForm(grid, n_bands, dtype, **options))


def gdalinfo(path: Path) -> Dict[str, Any]:
    """What another program sees in the file."""
    code = "import json, sys\nfrom osgeo import gdal\njson.dump(gdal.Info(sys.argv[1], format='json'), sys.stdout)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, encoding="utf-8", check=True)
    info: Dict[str, Any] = json.loads(done.stdout)
    return info


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize(
    ("n_bands", "rows", "cols"),
    [
        pytest.param(1, 8, 8, id="smaller-than-a-tile"),
        pytest.param(3, 257, 511, id="odd-size"),
        pytest.param(2, 256, 512, id="whole-tiles"),
        pytest.param(1, 1, 1, id="one-pixel"),
    ],
)
def test_write_tiles_of_any_size_and_type_are_read_back(
    tmp_path: Path, dtype: str, n_bands: int, rows: int, cols: int
) -> None:
    values = numbered(n_bands, rows, cols, dtype)
    write_raster(tmp_path / "out.tif", values)
    found = read_raster(tmp_path / "out.tif")
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


def test_write_two_dimensional_array_goes_to_the_only_band(tmp_path: Path) -> None:
    writer = new_writer(tmp_path / "out.tif", utm_grid(4, 5))
    writer.write(Window(0, 0, 4, 5), numbered(1, 4, 5, "int64")[0])
    writer.close()
    np.testing.assert_array_equal(read_raster(tmp_path / "out.tif"), numbered(1, 4, 5, "uint8"))


def test_write_array_of_other_shape_is_a_programming_error(tmp_path: Path) -> None:
    writer = new_writer(tmp_path / "out.tif", utm_grid(4, 5))
    with pytest.raises(ValueError, match="do not fit"):
        writer.write(Window(0, 0, 4, 4), np.zeros((4, 5)))


def test_write_outside_the_grid_is_refused(tmp_path: Path) -> None:
    writer = new_writer(tmp_path / "out.tif", utm_grid(4, 5))
    with pytest.raises(RasterWriteError, match="cannot be written"):
        writer.write(Window(2, 0, 4, 5), np.zeros((4, 5)))


def test_close_twice_is_the_same_as_once(tmp_path: Path) -> None:
    writer = new_writer(tmp_path / "out.tif", utm_grid(4, 5))
    writer.close()
    writer.close()
    assert read_raster(tmp_path / "out.tif").shape == (1, 4, 5)


def test_verify_raster_file_cut_short_names_the_missing_block(tmp_path: Path) -> None:
    path = tmp_path / "out.tif"
    values = np.random.default_rng(0).integers(0, 255, (1, 600, 600), dtype="uint8")
    write_raster(path, values)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RuntimeError, match="block 0, 1 of band 1 is missing"):
        verify_raster(path, (1, 600, 600))


def test_raster_writer_structure_is_tiled_deflate_with_declared_nodata(tmp_path: Path) -> None:
    path = tmp_path / "out.tif"
    writer = new_writer(
        path, utm_grid(300, 300), 2, "float32", nodata=-1.0, band_names=["trees", "é"], description="probabilities"
    )
    write_tiles(writer, numbered(2, 300, 300, "float32"))
    writer.close()
    info = gdalinfo(path)
    assert [band["block"] for band in info["bands"]] == [[256, 256]] * 2
    assert [band["noDataValue"] for band in info["bands"]] == [-1.0] * 2
    assert [band["description"] for band in info["bands"]] == ["trees", "é"]
    assert info["metadata"]["IMAGE_STRUCTURE"]["COMPRESSION"] == "DEFLATE"
    assert info["metadata"][""]["TIFFTAG_IMAGEDESCRIPTION"] == "probabilities"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.tif"]


def test_raster_writer_north_up_grid_passes_through(tmp_path: Path) -> None:
    grid = utm_grid(20, 30)
    write_raster(tmp_path / "out.tif", numbered(1, 20, 30, "uint8"), grid=grid)
    dataset = gdal.Open(str(tmp_path / "out.tif"))
    assert dataset.GetGeoTransform() == grid.geotransform
    assert dataset.GetSpatialRef().GetAuthorityCode(None) == "32633"


def test_raster_writer_rotated_grid_passes_through(tmp_path: Path) -> None:
    grid = Grid(20, 30, geotransform=(360000.0, 3.0, 4.0, 5810000.0, 4.0, -3.0), crs_wkt=utm_wkt())
    write_raster(tmp_path / "out.tif", numbered(1, 20, 30, "uint8"), grid=grid)
    assert gdal.Open(str(tmp_path / "out.tif")).GetGeoTransform() == pytest.approx(grid.geotransform)


def test_raster_writer_control_points_pass_through(tmp_path: Path) -> None:
    corners = [(0.5, 0.25, 360000.0, 5810000.0), (30, 0, 360900, 5810010), (0, 20, 360010, 5809400)]
    grid = Grid(20, 30, gcps=tuple(GroundPoint(*corner) for corner in corners), gcp_crs_wkt=utm_wkt())
    write_raster(tmp_path / "out.tif", numbered(1, 20, 30, "uint8"), grid=grid)
    dataset = gdal.Open(str(tmp_path / "out.tif"))
    assert [(p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY) for p in dataset.GetGCPs()] == corners
    assert dataset.GetGCPSpatialRef().GetAuthorityCode(None) == "32633"


def test_raster_writer_rational_polynomials_pass_through(tmp_path: Path) -> None:
    coefficients = " ".join(str(i) for i in range(1, 21))
    axes = ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")
    rpc = {f"{axis}_{part}": f"{number}.5" for number, axis in enumerate(axes) for part in ("OFF", "SCALE")}
    rpc.update({f"{part}_COEFF": coefficients for part in ("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN")})
    write_raster(tmp_path / "out.tif", numbered(1, 20, 30, "uint8"), grid=Grid(20, 30, rpc=tuple(rpc.items())))
    found = gdal.Open(str(tmp_path / "out.tif")).GetMetadata("RPC")
    assert {key: [float(x) for x in found[key].split()] for key in rpc} == {
        key: [float(x) for x in value.split()] for key, value in rpc.items()
    }


def test_raster_writer_scene_without_georeference_gives_raster_without(tmp_path: Path) -> None:
    write_raster(tmp_path / "out.tif", numbered(1, 20, 30, "uint8"), grid=Grid(20, 30))
    dataset = gdal.Open(str(tmp_path / "out.tif"))
    assert dataset.GetGeoTransform(can_return_null=True) is None
    assert dataset.GetProjection() == ""


def test_set_metadata_provenance_is_stored_as_json_and_readable(tmp_path: Path) -> None:
    provenance = {"version": "1.2", "parameters": {"path": "/dä/\udc80.tif", "seed": 3}, "seed": 3, "none": ""}
    writer = new_writer(tmp_path / "out.tif", utm_grid(4, 5))
    writer.set_metadata(provenance)
    writer.close()
    metadata = gdal.Open(str(tmp_path / "out.tif")).GetMetadata()
    assert json.loads(metadata["SPECIAL_PROVENANCE"]) == provenance
    assert (metadata["SPECIAL_VERSION"], metadata["SPECIAL_SEED"]) == ("1.2", "3")
    assert not {"SPECIAL_NONE", "SPECIAL_PARAMETERS"} & set(metadata)


def test_close_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        writer = new_writer(tmp_path / name, utm_grid(300, 300))
        write_tiles(writer, numbered(1, 300, 300, "uint8"))
        writer.set_metadata({"version": "1"})
        writer.close()
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


@pytest.mark.parametrize(
    ("rows", "cols", "expected"),
    [
        pytest.param(OVERVIEWS_ABOVE_PX, 10, [], id="small"),
        pytest.param(5000, 10, [2, 4, 8, 16], id="tall"),
        pytest.param(10, 10000, [2, 4, 8, 16, 32], id="wide"),
    ],
)
def test_plan_overviews_by_size_gives_factors(rows: int, cols: int, expected: list[int]) -> None:
    assert plan_overviews(rows, cols) == expected


def test_close_large_class_raster_has_overviews_of_real_classes(tmp_path: Path) -> None:
    values = np.where(np.arange(OVERVIEWS_ABOVE_PX + 4) % 8 < 4, 1, 3).astype("uint8")[np.newaxis, np.newaxis]
    values = np.repeat(values, 64, axis=1)
    write_raster(tmp_path / "out.tif", values, nodata=0)
    dataset = gdal.Open(str(tmp_path / "out.tif"))
    band = dataset.GetRasterBand(1)
    assert band.GetOverviewCount() == len(plan_overviews(*values.shape[1:])) > 0
    assert set(np.unique(band.GetOverview(0).ReadAsArray())) == {1, 3}  # never the mean, 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.tif"]


@pytest.mark.parametrize(
    ("n_bands", "dtype", "values", "mean"),
    [
        pytest.param(1, "float32", [0.25, 0.75], 0.5, id="confidence"),
        pytest.param(3, "uint8", [10, 30], 20, id="true-colour"),
    ],
)
def test_close_large_picture_has_averaged_overviews(
    tmp_path: Path, n_bands: int, dtype: str, values: list[float], mean: float
) -> None:
    pixels = np.tile(np.array(values, dtype), (n_bands, 4, (OVERVIEWS_ABOVE_PX + 4) // 2))
    write_raster(tmp_path / "out.tif", pixels, nodata=None)
    dataset = gdal.Open(str(tmp_path / "out.tif"))
    np.testing.assert_allclose(dataset.GetRasterBand(n_bands).GetOverview(0).ReadAsArray(), mean)


@pytest.mark.parametrize(
    ("reason", "is_of_disk", "words", "hint"),
    [
        ("No space left on device", False, "enough free space is needed", "Free space"),
        ("TIFFAppendToStrip:Write error at scanline 0", False, "enough free space is needed", "Free space"),
        ("[Errno 13] Permission denied: '/x'", True, "enough free space is needed", "Free space"),
        ("[Errno 95] of another sort", True, "enough free space is needed", "Free space"),
        ("PROJ: proj_create_from_database: Cannot find proj.db", False, "PROJ, the library", "PROJ_DATA"),
        ("PROJ: proj_create: cannot open database", False, "PROJ, the library", "PROJ_DATA"),
        ("SetColorTable() only supported for Byte or UInt16 bands", False, "names no fault of the disk", "report it"),
        ("cannot encode /data/projects/x", False, "names no fault of the disk", "report it"),
    ],
)
def test_write_error_tells_the_disk_from_proj_and_from_all_else(
    tmp_path: Path, reason: str, is_of_disk: bool, words: str, hint: str
) -> None:
    error = write_error(tmp_path / "map.tif", "finished", reason, is_of_disk)
    assert words in error.message
    assert reason in error.message
    assert hint in error.hint


@pytest.mark.parametrize("wkt", ["no reference system", 'PROJCS["x",GEOGCS["y"'], ids=["words", "cut-off"])
def test_write_with_a_crs_that_cannot_be_written_keeps_pixels_and_place(tmp_path: Path, wkt: str) -> None:
    grid = Grid(4, 5, (600000.0, 30.0, 0.0, 5800000.0, 0.0, -30.0), wkt)
    writer = new_writer(tmp_path / "out.tif", grid)
    writer.write(Window(0, 0, 4, 5), numbered(1, 4, 5, "uint8"))
    writer.close()
    dataset = gdal.OpenEx(str(tmp_path / "out.tif"))
    assert dataset.GetProjection() == ""
    assert dataset.GetGeoTransform() == grid.geotransform
    np.testing.assert_array_equal(dataset.ReadAsArray(), numbered(1, 4, 5, "uint8")[0])
