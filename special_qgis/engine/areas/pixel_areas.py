# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas of a map's pixels in m²: on the ellipsoid of its CRS, or in the plane that the CRS draws it on.

On the ellipsoid a geographic grid whose rows are parallels is exact, row by row. On any other grid the area of a pixel
follows the local scale: it is computed at the nodes of a coarse lattice and interpolated between them.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, Protocol, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, osr

from ..errors import InputError
from ..rasters.gdal_exceptions import without_exceptions
from ..rasters.opening import GeoTransform, Grid, spatial_reference, traditional
from ..rasters.text import name_of
from ..windows import Window
from .ellipsoid import Ellipsoid, Floats

ELLIPSOID, PLANE, PIXELS = "ellipsoid", "crs", "pixels"  # on what areas are measured; pixels = only counted

_NODE_DISTANCE_M = 10_000.0  # at most; over it the scale of Mercator's projection, say, bends by less than a millionth
_MOST_NODE_PX = 64
_PROBE_M = 1_000.0  # side of the quadrilateral at a node: PROJ's inverses are good to a millimetre only
_METRES_PER_DEGREE = 111_320.0


class PixelAreas(Protocol):
    """Areas of the pixels of a grid."""

    @property
    def measure(self) -> str:
        """ELLIPSOID, PLANE or PIXELS."""

    @property
    def described(self) -> str:
        """The same in words, with the name of ellipsoid or CRS."""

    def read(self, window: Window) -> Floats:
        """Areas of a window's pixels.

        Returns:
            (rows, cols), (rows, 1) or (1, 1) float64, m²; 1 each where only pixels are counted; NaN where the CRS
            gives no place for a pixel.
        """


@dataclass(frozen=True)
class EqualPixels:
    """Pixels of one area.

    Attributes:
        area: Of a pixel, in m²; 1 where pixels are only counted.
        measure: PLANE or PIXELS.
        described: The same in words.
    """

    area: float
    measure: str
    described: str

    def read(self, window: Window) -> Floats:
        """Areas of a window's pixels, (1, 1) float64."""
        return np.full((1, 1), self.area)


class ParallelRows:
    """Pixels of a geographic grid whose rows run along parallels, exact on the ellipsoid.

    Args:
        transform: Geotransform without rotation, in degrees or another angular unit.
        ellipsoid: What the areas are on.
        radians_per_unit: Size of that unit.
    """

    measure = ELLIPSOID

    def __init__(self, transform: GeoTransform, ellipsoid: Ellipsoid, radians_per_unit: float) -> None:
        self.described = f"ellipsoid {ellipsoid.name}"
        self._ellipsoid = ellipsoid
        self._top, self._height = transform[3] * radians_per_unit, transform[5] * radians_per_unit
        self._width = transform[1] * radians_per_unit

    def read(self, window: Window) -> Floats:
        """Areas of a window's pixels, (rows, 1) float64, m²."""
        edges = self._top + (window.row_off + np.arange(window.rows + 1)) * self._height
        return self._ellipsoid.zone_area_m2(edges[:-1], edges[1:], self._width)[:, None]


