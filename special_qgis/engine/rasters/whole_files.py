# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a raster's file is whole, found out before reading: GDAL fills what is missing of some formats with zeros."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple

from osgeo import gdal

from ..errors import InputError, RasterReadError
from .envi_header import expected_bytes, read_envi_header
from .text import description, files_of, metadata_item, source_of

RAW_DRIVERS = ("ENVI", "EHdr", "GenBin", "ERS", "ROI_PAC", "MFF", "RRASTER")  # pixels as they are, one file, no packing
_NOTES_SUFFIX = ".aux.xml"  # statistics, which QGIS writes whenever it shows a layer

FileState = Tuple[int, int, int]  # bytes, time of the last change in ns, inode


def state_of(path: Path) -> Optional[FileState]:
    """Size, time of change and inode of a file; None for a folder and for what cannot be looked at."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ino) if path.is_file() else None


def check_unchanged(states: Mapping[Path, Optional[FileState]]) -> None:
    """Check that the files that a job has read are those that it began with.

    Args:
        states: State of each file before the job, found by ``state_of``; files of statistics are passed over.

    Raises:
        InputError: One of them was cut off, replaced, changed or removed meanwhile.
    """
    for path, before in states.items():
        now = state_of(path)
        if before is None or now == before or path.name.endswith(_NOTES_SUFFIX):
            continue
        what = "removed" if now is None else "changed or replaced"
        sizes = f", from {before[0]} to {now[0]} bytes" if now is not None and now[0] != before[0] else ""
        raise InputError(
            f"The input {path} was {what} while it was read{sizes}. Nothing was written.",
            "Wait until whatever writes it has finished, then run it again.",
        )


def check_raw_size(dataset: Any) -> None:
    """Check that a raw file is not shorter than its pixels, of which GDAL fills those that are missing with zeros.

    Quick, so that it can be repeated at each block: a file may be cut off while it is read.

    Raises:
        RasterReadError: It is too short.
    """
    path = Path(source_of(dataset))
    if dataset.GetDriver().ShortName not in RAW_DRIVERS or not path.is_file():
        return
    first = dataset.GetRasterBand(1)
    bits = int(metadata_item(first, "NBITS", "IMAGE_STRUCTURE") or gdal.GetDataTypeSize(first.DataType))
    is_packed = metadata_item(dataset, "file_compression", "ENVI").strip() not in ("", "0")
    n_wanted = math.ceil(dataset.RasterXSize * bits / 8) * dataset.RasterYSize * dataset.RasterCount
    n_bytes = path.stat().st_size
    if n_bytes < n_wanted and not is_packed:
        raise RasterReadError(
            f"{path} is {n_bytes} bytes long, but its pixels need {n_wanted} bytes: it was cut off.",
            "Copy or download the file again.",
        )


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
    elif driver in RAW_DRIVERS:
        check_raw_size(dataset)
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
    """Blocks that lie behind the end of a TIFF were cut off; the corners of the first and last band show it."""
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
