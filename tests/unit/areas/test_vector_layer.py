# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
from osgeo import gdal, ogr

from special_qgis.engine.areas.measure import measure_areas
from special_qgis.engine.config import AreasConfig
from special_qgis.engine.errors import InputError, RasterWriteError
from tests.helpers.class_maps import crs, rectangle, write_raster, write_vector

NAMES = ("", "tree", "red tile-roof", "Fläche 3")
MAP = np.tile(np.array([[1, 2, 3, 0], [1, 1, 2, 3]], np.uint8), (10, 10))


def read(path: Path) -> List[Dict[str, Any]]:
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR)
    layer = dataset.GetLayer(0)
    return [{**feature.items(), "WKT": feature.GetGeometryRef().ExportToWkt()} for feature in layer]


def assert_same_shape(one: str, other: str) -> None:
    shapes = [ogr.CreateGeometryFromWkt(wkt) for wkt in (one, other)]
    assert shapes[0].SymDifference(shapes[1]).Area() <= 1e-9 * shapes[1].Area()


@pytest.fixture
def map_path(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "map.tif", MAP, names=NAMES, nodata=0)


def measured(map_path: Path, polygons: Path, vector: Path, **options: Any) -> Dict[str, Any]:
    return measure_areas(AreasConfig(str(map_path), polygons=str(polygons), vector=str(vector), **options))


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson", ".fgb"])
def test_polygons_keep_fields_and_geometry_and_gain_areas(map_path: Path, tmp_path: Path, suffix: str) -> None:
    line = "LINESTRING(364000 5810000,364100 5810000)"
    shapes = [(rectangle(0, 0, 4, 2), "Feld ä"), (line, "left out"), (rectangle(90, 90, 2, 2), "away")]
    polygons = write_vector(tmp_path / "p.gpkg", shapes, extra_fields=("note",))
    target = tmp_path / "out" / f"areas{suffix}"
    measured(map_path, polygons, target, measure="crs")
    rows = {row["class"]: row for row in read(target)}
    assert set(rows) == {"Feld ä", "away"}
    row = rows["Feld ä"]
    assert row["note"] == "remark"
    tree, roof = ("m2_1", "m2_2") if suffix == ".shp" else ("tree_m2", "red_tile_roof_m2")
    assert (row[tree], row[roof], row["area_m2"]) == pytest.approx((3 * 900.0, 2 * 900.0, 7 * 900.0))
    assert row["px_3" if suffix == ".shp" else "fläche_3_px"] == 2
    assert row["shar_1" if suffix == ".shp" else "tree_share"] == pytest.approx(3 / 7)
    assert (row["noclass_px"], row["main_class"], row["measure"]) == (1, "tree", "crs")
    assert (rows["away"]["area_px"], rows["away"]["main_class"]) == (0, None)
    assert_same_shape(row["WKT"], rectangle(0, 0, 4, 2))
    dataset = gdal.OpenEx(str(target), gdal.OF_VECTOR)
    assert dataset.GetLayer(0).GetSpatialRef().GetAuthorityCode(None) == "32633"
    assert not [file for file in target.parent.iterdir() if file.stem != "areas"]


def test_polygons_keep_their_own_crs(map_path: Path, tmp_path: Path) -> None:
    from osgeo import osr

    shape = ogr.CreateGeometryFromWkt(rectangle(0, 0, 4, 2))
    shape.Transform(osr.CoordinateTransformation(crs(32633), crs(4326)))
    polygons = write_vector(tmp_path / "p.gpkg", [(shape.ExportToWkt(), "a")], epsg=4326)
    measured(map_path, polygons, tmp_path / "areas.gpkg")
    (row,) = read(tmp_path / "areas.gpkg")
    assert row["area_px"] == 7
    assert_same_shape(row["WKT"], shape.ExportToWkt())


def test_fields_that_are_taken_get_another_name(map_path: Path, tmp_path: Path) -> None:
    taken = ("Tree_m2", "area_m2", "fid2", "geom2")
    polygons = write_vector(tmp_path / "p.gpkg", [(rectangle(0, 0, 4, 2), "a")], extra_fields=taken)
    measured(map_path, polygons, tmp_path / "areas.gpkg", measure="crs")
    (row,) = read(tmp_path / "areas.gpkg")
    assert (row["Tree_m2"], row["area_m2"]) == ("remark", "remark")
    assert (row["tree_m2_2"], row["area_m2_2"]) == (2700.0, 6300.0)


