# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import ogr, osr

from special_qgis.engine.accuracy.reference import open_reference
from special_qgis.engine.accuracy.vector_reference import VectorReference
from special_qgis.engine.errors import InputError
from special_qgis.engine.rasters.class_raster import open_class_raster
from special_qgis.engine.windows import Window, plan_tiles
from tests.helpers.class_maps import UTM33, crs, point, rectangle, write_raster, write_vector

ROWS, COLS = 30, 40
AREA = Window(0, 0, ROWS, COLS)
NAMES = ("", "tree", "water", "roof")


@pytest.fixture
def map_path(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "map.tif", np.ones((ROWS, COLS), np.uint8), names=NAMES)


def _open(map_path: Path, path: Path, layer: str = "", field: str = "") -> Any:
    return open_reference(str(path), layer, field, open_class_raster(str(map_path), "map"))


@pytest.mark.parametrize("tile_px", [1000, 11], ids=["whole", "tiles"])
def test_polygons_hold_pixels_whose_centre_lies_inside(tmp_path: Path, map_path: Path, tile_px: int) -> None:
    features = [(rectangle(2.4, 3.4, 10, 5), 1), (rectangle(20, 10, 6.6, 12.4), 3)]
    reference = _open(map_path, write_vector(tmp_path / "a.gpkg", features))
    values = np.zeros((ROWS, COLS), int)
    for window in plan_tiles(AREA, tile_px):
        values[window.slices()] = reference.read(window)
    expected = np.zeros((ROWS, COLS), int)
    expected[3:8, 2:12] = 1
    expected[10:22, 20:27] = 3
    assert np.array_equal(values, expected)
    assert reference.names == {}


def test_points_hold_the_pixel_they_fall_in(tmp_path: Path, map_path: Path) -> None:
    features = [(point(4.1, 7.9), "water"), (point(39.9, 0.1), "tree"), (point(100, 100), "roof")]
    reference = _open(map_path, write_vector(tmp_path / "a.gpkg", features))
    values = reference.read(AREA)
    assert np.argwhere(values).tolist() == [[0, 39], [7, 4]]
    assert reference.names[int(values[7, 4])] == "water"
    assert reference.names[int(values[0, 39])] == "tree"


def test_polygons_in_another_crs_are_brought_onto_the_map(tmp_path: Path, map_path: Path) -> None:
    geometry = ogr.CreateGeometryFromWkt(rectangle(5.2, 5.2, 10.6, 8.6))
    geometry.Transform(osr.CoordinateTransformation(crs(UTM33), crs(4326)))
    path = write_vector(tmp_path / "a.gpkg", [(geometry.ExportToWkt(), 2)], epsg=4326)
    values = _open(map_path, path).read(AREA)
    expected = np.zeros((ROWS, COLS), int)
    expected[5:14, 5:16] = 2
    assert np.array_equal(values, expected)


def test_map_without_georeference_takes_coordinates_as_qgis_draws_it(tmp_path: Path) -> None:
    map_path = write_raster(tmp_path / "map.tif", np.ones((ROWS, COLS), np.uint8), None, None)
    wkt = "POLYGON((2 -3,6 -3,6 -5,2 -5,2 -3))"
    values = _open(map_path, write_vector(tmp_path / "a.gpkg", [(wkt, 2)], epsg=None)).read(AREA)
    assert np.argwhere(values).tolist() == [[r, c] for r in (3, 4) for c in (2, 3, 4, 5)]


def test_vector_without_crs_is_taken_to_share_the_maps_with_a_warning(tmp_path: Path, map_path: Path) -> None:
    reference = _open(map_path, write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 2, 2), 1)], epsg=None))
    assert reference.read(AREA).sum() == 4
    assert "names its CRS" in reference.warnings[0]


def test_lines_and_features_without_class_are_left_out(tmp_path: Path, map_path: Path) -> None:
    features = [
        ("LINESTRING(364000 5810000,364900 5809100)", 1),
        (rectangle(0, 0, 2, 2), None),
        (rectangle(5, 5, 1, 1), 2),
    ]
    reference = _open(map_path, write_vector(tmp_path / "a.gpkg", features))
    assert np.argwhere(reference.read(AREA)).tolist() == [[5, 5]]
    assert "1 features of the reference are lines or empty" in reference.warnings[0]


def test_layer_without_usable_features_is_an_error(tmp_path: Path, map_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [("LINESTRING(364000 5810000,364900 5809100)", 1)])
    with pytest.raises(InputError, match="Layer plots has no polygon or point with a class"):
        _open(map_path, path)


def test_field_is_found_by_the_maps_class_names(tmp_path: Path, map_path: Path) -> None:
    features = [(rectangle(0, 0, 2, 2), "Water")]
    path = write_vector(tmp_path / "a.gpkg", features, field="what_it_is", extra_fields=("class", "remark"))
    assert _open(map_path, path).names == {1: "Water"}


def test_field_is_found_by_its_usual_name(tmp_path: Path, map_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 2, 2), 3)], field="Class_ID", extra_fields=("note",))
    assert _open(map_path, path).read(AREA).max() == 3


def test_field_that_could_be_any_is_an_error_that_lists_them(tmp_path: Path, map_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 2, 2), 3)], field="a", extra_fields=("b",))
    with pytest.raises(InputError, match="does not show which field holds the classes; its fields are a, b"):
        _open(map_path, path)


def test_field_named_wrongly_is_an_error_that_lists_them(tmp_path: Path, map_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 2, 2), 3)], field="kind")
    with pytest.raises(InputError, match="has no field 'art'; its fields are kind"):
        _open(map_path, path, field="art")


def test_field_named_in_other_case_is_found(tmp_path: Path, map_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 2, 2), 3)], field="Kind", extra_fields=("b",))
    assert _open(map_path, path, field="kind").read(AREA).max() == 3


def test_layer_is_picked_by_name_and_a_wrong_name_lists_them(tmp_path: Path, map_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 2, 2), 3)], layer="my plots")
    assert _open(map_path, path, layer="my plots").read(AREA).max() == 3
    with pytest.raises(InputError, match="has no layer 'other'; it has my plots"):
        _open(map_path, path, layer="other")


def test_fractional_class_is_refused(tmp_path: Path, map_path: Path) -> None:
    source = ogr.GetDriverByName("GeoJSON").CreateDataSource(str(tmp_path / "a.geojson"))
    layer = source.CreateLayer("a", crs(4326))
    layer.CreateField(ogr.FieldDefn("height", ogr.OFTReal))
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetField("height", 2.5)
    feature.SetGeometry(ogr.CreateGeometryFromWkt("POINT(13 52.4)"))
    layer.CreateFeature(feature)
    feature = layer = source = None
    with pytest.raises(InputError, match=r"Field height of the reference holds 2\.5"):
        _open(map_path, tmp_path / "a.geojson")


def test_reference_is_freed_from_its_source(tmp_path: Path, map_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 2, 2), 3)])
    reference = _open(map_path, path)
    path.unlink()
    assert isinstance(reference, VectorReference)
    assert reference.read(AREA).sum() == 12
