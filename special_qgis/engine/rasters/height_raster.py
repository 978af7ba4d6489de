# SPDX-License-Identifier: GPL-2.0-or-later
"""A raster of heights or elevations seen at the pixels of a scene, in metres, on any grid and CRS.

On another grid the values are interpolated bilinearly; GDAL widens the kernel where the raster is finer than the
scene, so that a pixel gets the weighted mean of what lies in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..windows import Window
from .aligned_raster import AlignedRaster
from .opening import Grid, spatial_reference
from .single_band import open_single_band
from .text import description, projection, unit_type

__all__ = ["HeightRaster"]

_FOOT_M, _US_FOOT_M = 0.3048, 1200.0 / 3937.0  # international, and of the US survey
_UNITS_M = {
    **dict.fromkeys(("", "m", "metre", "meter", "metres", "meters"), 1.0),
    **dict.fromkeys(("ft", "foot", "feet", "international foot"), _FOOT_M),
    **dict.fromkeys(("us-ft", "ftus", "us survey foot", "us survey feet", "us_survey_foot", "foot_us"), _US_FOOT_M),
    **dict.fromkeys(("dm", "decimetre", "decimeter"), 0.1),
    **dict.fromkeys(("cm", "centimetre", "centimeter"), 0.01),
    **dict.fromkeys(("mm", "millimetre", "millimeter"), 0.001),
}


class HeightRaster:
    """A raster of heights at the pixels of a grid. One thread at a time may use it.

    Args:
        grid: Grid on whose pixels heights are wanted.
        path: A path, or anything else that GDAL opens.
        role: What the raster is, for messages: "height raster", "terrain model".

    Raises:
        RasterReadError: It is missing, cut off, or GDAL cannot open it.
        InputError: It has several bands or complex values, its unit is no length, or it cannot be placed.
    """

    def __init__(self, grid: Grid, path: str, role: str) -> None:
        advice = "Choose the raster of heights, or extract its band first."
        dataset = open_single_band(path, role, "one band of heights is accepted", advice)
        self.path = path
        band = dataset.GetRasterBand(1)
        scale, offset = band.GetScale(), band.GetOffset()
        self._scale, self._offset = 1.0 if scale is None else scale, offset or 0.0
        self.unit_m = _unit_m(dataset, role)
        self._raster = AlignedRaster(grid, "scene", dataset, role, fill=float("nan"), resampling="bilinear")
        self.warnings, self.how = self._raster.warnings, self._raster.how

    def read(self, window: Window) -> NDArray[np.float64]:
        """(rows, cols) float64 metres of a window of the grid; NaN where there are none.

        Raises:
            RasterReadError: The file is damaged.
        """
        values = self._raster.read(window).astype(np.float64)
        metres: NDArray[np.float64] = (values * self._scale + self._offset) * self.unit_m
        metres[~np.isfinite(metres)] = np.nan
        return metres


def _unit_m(dataset: Any, role: str) -> float:
    """Metres of a unit of the values: what the band states, else the vertical axis of the CRS, else one."""
    stated = unit_type(dataset.GetRasterBand(1)).strip()
    if stated.lower() in _UNITS_M and stated:
        return _UNITS_M[stated.lower()]
    if stated:
        raise InputError(
            f"The {role} {description(dataset)} states the unit {stated!r}; metres and feet are accepted.",
            "Convert it to metres, or correct the unit of its band.",
        )
    wkt = projection(dataset)
    srs = spatial_reference(wkt) if wkt else None
    return float(srs.GetTargetLinearUnits("VERT_CS")) if srs is not None and srs.IsVertical() else 1.0
