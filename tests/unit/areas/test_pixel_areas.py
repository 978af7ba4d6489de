# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
from typing import Tuple

import numpy as np
import pytest
from osgeo import osr

from special_qgis.engine.areas.pixel_areas import find_pixel_areas
from special_qgis.engine.errors import InputError
from special_qgis.engine.rasters.opening import Grid, spatial_reference, traditional
from special_qgis.engine.windows import Window

TURNED = (math.cos(0.5) * 30.0, math.sin(0.5) * 30.0, math.sin(0.5) * 30.0, -math.cos(0.5) * 30.0)


def wkt(definition: str) -> str:
    srs = osr.SpatialReference()
    srs.SetFromUserInput(definition)
    return str(srs.ExportToWkt())


def grid(definition: str, transform: Tuple[float, ...], rows: int = 200, cols: int = 300) -> Grid:
    return Grid(rows, cols, transform, wkt(definition) if definition else "")  # type: ignore[arg-type]


def read(one: Grid, window: Window, measure: str = "ellipsoid") -> np.ndarray:
    return np.broadcast_to(find_pixel_areas(one, measure).read(window), (window.rows, window.cols))


def pixel_by_fine_zones(one: Grid, row: int, col: int, n: int = 400) -> float:
    """Area of a pixel on the ellipsoid by the shoelace formula on the equal-area cylinder, sides cut into n parts."""
    crs = spatial_reference(one.crs_wkt)
    geographic = traditional(crs.CloneGeogCS())
    to_degrees = osr.CoordinateTransformation(crs, geographic)
    steps = np.arange(n) / n
    cols = np.concatenate([steps, np.ones(n), 1 - steps, np.zeros(n)]) + col
    rows = np.concatenate([np.zeros(n), steps, np.ones(n), 1 - steps]) + row
    x0, dx, rx, y0, ry, dy = one.geotransform
    points = np.array(
        to_degrees.TransformPoints(np.column_stack([x0 + cols * dx + rows * rx, y0 + cols * ry + rows * dy]).tolist())
    )
    points = points * geographic.GetAngularUnits()
    longitude, latitude = np.unwrap(points[:, 0]), points[:, 1]
    a, f = crs.GetSemiMajor(), 1 / crs.GetInvFlattening()
    e = math.sqrt(f * (2 - f))
    sine = np.sin(latitude)
    y = (1 - e**2) * (sine / (1 - (e * sine) ** 2) - np.log((1 - e * sine) / (1 + e * sine)) / (2 * e)) / 2
    longitude, y = longitude - longitude[0], y - y[0]  # keeps digits
    return float(a**2 * abs(np.dot(longitude, np.roll(y, -1)) - np.dot(y, np.roll(longitude, -1))) / 2)


@pytest.mark.parametrize(
    ("definition", "transform"),
    [
        ("EPSG:32633", (364000.0, 30.0, 0.0, 5810000.0, 0.0, -30.0)),
        ("EPSG:32633", (364000.0, *TURNED[:2], 5810000.0, *TURNED[2:])),
        ("EPSG:3857", (1.4e6, 30.0, 0.0, 8.0e6, 0.0, -30.0)),
        ("EPSG:3035", (4.3e6, 1000.0, 0.0, 3.3e6, 0.0, -1000.0)),
        ("EPSG:2263", (980000.0, 5.0, 0.0, 200000.0, 0.0, -5.0)),
        ("EPSG:3995", (-150000.0, 1000.0, 0.0, 100000.0, 0.0, -1000.0)),
        ("EPSG:4326", (13.0, 0.001, 0.0002, 52.0, 0.0002, -0.001)),
        ("EPSG:27572", (600000.0, 1.0, 0.0, 2400000.0, 0.0, -1.0)),
    ],
    ids=["UTM", "UTM turned", "Web Mercator", "LAEA", "feet", "at the pole", "degrees turned", "Paris and grads"],
)
def test_scaled_pixels_equal_each_pixel_computed_by_itself(definition: str, transform: Tuple[float, ...]) -> None:
    one = grid(definition, transform)
    areas = read(one, Window(0, 0, 200, 300))
    for row, col in ((0, 0), (63, 64), (101, 151), (199, 299), (17, 290)):
        assert areas[row, col] == pytest.approx(pixel_by_fine_zones(one, row, col), rel=1e-6)


