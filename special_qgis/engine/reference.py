# SPDX-License-Identifier: GPL-2.0-or-later
"""References for assessing a map: class rasters on any grid, polygons or points, read as blocks on the map's grid.

Whatever the reference is, ``read(window)`` gives its class values on the map's pixels, 0 where it says nothing. Rasters
are taken at the nearest pixel; a polygon holds the pixels whose centre lies in it; a point holds the pixel it falls in.
Only the accuracy assessment reads references: no stage that makes maps may.
"""

from __future__ import annotations

from pathlib import Path
from typing import List, Mapping, Protocol, Tuple

import numpy as np
from osgeo import gdal

from .class_raster import Values, as_classes, block_dataset, open_class_raster, open_source, read_classes
from .errors import InputError, RasterReadError
from .legend import read_legend
from .raster import GeoTransform, damaged_error, is_plain_path, read_grid, spatial_reference
from .vector_reference import VectorReference
from .windows import Window

_GRID_TOLERANCE_PX = 0.01  # corners of two grids closer than this are the same


class Reference(Protocol):
    """Class values on the map's grid."""

    names: Mapping[int, str]  # by value; empty where the reference has numbers only
    has_ids: bool  # False where values only number the names
    warnings: List[str]
    how: str  # how it was brought onto the map's grid, in words

    def read(self, window: Window) -> Values:
        """Class values of a window of the map; 0 = unlabelled."""


def open_reference(path: str, layer: str, field: str, map_dataset: gdal.Dataset) -> Reference:
    """Open a reference raster or vector and put it onto the map's grid.

    Args:
        path: Anything GDAL opens, raster or vector.
        layer: Layer of a vector source; "" = its first.
        field: Field of a vector source that holds the classes; "" = find it.
        map_dataset: The map.

    Raises:
        RasterReadError: It is missing or GDAL cannot open it.
        InputError: It cannot be brought onto the map's grid, or no field holds its classes.
    """
    wants_vector = bool(layer or field)
    raster = None if wants_vector else open_source(path, gdal.OF_RASTER)
    if raster is not None:
        return RasterReference(map_dataset, open_class_raster(path, "reference"))
    vector = open_source(path, gdal.OF_VECTOR)
    if vector is not None:
        return VectorReference(map_dataset, vector, layer, field)
    is_missing = is_plain_path(path) and not Path(path).exists()
    state = "does not exist" if is_missing else "is neither a raster nor a vector that GDAL can open"
    raise RasterReadError(f"The reference {path} {state}.", "Give the path of a raster, or of polygons or points.")


class RasterReference:
    """A class raster seen at the map's pixels.

    Args:
        map_dataset: The map.
        dataset: The reference.

    Raises:
        InputError: One of them has no georeferencing and their sizes differ.
    """

    def __init__(self, map_dataset: gdal.Dataset, dataset: gdal.Dataset) -> None:
        self.names = read_legend(dataset).names
        self.has_ids = True
        self.warnings: List[str] = []
        self._dataset = dataset
        self._transform = read_grid(map_dataset).geotransform
        self._wkt = map_dataset.GetProjection() or dataset.GetProjection() or dataset.GetGCPProjection()
        self._source_wkt = dataset.GetProjection() or dataset.GetGCPProjection() or map_dataset.GetProjection()
        self._is_aligned = self._compare(map_dataset)
        self.how = "pixel by pixel, on the same grid" if self._is_aligned else "resampled to the map at nearest pixel"

    def _compare(self, map_dataset: gdal.Dataset) -> bool:
        """Tell whether pixels correspond one to one, and collect warnings about missing georeferencing."""
        ours, theirs = self._transform, read_grid(self._dataset).geotransform
        same_size = _size(map_dataset) == _size(self._dataset)
        if ours is None or (theirs is None and not self._dataset.GetGCPCount()):
            return self._compare_sizes(map_dataset, same_size, ours is not None or theirs is not None)
        if bool(map_dataset.GetProjection()) != bool(self._dataset.GetProjection() or self._dataset.GetGCPProjection()):
            self.warnings.append("Only one of map and reference names its CRS; the other is taken to have the same.")
        if theirs is None or not same_size:
            return False
        same_crs = not self._wkt or bool(spatial_reference(self._wkt).IsSame(spatial_reference(self._source_wkt)))
        return same_crs and _same_grid(ours, theirs, *_size(map_dataset))

    def _compare_sizes(self, map_dataset: gdal.Dataset, same_size: bool, one_is_placed: bool) -> bool:
        if not same_size:
            (cols, rows), (ref_cols, ref_rows) = _size(map_dataset), _size(self._dataset)
            raise InputError(
                f"The map has {cols} × {rows} pixels and the reference {ref_cols} × {ref_rows}, and they are not both "
                "georeferenced; without georeferencing they must have the same size.",
                "Georeference both, or give a reference of the map's size.",
            )
        if one_is_placed:
            self.warnings.append(
                "Only one of map and reference is georeferenced; as their sizes agree, pixels are compared one by one."
            )
        return True

    def read(self, window: Window) -> Values:
        """Class values of a window of the map; 0 = unlabelled."""
        if self._is_aligned or self._transform is None:
            return read_classes(self._dataset, window)
        is_float = gdal.GetDataTypeName(self._dataset.GetRasterBand(1).DataType).startswith("Float")
        block = block_dataset(window, self._transform, self._wkt, gdal.GDT_Float64 if is_float else gdal.GDT_Int32)
        try:
            gdal.Warp(
                block,
                self._dataset,
                srcSRS=self._source_wkt or None,
                dstSRS=self._wkt or None,
                resampleAlg="near",
                errorThreshold=0.0,
            )
        except RuntimeError as error:
            raise damaged_error(self._dataset, window, error) from error
        return as_classes(block.ReadAsArray(), self._dataset.GetDescription())


def _size(dataset: gdal.Dataset) -> Tuple[int, int]:
    return dataset.RasterXSize, dataset.RasterYSize


def _same_grid(a: GeoTransform, b: GeoTransform, cols: int, rows: int) -> bool:
    """Whether the corners of two grids lie within a small part of a pixel."""
    corners = np.array([(1, 0, 0), (1, cols, 0), (1, 0, rows), (1, cols, rows)], float)
    shift = corners @ (np.array(a) - np.array(b)).reshape(2, 3).T
    pixel = min(np.hypot(a[1], a[4]), np.hypot(a[2], a[5]))
    return bool(np.abs(shift).max() <= _GRID_TOLERANCE_PX * pixel)
