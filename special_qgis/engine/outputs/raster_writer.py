# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes one GeoTIFF block by block and makes sure that it arrived on the disk whole.

Takes windows of arrays, gives a tiled, compressed file with the scene's georeferencing. GDAL reports some failures,
a full disk above all, only through its error handler or not at all when a file is closed; so errors are collected
around every call, and a finished file is opened again and each of its blocks looked for.
"""

from __future__ import annotations

import json
import shutil
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ContextManager, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
from osgeo import gdal

from ..errors import RasterWriteError
from ..rasters.gdal_exceptions import without_exceptions
from ..rasters.opening import Grid
from ..rasters.proj import PROJ_HINT, crs_fault
from ..rasters.text import metadata_item
from ..windows import TILE_PX, Window

GDAL_TYPES: Mapping[str, int] = {
    "uint8": gdal.GDT_Byte,
    "uint16": gdal.GDT_UInt16,
    "int16": gdal.GDT_Int16,
    "uint32": gdal.GDT_UInt32,
    "int32": gdal.GDT_Int32,
    "float32": gdal.GDT_Float32,
    "float64": gdal.GDT_Float64,
}
OVERVIEWS_ABOVE_PX = 4096  # longer side from which a raster gets overviews; smaller ones draw fast enough without
STYLE_SUFFIX = ".qml"
_OVERVIEW_LEAST_PX = 256  # no overview is made smaller than about this
_FULL = "No space left on device"
_DISK_SIGNS = (  # in what GDAL says when the disk or the folder is at fault, in lower case
    *("no space", "disk space", "permission", "denied", "read-only", "input/output", "i/o error", "quota", "too large"),
    *("no such file", "attempt to create", "cannot create", "cannot open", "unable to open", "is a directory"),
    *("write error", "error writing", "failed to write", "fwrite", "writeencoded", "appendtostrip", "dirty block"),
    *("missing in the file", "is damaged", "cannot be read", "blocks kept in memory", "sharing violation"),
)
_PROJ_SIGNS = ("proj:", "proj_", "proj.db")  # in what GDAL passes on from PROJ, in lower case
_FULL_BELOW_BYTES = 2**20  # less than the largest block may need
_N_THREADS = 2  # that compress; more would compete with the threads that compute


@dataclass(frozen=True)
class RasterForm:
    """What a raster is made like."""

    grid: Grid  # size and georeferencing
    n_bands: int
    dtype: npt.DTypeLike  # a key of GDAL_TYPES, or a NumPy type of that name
    nodata: Optional[float] = None  # declared no-data value; None = none
    band_names: Optional[Sequence[str]] = None  # description of each band; None = none
    description: str = ""  # what the raster shows, put into its metadata

    @property
    def shape(self) -> Tuple[int, int, int]:
        """Bands, rows, columns."""
        return self.n_bands, self.grid.rows, self.grid.cols


class RasterWriter:
    """A GeoTIFF that grows at a temporary place.

    Made by ``OutputSet.raster``, which also closes it and moves it to its target.

    Args:
        path: Where the file grows.
        target: Where it will be moved; shown in messages.
        form: What it is made like.

    Raises:
        RasterWriteError: The file cannot be created.
    """

    def __init__(self, path: Path, target: Path, form: RasterForm) -> None:
        self.path = path
        self.target = target
        self._shape = form.shape
        self._dtype = np.dtype(form.dtype)
        self._dataset: Any = None
        with self.reported("created"):
            self._dataset = _create(path, self._shape, self._dtype)
            _georeference(self._dataset, form.grid)
            for number in range(1, form.n_bands + 1):
                band = self._dataset.GetRasterBand(number)
                if form.nodata is not None:
                    band.SetNoDataValue(form.nodata)
                if form.band_names is not None:
                    band.SetDescription(form.band_names[number - 1])
            if form.description:
                self._dataset.SetMetadataItem("TIFFTAG_IMAGEDESCRIPTION", form.description)

    @property
    def dataset(self) -> Any:
        """The open GDAL dataset, for what has no method here; keep no reference to it or its bands."""
        return self._dataset

    def write(self, window: Window, values: npt.NDArray[Any]) -> None:
        """Write one window.

        Args:
            window: Rectangle relative to the grid's first pixel.
            values: (bands, rows, cols), or (rows, cols) for a single band; float or integer, cast to the raster's type.

        Raises:
            RasterWriteError: The block cannot be written, for example because the disk is full.
        """
        array = np.ascontiguousarray(values, dtype=self._dtype)
        array = array[np.newaxis] if array.ndim == 2 else array
        if array.shape != (self._shape[0], window.rows, window.cols):
            raise ValueError(f"values of shape {array.shape} do not fit {self._shape[0]} band(s) and {window}")
        with self.reported("written"):
            # as bytes, since WriteArray needs a GDAL built for this NumPy
            self._dataset.WriteRaster(window.col_off, window.row_off, window.cols, window.rows, array.tobytes())

    def set_metadata(self, provenance: Mapping[str, Any]) -> None:
        """Store where the raster comes from: as JSON, and plain values also under readable keys.

        Args:
            provenance: JSON values, for example from ``provenance.describe_run``.
        """
        items: Dict[str, str] = {"SPECIAL_PROVENANCE": json.dumps(provenance, sort_keys=True)}
        for key, value in provenance.items():
            if isinstance(value, (str, int, float)) and str(value):
                items[f"SPECIAL_{key.upper()}"] = str(value)
        with self.reported("described"):
            for key, text in items.items():
                self._dataset.SetMetadataItem(key, text)

    def write_style(self, qml: str) -> None:
        """Put a QGIS style beside the raster; QGIS loads it with the layer.

        Raises:
            RasterWriteError: The file cannot be written.
        """
        try:
            self.path.with_suffix(STYLE_SUFFIX).write_text(qml, encoding="utf-8")
        except OSError as error:
            raise write_error(self.target.with_suffix(STYLE_SUFFIX), "written", str(error), True) from error

    def close(self) -> None:
        """Write what is still in memory, make overviews for a large raster, and check the file. Repeatable.

        Overviews show the most frequent value where one band holds whole numbers, classes, and averages otherwise.

        Raises:
            RasterWriteError: The file is not whole.
        """
        if self._dataset is None:
            return
        with self.reported("finished"):
            self._flush()
            factors = plan_overviews(*self._shape[1:])
            if factors:
                is_class_raster = self._shape[0] == 1 and self._dtype.kind in "iu"
                self._dataset.BuildOverviews("MODE" if is_class_raster else "AVERAGE", factors)
                self._flush()
            self._release()
        with self.reported("read back"):
            verify_raster(self.path, self._shape)

    def discard(self) -> None:
        """Close the file whatever state it is in; it is not wanted any more."""
        if self._dataset is None:
            return
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        try:
            self._release()
        except RuntimeError:  # what cannot be written is not wanted either
            self._dataset = None
        finally:
            gdal.PopErrorHandler()

    def _release(self) -> None:
        """Close the file, so that every failure reaches the error handler or is raised here."""
        dataset, self._dataset = self._dataset, None
        # An exception out of Close would leave the closed dataset to be closed again by the destructor: a crash.
        with without_exceptions():
            if hasattr(dataset, "Close"):  # GDAL 3.8
                dataset.Close()
            del dataset

    def _flush(self) -> None:
        status = self._dataset.FlushCache()  # None before GDAL 3.7
        if status:
            raise RuntimeError("writing the blocks kept in memory failed")

    def reported(self, what: str) -> ContextManager[None]:
        """Turn every failure that GDAL reports inside, by exception or handler, into ``RasterWriteError``."""
        return failures_reported(self.target, what)


@contextmanager
def failures_reported(target: Path, what: str) -> Iterator[None]:
    """Turn every failure that GDAL reports inside, by exception or handler, into ``RasterWriteError``.

    Args:
        target: The output that is being written, for the message.
        what: What is done with it, such as "written".
    """
    failures: List[str] = []

    def note(severity: int, _number: int, text: str) -> None:
        if severity >= gdal.CE_Failure:
            failures.append(text)

    gdal.PushErrorHandler(note)
    try:
        yield
    except (RuntimeError, OSError) as error:
        failures.append(str(error))
        traceback.clear_frames(error.__traceback__)  # GDAL's own frames would keep the dataset open
    finally:
        gdal.PopErrorHandler()
    if failures:
        raise write_error(target, what, failures[0])


def write_error(target: Path, what: str, reason: str, is_of_disk: bool = False) -> RasterWriteError:
    """The error for an output that failed: of the disk, of PROJ, or of something else.

    Args:
        target: The output.
        what: What could not be done with it: "created", "written", "finished".
        reason: What the system or GDAL says.
        is_of_disk: Whether the system said it, so that the cause is known to lie with the disk.
    """
    cause = reason.strip().split("\n")[0].rstrip(".")  # GDAL 3.10 adds a line for every earlier failure
    if any(sign in cause.lower() for sign in _PROJ_SIGNS):
        return RasterWriteError(
            f"The output {target} cannot be {what}; PROJ, the library of coordinate reference systems, says: {cause}.",
            f"{PROJ_HINT} Nothing was written.",
        )
    is_full, free = _look_at_disk(target.parent, reason)
    if is_full and _FULL not in cause:
        cause = f"{_FULL} ({cause})"
    if is_full or is_of_disk or any(sign in reason.lower() for sign in _DISK_SIGNS):
        return RasterWriteError(
            f"The output {target} cannot be {what}: {cause}. A writable place with enough free space is needed; "
            f"{free}.",
            "Free space there or choose another folder. Nothing was written.",
        )
    return RasterWriteError(
        f"The output {target} cannot be {what}: {cause}. GDAL names no fault of the disk; {free}.",
        "Run it again with another name, and please report it if it happens again. Nothing was written.",
    )


def _look_at_disk(folder: Path, reason: str) -> Tuple[bool, str]:
    """Whether the disk is full, by what was said or by what is free, and the free space in words."""
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError:
        return _FULL in reason, f"the folder {folder} cannot be examined"
    is_full = _FULL in reason or free_bytes < _FULL_BELOW_BYTES  # GDAL 3.10 tells only what failed, not why
    return is_full, f"{_in_units(free_bytes)} are free in {folder}"


def plan_overviews(rows: int, cols: int) -> List[int]:
    """Factors of the overviews that a raster of this size gets; empty for one that draws fast without."""
    longest = max(rows, cols)
    if longest <= OVERVIEWS_ABOVE_PX:
        return []
    factors = [2]
    while longest / factors[-1] > 2 * _OVERVIEW_LEAST_PX:
        factors.append(2 * factors[-1])
    return factors


def _create(path: Path, shape: Tuple[int, int, int], dtype: np.dtype[Any]) -> Any:
    n_bands, rows, cols = shape
    if dtype.kind == "f":
        predictor = 3
    else:
        predictor = 1 if dtype.itemsize == 1 and n_bands == 1 else 2  # neighbouring class ids are no gradients
    options = [
        "TILED=YES",
        f"BLOCKXSIZE={TILE_PX}",
        f"BLOCKYSIZE={TILE_PX}",
        "COMPRESS=DEFLATE",
        f"PREDICTOR={predictor}",
        "BIGTIFF=IF_SAFER",
        "INTERLEAVE=BAND",
        f"NUM_THREADS={_N_THREADS}",
    ]
    driver = gdal.GetDriverByName("GTiff")
    dataset = driver.Create(str(path), cols, rows, n_bands, GDAL_TYPES[dtype.name], options=options)
    if dataset is None:
        raise RuntimeError(gdal.GetLastErrorMsg() or "GDAL cannot create it")
    return dataset


def _georeference(dataset: Any, grid: Grid) -> None:
    """Pass the grid's georeference on; a GeoTIFF holds either a geotransform or ground control points.

    A reference system that cannot be written is left out rather than the raster; opening the scene has warned.
    """
    if grid.geotransform is not None:
        grid = replace(grid, gcps=())
    if crs_fault(grid.crs_wkt):
        grid = replace(grid, crs_wkt="")
    if grid.gcps and crs_fault(grid.gcp_crs_wkt):
        grid = replace(grid, gcp_crs_wkt="")
    grid.apply_to(dataset)


def verify_raster(path: Path, shape: Tuple[int, int, int]) -> None:
    """Check that a finished file has its size, that every block lies inside it, and that the last ones decode.

    Args:
        path: The file.
        shape: Bands, rows and columns that it must have.

    Raises:
        RuntimeError: The file is not whole.
    """
    n_bands, rows, cols = shape
    dataset = gdal.Open(str(path))
    if dataset is None or (dataset.RasterCount, dataset.RasterYSize, dataset.RasterXSize) != shape:
        raise RuntimeError("the finished file is damaged")
    n_bytes = path.stat().st_size
    last_row, last_col = (rows - 1) // TILE_PX, (cols - 1) // TILE_PX
    for number in range(1, n_bands + 1):
        band = dataset.GetRasterBand(number)
        for block_row in range(last_row + 1):
            for block_col in range(last_col + 1):
                offset = metadata_item(band, f"BLOCK_OFFSET_{block_col}_{block_row}", "TIFF")
                size = metadata_item(band, f"BLOCK_SIZE_{block_col}_{block_row}", "TIFF")
                if not offset or not size or int(offset) + int(size) > n_bytes:
                    raise RuntimeError(f"block {block_col}, {block_row} of band {number} is missing in the file")
        left, top = last_col * TILE_PX, last_row * TILE_PX
        if not band.ReadRaster(left, top, cols - left, rows - top):
            raise RuntimeError(f"the last block of band {number} cannot be read")


def _in_units(n_bytes: int) -> str:
    size = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"
