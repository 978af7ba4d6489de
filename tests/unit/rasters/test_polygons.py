# SPDX-License-Identifier: GPL-2.0-or-later
"""Features burnt onto a grid by one piece of code, for areas of interest and references alike."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osgeo import ogr

from special_qgis.engine.accuracy.reference import open_reference
from special_qgis.engine.config import SceneConfig
from special_qgis.engine.errors import InputError, RasterReadError
from special_qgis.engine.rasters.class_raster import open_class_raster
from special_qgis.engine.rasters.opening import open_raster, read_grid, spatial_reference
from special_qgis.engine.rasters.polygons import Shapes, open_vector, pick_layer, plan_reprojection, reproject
from special_qgis.engine.scene.area import find_area
from special_qgis.engine.windows import Window
from tests.helpers.class_maps import ORIGIN, UTM33, crs, rectangle, write_raster, write_vector
from tests.helpers.scene_files import wkt

ROWS, COLS = 23, 31
WHOLE = Window(0, 0, ROWS, COLS)
CORNERS = st.lists(st.tuples(st.integers(-40, 350), st.integers(-40, 270)), min_size=3, max_size=7)


def polygon(corners: List[Tuple[int, int]]) -> ogr.Geometry:
    """A polygon of corners in tenths of a pixel, in the coordinates of ``ORIGIN``."""
    x0, dx, _, y0, _, dy = ORIGIN
    ring = ", ".join(f"{x0 + col / 10 * dx} {y0 + row / 10 * dy}" for col, row in [*corners, corners[0]])
    return ogr.CreateGeometryFromWkt(f"POLYGON(({ring}))")


def area_mask(scene: Path, area: Path) -> np.ndarray:
    """(rows, cols) bool, pixels of the area of interest on the whole grid."""
    found = find_area(SceneConfig(str(scene), aoi=str(area)), read_grid(open_raster(str(scene))))
    mask = np.zeros((ROWS, COLS), bool)
    mask[found.window.slices()] = True if found.inside is None else found.inside
    return mask


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CORNERS)
def test_area_and_reference_mean_the_same_pixels_by_the_same_polygon(tmp_path: Path, corners: list) -> None:
    geometry = polygon(corners)
    if not geometry.IsValid() or geometry.Area() == 0:
        return
    scene = tmp_path / "scene.tif"
    if not scene.exists():
        write_raster(scene, np.ones((ROWS, COLS), np.uint8))
    area = tmp_path / "area.gpkg"
    area.unlink(missing_ok=True)
    write_vector(area, [(geometry.ExportToWkt(), 1)])
    burnt = open_reference(str(area), "", "class", open_class_raster(str(scene), "map")).read(WHOLE)
    try:
        mask = area_mask(scene, area)
    except InputError:
        mask = np.zeros((ROWS, COLS), bool)
    assert np.array_equal(mask, burnt != 0)


@pytest.mark.parametrize("side", [3, 7, 50])
def test_windows_burn_what_the_whole_grid_does(side: int) -> None:
    shapes = Shapes()
    for value, corners in enumerate(([(5, 7), (260, 31), (133, 200)], [(100, 100), (300, 90), (290, 220)]), 1):
        shapes.add(polygon(corners), value)
    whole = shapes.burn(WHOLE, ORIGIN)
    assert set(np.unique(whole)) == {0, 1, 2}
    for row in range(0, ROWS, side):
        for col in range(0, COLS, side):
            window = Window(row, col, min(side, ROWS - row), min(side, COLS - col))
            assert np.array_equal(shapes.burn(window, ORIGIN), whole[window.slices()])


def test_later_shape_counts_where_two_overlap() -> None:
    shapes = Shapes()
    shapes.add(polygon([(0, 0), (100, 0), (100, 100), (0, 100)]), 7)
    shapes.add(polygon([(50, 50), (100, 50), (100, 100), (50, 100)]), 9)
    burnt = shapes.burn(Window(0, 0, 12, 12), ORIGIN)
    assert (burnt == 7).sum() == 75
    assert (burnt == 9).sum() == 25
    assert len(shapes) == 2


def test_missing_vector_is_refused_with_its_role(tmp_path: Path) -> None:
    with pytest.raises(RasterReadError, match=r"There is no file .*nothing\.gpkg") as caught:
        open_vector(str(tmp_path / "nothing.gpkg"), "area of interest")
    assert "area of interest" in caught.value.hint


def test_missing_layer_names_those_that_are_there(tmp_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [(rectangle(1, 1, 3, 3), 1)])
    source = open_vector(str(path), "reference")
    assert pick_layer(source, "", "The reference").GetFeatureCount() == 1
    with pytest.raises(InputError, match="The reference has no layer 'other'; it has plots"):
        pick_layer(source, "other", "The reference")


def test_geometry_is_copied_and_reprojected() -> None:
    target = spatial_reference(wkt(UTM33))
    transformation = plan_reprojection(crs(4326), target, "The area")
    point = ogr.CreateGeometryFromWkt("POINT(15 0)")
    moved = reproject(point, transformation, "The area")
    assert (moved.GetX(), moved.GetY()) == pytest.approx((500000.0, 0.0), abs=1e-3)
    assert point.GetX() == 15
    assert plan_reprojection(crs(UTM33), target, "The area") is None


def test_geometry_that_cannot_be_reprojected_is_refused() -> None:
    transformation = plan_reprojection(crs(4326), spatial_reference(wkt(UTM33)), "The area")
    far = ogr.CreateGeometryFromWkt("POINT(15 95)")
    with pytest.raises(InputError, match="The area cannot be reprojected"):
        reproject(far, transformation, "The area")
