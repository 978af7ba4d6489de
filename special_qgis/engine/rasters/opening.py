# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening raster files and their georeferencing: the thin shell around GDAL that scene reading stands on.

Takes a path or GDAL source and gives an open dataset whose file is known to be whole, and the ``Grid`` that every
output is written with. GDAL's exceptions are switched on here; the engine runs in a process of its own.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from osgeo import gdal, osr

from ..errors import InputError, RasterReadError
from ..texts.decoding import as_text
from ..windows import Window
from .gdal_exceptions import use_exceptions
from .proj import PROJ_HINT, prepare_proj, proj_fault
from .text import description, gcp_projection, linear_unit, metadata, name_of, projection, source_of, subdataset_names
from .whole_files import check_raw_length, check_raw_size, check_whole

GeoTransform = Tuple[float, float, float, float, float, float]

SMALLEST_CACHE_BYTES = 128 * 2**20  # GDAL's block cache; its own default, 5 % of RAM, is no bound
LARGEST_CACHE_BYTES = 512 * 2**20

QGIS_PIXEL_FRAME: GeoTransform = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)  # where QGIS draws a raster without georeference

_WGS84_SEMI_MAJOR_M = 6378137.0
_WGS84_ECCENTRICITY_2 = 6.69437999014e-3


@dataclass(frozen=True)
class GroundPoint:
    """A ground control point: pixel position and coordinates."""

    col: float
    row: float
    x: float
    y: float
    z: float = 0.0
    id: str = ""
    info: str = ""


@dataclass(frozen=True)
class Grid:
    """Size and georeference of a raster; everything an output needs to lie on its scene."""

    rows: int
    cols: int
    geotransform: Optional[GeoTransform] = None  # None = the file has none
    crs_wkt: str = ""  # "" = the file has none
    gcps: Tuple[GroundPoint, ...] = ()
    gcp_crs_wkt: str = ""
    rpc: Tuple[Tuple[str, str], ...] = ()  # rational polynomial coefficients as GDAL names them

    @property
    def has_crs(self) -> bool:
        """Whether the coordinate reference system is known."""
        return bool(self.crs_wkt)

    @property
    def pixel_size(self) -> Optional[Tuple[float, float]]:
        """Width and height of a pixel in CRS units, along its sides; None without geotransform."""
        if self.geotransform is None:
            return None
        _, width_x, height_x, _, width_y, height_y = self.geotransform
        return math.hypot(width_x, width_y), math.hypot(height_x, height_y)

    @property
    def units(self) -> str:
        """Unit of the coordinates: "m", "°", another unit's name, or "px" without geotransform."""
        if self.geotransform is None:
            return "px"
        if not self.has_crs:
            return "unknown"
        srs = spatial_reference(self.crs_wkt)
        if srs.IsGeographic():
            return "°"
        name = linear_unit(srs)
        return "m" if name.lower() in ("metre", "meter", "m") else name

    @property
    def pixel_area_m2(self) -> Optional[float]:
        """Area of a pixel in m².

        On a projected CRS that of the grid cell; on a geographic or Mercator grid, where cells differ, that of the
        centre pixel on the ellipsoid; None where the file does not say, or PROJ does not work.
        """
        if self.geotransform is None or not self.has_crs:
            return None
        srs = spatial_reference(self.crs_wkt)
        _, a, b, _, d, e = self.geotransform
        cell = abs(a * e - b * d)
        if srs.IsProjected():
            projection = str(srs.GetAttrValue("PROJECTION") or "")
            area = float(cell * float(srs.GetLinearUnits()) ** 2)
            if "Mercator" in projection and "Transverse" not in projection and "Oblique" not in projection:
                latitude = self._centre_latitude(srs)
                return None if latitude is None else area * math.cos(math.radians(latitude)) ** 2
            return area
        if srs.IsGeographic():
            degrees_2 = cell * math.degrees(float(srs.GetAngularUnits())) ** 2
            latitude = self._centre_latitude(srs)
            return None if latitude is None else float(degrees_2 * _square_degree_m2(latitude))
        return None

    def crop(self, window: Window) -> Grid:
        """The part of the grid that a window covers, its georeference shifted along."""
        shifted = None
        if self.geotransform is not None:
            x, a, b, y, d, e = self.geotransform
            col, row = window.col_off, window.row_off
            shifted = (x + col * a + row * b, a, b, y + col * d + row * e, d, e)
        gcps = tuple(replace(p, col=p.col - window.col_off, row=p.row - window.row_off) for p in self.gcps)
        return replace(
            self,
            rows=window.rows,
            cols=window.cols,
            geotransform=shifted,
            gcps=gcps,
            rpc=tuple(_shift_rpc(key, value, window) for key, value in self.rpc),
        )

    def apply_to(self, dataset: Any) -> None:
        """Write the georeference into a GDAL dataset of the grid's size."""
        if self.geotransform is not None:
            dataset.SetGeoTransform(self.geotransform)
        if self.crs_wkt:
            dataset.SetProjection(self.crs_wkt)
        if self.gcps:
            points = [gdal.GCP(p.x, p.y, p.z, p.col, p.row, p.info, p.id) for p in self.gcps]
            dataset.SetGCPs(points, self.gcp_crs_wkt)
        if self.rpc:
            dataset.SetMetadata(dict(self.rpc), "RPC")

    def _centre_latitude(self, srs: Any) -> Optional[float]:
        """Latitude of the centre in degrees; None where PROJ cannot find it."""
        x0, a, b, y0, d, e = self.geotransform or QGIS_PIXEL_FRAME
        x, y = x0 + self.cols / 2 * a + self.rows / 2 * b, y0 + self.cols / 2 * d + self.rows / 2 * e
        if srs.IsGeographic():
            return float(y)
        try:
            to_degrees = osr.CoordinateTransformation(srs, traditional(srs.CloneGeogCS()))
            return float(to_degrees.TransformPoint(x, y)[1])
        except RuntimeError:  # which reading the scene has told already
            return None


