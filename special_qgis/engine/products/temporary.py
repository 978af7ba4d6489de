# SPDX-License-Identifier: GPL-2.0-or-later
"""Temporary rasters of an opened product: the copied cube, the mask, and the virtual raster that puts them together.

All lie in one hidden folder, which ``TemporaryRasters.close`` removes, whatever happened before. Where the process is
killed instead, whoever started it removes the folder, or else the next product that is opened.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence
from xml.sax.saxutils import escape, quoteattr  # nosec B406 # only for writing

import numpy as np
from osgeo import gdal, gdal_array

from ..errors import RasterWriteError
from ..outputs.abandoned import remove_abandoned, sign_folder
from ..outputs.partial import make_partial_folder, remove_folder
from ..progress import Progress, check_cancelled
from ..rasters.opening import Grid
from ..windows import Window
from .product import Cube, Product, QualityLayer
from .raster_files import open_file

_TILE_PX = 128
_MASK_ROWS = 256
_SPARE_BYTES = 64 * 2**20


class TemporaryRasters:
    """A folder that lives as long as the opened product."""

    def __init__(self) -> None:
        place = Path(tempfile.gettempdir())
        with contextlib.suppress(OSError):  # outputs there that resist are told of by the next job that writes there
            remove_abandoned(place)
        folder = make_partial_folder(place / "product")
        folder.chmod(stat.S_IRWXU)
        self.folder = str(folder)
        self._lock = sign_folder(folder)

    def path(self, name: str) -> str:
        """Path of a file in the folder."""
        return str(Path(self.folder) / name)

    def close(self) -> None:
        """Remove the folder with all in it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        remove_folder(Path(self.folder))


def copy_cube(product: Product, cube: Cube, path: str, progress: Progress) -> None:
    """Write a cube out of a container to a tiled GeoTIFF, part by part.

    Args:
        product: Product that the cube belongs to.
        cube: The cube.
        path: File to write.
        progress: Receives progress; checked for cancel at every part.

    Raises:
        RasterWriteError: The temporary folder has no room.
        RasterReadError: The product is damaged.
        Cancelled: The user cancelled.
    """
    grid = product.grid
    n_bytes = grid.rows * grid.cols * cube.n_bands * np.dtype(cube.dtype).itemsize
    folder = Path(path).parent
    free = shutil.disk_usage(folder).free
    if n_bytes + _SPARE_BYTES > free:
        raise RasterWriteError(
            f"The folder {folder} has {free / 2**30:.1f} GiB free; the pixels of {product.name} need "
            f"{n_bytes / 2**30:.1f} GiB there for a while.",
            "Free some space, or point the environment variable TMPDIR (on Windows TEMP) at a roomier drive.",
        )
    progress.info(
        f"{product.title}: the pixels of {product.name} are copied to a temporary file of {n_bytes / 2**20:.0f} MiB in "
        f"{folder}, which is removed afterwards."
    )
    target = _create(path, product, cube.n_bands, cube.dtype, ["BIGTIFF=IF_SAFER"])
    windows = _parts(grid.rows, grid.cols, cube.tile_px[0], cube.tile_px[1] or grid.cols)
    for position, window in enumerate(windows):
        check_cancelled(progress)
        _write(target, window, cube.read(window), path)
        progress.report((position + 1) / len(windows), f"Reading {product.title}")
    _finish(target, path)


def write_mask(product: Product, layers: Sequence[QualityLayer], path: str, progress: Progress) -> Dict[str, float]:
    """Write the mask of a product: 1 = valid, 0 = left out.

    Args:
        product: Product that the mask belongs to.
        layers: What leaves pixels out.
        path: GeoTIFF to write.
        progress: Checked for cancel at every strip.

    Returns:
        Share of the pixels that each kind of layer marks, and under "" that all together do, 0 to 1.
    """
    grid = product.grid
    counts = dict.fromkeys([layer.kind for layer in layers], 0)
    left_out = 0
    target = _create(path, product, 1, np.uint8, ["COMPRESS=DEFLATE"])
    for window in _parts(grid.rows, grid.cols, _MASK_ROWS, grid.cols):
        check_cancelled(progress)
        marks = {kind: np.zeros((window.rows, window.cols), bool) for kind in counts}
        for layer in layers:
            marks[layer.kind] |= layer.is_marked(window)
        marked = np.logical_or.reduce(list(marks.values()))
        for kind, mark in marks.items():
            counts[kind] += int(np.count_nonzero(mark))
        left_out += int(np.count_nonzero(marked))
        _write(target, window, (~marked)[None].astype(np.uint8), path)
    _finish(target, path)
    n_px = grid.rows * grid.cols
    return {**{kind: count / n_px for kind, count in counts.items()}, "": left_out / n_px}