def test_parallel_rows_equal_each_pixel_computed_by_itself() -> None:
    one = grid("EPSG:4326", (13.0, 0.01, 0.0, 53.0, 0.0, -0.01))
    areas = read(one, Window(10, 20, 150, 200))
    assert np.ptp(areas, axis=1).max() == 0.0
    for row in (0, 70, 149):
        assert areas[row, 3] == pytest.approx(pixel_by_fine_zones(one, row + 10, 23), rel=1e-9)


def test_equal_area_projection_gives_equal_pixels() -> None:
    areas = read(grid("EPSG:3035", (3.0e6, 1000.0, 0.0, 4.0e6, 0.0, -1000.0)), Window(0, 0, 200, 300))
    assert areas == pytest.approx(np.full(areas.shape, 1e6), rel=1e-6)


def test_southern_grid_with_rows_upwards_is_positive() -> None:
    areas = read(grid("EPSG:4326", (13.0, 0.01, 0.0, -33.0, 0.0, 0.01)), Window(0, 0, 20, 20))
    assert (areas > 0).all()


def test_areas_do_not_depend_on_the_windows_read() -> None:
    one = grid("EPSG:3857", (1.4e6, 30.0, 0.0, 8.0e6, 0.0, -30.0))
    whole = read(one, Window(0, 0, 200, 300))
    np.testing.assert_array_equal(read(one, Window(37, 129, 90, 101)), whole[37:127, 129:230])


def test_plane_is_the_pixel_size_in_metres() -> None:
    feet = 12 / 39.37  # US survey foot
    assert read(grid("EPSG:2263", (0, 5, 0, 0, 0, -5)), Window(0, 0, 2, 3), "crs") == pytest.approx(
        np.full((2, 3), 25 * feet**2)
    )
    turned = (0.0, *TURNED[:2], 0.0, *TURNED[2:])
    assert read(grid("EPSG:32633", turned), Window(0, 0, 1, 1), "crs")[0, 0] == pytest.approx(900.0)


def test_pixels_beyond_the_edge_of_the_globe_have_neighbours_area_or_none() -> None:
    one = grid("+proj=ortho +lat_0=0 +lon_0=0 +datum=WGS84", (-8e6, 20000.0, 0.0, 8e6, 0.0, -20000.0), 800, 800)
    areas = read(one, Window(0, 0, 800, 800))
    assert areas[400, 400] == pytest.approx(4e8, rel=1e-3)
    assert np.isfinite(areas[400]).all()
    assert np.isnan(read(one, Window(0, 0, 20, 20))).all()


@pytest.mark.parametrize(
    ("one", "measure"),
    [
        (Grid(2, 2), "ellipsoid"),
        (grid("", (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)), "ellipsoid"),
        (grid("", (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)), "crs"),
    ],
    ids=["not georeferenced", "no CRS", "no CRS, plane"],
)
def test_grid_without_place_or_crs_is_only_counted(one: Grid, measure: str) -> None:
    found = find_pixel_areas(one, measure)
    assert (found.measure, found.read(Window(0, 0, 2, 2)).tolist()) == ("pixels", [[1.0]])


@pytest.mark.parametrize(
    ("definition", "measure", "words"),
    [
        ("EPSG:4326", "crs", "WGS 84 has no plane with areas in m²"),
        ('LOCAL_CS["mine",UNIT["metre",1]]', "ellipsoid", "mine does not lie on an ellipsoid"),
    ],
    ids=["degrees in the plane", "local on the ellipsoid"],
)
def test_measure_that_a_crs_does_not_have_is_refused(definition: str, measure: str, words: str) -> None:
    one = grid(definition, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    with pytest.raises(InputError, match=words):
        find_pixel_areas(one, measure)


def test_local_crs_has_a_plane() -> None:
    found = find_pixel_areas(grid('LOCAL_CS["mine",UNIT["metre",1]]', (0.0, 2.0, 0.0, 0.0, 0.0, -2.0)), "crs")
    assert (found.measure, found.read(Window(0, 0, 1, 1)).tolist()) == ("crs", [[4.0]])
