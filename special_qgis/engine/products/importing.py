# SPDX-License-Identifier: GPL-2.0-or-later
"""A sensor product as one GeoTIFF with all its tags, and its quality layers as a mask."""

from __future__ import annotations

from typing import Any, Dict

from osgeo import gdal

from ..config import ImportProductConfig
from ..config.products import parse_product_options
from ..errors import InputError, RasterWriteError
from ..outputs.output_set import OutputSet
from ..progress import Progress, RecordingProgress, SubProgress, check_cancelled
from .opening import OpenedSource, files_of_product, open_source

_INTERNAL_MASK = "GDAL_TIFF_INTERNAL_MASK"  # else the mask becomes a file of its own
_OPENED, _WRITTEN = 0.5, 0.95  # fractions of the job


def import_product(config: ImportProductConfig, progress: Progress) -> Dict[str, Any]:
    """Write a product as a raster.

    Args:
        config: What to read and what to write.
        progress: Receives progress and messages; checked for cancel.

    Returns:
        Product, number of bands, paths written, warnings and status.

    Raises:
        InputError: The source is no product that is known, or has no quality layers for the mask that is wanted.
        RasterWriteError: An output cannot be written.
        Cancelled: The user cancelled; nothing has been written.
    """
    listener = RecordingProgress(progress)
    options = parse_product_options(config.detector_overlap, config.quality_layers)
    with OutputSet(inputs=[config.source, *files_of_product(config.source)]) as outputs:
        for path in filter(None, (config.output, config.mask)):
            outputs.reserve(path)
        with open_source(config.source, options, SubProgress(listener, 0.0, _OPENED)) as opened:
            if opened.product is None:
                raise InputError(
                    f"{config.source} is no sensor product that is known here.",
                    "Rasters that QGIS opens need no import; docs/sensors.md lists the products.",
                )
            if config.mask and not opened.mask:
                raise InputError(
                    f"{opened.product.name} has no quality layers of the kinds wanted.", "Leave the mask output out."
                )
            n_bands = _copy(opened.source, str(outputs.place(config.output)), SubProgress(listener, _OPENED, _WRITTEN))
            if config.mask:
                _copy(opened.mask, str(outputs.place(config.mask)), SubProgress(listener, _WRITTEN, 1.0))
            title = _title(opened)
        outputs.commit()
    listener.report(1.0, "Done")
    return {
        "product": title,
        "bands": n_bands,
        "output": config.output,
        "mask": config.mask,
        "warnings": listener.warnings,
        "status": listener.status,
    }


def _title(opened: OpenedSource) -> str:
    return "" if opened.product is None else f"{opened.product.title} {opened.product.name}"


def _copy(source: str, path: str, progress: Progress) -> int:
    """Copy a raster with its tags and its mask to a GeoTIFF; gives its number of bands."""

    def listen(fraction: float, message: str, data: object) -> int:
        progress.report(fraction, "Writing the raster")
        return int(not progress.is_cancelled())

    options = ["TILED=YES", "COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER", "INTERLEAVE=BAND", "NUM_THREADS=ALL_CPUS"]
    dataset = gdal.OpenEx(source, gdal.OF_RASTER)
    before = gdal.GetConfigOption(_INTERNAL_MASK)
    gdal.SetConfigOption(_INTERNAL_MASK, "YES")
    try:
        copy = gdal.GetDriverByName("GTiff").CreateCopy(path, dataset, options=options, callback=listen)
        copy.FlushCache()
    except RuntimeError as error:
        check_cancelled(progress)
        raise RasterWriteError(f"{path} cannot be written: {error}.", "Check the folder and its free space.") from error
    finally:
        gdal.SetConfigOption(_INTERNAL_MASK, before)
    return int(dataset.RasterCount)