def virtual_raster(product: Product, bands: Sequence[int], cube_path: str, mask_path: Optional[str]) -> str:
    """XML of a virtual raster of a product's bands with all that the product says of them.

    Args:
        product: A product.
        bands: Indices of its bands, in the order wanted.
        cube_path: The copied cube; unused where the product is files.
        mask_path: Raster of 1 = valid, 0 = left out; None = none.
    """
    grid = product.grid
    lines = [f'<VRTDataset rasterXSize="{grid.cols}" rasterYSize="{grid.rows}">']
    if grid.crs_wkt:
        lines.append(f'<SRS dataAxisToSRSAxisMapping="1,2">{escape(grid.crs_wkt)}</SRS>')
    if grid.geotransform is not None:
        lines.append(f"<GeoTransform>{', '.join(repr(float(value)) for value in grid.geotransform)}</GeoTransform>")
    lines += _items(
        {"product": product.title, "data_units": product.unit or product.quantity, "quantity": product.quantity}
    )
    shapes: Dict[str, _Shape] = {}
    for number, index in enumerate(bands, 1):
        lines += _band(product, index, number, cube_path, shapes)
    if mask_path is not None:
        source = _source(mask_path, 1, grid, _shape(mask_path, shapes))
        lines += ["<MaskBand>", '<VRTRasterBand dataType="Byte">', *source, "</VRTRasterBand>", "</MaskBand>"]
    return "\n".join([*lines, "</VRTDataset>"])


class _Shape(NamedTuple):
    """Size and type of a file that a virtual raster refers to."""

    rows: int
    cols: int
    type_name: str


def _shape(path: str, known: Dict[str, _Shape]) -> _Shape:
    if path not in known:
        dataset = open_file(path)
        type_name = str(gdal.GetDataTypeName(dataset.GetRasterBand(1).DataType))
        known[path] = _Shape(dataset.RasterYSize, dataset.RasterXSize, type_name)
    return known[path]


def _band(product: Product, index: int, number: int, cube_path: str, shapes: Dict[str, _Shape]) -> List[str]:
    spectra = product.spectra
    path = cube_path if product.cube is not None else product.files[index].path
    file_band = index + 1 if product.cube is not None else product.files[index].number
    shape = _shape(path, shapes)
    items = {"wavelength": f"{spectra.centres_nm[index]:.6f}".rstrip("0").rstrip("."), "wavelength_units": "Nanometers"}
    if spectra.fwhm_nm is not None and np.isfinite(spectra.fwhm_nm[index]) and spectra.fwhm_nm[index] > 0:
        items["fwhm"] = f"{spectra.fwhm_nm[index]:.6f}".rstrip("0").rstrip(".")
    if spectra.is_good is not None:
        items["bbl"] = str(int(spectra.is_good[index]))
    lines = [f'<VRTRasterBand dataType="{shape.type_name}" band="{number}">', *_items(items)]
    lines.append(f"<Description>{items['wavelength']} nm</Description>")
    if product.nodata is not None:
        lines.append(f"<NoDataValue>{product.nodata!r}</NoDataValue>")
    if product.unit:
        lines.append(f"<UnitType>{escape(product.unit)}</UnitType>")
    lines.append(f"<Offset>{float(product.offset[index])!r}</Offset><Scale>{float(product.scale[index])!r}</Scale>")
    return [*lines, *_source(path, file_band, product.grid, shape), "</VRTRasterBand>"]


def _source(path: str, number: int, grid: Grid, shape: _Shape) -> List[str]:
    size = f'xOff="0" yOff="0" xSize="{grid.cols}" ySize="{grid.rows}"'
    own = f'xOff="0" yOff="0" xSize="{shape.cols}" ySize="{shape.rows}"'
    resampling = ' resampling="average"' if shape.cols > grid.cols else ""
    return [
        f"<SimpleSource{resampling}>",
        f'<SourceFilename relativeToVRT="0">{escape(path)}</SourceFilename><SourceBand>{number}</SourceBand>',
        f"<SrcRect {own}/><DstRect {size}/>",
        "</SimpleSource>",
    ]


def _items(items: Dict[str, str]) -> List[str]:
    return ["<Metadata>", *(f"<MDI key={quoteattr(k)}>{escape(v)}</MDI>" for k, v in items.items()), "</Metadata>"]


def _create(path: str, product: Product, n_bands: int, dtype: Any, options: Sequence[str]) -> Any:
    kind = gdal_array.NumericTypeCodeToGDALTypeCode(np.dtype(dtype).type)
    if kind is None:
        kind = gdal.GDT_Byte if np.dtype(dtype).itemsize == 1 else gdal.GDT_Float64
    tiles = ["TILED=YES", f"BLOCKXSIZE={_TILE_PX}", f"BLOCKYSIZE={_TILE_PX}", "INTERLEAVE=BAND"]
    try:
        target = gdal.GetDriverByName("GTiff").Create(
            path, product.grid.cols, product.grid.rows, n_bands, kind, options=[*tiles, *options]
        )
    except RuntimeError as error:
        raise _full(path, error) from error
    product.grid.apply_to(target)
    return target


def _write(target: Any, window: Window, values: Any, path: str) -> None:
    try:
        target.WriteRaster(
            window.col_off,
            window.row_off,
            window.cols,
            window.rows,
            np.ascontiguousarray(values).tobytes(),
            buf_type=target.GetRasterBand(1).DataType,
        )
    except RuntimeError as error:
        raise _full(path, error) from error


def _finish(target: Any, path: str) -> None:
    try:
        target.FlushCache()
    except RuntimeError as error:
        raise _full(path, error) from error


def _full(path: str, error: Exception) -> RasterWriteError:
    return RasterWriteError(
        f"The temporary file {path} cannot be written: {error}.", "Free some space in the temporary folder."
    )


def _parts(rows: int, cols: int, tile_rows: int, tile_cols: int) -> List[Window]:
    return [
        Window(row, col, min(tile_rows, rows - row), min(tile_cols, cols - col))
        for row in range(0, rows, tile_rows)
        for col in range(0, cols, tile_cols)
    ]
