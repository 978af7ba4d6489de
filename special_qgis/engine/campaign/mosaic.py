# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual mosaics of the maps of a campaign, one for each coordinate reference system, and small pictures of the maps.

A mosaic is a VRT: it holds no pixels but the maps' relative paths, so it is made at once and moves with its folder. It
has the classes' colours, names and style. Where maps overlap, the later one of the list shows.
"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

import numpy as np
from osgeo import gdal

from ..classes.classes import LandCoverClass
from ..errors import EngineError
from ..outputs.class_metadata import set_class_legend
from ..rasters.gdal_exceptions import use_exceptions
from ..rasters.opening import open_raster, read_grid, spatial_reference
from ..rasters.text import virtual_raster_xml
from ..report.images import colour_labels, encode_png

__all__ = ["Mosaics", "plan_mosaics", "render_mosaic", "render_thumbnail"]

THUMBNAIL_PX = 320  # longer side of a picture of a map
_SOURCE = re.compile(r"<SourceFilename[^>]*>(.*?)</SourceFilename>", re.DOTALL)


class Mosaics(NamedTuple):
    """Which maps go together."""

    groups: List[List[str]]  # paths of maps in the order given; groups with most maps first
    left_out: List[str]  # paths of maps that no mosaic can hold


def plan_mosaics(maps: Sequence[str]) -> Mosaics:
    """Sort maps by their coordinate reference system.

    Args:
        maps: Paths of class rasters.

    Raises:
        RasterReadError: A map cannot be opened.
    """
    groups: Dict[str, List[str]] = {}
    left_out = []
    for path in maps:
        grid = read_grid(open_raster(path))
        is_north_up = grid.geotransform is not None and grid.geotransform[2] == grid.geotransform[4] == 0.0
        if is_north_up and grid.geotransform is not None and grid.geotransform[5] < 0:
            groups.setdefault(_known_as(grid.crs_wkt, list(groups)), []).append(path)
        else:
            left_out.append(path)
    return Mosaics(sorted(groups.values(), key=len, reverse=True), left_out)


def _known_as(wkt: str, known: Sequence[str]) -> str:
    """The text among the known ones that means the same reference system, else the text itself."""
    if wkt in known or not wkt:
        return wkt
    srs = spatial_reference(wkt)
    return next((other for other in known if other and srs.IsSame(spatial_reference(other))), wkt)


def render_mosaic(maps: Sequence[str], classes: Sequence[LandCoverClass], folder: Path) -> str:
    """A mosaic as the text of a VRT.

    Args:
        maps: Paths of class rasters in one reference system; later ones cover earlier ones.
        classes: Classes in the order of their ids.
        folder: Folder that the mosaic will lie in.

    Raises:
        EngineError: GDAL cannot make it.
    """
    use_exceptions()
    options = gdal.BuildVRTOptions(resolution="highest", resampleAlg="nearest", srcNodata=0, VRTNodata=0)
    place = f"/vsimem/special-mosaic-{os.getpid()}.vrt"
    try:
        dataset = gdal.BuildVRT(place, [str(Path(path).absolute()) for path in maps], options=options)
        if dataset is None:
            raise RuntimeError(gdal.GetLastErrorMsg())
        set_class_legend(dataset.GetRasterBand(1), classes)
        dataset.FlushCache()
        text = virtual_raster_xml(dataset)
        del dataset
    except RuntimeError as error:
        raise EngineError(f"The mosaic of {len(maps)} maps cannot be made: {error}.", "The maps are whole.") from error
    finally:
        gdal.Unlink(place)
    return _SOURCE.sub(lambda match: _relative_source(match.group(1), folder), text)


def _relative_source(escaped: str, folder: Path) -> str:
    """A source of a VRT by its path from the VRT's folder."""
    relative = Path(os.path.relpath(html.unescape(escaped), folder)).as_posix()
    return f'<SourceFilename relativeToVRT="1">{html.escape(relative, quote=False)}</SourceFilename>'


def render_thumbnail(path: str, classes: Sequence[LandCoverClass]) -> bytes:
    """A small picture of a map as PNG, every n-th pixel in its class's colour.

    Args:
        path: Path of a class raster.
        classes: Classes in the order of their ids.

    Raises:
        RasterReadError: It cannot be opened.
    """
    dataset = open_raster(path)
    rows, cols = dataset.RasterYSize, dataset.RasterXSize
    step = max(1.0, max(rows, cols) / THUMBNAIL_PX)
    shape = max(1, round(rows / step)), max(1, round(cols / step))
    content = dataset.GetRasterBand(1).ReadRaster(0, 0, cols, rows, shape[1], shape[0], gdal.GDT_Byte)
    labels = np.frombuffer(content, np.uint8).reshape(shape)
    return encode_png(colour_labels(labels, {one.id: one.colour for one in classes}))