class ScaledPixels:
    """Pixels of any grid on the ellipsoid, by the local scale at the nodes of a lattice.

    Nodes lie at fixed pixels of the grid, so that areas do not depend on the windows read.

    Args:
        transform: Geotransform, rotated or not.
        crs: CRS with x first.
        ellipsoid: What the areas are on.
    """

    measure = ELLIPSOID

    def __init__(self, transform: GeoTransform, crs: Any, ellipsoid: Ellipsoid) -> None:
        self.described = f"ellipsoid {ellipsoid.name}"
        self._geotransform = transform
        self._ellipsoid = ellipsoid
        geographic = traditional(crs.CloneGeogCS())
        self._radians_per_unit = float(geographic.GetAngularUnits())
        self._to_geographic = osr.CoordinateTransformation(crs, geographic)
        unit_m = _METRES_PER_DEGREE if crs.IsGeographic() else float(crs.GetLinearUnits())
        pixel_m = math.sqrt(_cell(transform)) * unit_m
        self._step = min(max(int(_NODE_DISTANCE_M / pixel_m), 1), _MOST_NODE_PX)
        self._probe_px = max(1.0, _PROBE_M / pixel_m)

    def read(self, window: Window) -> Floats:
        """Areas of a window's pixels, (rows, cols) float64, m²; NaN where the CRS cannot be inverted."""
        row, row_part = _lattice(window.row_off, window.rows, self._step)
        col, col_part = _lattice(window.col_off, window.cols, self._step)
        nodes = self._node_areas(np.arange(row[0], row[-1] + 2), np.arange(col[0], col[-1] + 2))
        row, col = row - row[0], col - col[0]
        along = nodes[:, col] * (1.0 - col_part) + nodes[:, col + 1] * col_part  # (node rows, cols)
        areas: Floats = along[row] * (1.0 - row_part)[:, None] + along[row + 1] * row_part[:, None]
        return areas

    def _node_areas(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Floats:
        """Area of a pixel at each node, (rows, cols) float64, m²."""
        row, col = np.meshgrid(rows * float(self._step), cols * float(self._step), indexing="ij")
        half = self._probe_px / 2.0
        corner_rows = row.ravel()[:, None] + np.array([-half, -half, half, half])
        corner_cols = col.ravel()[:, None] + np.array([-half, half, half, -half])
        x0, dx, rx, y0, ry, dy = self._geotransform
        x, y = x0 + corner_cols * dx + corner_rows * rx, y0 + corner_cols * ry + corner_rows * dy
        longitude, latitude = self._geographic(x, y)
        areas = self._ellipsoid.quad_area_m2(longitude, latitude) / self._probe_px**2
        return _filled(areas.reshape(row.shape))

    def _geographic(self, x: Floats, y: Floats) -> Tuple[Floats, Floats]:
        """Longitude and latitude in radians; NaN where the CRS cannot be inverted."""
        points = np.column_stack([x.ravel(), y.ravel()]).tolist()
        with _failures_as_infinity():
            found = np.array(self._to_geographic.TransformPoints(points), float)[:, :2]
        found[~np.isfinite(found).all(axis=1)] = np.nan
        longitude, latitude = (found.T * self._radians_per_unit).reshape(2, *x.shape)
        return longitude, np.clip(latitude, -math.pi / 2.0, math.pi / 2.0)


def find_pixel_areas(grid: Grid, measure: str) -> PixelAreas:
    """How the pixels of a map are measured.

    Args:
        grid: The map's grid.
        measure: ELLIPSOID or PLANE, on which areas are wanted.

    Returns:
        Areas in m²; pixels that are only counted where the map is not georeferenced or names no CRS.

    Raises:
        InputError: The map's CRS has no such areas.
    """
    if grid.geotransform is None or not grid.has_crs:
        return EqualPixels(1.0, PIXELS, "pixels, as the map is not georeferenced in a known CRS")
    crs = spatial_reference(grid.crs_wkt)
    if measure == PLANE:
        return EqualPixels(_plane_area(grid.geotransform, crs), PLANE, f"plane of {name_of(crs)}")
    if not (crs.IsGeographic() or crs.IsProjected()):
        raise InputError(
            f"The map's CRS {name_of(crs)} does not lie on an ellipsoid; a geographic or projected one does.",
            "Measure in the plane of the CRS (crs), or reproject the map.",
        )
    ellipsoid = _ellipsoid_of(crs)
    _, _, rx, _, ry, _ = grid.geotransform
    if crs.IsGeographic() and rx == 0.0 and ry == 0.0:
        return ParallelRows(grid.geotransform, ellipsoid, float(crs.GetAngularUnits()))
    return ScaledPixels(grid.geotransform, crs, ellipsoid)


def _plane_area(transform: GeoTransform, crs: Any) -> float:
    if not (crs.IsProjected() or crs.IsLocal()):
        raise InputError(
            f"The map's CRS {name_of(crs)} has no plane with areas in m²: its coordinates are angles. A projected "
            "CRS has one.",
            "Measure on the ellipsoid, or reproject the map to an equal-area CRS.",
        )
    return _cell(transform) * float(crs.GetLinearUnits()) ** 2


def _ellipsoid_of(crs: Any) -> Ellipsoid:
    inverse_flattening = float(crs.GetInvFlattening())
    flattening = 0.0 if inverse_flattening == 0.0 else 1.0 / inverse_flattening
    return Ellipsoid(str(crs.GetAttrValue("SPHEROID") or "unnamed"), float(crs.GetSemiMajor()), flattening)


def _cell(transform: GeoTransform) -> float:
    """Area of a pixel in squared units of the CRS."""
    return abs(transform[1] * transform[5] - transform[2] * transform[4])


def _lattice(offset: int, n: int, step: int) -> Tuple[NDArray[np.int64], Floats]:
    """Number of the node before each pixel centre, and the centre's part of the way to the next node."""
    position = (offset + np.arange(n) + 0.5) / step
    node = np.floor(position).astype(np.int64)
    return node, position - node


def _filled(areas: Floats) -> Floats:
    """Node areas, where those beyond the edge of what a CRS can show are taken from known neighbours."""
    if np.isfinite(areas).all():
        return areas
    for _ in range(2):  # along rows, then along columns
        areas = _carried_on(_carried_on(areas)[:, ::-1])[:, ::-1].T
    return areas


def _carried_on(areas: Floats) -> Floats:
    """Values with unknown ones taken from the last known value before them in their row; NaN where there is none."""
    known_at = np.where(np.isfinite(areas), np.arange(areas.shape[1]), 0)
    carried: Floats = np.take_along_axis(areas, np.maximum.accumulate(known_at, axis=1), axis=1)
    return carried


@contextmanager
def _failures_as_infinity() -> Iterator[None]:
    """Let points that cannot be transformed come back as infinity, without exceptions and lines in logs."""
    with without_exceptions():
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        try:
            yield
        finally:
            gdal.PopErrorHandler()
