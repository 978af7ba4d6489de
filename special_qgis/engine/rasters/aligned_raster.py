# SPDX-License-Identifier: GPL-2.0-or-later
"""A single-band raster seen at the pixels of another grid: pixel by pixel where the grids agree, else resampled."""

from __future__ import annotations

import math
from typing import Any, List, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from ..errors import InputError
from ..windows import Window
from .class_raster import block_dataset, read_unmasked
from .opening import GeoTransform, Grid, damaged_error, read_grid, spatial_reference
from .text import gcp_projection, projection

_WARP_OPTIONS = ["-novshift"]  # values stay what they are, also where a CRS has a vertical axis
_GRID_TOLERANCE_PX = 0.01  # corners of two grids closer than this are the same


class AlignedRaster:
    """The first band of a raster at the pixels of a grid.

    Args:
        grid: Grid on whose pixels values are wanted.
        grid_role: What the grid belongs to, for messages: "map", "scene".
        dataset: The raster.
        role: What the raster is, for messages: "reference", "class raster".
        fill: Value of pixels outside the raster and where it is nodata or masked; NaN makes the values float64.
        resampling: How other grids are brought to the pixels: "near", or "bilinear" for values that vary smoothly.

    Raises:
        InputError: One of them has no georeferencing and their sizes differ.
    """

    def __init__(
        self,
        grid: Grid,
        grid_role: str,
        dataset: gdal.Dataset,
        role: str,
        fill: float = 0,
        resampling: str = "near",
    ) -> None:
        self.dataset = dataset
        self._fill, self._resampling = fill, resampling
        self.warnings: List[str] = []
        self._roles = (grid_role, role)
        self._grid = grid
        self._transform = grid.geotransform
        raster_wkt = projection(dataset) or gcp_projection(dataset)
        self._wkt = grid.crs_wkt or raster_wkt
        self._source_wkt = raster_wkt or grid.crs_wkt
        self._is_aligned = self._compare()
        manner = "at nearest pixel" if resampling == "near" else f"by {resampling} interpolation"
        self.how = "pixel by pixel, on the same grid" if self._is_aligned else f"resampled to the {grid_role} {manner}"

    def read(self, window: Window) -> NDArray[Any]:
        """Values of a window of the grid, in the raster's own or a wider dtype.

        Returns:
            (rows, cols); the fill value outside the raster and where it is nodata or masked.

        Raises:
            RasterReadError: The file is damaged.
        """
        if self._is_aligned or self._transform is None:
            return read_unmasked(self.dataset, window, self._fill)
        is_float = gdal.GetDataTypeName(self.dataset.GetRasterBand(1).DataType).startswith("Float")
        is_float = is_float or math.isnan(self._fill)
        block = block_dataset(window, self._transform, self._wkt, gdal.GDT_Float64 if is_float else gdal.GDT_Int32)
        block.GetRasterBand(1).Fill(self._fill)
        try:
            gdal.Warp(
                block,
                self.dataset,
                srcSRS=self._source_wkt or None,
                dstSRS=self._wkt or None,
                resampleAlg=self._resampling,
                errorThreshold=0.0,
                options=_WARP_OPTIONS,
            )
        except RuntimeError as error:
            raise damaged_error(self.dataset, window, error) from error
        values: NDArray[Any] = block.ReadAsArray()
        return values

    def _compare(self) -> bool:
        """Find whether pixels correspond one to one, and collect warnings about missing georeferencing."""
        ours, theirs = self._transform, read_grid(self.dataset).geotransform
        same_size = (self._grid.cols, self._grid.rows) == _size(self.dataset)
        if ours is None or (theirs is None and not self.dataset.GetGCPCount()):
            return self._compare_sizes(same_size, ours is not None or theirs is not None)
        if self._grid.has_crs != bool(projection(self.dataset) or gcp_projection(self.dataset)):
            grid_role, role = self._roles
            self.warnings.append(
                f"Only one of {grid_role} and {role} names its CRS; the other is taken to have the same."
            )
        if theirs is None or not same_size:
            return False
        same_crs = not self._wkt or bool(spatial_reference(self._wkt).IsSame(spatial_reference(self._source_wkt)))
        return same_crs and _same_grid(ours, theirs, *_size(self.dataset))

    def _compare_sizes(self, same_size: bool, one_is_placed: bool) -> bool:
        grid_role, role = self._roles
        if not same_size:
            cols, rows = _size(self.dataset)
            raise InputError(
                f"The {grid_role} has {self._grid.cols} × {self._grid.rows} pixels and the {role} {cols} × {rows}, and "
                "they are not both georeferenced; without georeferencing they must have the same size.",
                f"Georeference both, or give a {role} of the {grid_role}'s size.",
            )
        if one_is_placed:
            self.warnings.append(
                f"Only one of {grid_role} and {role} is georeferenced; as their sizes agree, pixels are compared one "
                "by one."
            )
        return True


def _size(dataset: gdal.Dataset) -> Tuple[int, int]:
    return dataset.RasterXSize, dataset.RasterYSize


def _same_grid(a: GeoTransform, b: GeoTransform, cols: int, rows: int) -> bool:
    """Whether the corners of two grids lie within a small part of a pixel."""
    corners = np.array([(1, 0, 0), (1, cols, 0), (1, 0, rows), (1, cols, rows)], float)
    shift = corners @ (np.array(a) - np.array(b)).reshape(2, 3).T
    pixel = min(np.hypot(a[1], a[4]), np.hypot(a[2], a[5]))
    return bool(np.abs(shift).max() <= _GRID_TOLERANCE_PX * pixel)
