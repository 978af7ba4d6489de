# SPDX-License-Identifier: GPL-2.0-or-later
"""Area of interest: the part of a scene that the work is limited to, by an extent, by polygons, or both.

Gives a window of whole pixels, which outputs are cropped to, and which pixels of it are inside. A pixel belongs to a
polygon when its centre does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Optional, Tuple

import numpy as np
from osgeo import gdal, ogr

from ..config import SceneConfig
from ..errors import InputError
from ..rasters.opening import QGIS_PIXEL_FRAME, GeoTransform, Grid, spatial_reference
from ..rasters.polygons import Shapes, known_crs, open_vector, pick_layer, plan_reprojection, reproject
from ..rasters.text import name_of
from ..windows import Window
from .blocks import BoolArray

Extent = Tuple[float, float, float, float]  # xmin, ymin, xmax, ymax

_SNAP_PX = 1e-6  # an extent typed or drawn on pixel borders is off by rounding


@dataclass(frozen=True)
class Area:
    """A window of a raster and the pixels of it that count."""

    window: Window  # in pixels of the raster
    inside: Optional[BoolArray] = None  # (rows, cols) bool of the window; None = all

    def part(self, window: Window) -> Optional[BoolArray]:
        """Pixels that count in a window relative to the area; None = all."""
        return None if self.inside is None else self.inside[window.slices()]


def find_area(config: SceneConfig, grid: Grid) -> Area:
    """The area that a scene's options limit the work to; the whole raster when they don't.

    Raises:
        InputError: The extent or the polygons lie outside, hold no pixel, or cannot be placed on the raster.
        RasterReadError: The polygon source cannot be opened.
    """
    area = Area(Window(0, 0, grid.rows, grid.cols))
    if config.extent is None and not config.aoi:
        return area
    if grid.geotransform is None and grid.gcps:
        raise InputError(
            "An area of interest needs a scene with a geotransform; this one has ground control points only.",
            "Warp the scene to a map grid first, or leave the area of interest out.",
        )
    frame = grid.geotransform or QGIS_PIXEL_FRAME
    if config.extent is not None:
        area = _area_of_extent(config.extent, grid, frame)
    if config.aoi:
        area = _intersect(area, _area_of_polygons(config, grid, frame))
    return area


def _area_of_extent(extent: Extent, grid: Grid, frame: GeoTransform) -> Area:
    window = _window_of_extent(extent, grid, frame)
    if window is None:
        raise _outside_error(f"The extent {_words(extent)}", grid, frame)
    if frame[2] == 0.0 and frame[4] == 0.0:
        return Area(window)
    rows = window.row_off + np.arange(window.rows)[:, None] + 0.5
    cols = window.col_off + np.arange(window.cols)[None, :] + 0.5
    x, y = frame[0] + cols * frame[1] + rows * frame[2], frame[3] + cols * frame[4] + rows * frame[5]
    inside = (x >= extent[0]) & (x <= extent[2]) & (y >= extent[1]) & (y <= extent[3])
    if not inside.any():
        raise _outside_error(f"The extent {_words(extent)}", grid, frame)
    return Area(window, inside)


def _window_of_extent(extent: Extent, grid: Grid, frame: GeoTransform) -> Optional[Window]:
    """Pixels whose centres are in an extent, or for a rotated raster those of the box around it; None = no pixel."""
    inverse = gdal.InvGeoTransform(frame)
    corners = [gdal.ApplyGeoTransform(inverse, x, y) for x in extent[0::2] for y in extent[1::2]]
    cols, rows = zip(*corners)
    first_col, last_col = _centres_between(min(cols), max(cols), grid.cols)
    first_row, last_row = _centres_between(min(rows), max(rows), grid.rows)
    if first_col > last_col or first_row > last_row:
        return None
    return Window(first_row, first_col, last_row - first_row + 1, last_col - first_col + 1)


def _centres_between(low: float, high: float, n: int) -> Tuple[int, int]:
    first = math.ceil(min(max(low, -1.0), n + 1.0) - 0.5 - _SNAP_PX)
    last = math.floor(min(max(high, -1.0), n + 1.0) - 0.5 + _SNAP_PX)
    return max(0, first), min(n - 1, last)


def _area_of_polygons(config: SceneConfig, grid: Grid, frame: GeoTransform) -> Area:
    polygons = _read_polygons(config.aoi, config.aoi_layer, grid)
    boxes = np.array(polygons.boxes)
    extent = (boxes[:, 0].min(), boxes[:, 2].min(), boxes[:, 1].max(), boxes[:, 3].max())
    window = _window_of_extent(extent, grid, frame)
    if window is None:
        raise _outside_error(f"The area of interest {config.aoi}, which spans {_words(extent)},", grid, frame)
    inside = polygons.burn(window, frame) != 0
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if rows.size == 0:
        raise _outside_error(f"The area of interest {config.aoi}", grid, frame)
    tight = Window(
        window.row_off + int(rows[0]),
        window.col_off + int(cols[0]),
        int(rows[-1] - rows[0]) + 1,
        int(cols[-1] - cols[0]) + 1,
    )
    return Area(tight, np.ascontiguousarray(inside[tight.slices(window)]))


def _read_polygons(source: str, layer_name: str, grid: Grid) -> Shapes:
    """Polygons of a layer in the scene's reference system."""
    what = f"The area of interest {source}"
    dataset = open_vector(source, "area of interest")
    layer = pick_layer(dataset, layer_name, what)
    transformation = _transformation(layer, grid, what)
    polygons = Shapes()
    for feature in layer:
        geometry = feature.GetGeometryRef()
        if geometry is None or geometry.IsEmpty():
            continue
        geometry = geometry.GetLinearGeometry()
        if ogr.GT_Flatten(geometry.GetGeometryType()) in (ogr.wkbPolygon, ogr.wkbMultiPolygon):
            polygons.add(reproject(geometry, transformation, what))
    if not len(polygons):
        raise InputError(
            f"The layer {name_of(layer)!r} of {source} has no polygons.", "Give a polygon layer as area of interest."
        )
    return polygons


