# SPDX-License-Identifier: GPL-2.0-or-later
"""What a class raster holds about its classes: colours, names, attribute table, provenance, QGIS style."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
from osgeo import gdal

from ..classes.classes import LandCoverClass
from .raster_writer import RasterWriter
from .style import paletted_qml

NO_CLASS = "no data"  # category of value 0
_MAX_INT32 = 2**31 - 1
_M2_PER_HA = 10_000.0


def write_class_legend(writer: RasterWriter, classes: Sequence[LandCoverClass]) -> None:
    """Give a raster its classes' names and colours and put its style beside it.

    Called before the first pixel is written: a TIFF's colours cannot change once a block of it is on the disk.

    Args:
        writer: Writer of the class raster.
        classes: Classes in the order of their ids.

    Raises:
        RasterWriteError: GDAL cannot store it.
    """
    with writer.reported("described"):
        set_class_legend(writer.dataset.GetRasterBand(1), classes)
    writer.write_style(paletted_qml(classes))


def set_class_legend(band: Any, classes: Sequence[LandCoverClass]) -> None:
    """Give a band its classes' names and colours.

    Args:
        band: gdal.Band of a class raster or of a virtual mosaic of some.
        classes: Classes in the order of their ids.

    Raises:
        RuntimeError: GDAL cannot store it.
    """
    band.SetColorTable(_colour_table(classes))
    band.SetCategoryNames([NO_CLASS, *(c.name for c in classes)])


def write_class_table(
    writer: RasterWriter,
    classes: Sequence[LandCoverClass],
    counts: npt.NDArray[np.integer[Any]],
    pixel_area_m2: Optional[float],
) -> None:
    """Give a finished raster the attribute table of its classes.

    Args:
        writer: Writer of the class raster.
        classes: Classes in the order of their ids.
        counts: (classes,) integer, pixels of each class.
        pixel_area_m2: Area of one pixel; None = unknown, then the table has no areas.

    Raises:
        RasterWriteError: GDAL cannot store it.
    """
    with writer.reported("described"):
        writer.dataset.GetRasterBand(1).SetDefaultRAT(_attribute_table(classes, counts, pixel_area_m2))


def _colour_table(classes: Sequence[LandCoverClass]) -> Any:
    table = gdal.ColorTable()
    table.SetColorEntry(0, (0, 0, 0, 0))
    for c in classes:
        table.SetColorEntry(c.id, (*c.rgb, 255))
    return table


def _attribute_table(
    classes: Sequence[LandCoverClass], counts: npt.NDArray[np.integer[Any]], pixel_area_m2: Optional[float]
) -> Any:
    """One row a class. Counts beyond 32 bits, GDAL's whole numbers, are stored as real ones."""
    whole = gdal.GFT_Integer if max(map(int, counts), default=0) <= _MAX_INT32 else gdal.GFT_Real
    columns: List[Tuple[str, int, int, List[Any]]] = [
        ("Value", gdal.GFT_Integer, gdal.GFU_MinMax, [c.id for c in classes]),
        ("Name", gdal.GFT_String, gdal.GFU_Name, [c.name for c in classes]),
        ("Red", gdal.GFT_Integer, gdal.GFU_Red, [c.rgb[0] for c in classes]),
        ("Green", gdal.GFT_Integer, gdal.GFU_Green, [c.rgb[1] for c in classes]),
        ("Blue", gdal.GFT_Integer, gdal.GFU_Blue, [c.rgb[2] for c in classes]),
        ("Alpha", gdal.GFT_Integer, gdal.GFU_Alpha, [255 for _ in classes]),
        ("Count", whole, gdal.GFU_PixelCount, [int(n) for n in counts]),
    ]
    if pixel_area_m2 is not None:
        areas = [int(n) * pixel_area_m2 for n in counts]
        columns.append(("Area_m2", gdal.GFT_Real, gdal.GFU_Generic, areas))
        columns.append(("Area_ha", gdal.GFT_Real, gdal.GFU_Generic, [area / _M2_PER_HA for area in areas]))
    table = gdal.RasterAttributeTable()
    for title, kind, usage, _ in columns:
        table.CreateColumn(title, kind, usage)
    table.SetRowCount(len(classes))
    setters = {
        gdal.GFT_Integer: table.SetValueAsInt,
        gdal.GFT_Real: table.SetValueAsDouble,
        gdal.GFT_String: table.SetValueAsString,
    }
    for index, (_, kind, _, values) in enumerate(columns):
        for row, value in enumerate(values):
            setters[kind](row, index, float(value) if kind == gdal.GFT_Real else value)
    return table
