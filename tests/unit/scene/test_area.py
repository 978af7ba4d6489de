# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas of interest: by extent, by polygons, rotated, outside, and without reference systems."""

from __future__ import annotations

import json

import numpy as np
import pytest
from osgeo import gdal, ogr, osr

from special_qgis.engine.config import SceneConfig
from special_qgis.engine.errors import InputError, RasterReadError
from special_qgis.engine.rasters.opening import Grid, GroundPoint
from special_qgis.engine.scene.area import find_area
from special_qgis.engine.windows import Window
from tests.helpers.scene_files import NORTH_UP, wkt

GRID = Grid(40, 50, NORTH_UP, wkt())  # x 600000 to 601500, y 5800000 down to 5798800


def box(xmin, ymin, xmax, ymax):
    return f"POLYGON (({xmin} {ymin}, {xmax} {ymin}, {xmax} {ymax}, {xmin} {ymax}, {xmin} {ymin}))"


def write_polygons(path, texts, epsg=32633, layer="fields"):
    """A GeoPackage, or a GeoJSON for no reference at all."""
    srs = None
    if epsg is not None:
        srs = osr.SpatialReference()
        srs.ImportFromEPSG(epsg)
        srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    made = data.CreateLayer(layer, srs, ogr.wkbUnknown)
    for text in texts:
        feature = ogr.Feature(made.GetLayerDefn())
        feature.SetGeometry(ogr.CreateGeometryFromWkt(text))
        made.CreateFeature(feature)
    del made, data
    return str(path)


def area_of(grid=GRID, **options):
    return find_area(SceneConfig("scene.tif", **options), grid)


def test_no_area_is_the_whole_scene():
    assert area_of().window == Window(0, 0, 40, 50)
    assert area_of().inside is None


def test_extent_on_pixel_borders_takes_exactly_these_pixels():
    assert area_of(extent=(600300.0, 5799400.0, 600600.0, 5799700.0)).window == Window(10, 10, 10, 10)


def test_extent_off_by_rounding_takes_the_same_pixels():
    assert area_of(extent=(600300.00001, 5799400.00001, 600599.99999, 5799699.99999)).window == Window(10, 10, 10, 10)


def test_extent_takes_the_pixels_whose_centres_are_inside():
    assert area_of(extent=(600314.0, 5799400.0, 600616.0, 5799684.0)).window == Window(11, 10, 9, 11)


def test_extent_beyond_the_scene_is_clipped():
    assert area_of(extent=(0.0, 0.0, 1e7, 1e8)).window == Window(0, 0, 40, 50)


@pytest.mark.parametrize(
    "extent", [(0.0, 0.0, 10.0, 10.0), (600301.0, 5799401.0, 600302.0, 5799402.0)], ids=["outside", "between centres"]
)
def test_extent_without_a_pixel_names_the_scene_s_span(extent):
    with pytest.raises(InputError, match=r"holds no pixel of the scene, which spans x 600000 to 601500"):
        area_of(extent=extent)


def test_extent_of_a_scene_without_georeference_is_in_pixels_downwards_negative():
    grid = Grid(40, 50)
    assert area_of(grid, extent=(5.0, -20.0, 15.0, -2.0)).window == Window(2, 5, 18, 10)


def test_extent_of_a_rotated_scene_keeps_only_the_pixels_inside():
    grid = Grid(40, 40, (0.0, 1.0, 1.0, 0.0, 1.0, -1.0), wkt())
    area = area_of(grid, extent=(20.0, -10.0, 40.0, 10.0))
    rows, cols = np.nonzero(area.inside)
    rows, cols = rows + area.window.row_off + 0.5, cols + area.window.col_off + 0.5
    x, y = cols + rows, cols - rows
    assert x.min() >= 20 and x.max() <= 40 and y.min() >= -10 and y.max() <= 10
    assert abs(rows.size - 200) < 25  # a pixel covers 2 square units


def test_polygons_of_the_same_reference_cut_out_their_pixels(tmp_path):
    source = write_polygons(
        tmp_path / "a.gpkg", [box(600300, 5799400, 600600, 5799700), box(601200, 5799700, 601290, 5799790)]
    )
    area = area_of(aoi=source)
    assert area.window == Window(7, 10, 13, 33)
    expected = np.zeros((13, 33), bool)
    expected[3:, :10] = True
    expected[:3, 30:] = True
    assert np.array_equal(area.inside, expected)


def test_polygons_of_another_reference_are_reprojected(tmp_path):
    source_srs, target_srs = osr.SpatialReference(wkt()), osr.SpatialReference(wkt(4326))
    target_srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    geometry = ogr.CreateGeometryFromWkt(box(600300, 5799400, 600600, 5799700))
    geometry.Transform(osr.CoordinateTransformation(source_srs, target_srs))
    source = write_polygons(tmp_path / "a.gpkg", [geometry.ExportToWkt()], 4326)
    area = area_of(aoi=source)
    assert area.window == Window(10, 10, 10, 10)
    assert area.inside.all()