def _square_degree_m2(latitude: float) -> float:
    """Area of a square degree at a latitude, from the two radii of curvature of the WGS 84 ellipsoid."""
    sine = math.sin(math.radians(latitude))
    curvature = 1.0 - _WGS84_ECCENTRICITY_2 * sine * sine
    meridian = _WGS84_SEMI_MAJOR_M * (1.0 - _WGS84_ECCENTRICITY_2) / (curvature * math.sqrt(curvature))
    normal = _WGS84_SEMI_MAJOR_M / math.sqrt(curvature)
    return math.radians(1.0) ** 2 * meridian * normal * math.cos(math.radians(latitude))


def _shift_rpc(key: str, value: str, window: Window) -> Tuple[str, str]:
    shift = {"LINE_OFF": window.row_off, "SAMP_OFF": window.col_off}.get(key, 0)
    return (key, repr(float(value) - shift)) if shift else (key, value)


def traditional(srs: Any) -> Any:
    """The same reference with x = east or longitude first, as GDAL's geotransforms and QGIS have it."""
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return srs


def spatial_reference(wkt: str) -> Any:
    """An osr.SpatialReference with x first.

    Raises:
        InputError: The text is no reference that PROJ understands.
    """
    use_exceptions()
    srs = osr.SpatialReference()
    try:
        srs.ImportFromWkt(wkt)
    except RuntimeError as error:
        fault = proj_fault()
        reason = f"PROJ does not work here: {fault}" if fault else str(error).rstrip(".")
        raise InputError(
            f"The coordinate reference system cannot be understood: {reason}.",
            PROJ_HINT if fault else "Assign a coordinate reference system to the raster.",
        ) from error
    return traditional(srs)


def read_grid(dataset: Any) -> Grid:
    """Size and georeference of an open dataset."""
    geotransform = dataset.GetGeoTransform(can_return_null=True)
    points = tuple(
        GroundPoint(p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY, p.GCPZ, as_text(p.Id), as_text(p.Info))
        for p in dataset.GetGCPs() or ()
    )
    return Grid(
        rows=dataset.RasterYSize,
        cols=dataset.RasterXSize,
        geotransform=tuple(geotransform) if geotransform is not None else None,
        crs_wkt=projection(dataset),
        gcps=points,
        gcp_crs_wkt=gcp_projection(dataset) if points else "",
        rpc=tuple(sorted(metadata(dataset, "RPC").items())),
    )


def open_raster(source: str) -> Any:
    """Open a raster for reading and check that its file is whole.

    Args:
        source: A path, or anything else that GDAL opens.

    Returns:
        A gdal.Dataset with at least one band.

    Raises:
        RasterReadError: No such file, not a raster, only a container of rasters, or a file that was cut off.
    """
    prepare_proj()
    if is_plain_path(source) and not _exists(source):
        raise RasterReadError(f"There is no file {source[:300]}.", "Check the path, or choose the raster again.")
    try:
        dataset = gdal.OpenEx(source, gdal.OF_RASTER | gdal.OF_READONLY | gdal.OF_VERBOSE_ERROR)
    except RuntimeError as error:
        for header in _headers_beside(source):
            check_raw_length(Path(source), header)
        raise RasterReadError(
            f"{source} cannot be opened as a raster: {_sentence(error)}",
            "Give a raster that GDAL reads, such as a GeoTIFF or an ENVI file with its .hdr beside it.",
        ) from error
    if dataset is None or dataset.RasterCount == 0:
        raise _no_bands_error(source, dataset)
    check_whole(dataset)
    return dataset


