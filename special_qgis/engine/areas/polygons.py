# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons to measure in: read from a vector layer, brought into the map's CRS, and put onto its pixels.

A polygon holds the pixels whose centre lies in it. Polygons may overlap: each is put onto the pixels by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr

from ..errors import InputError, RasterReadError
from ..rasters.class_raster import block_dataset, open_source
from ..rasters.opening import QGIS_PIXEL_FRAME, Grid, is_plain_path, spatial_reference, traditional
from ..windows import Window

_KINDS = (ogr.wkbPolygon, ogr.wkbMultiPolygon, ogr.wkbCurvePolygon, ogr.wkbMultiSurface)
_SLACK_PX = 1e-6  # for borders that are those of the map


@dataclass(frozen=True)
class Polygon:
    """A polygon of a layer.

    Attributes:
        number: From 1, in the order of the layer's polygons.
        position: From 0, among all features of the layer.
        name: Of the field asked for; "" = none.
        geometry: In the map's CRS, without curves.
        window: Pixels of the map that its bounding box touches; None where it lies outside the map.
        is_whole: Whether all of it lies on the map.
    """

    number: int
    position: int
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
        field: That names the polygons; "" = none.
        n_left_out: Features that are empty or no polygons.
    """

    polygons: Tuple[Polygon, ...]
    name: str
    field: str
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
    dataset = open_polygons(source)
    layer = find_layer(dataset, layer_name, source)
    field = _find_field(layer, name_field, source)
    transformation = _transformation(layer, grid, source)
    to_pixels = np.array(gdal.InvGeoTransform(grid.geotransform or QGIS_PIXEL_FRAME)).reshape(2, 3).T
    polygons: List[Polygon] = []
    n_features = 0
    for position, feature in enumerate(layer):
        n_features += 1
        geometry = _polygon_of(feature, transformation, source)
        if geometry is not None:
            name = "" if field is None else _words(feature.GetField(field))
            window, is_whole = _place(_corners(geometry, source) @ to_pixels, grid)
            polygons.append(Polygon(len(polygons) + 1, position, name, geometry, window, is_whole))
    if not polygons:
        raise InputError(f"The layer {layer.GetName()} of {source} has no polygon.", "Give a layer of polygons.")
    field_name = "" if field is None else layer.GetLayerDefn().GetFieldDefn(field).GetName()
    return PolygonLayer(tuple(polygons), str(layer.GetName()), str(field_name), n_features - len(polygons))


def open_polygons(source: str) -> gdal.Dataset:
    """Open a vector source.

    Raises:
        RasterReadError: It is missing or GDAL cannot open it.
    """
    dataset = open_source(source, gdal.OF_VECTOR)
    if dataset is None:
        is_missing = is_plain_path(source) and not Path(source).exists()
        state = "does not exist" if is_missing else "is no vector source that GDAL can open"
        raise RasterReadError(
            f"The polygon layer {source} {state}.", "Give polygons in a file such as a GeoPackage or a Shapefile."
        )
    return dataset


def find_layer(dataset: gdal.Dataset, name: str, source: str) -> ogr.Layer:
    """A layer by its name, or the first.

    Raises:
        InputError: There is none.
    """
    layers = [dataset.GetLayer(i) for i in range(dataset.GetLayerCount())]
    for layer in layers:
        if not name or layer.GetName() == name:
            return layer
    raise InputError(
        f"{source} has no layer {name!r}; it has {', '.join(layer.GetName() for layer in layers) or 'none'}.",
        "Name one of its layers, or none for the first.",
    )


def is_polygon(feature: ogr.Feature) -> bool:
    """Whether a feature is a polygon, of one part or several, that is not empty."""
    geometry = feature.GetGeometryRef()
    return geometry is not None and not geometry.IsEmpty() and ogr.GT_Flatten(geometry.GetGeometryType()) in _KINDS


def burn(polygon: Polygon, grid: Grid, window: Window) -> NDArray[np.bool_]:
    """Pixels of a window whose centres lie in a polygon.

    Args:
        polygon: In the grid's CRS.
        grid: The map's grid.
        window: Part of it.

    Returns:
        (rows, cols) bool.
    """
    transform, wkt = grid.geotransform or QGIS_PIXEL_FRAME, grid.crs_wkt
    block = block_dataset(window, transform, wkt, gdal.GDT_Byte)
    vectors = memory_vectors()
    layer = vectors.CreateLayer("polygon", spatial_reference(wkt) if wkt else None, ogr.wkbUnknown)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(polygon.geometry)
    layer.CreateFeature(feature)
    gdal.RasterizeLayer(block, [1], layer, burn_values=[1])
    inside: NDArray[np.bool_] = block.ReadAsArray().astype(bool)
    return inside


def memory_vectors() -> gdal.Dataset:
    """An empty vector source in memory; the driver's name changed in GDAL 3.11."""
    driver = gdal.GetDriverByName("MEM")
    if driver.GetMetadataItem(gdal.DCAP_VECTOR) != "YES":
        driver = gdal.GetDriverByName("Memory")
    return driver.Create("", 0, 0, 0, gdal.GDT_Unknown)


def _find_field(layer: ogr.Layer, wanted: str, source: str) -> Optional[int]:
    """Index of a field; None where none is wanted."""
    if not wanted:
        return None
    definition = layer.GetLayerDefn()
    names = [definition.GetFieldDefn(i).GetName() for i in range(definition.GetFieldCount())]
    exact = [i for i, name in enumerate(names) if name == wanted]
    found = exact or [i for i, name in enumerate(names) if name.lower() == wanted.lower()]
    if not found:
        raise InputError(
            f"The layer {layer.GetName()} of {source} has no field {wanted!r}; it has {', '.join(names) or 'none'}.",
            "Name the field that tells the polygons apart, or none.",
        )
    return found[0]


def _words(value: Any) -> str:
    """A field's value as one line of text."""
    if isinstance(value, bytes):  # what GDAL gives where a file's text is not in the encoding that it names
        value = value.decode("utf-8", "replace")
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
    if transformation is not None:
        try:
            geometry.Transform(transformation)
        except RuntimeError as error:
            raise InputError(
                f"Polygon {feature.GetFID()} of {source} cannot be brought into the map's CRS: {error}.",
                "Check that the layer names its own CRS, and that it lies in the map's region.",
            ) from error
    return geometry


def _transformation(layer: ogr.Layer, grid: Grid, source: str) -> Optional[osr.CoordinateTransformation]:
    """How polygons get into the map's CRS; None where both have the same or none."""
    crs = layer.GetSpatialRef()
    if crs is not None and (crs.IsLocal() or str(crs.GetName()).lower().startswith("undefined")):
        crs = None  # how a GeoPackage says that it has none
    if (crs is None) == grid.has_crs:
        with_crs, without = ("map", "polygon layer") if grid.has_crs else ("polygon layer", "map")
        raise InputError(
            f"The {with_crs} names its CRS and the {without} does not, so where the polygons of {source} lie on the "
            "map is not known; both or none must name it.",
            f"Assign a CRS to the {without}.",
        )
    if crs is None:
        return None
    own, target = traditional(crs.Clone()), spatial_reference(grid.crs_wkt)
    return None if own.IsSame(target) else osr.CoordinateTransformation(own, target)


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
