# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons to measure in: read from a vector layer, brought into the map's CRS, and put onto its pixels.

A polygon holds the pixels whose centre lies in it. Polygons may overlap: each is put onto the pixels by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr

from ..errors import InputError
from ..rasters.opening import QGIS_PIXEL_FRAME, Grid, spatial_reference
from ..rasters.polygons import Shapes, known_crs, open_vector, pick_layer, plan_reprojection, reproject
from ..rasters.text import field_value, name_of
from ..windows import Window

_ROLE = "polygon layer"  # in messages
_KINDS = (ogr.wkbPolygon, ogr.wkbMultiPolygon, ogr.wkbCurvePolygon, ogr.wkbMultiSurface)
_SLACK_PX = 1e-6  # for borders that are those of the map


@dataclass(frozen=True)
class Polygon:
    """A polygon of a layer.

    Attributes:
        number: From 1, in the order of the layer's polygons.
        name: Text of the field that names polygons; "" = none.
        geometry: In the map's CRS, without curves.
        window: Pixels of the map that its bounding box touches; None where it lies outside the map.
        is_whole: Whether all of it lies on the map.
    """

    number: int
    name: str
    geometry: Any
    window: Optional[Window]
    is_whole: bool


@dataclass(frozen=True)
class PolygonLayer:
    """Polygons of a layer.

    Attributes:
        polygons: In the layer's order.
        name: Of the layer.
        n_left_out: Features that are empty or no polygons.
    """

    polygons: Tuple[Polygon, ...]
    name: str
    n_left_out: int


def read_polygons(source: str, layer_name: str, name_field: str, grid: Grid) -> PolygonLayer:
    """Read the polygons of a layer.

    Args:
        source: Anything that GDAL opens as a vector source.
        layer_name: Layer of it; "" = its first.
        name_field: Field that names the polygons; "" = none.
        grid: The map's grid.

    Raises:
        RasterReadError: It is missing or GDAL cannot open it.
        InputError: No such layer or field, no polygon, or one of layer and map names its CRS and the other does not.
    """
    dataset = open_vector(source, _ROLE)
    layer = pick_layer(dataset, layer_name, f"The {_ROLE} {source}")
    field = _find_field(layer, name_field, source)
    transformation = _transformation(layer, grid, source)
    to_pixels = np.array(gdal.InvGeoTransform(grid.geotransform or QGIS_PIXEL_FRAME)).reshape(2, 3).T
    polygons: List[Polygon] = []
    n_left_out = 0
    for feature in layer:
        geometry = _polygon_of(feature, transformation, source)
        if geometry is None:
            n_left_out += 1
        else:
            name = "" if field is None else _words(field_value(feature, field))
            window, is_whole = _place(_corners(geometry, source) @ to_pixels, grid)
            polygons.append(Polygon(len(polygons) + 1, name, geometry, window, is_whole))
    if not polygons:
        raise InputError(f"The layer {name_of(layer)} of {source} has no polygon.", "Give a layer of polygons.")
    return PolygonLayer(tuple(polygons), name_of(layer), n_left_out)


def is_polygon(feature: ogr.Feature) -> bool:
    """Whether a feature is a polygon, of one part or several, that is not empty."""
    geometry = feature.GetGeometryRef()
    return geometry is not None and not geometry.IsEmpty() and ogr.GT_Flatten(geometry.GetGeometryType()) in _KINDS


def burn(polygon: Polygon, grid: Grid, window: Window) -> NDArray[np.bool_]:
    """Pixels of a window whose centres lie in a polygon.

    Args:
        polygon: Polygon in the grid's CRS.
        grid: The map's grid.
        window: Part of it.

    Returns:
        (rows, cols) bool.
    """
    shapes = Shapes(spatial_reference(grid.crs_wkt) if grid.has_crs else None)
    shapes.add(polygon.geometry)
    return shapes.burn(window, grid.geotransform or QGIS_PIXEL_FRAME, grid.crs_wkt) > 0


def _find_field(layer: ogr.Layer, wanted: str, source: str) -> Optional[int]:
    """Index of a field; None where none is wanted."""
    if not wanted:
        return None
    definition = layer.GetLayerDefn()
    names = [name_of(definition.GetFieldDefn(i)) for i in range(definition.GetFieldCount())]
    exact = [i for i, name in enumerate(names) if name == wanted]
    found = exact or [i for i, name in enumerate(names) if name.lower() == wanted.lower()]
    if not found:
        raise InputError(
            f"The layer {name_of(layer)} of {source} has no field {wanted!r}; it has {', '.join(names) or 'none'}.",
            "Name the field that tells the polygons apart, or none.",
        )
    return found[0]


def _words(value: Any) -> str:
    """A field's value as one line of text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else " ".join(str(value).split())


def _polygon_of(
    feature: ogr.Feature, transformation: Optional[osr.CoordinateTransformation], source: str
) -> Optional[ogr.Geometry]:
    """A feature's polygon in the map's CRS; None where it has none."""
    if not is_polygon(feature):
        return None
    geometry = feature.GetGeometryRef().GetLinearGeometry()
    geometry.FlattenTo2D()
    return reproject(geometry, transformation, f"Polygon {feature.GetFID()} of {source}")


def _transformation(layer: ogr.Layer, grid: Grid, source: str) -> Optional[osr.CoordinateTransformation]:
    """How polygons get into the map's CRS; None where both have the same or none."""
    crs = known_crs(layer)
    if (crs is None) == grid.has_crs:
        with_crs, without = ("map", "polygon layer") if grid.has_crs else ("polygon layer", "map")
        raise InputError(
            f"The {with_crs} names its CRS and the {without} does not, so where the polygons of {source} lie on the "
            "map is not known; both or none must name it.",
            f"Assign a CRS to the {without}.",
        )
    if crs is None:
        return None
    return plan_reprojection(crs, spatial_reference(grid.crs_wkt), f"The {_ROLE} {source}")


def _corners(geometry: ogr.Geometry, source: str) -> NDArray[np.float64]:
    """All corners of a polygon, (n, 3) float64: 1, x, y.

    Raises:
        InputError: A coordinate is not finite.
    """
    corners = np.array([(1.0, *point[:2]) for ring in _rings(geometry) for point in ring.GetPoints()])
    if not np.isfinite(corners).all():
        raise InputError(
            f"A polygon of {source} has a coordinate that is not finite in the map's CRS.",
            "Check that the layer names its own CRS, and that it lies in the map's region.",
        )
    return corners


def _place(corners: NDArray[np.float64], grid: Grid) -> Tuple[Optional[Window], bool]:
    """Pixels that a polygon's bounding box touches, and whether all of the polygon lies on the map.

    Args:
        corners: (n, 2) float64, column and row of each corner, in pixels.
        grid: The map's grid.
    """
    size = np.array([grid.cols, grid.rows], float)
    low, high = corners.min(axis=0), corners.max(axis=0)
    is_whole = bool((low >= -_SLACK_PX).all() and (high <= size + _SLACK_PX).all())
    first, last = np.floor(np.clip(low, 0.0, size)), np.ceil(np.clip(high, 0.0, size))
    if not (first < last).all():
        return None, is_whole
    (col, row), (cols, rows) = first.astype(int).tolist(), (last - first).astype(int).tolist()
    return Window(row, col, rows, cols), is_whole


def _rings(geometry: ogr.Geometry) -> Iterator[ogr.Geometry]:
    """All rings of a polygon, of several, or of a surface made of them."""
    if geometry.GetGeometryCount() == 0:
        yield geometry
    for i in range(geometry.GetGeometryCount()):
        yield from _rings(geometry.GetGeometryRef(i))
