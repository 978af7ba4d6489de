# SPDX-License-Identifier: GPL-2.0-or-later
"""Vector features brought onto a raster's grid: layers found and read, geometries reprojected and burnt.

A pixel belongs to a polygon when its centre does, and to a point when the point lies in it. Areas of interest and
references go through here, so that both mean the same pixels by the same polygon.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr

from ..errors import InputError, RasterReadError
from ..windows import Window
from .class_raster import block_dataset
from .opening import GeoTransform, is_plain_path, traditional
from .proj import PROJ_HINT, prepare_proj, proj_fault
from .text import name_of

_VALUE = "value"


def open_vector(source: str, role: str) -> Any:
    """Open a vector source.

    Args:
        source: A path, or anything else that GDAL opens as vector.
        role: What it is, for messages, such as "area of interest".

    Returns:
        A gdal.Dataset.

    Raises:
        RasterReadError: There is no such file, or GDAL cannot open it as vector.
    """
    prepare_proj()
    if is_plain_path(source) and not Path(source).exists():
        raise RasterReadError(f"There is no file {source}.", f"Check the path of the {role}.")
    try:
        return gdal.OpenEx(source, gdal.OF_VECTOR | gdal.OF_READONLY | gdal.OF_VERBOSE_ERROR)
    except RuntimeError as error:
        raise RasterReadError(
            f"The {role} {source} cannot be opened as a vector layer: {error}.",
            "Give a layer that GDAL reads, such as a GeoPackage or a Shapefile.",
        ) from error


def pick_layer(dataset: Any, name: str, what: str) -> Any:
    """A layer of a vector source.

    Args:
        dataset: The open source.
        name: Name of the layer; "" = the first.
        what: What the source is, at the beginning of a message, such as "The reference".

    Raises:
        InputError: There is no such layer.
    """
    layers = [dataset.GetLayer(i) for i in range(dataset.GetLayerCount())]
    found = next((layer for layer in layers if name in ("", name_of(layer))), None)
    if found is None:
        if not layers:
            raise InputError(f"{what} has no layers.", "Give a source with a layer of polygons.")
        raise InputError(
            f"{what} has no layer {name!r}; it has {', '.join(map(name_of, layers))}.",
            "Name one of these layers, or none for the first.",
        )
    return found


def known_crs(layer: Any) -> Optional[Any]:
    """Reference system of a layer; None where it has none, which a GeoPackage says as "Undefined … SRS"."""
    crs = layer.GetSpatialRef()
    if crs is None or crs.IsLocal() or name_of(crs).lower().startswith("undefined"):
        return None
    return crs


def plan_reprojection(source: Any, target: Any, what: str) -> Optional[Any]:
    """How coordinates get from one reference system to another.

    Args:
        source: An osr.SpatialReference.
        target: An osr.SpatialReference with x first.
        what: What is reprojected, at the beginning of a message.

    Returns:
        An osr.CoordinateTransformation; None where both are the same.

    Raises:
        InputError: PROJ cannot do it.
    """
    try:
        source = traditional(source.Clone())
        return None if source.IsSame(target) else osr.CoordinateTransformation(source, target)
    except RuntimeError as error:
        raise _reprojection_error(what, error) from error


def reproject(geometry: Any, transformation: Optional[Any], what: str) -> Any:
    """A copy of a geometry in another reference system.

    Args:
        geometry: An ogr.Geometry.
        transformation: Transformation that ``plan_reprojection`` found; None = take the geometry as it is.
        what: What it belongs to, at the beginning of a message.

    Raises:
        InputError: It cannot be transformed.
    """
    copy = geometry.Clone()
    if transformation is None:
        return copy
    try:
        failed: object = copy.Transform(transformation) != 0 and "PROJ refused it"
    except RuntimeError as error:
        failed = error
    if failed:
        raise _reprojection_error(what, failed)
    return copy


class Shapes:
    """Geometries with whole numbers in memory, to be burnt onto windows of a grid.

    Args:
        crs: The grid's osr.SpatialReference; None = it has none.
    """

    def __init__(self, crs: Optional[Any] = None) -> None:
        self._source = memory_vector()
        self._layer = self._source.CreateLayer("shapes", crs, ogr.wkbUnknown)
        self._layer.CreateField(ogr.FieldDefn(_VALUE, ogr.OFTInteger))
        self.boxes: List[Tuple[float, float, float, float]] = []  # (xmin, xmax, ymin, ymax) of each geometry

    def __len__(self) -> int:
        return len(self.boxes)

    def add(self, geometry: Any, value: int = 1) -> None:
        """Add a geometry.

        Args:
            geometry: An ogr.Geometry in the grid's reference system.
            value: What its pixels become; of two that overlap the later counts.
        """
        feature = ogr.Feature(self._layer.GetLayerDefn())
        feature.SetField(_VALUE, int(value))
        feature.SetGeometry(geometry)
        self._layer.CreateFeature(feature)
        self.boxes.append(geometry.GetEnvelope())

    def burn(self, window: Window, transform: GeoTransform, wkt: str = "") -> NDArray[np.int64]:
        """Values of a window of the grid.

        Args:
            window: Pixels of the grid.
            transform: The grid's geotransform.
            wkt: The grid's coordinate reference system; "" = none.

        Returns:
            (rows, cols) int64; 0 where no geometry is.
        """
        block = block_dataset(window, transform, wkt, gdal.GDT_Int32)
        x0, dx, rx, y0, ry, dy = block.GetGeoTransform()
        xs = [x0, x0 + window.cols * dx, x0 + window.rows * rx, x0 + window.cols * dx + window.rows * rx]
        ys = [y0, y0 + window.cols * ry, y0 + window.rows * dy, y0 + window.cols * ry + window.rows * dy]
        self._layer.SetSpatialFilterRect(min(xs), min(ys), max(xs), max(ys))
        gdal.RasterizeLayer(block, [1], self._layer, options=[f"ATTRIBUTE={_VALUE}"])
        return np.asarray(block.ReadAsArray(), dtype=np.int64)


def memory_vector() -> Any:
    """An empty vector source in memory; the driver's name changed in GDAL 3.11."""
    driver = gdal.GetDriverByName("Memory") or gdal.GetDriverByName("MEM")
    return driver.Create("", 0, 0, 0, gdal.GDT_Unknown)


def _reprojection_error(what: str, reason: object) -> InputError:
    fault = proj_fault()
    if fault:
        return InputError(f"{what} cannot be reprojected: PROJ does not work here: {fault}.", PROJ_HINT)
    return InputError(
        f"{what} cannot be reprojected: {str(reason).strip().rstrip('.')}.",
        "Check that it names its own coordinate reference system and lies in the same region, or reproject it first.",
    )
