# SPDX-License-Identifier: GPL-2.0-or-later
"""References for assessing a map: class rasters on any grid, polygons or points, read as blocks on the map's grid.

Whatever the reference is, ``read(window)`` gives its class values on the map's pixels, 0 where it has no label. Rasters
are taken at the nearest pixel; a polygon holds the pixels whose centre lies in it; a point holds the pixel it falls in.
Only the accuracy assessment reads references: no stage that makes maps may.
"""

from __future__ import annotations

from pathlib import Path
from typing import List, Mapping, Protocol

from osgeo import gdal

from ..errors import RasterReadError
from ..rasters.aligned_raster import AlignedRaster
from ..rasters.class_raster import Values, as_classes, open_class_raster, open_source
from ..rasters.legend import read_legend
from ..rasters.opening import is_plain_path, read_grid
from ..rasters.text import description
from ..windows import Window
from .vector_reference import VectorReference


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
        path: Path of anything that GDAL opens, raster or vector.
        layer: Name of the layer of a vector source; "" = its first.
        field: Name of the field of a vector source that holds the classes; "" = find it.
        map_dataset: The open map, whose grid the reference is brought onto.

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
        map_dataset: The open map, whose grid the reference is brought onto.
        dataset: The open reference.

    Raises:
        InputError: One of them has no georeferencing and their sizes differ.
    """

    def __init__(self, map_dataset: gdal.Dataset, dataset: gdal.Dataset) -> None:
        self.names = read_legend(dataset).names
        self.has_ids = True
        self._aligned = AlignedRaster(read_grid(map_dataset), "map", dataset, "reference")
        self.warnings: List[str] = self._aligned.warnings
        self.how = self._aligned.how

    def read(self, window: Window) -> Values:
        """Class values of a window of the map; 0 = unlabelled."""
        return as_classes(self._aligned.read(window), description(self._aligned.dataset))