def test_polygons_with_a_field_called_fid_go_into_a_geopackage(map_path: Path, tmp_path: Path) -> None:
    features = ",".join(
        f'{{"type":"Feature","properties":{{"fid":7,"geom":"x","n":{n}}},"geometry":{{"type":"Polygon","coordinates":'
        f"[[[{n},0],[{n + 1},0],[{n + 1},-1],[{n},-1],[{n},0]]]}}}}"
        for n in range(2)
    )
    (tmp_path / "p.geojson").write_text(f'{{"type":"FeatureCollection","features":[{features}]}}')
    degrees = write_raster(tmp_path / "degrees.tif", MAP, (0.0, 0.1, 0.0, 0.0, 0.0, -0.1), epsg=4326)
    measured(degrees, tmp_path / "p.geojson", tmp_path / "areas.gpkg")
    assert [(row["fid"], row["geom"], row["n"]) for row in read(tmp_path / "areas.gpkg")] == [(7, "x", 0), (7, "x", 1)]


def test_classes_whose_names_look_alike_have_fields_of_their_own(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "map.tif", MAP, names=("", "red roof", "red-roof", "???"), nodata=0)
    polygons = write_vector(tmp_path / "p.gpkg", [(rectangle(0, 0, 4, 2), "a")])
    measured(path, polygons, tmp_path / "areas.gpkg", measure="crs")
    (row,) = read(tmp_path / "areas.gpkg")
    assert (row["red_roof_px"], row["red_roof_px_2"], row["class_3_px"]) == (3, 2, 2)


def test_map_without_crs_adds_no_areas(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "map.tif", MAP, None, epsg=None, names=NAMES)
    polygons = write_vector(tmp_path / "p.gpkg", [("POLYGON((0 0,4 0,4 -2,0 -2,0 0))", "a")], epsg=None)
    measured(path, polygons, tmp_path / "areas.gpkg")
    (row,) = read(tmp_path / "areas.gpkg")
    assert "tree_m2" not in row and "area_m2" not in row
    assert (row["tree_px"], row["measure"]) == (3, "pixels")


def test_output_of_a_run_before_is_replaced_with_what_belongs_to_it(map_path: Path, tmp_path: Path) -> None:
    polygons = write_vector(tmp_path / "p.gpkg", [(rectangle(0, 0, 4, 2), "a")])
    for suffix in (".gpkg", ".shp"):
        target = tmp_path / f"areas{suffix}"
        measured(map_path, polygons, target)
        stale = tmp_path / ("areas.gpkg-wal" if suffix == ".gpkg" else "areas.qix")
        stale.write_text("of the file before")
        measured(map_path, polygons, target)
        assert not stale.exists()
        assert len(read(target)) == 1


def test_too_many_classes_for_a_file_are_refused(tmp_path: Path) -> None:
    labels = np.arange(1, 501, dtype=np.uint16).reshape(20, 25)
    path = write_raster(tmp_path / "map.tif", labels, gdal_type=gdal.GDT_UInt16)
    polygons = write_vector(tmp_path / "p.gpkg", [(rectangle(0, 0, 25, 20), "a")])
    with pytest.raises(InputError, match="hold 500 classes; a vector output has room for 400"):
        measured(path, polygons, tmp_path / "areas.gpkg")
    assert not (tmp_path / "areas.gpkg").exists()


def test_full_disk_is_said_and_nothing_is_left(map_path: Path, tmp_path: Path, tiny_disk: Path) -> None:
    ring = ",".join(f"{364000 + n % 1000 * 0.001} {5810000 - n * 0.0001}" for n in range(200_000))
    polygons = write_vector(tmp_path / "p.gpkg", [(f"POLYGON(({ring},364000 5810000))", n) for n in range(8)])
    with pytest.raises(RasterWriteError, match=r"areas\.gpkg cannot be"):
        measured(map_path, polygons, tiny_disk / "areas.gpkg")
    assert list(tiny_disk.iterdir()) == []
