# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest

from special_qgis.engine.areas.polygons import burn, read_polygons
from special_qgis.engine.errors import EngineError, InputError, RasterReadError
from special_qgis.engine.rasters.opening import Grid
from special_qgis.engine.windows import Window
from tests.helpers.class_maps import ORIGIN, crs, rectangle, write_vector

GRID = Grid(40, 50, ORIGIN, crs(32633).ExportToWkt())
WHOLE = Window(0, 0, 40, 50)
HOLED = rectangle(2, 2, 20, 20)[:-1] + "," + rectangle(6, 6, 4, 4)[len("POLYGON(") :]
MULTI = f"MULTIPOLYGON({rectangle(0, 0, 3, 3)[7:]},{rectangle(30, 30, 5, 2)[7:]})"


def inside_of(path: Path, grid: Grid = GRID, **options: Any) -> List[np.ndarray]:
    names: Dict[str, str] = {"layer_name": "", "name_field": "", **options}
    return [burn(found, grid, WHOLE) for found in read_polygons(str(path), grid=grid, **names).polygons]


def box(col: int, row: int, cols: int, rows: int) -> np.ndarray:
    mask = np.zeros((40, 50), bool)
    mask[row : row + rows, col : col + cols] = True
    return mask


def test_polygon_holds_pixels_whose_centre_lies_in_it(tmp_path: Path) -> None:
    shapes = [rectangle(3.4, 5.4, 4, 4), rectangle(3.6, 5.6, 4, 4), rectangle(9.6, 9.6, 0.8, 0.8)]
    found = inside_of(write_vector(tmp_path / "a.gpkg", [(shape, 1) for shape in shapes]))
    for mask, expected in zip(found, (box(3, 5, 4, 4), box(4, 6, 4, 4), box(0, 0, 0, 0))):
        np.testing.assert_array_equal(mask, expected)


def test_polygons_with_holes_and_of_several_parts_hold_what_they_cover(tmp_path: Path) -> None:
    holed, multi = inside_of(write_vector(tmp_path / "a.gpkg", [(HOLED, 1), (MULTI, 2)]))
    np.testing.assert_array_equal(holed, box(2, 2, 20, 20) & ~box(6, 6, 4, 4))
    np.testing.assert_array_equal(multi, box(0, 0, 3, 3) | box(30, 30, 5, 2))


def test_overlapping_polygons_both_hold_the_shared_pixels(tmp_path: Path) -> None:
    first, second = inside_of(
        write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 9, 9), 1), (rectangle(5, 5, 9, 9), 2)])
    )
    assert (first & second).sum() == 16


def test_windows_of_a_polygon_make_up_the_whole(tmp_path: Path) -> None:
    (polygon,) = read_polygons(str(write_vector(tmp_path / "a.gpkg", [(HOLED, 1)])), "", "", GRID).polygons
    parts = [[burn(polygon, GRID, Window(row, col, 10, 25)) for col in (0, 25)] for row in (0, 10, 20, 30)]
    np.testing.assert_array_equal(np.block(parts), burn(polygon, GRID, WHOLE))


def test_polygon_of_another_crs_lands_on_the_same_pixels(tmp_path: Path) -> None:
    from osgeo import ogr, osr

    shape = ogr.CreateGeometryFromWkt(rectangle(3.3, 5.3, 8, 6))
    shape.Transform(osr.CoordinateTransformation(crs(32633), crs(4326)))
    (mask,) = inside_of(write_vector(tmp_path / "a.gpkg", [(shape.ExportToWkt(), 1)], epsg=4326))
    np.testing.assert_array_equal(mask, box(3, 5, 8, 6))


def test_polygons_on_a_turned_grid_land_on_its_pixels(tmp_path: Path) -> None:
    turned = Grid(40, 50, (364000.0, 20.0, 15.0, 5810000.0, 15.0, -20.0), GRID.crs_wkt)
    x0, dx, rx, y0, ry, dy = turned.geotransform
    corners = [(5, 4), (15, 4), (15, 14), (5, 14), (5, 4)]
    ring = ",".join(f"{x0 + c * dx + r * rx} {y0 + c * ry + r * dy}" for c, r in corners)
    path = write_vector(tmp_path / "a.gpkg", [(f"POLYGON(({ring}))", 1)])
    (polygon,) = read_polygons(str(path), "", "", turned).polygons
    assert polygon.is_whole
    assert polygon.window.rows <= 12 and polygon.window.cols <= 12
    np.testing.assert_array_equal(burn(polygon, turned, WHOLE), box(5, 4, 10, 10))