def test_polygon_with_a_hole_leaves_the_hole_out(tmp_path):
    ring = box(600300, 5799400, 600600, 5799700)[:-1] + ", " + box(600390, 5799490, 600510, 5799610)[len("POLYGON (") :]
    area = area_of(aoi=write_polygons(tmp_path / "a.gpkg", [ring]))
    assert int(area.inside.sum()) == 100 - 16


def test_extent_and_polygons_together_keep_what_is_in_both(tmp_path):
    source = write_polygons(tmp_path / "a.gpkg", [box(600300, 5799400, 600600, 5799700)])
    area = area_of(aoi=source, extent=(600450.0, 5799000.0, 601500.0, 5799850.0))
    assert area.window == Window(10, 15, 10, 5)


def test_extent_and_polygons_apart_are_refused(tmp_path):
    source = write_polygons(tmp_path / "a.gpkg", [box(600300, 5799400, 600600, 5799700)])
    with pytest.raises(InputError, match="do not overlap"):
        area_of(aoi=source, extent=(600900.0, 5799000.0, 601500.0, 5799850.0))


def test_polygons_outside_the_scene_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no pixel of the scene"):
        area_of(aoi=write_polygons(tmp_path / "a.gpkg", [box(0, 0, 10, 10)]))


def test_sliver_between_pixel_centres_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no pixel of the scene"):
        area_of(aoi=write_polygons(tmp_path / "a.gpkg", [box(600301, 5799401, 600329, 5799404)]))


def test_polygons_without_reference_on_a_scene_with_one_are_refused(tmp_path):
    path = tmp_path / "a.shp"
    ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(path)).CreateLayer("a", None, ogr.wkbPolygon)
    with pytest.raises(InputError, match="has no coordinate reference system, but the scene has one"):
        area_of(aoi=str(path))


def test_polygons_with_reference_on_a_scene_without_are_refused(tmp_path):
    source = write_polygons(tmp_path / "a.gpkg", [box(1, -5, 20, -1)])
    with pytest.raises(InputError, match="has a coordinate reference system, but the scene has none"):
        area_of(Grid(40, 50), aoi=source)


def test_polygons_and_scene_both_without_reference_work_in_pixels(tmp_path):
    path = tmp_path / "a.shp"
    data = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(path))
    layer = data.CreateLayer("a", None, ogr.wkbPolygon)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkt(box(5, -20, 15, -2)))
    layer.CreateFeature(feature)
    del feature, layer, data
    assert area_of(Grid(40, 50), aoi=str(path)).window == Window(2, 5, 18, 10)


def test_scene_with_ground_control_points_only_takes_no_area():
    grid = Grid(40, 50, None, "", (GroundPoint(0, 0, 13, 52),), wkt(4326))
    with pytest.raises(InputError, match="ground control points only"):
        area_of(grid, extent=(13.0, 51.0, 14.0, 52.0))


def test_layer_of_points_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"'fields'.*has no polygons"):
        area_of(aoi=write_polygons(tmp_path / "a.gpkg", ["POINT (600300 5799400)"]))


def test_unknown_layer_lists_the_layers(tmp_path):
    source = write_polygons(tmp_path / "a.gpkg", [box(600300, 5799400, 600600, 5799700)])
    with pytest.raises(InputError, match=r"no layer 'woods'.*fields"):
        area_of(aoi=source, aoi_layer="woods")


def test_named_layer_is_used(tmp_path):
    source = write_polygons(tmp_path / "a.gpkg", [box(600300, 5799400, 600600, 5799700)])
    assert area_of(aoi=source, aoi_layer="fields").window == Window(10, 10, 10, 10)


def test_missing_polygon_file_is_named(tmp_path):
    with pytest.raises(RasterReadError, match=r"There is no file .*nothing\.gpkg"):
        area_of(aoi=str(tmp_path / "nothing.gpkg"))


def test_polygon_file_that_is_no_vector_is_refused(tmp_path):
    path = tmp_path / "a.gpkg"
    path.write_text(json.dumps([1, 2]), encoding="utf-8")
    with pytest.raises(RasterReadError, match="cannot be opened as a vector layer"):
        area_of(aoi=str(path))


def test_rasterised_polygons_use_gdal_s_centre_rule(tmp_path):
    """The mask must equal a point-in-polygon test of the pixel centres, by another route than rasterising."""
    triangle = ogr.CreateGeometryFromWkt("POLYGON ((600110 5799103, 601207 5799211, 600404 5799911, 600110 5799103))")
    area = area_of(aoi=write_polygons(tmp_path / "a.gpkg", [triangle.ExportToWkt()]))
    expected = np.zeros((GRID.rows, GRID.cols), bool)
    for row in range(GRID.rows):
        for col in range(GRID.cols):
            point = ogr.Geometry(ogr.wkbPoint)
            point.AddPoint_2D(*gdal.ApplyGeoTransform(NORTH_UP, col + 0.5, row + 0.5))
            expected[row, col] = triangle.Contains(point)
    found = np.zeros_like(expected)
    found[area.window.slices()] = area.inside
    assert np.array_equal(found, expected)
