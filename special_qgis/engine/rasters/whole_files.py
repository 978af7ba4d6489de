# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a raster's file is whole, found out before reading: GDAL fills what is missing of some formats with zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import RasterReadError
from .envi_header import expected_bytes, read_envi_header
from .text import description, files_of, metadata_item, source_of


def check_whole(dataset: Any) -> None:
    """Check that the file of an open raster is as long as its format says, where the format says.

    Raises:
        RasterReadError: The file was cut off, or its header is wrong.
    """
    path = Path(source_of(dataset))
    driver = dataset.GetDriver().ShortName
    if driver == "ENVI":
        for file in files_of(dataset):
            if file.suffix.lower() == ".hdr":
                check_raw_length(path, file)
    elif driver == "GTiff" and path.is_file():
        _check_tiff_length(dataset, path.stat().st_size)


def check_raw_length(path: Path, header: Path) -> None:
    """Check a raw file against its header: a shorter file would read as zeros, a longer one has a wrong header.

    A tail shorter than a line and than a band is let pass.

    Raises:
        RasterReadError: The lengths do not fit.
    """
    if not (path.is_file() and header.is_file()):
        return
    sizes = expected_bytes(read_envi_header(header))
    if sizes is None:
        return
    length = path.stat().st_size
    if length < sizes["total"] or length - sizes["total"] >= min(sizes["line"], sizes["band"]):
        raise RasterReadError(
            f"{path} is {length} bytes long, but its header {header.name} describes {sizes['total']} bytes.",
            "Copy the file again if it was cut off, or correct samples, lines, bands and data type in the header.",
        )


def _check_tiff_length(dataset: Any, length: int) -> None:
    """Blocks that lie behind the end of a TIFF were cut off; the corners of the first and last band tell."""
    for number in (1, dataset.RasterCount):
        band = dataset.GetRasterBand(number)
        block_cols, block_rows = band.GetBlockSize()
        last_col, last_row = (dataset.RasterXSize - 1) // block_cols, (dataset.RasterYSize - 1) // block_rows
        for col, row in ((0, 0), (last_col, last_row)):
            offset = metadata_item(band, f"BLOCK_OFFSET_{col}_{row}", "TIFF")
            size = metadata_item(band, f"BLOCK_SIZE_{col}_{row}", "TIFF")
            if offset and size and int(offset) + int(size) > length:
                raise RasterReadError(
                    f"{description(dataset)} is {length} bytes long and ends before its pixels do.",
                    "The file was cut off; copy or download it again.",
                )