def test_map_and_polygons_without_crs_share_qgis_pixel_coordinates(tmp_path: Path) -> None:
    path = write_vector(tmp_path / "a.gpkg", [("POLYGON((2 -1,7 -1,7 -4,2 -4,2 -1))", 1)], epsg=None)
    (mask,) = inside_of(path, Grid(40, 50))
    np.testing.assert_array_equal(mask, box(2, 1, 5, 3))


@pytest.mark.parametrize(
    ("shape", "window", "is_whole"),
    [
        (rectangle(0, 0, 50, 40), WHOLE, True),
        (rectangle(45.5, 35.5, 10, 3), Window(35, 45, 4, 5), False),
        (rectangle(60, 0, 5, 5), None, False),
        (rectangle(-5, 2, 5, 5), None, False),
    ],
    ids=["whole map", "over the edge", "outside", "beside"],
)
def test_polygon_knows_its_place_on_the_map(tmp_path: Path, shape: str, window: Window, is_whole: bool) -> None:
    (polygon,) = read_polygons(str(write_vector(tmp_path / "a.gpkg", [(shape, 1)])), "", "", GRID).polygons
    assert (polygon.window, polygon.is_whole) == (window, is_whole)


def test_features_that_are_no_polygons_are_left_out_and_counted(tmp_path: Path) -> None:
    line = "LINESTRING(364000 5810000,364100 5810000)"
    shapes = [(line, 1), (rectangle(0, 0, 2, 2), 2), ("POLYGON EMPTY", 3), (rectangle(4, 4, 2, 2), 4)]
    found = read_polygons(str(write_vector(tmp_path / "a.gpkg", shapes)), "", "class", GRID)
    assert [(one.number, one.name) for one in found.polygons] == [(1, "2"), (2, "4")]
    assert found.n_left_out == 2


def test_names_are_one_line_of_text(tmp_path: Path) -> None:
    shapes = [(rectangle(0, 0, 2, 2), "  Wiese\nnass "), (rectangle(2, 0, 2, 2), None)]
    found = read_polygons(str(write_vector(tmp_path / "a.gpkg", shapes)), "plots", "CLASS", GRID)
    assert [one.name for one in found.polygons] == ["Wiese nass", ""]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"source": "none.gpkg"}, RasterReadError, "There is no file none.gpkg"),
        ({"source": "text.gpkg"}, RasterReadError, "cannot be opened as a vector layer"),
        ({"layer_name": "fields"}, InputError, "no layer 'fields'; it has plots"),
        ({"name_field": "title"}, InputError, "no field 'title'; it has class"),
        ({"source": "lines.gpkg"}, InputError, "has no polygon"),
        ({"source": "no_crs.gpkg"}, InputError, "The map names its CRS and the polygon layer does not"),
        ({"grid": Grid(40, 50)}, InputError, "The polygon layer names its CRS and the map does not"),
    ],
    ids=["missing", "not a vector", "layer", "field", "no polygon", "layer without CRS", "map without CRS"],
)
def test_layer_that_cannot_be_used_says_why(
    tmp_path: Path, options: Dict[str, Any], kind: type, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_vector(tmp_path / "a.gpkg", [(rectangle(0, 0, 2, 2), 1)])
    write_vector(tmp_path / "no_crs.gpkg", [(rectangle(0, 0, 2, 2), 1)], epsg=None)
    write_vector(tmp_path / "lines.gpkg", [("POINT(1 1)", 1)])
    (tmp_path / "text.gpkg").write_text("no vector")
    given = {"source": "a.gpkg", "layer_name": "", "name_field": "", "grid": GRID, **options}
    with pytest.raises(kind, match=words) as caught:
        read_polygons(**given)
    assert isinstance(caught.value, EngineError) and caught.value.hint
