# SPDX-License-Identifier: GPL-2.0-or-later
"""What areas are measured from, opened and checked before work begins: map, polygons, confidence, accuracy report."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

from ..config import AreasConfig
from ..errors import InputError
from ..rasters.aligned_raster import AlignedRaster
from ..rasters.class_raster import open_class_raster, require_confidence
from ..rasters.opening import Grid, limit_block_cache, read_grid
from ..windows import Window
from .ellipsoid import Floats
from .estimates import AccuracyReport, read_accuracy_report, report_path
from .pixel_areas import PixelAreas, find_pixel_areas
from .polygons import Polygon, PolygonLayer, read_polygons
from .sums import NO_CONFIDENCE


class ConfidenceRaster:
    """How sure a map is of each pixel, on the map's grid.

    Args:
        path: Path of a raster of one band.
        grid: The map's grid.

    Raises:
        RasterReadError: It is missing or GDAL cannot open it.
        InputError: It has several bands, or cannot be brought onto the map's grid.
    """

    def __init__(self, path: str, grid: Grid) -> None:
        self._path = path
        self._raster = AlignedRaster(
            grid, "map", open_class_raster(path, "confidence raster"), "confidence raster", NO_CONFIDENCE
        )
        self.warnings = self._raster.warnings
        self.how = self._raster.how

    def read(self, window: Window) -> Floats:
        """Confidence of a window's pixels, (rows, cols) float64 in [0, 1]; NO_CONFIDENCE where it is not known.

        Raises:
            RasterReadError: The file is damaged.
            InputError: A value is above 1.
        """
        values: Floats = self._raster.read(window).astype(np.float64)
        values[~(values >= 0.0)] = NO_CONFIDENCE
        require_confidence(values, self._path)
        return values


class Inputs:
    """All that is read, opened and checked.

    Args:
        config: What to read.

    Raises:
        EngineError: An input cannot be used.
    """

    def __init__(self, config: AreasConfig) -> None:
        self.map = open_class_raster(config.map, "map")
        limit_block_cache(self.map)
        self.grid = read_grid(self.map)
        self.pixel_areas: PixelAreas = find_pixel_areas(self.grid, config.measure)
        self.layer: Optional[PolygonLayer] = None
        if config.polygons:
            self.layer = read_polygons(config.polygons, config.polygons_layer, config.name_field, self.grid)
            _require_on_map(self.layer, config)
        self.confidence = ConfidenceRaster(config.confidence, self.grid) if config.confidence else None
        json_path = report_path(config.accuracy_report)
        self.accuracy: Optional[AccuracyReport] = read_accuracy_report(json_path) if json_path else None

    @property
    def polygons(self) -> Tuple[Polygon, ...]:
        """Polygons to sum in; () = none."""
        return self.layer.polygons if self.layer else ()


def _require_on_map(layer: PolygonLayer, config: AreasConfig) -> None:
    if all(polygon.window is None for polygon in layer.polygons):
        raise InputError(
            f"No polygon of the layer {layer.name} of {config.polygons} lies on the map {config.map}.",
            "Check that both lie in the same place and name the right CRS.",
        )