def _exists(source: str) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def reopen(dataset: Any) -> Any:
    """A second, independent handle on a dataset's source, for another thread."""
    try:
        return gdal.OpenEx(source_of(dataset), gdal.OF_RASTER | gdal.OF_READONLY | gdal.OF_VERBOSE_ERROR)
    except RuntimeError as error:
        raise RasterReadError(
            f"{description(dataset)} cannot be opened any more: {_sentence(error)}",
            "Check that the file is still there and that the drive is connected.",
        ) from error


def read_window(
    dataset: Any,
    window: Window,
    band_numbers: List[int],
    data_type: int,
) -> Any:
    """Read a window of several bands at once.

    Args:
        dataset: Open gdal.Dataset.
        window: Rectangle inside the dataset.
        band_numbers: Bands, counted from 1, in the order wanted.
        data_type: GDAL data type of the values returned.

    Returns:
        A buffer of bands × rows × cols values.

    Raises:
        RasterReadError: GDAL cannot read, such as from a damaged file.
    """
    try:
        buffer = dataset.ReadRaster(
            window.col_off,
            window.row_off,
            window.cols,
            window.rows,
            buf_type=data_type,
            band_list=band_numbers,
        )
    except RuntimeError as error:
        raise damaged_error(dataset, window, error) from error
    if buffer is None:
        raise damaged_error(dataset, window, gdal.GetLastErrorMsg())
    check_raw_size(dataset)
    return buffer


def damaged_error(dataset: Any, window: Window, reason: object) -> RasterReadError:
    """What to raise when a window cannot be read."""
    last_row = window.row_off + window.rows
    return RasterReadError(
        f"{description(dataset)} cannot be read at rows {window.row_off + 1} to {last_row}: {_sentence(reason)}",
        "The file is damaged or incomplete; copy or download it again.",
    )


def limit_block_cache(dataset: Any) -> None:
    """Bound GDAL's block cache, but let it hold one row of blocks with all bands of a pixel-interleaved file."""
    block_cols, block_rows = dataset.GetRasterBand(1).GetBlockSize()
    sample_bytes = gdal.GetDataTypeSize(dataset.GetRasterBand(1).DataType) // 8
    block = block_cols * block_rows * sample_bytes * dataset.RasterCount
    gdal.SetCacheMax(int(min(max(SMALLEST_CACHE_BYTES, block * 5 // 4), LARGEST_CACHE_BYTES)))


def is_plain_path(source: str) -> bool:
    """Whether a source is a file path rather than a GDAL connection string or virtual file."""
    if source.startswith(("/vsi", "<")) or "?" in source:
        return False
    head, colon, _ = source.partition(":")
    return not colon or len(head) == 1 or os.sep in head


def _no_bands_error(source: str, dataset: Any) -> RasterReadError:
    parts = subdataset_names(dataset) if dataset is not None else []
    if parts:
        listed = "; ".join(parts[:3]) + ("; …" if len(parts) > 3 else "")
        return RasterReadError(
            f"{source} holds {len(parts)} data sets and none of them by itself: {listed}",
            "Give one of them as the scene, or convert the product to a GeoTIFF first.",
        )
    return RasterReadError(f"{source} has no raster bands.", "Give a raster with at least two bands.")


def _headers_beside(source: str) -> Iterator[Path]:
    if is_plain_path(source):
        path = Path(source)
        yield from (path.with_suffix(".hdr"), path.with_name(path.name + ".hdr"))


def headers_beside(source: str) -> List[Path]:
    """ENVI headers that lie beside a raster file, ``scene.hdr`` before ``scene.tif.hdr``."""
    return [path for path in _headers_beside(source) if path.is_file()]


def _sentence(reason: object) -> str:
    return str(reason).strip().rstrip(".") + "."


def summarise_grid(grid: Grid) -> Dict[str, Any]:
    """Georeference as plain values for the report."""
    name = authority = ""
    if grid.has_crs:
        srs = spatial_reference(grid.crs_wkt)
        name = name_of(srs)
        if srs.GetAuthorityCode(None):
            authority = f"{srs.GetAuthorityName(None)}:{srs.GetAuthorityCode(None)}"
    return {
        "crs": name,
        "crs_authority": authority,
        "geotransform": None if grid.geotransform is None else list(grid.geotransform),
        "pixel_size": None if grid.pixel_size is None else list(grid.pixel_size),
        "units": grid.units,
        "pixel_area_m2": grid.pixel_area_m2,
        "n_gcps": len(grid.gcps),
        "has_rpc": bool(grid.rpc),
    }