def _transformation(layer: Any, grid: Grid, what: str) -> Optional[Any]:
    """How polygons get into the scene's reference system; None when neither has one, or both have the same."""
    crs = known_crs(layer)
    if crs is None and not grid.has_crs:
        return None
    if crs is None:
        raise InputError(
            f"{what} has no coordinate reference system, but the scene has one.",
            "Assign the right reference system to the area of interest.",
        )
    if not grid.has_crs:
        raise InputError(
            f"{what} has a coordinate reference system, but the scene has none.",
            "Assign the right reference system to the scene, or draw the area in the scene's pixel coordinates.",
        )
    return plan_reprojection(crs, spatial_reference(grid.crs_wkt), what)


def _intersect(first: Area, second: Area) -> Area:
    row, col = max(first.window.row_off, second.window.row_off), max(first.window.col_off, second.window.col_off)
    last_row = min(first.window.row_off + first.window.rows, second.window.row_off + second.window.rows)
    last_col = min(first.window.col_off + first.window.cols, second.window.col_off + second.window.cols)
    if row >= last_row or col >= last_col:
        raise InputError("The extent and the area of interest do not overlap.", "Give one of them, or correct them.")
    window = Window(row, col, last_row - row, last_col - col)
    inside = np.ones((window.rows, window.cols), bool)
    for area in (first, second):
        if area.inside is not None:
            inside &= area.inside[window.slices(area.window)]
    if not inside.any():
        raise InputError("The extent and the area of interest share no pixel.", "Give one of them, or correct them.")
    return Area(window, inside)


def _outside_error(what: str, grid: Grid, frame: GeoTransform) -> InputError:
    corners = [gdal.ApplyGeoTransform(frame, col, row) for col in (0, grid.cols) for row in (0, grid.rows)]
    x, y = zip(*corners)
    return InputError(
        f"{what} holds no pixel of the scene, which spans {_words((min(x), min(y), max(x), max(y)))}.",
        "Give an area inside the scene, in the scene's reference system.",
    )


def _words(extent: Extent) -> str:
    return "x {0:.10g} to {2:.10g}, y {1:.10g} to {3:.10g}".format(*extent)
