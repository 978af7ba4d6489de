# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading blocks of a scene: chosen bands, nodata, masks and area of interest in one place, one reader per thread.

A reader owns its handles on the files, so that a second one may prefetch in another thread; it must not be shared.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, gdal_array

from ..progress import Progress, check_cancelled
from ..rasters.opening import damaged_error, read_window, reopen
from ..windows import Window
from .area import Area
from .blocks import Block, BoolArray, Calibration
from .mask import Mask
from .no_data import find_valid, has_data


@dataclass(frozen=True)
class BandPlan:
    """What to read of each pixel."""

    numbers: Tuple[int, ...]  # bands, counted from 1, in the order wanted
    nodata: Tuple[Optional[float], ...]  # of each band; None = the band declares none
    calibration: Optional[Calibration]  # None = values are taken as they are
    data_type: int  # GDAL data type that holds all bands
    fills: Tuple[float, ...] = ()  # values as stored that are no data where all bands have them, beside 0
    not_alpha: Tuple[int, ...] = ()  # bands marked as alpha that hold a spectral band all the same

    @property
    def dtype(self) -> Any:
        """The NumPy type of the values as stored."""
        return np.dtype(gdal_array.GDALTypeCodeToNumericTypeCode(self.data_type))

    @property
    def bytes_per_px(self) -> int:
        """Size of a pixel with all bands."""
        return int(self.dtype.itemsize) * len(self.numbers)


def plan_bands(
    dataset: Any, numbers: Tuple[int, ...], fills: Tuple[float, ...] = (), not_alpha: Tuple[int, ...] = ()
) -> BandPlan:
    """Nodata, scale and type of some bands of a dataset.

    Args:
        dataset: Open gdal.Dataset.
        numbers: Bands, counted from 1, in the order wanted.
        fills: Values as stored that are no data where all bands have them.
        not_alpha: Bands marked as alpha that hold a spectral band all the same.
    """
    bands = [dataset.GetRasterBand(number) for number in numbers]
    data_type = bands[0].DataType
    for band in bands:
        data_type = gdal.DataTypeUnion(data_type, band.DataType)
    scale = np.array([_usable(band.GetScale(), 1.0) for band in bands], np.float32)
    offset = np.array([_finite(band.GetOffset()) for band in bands], np.float32)
    calibration = Calibration(scale, offset)
    return BandPlan(
        numbers,
        tuple(band.GetNoDataValue() for band in bands),
        None if calibration.is_identity else calibration,
        data_type,
        fills,
        not_alpha,
    )


def _usable(scale: Optional[float], default: float) -> float:
    return scale if scale is not None and np.isfinite(scale) and scale != 0 else default


def _finite(offset: Optional[float]) -> float:
    return offset if offset is not None and np.isfinite(offset) else 0.0


class BlockReader:
    """Reads windows of an area of a scene; windows are relative to the area."""

    def __init__(self, dataset: Any, area: Area, bands: BandPlan, mask: Optional[Mask] = None) -> None:
        """Take over an open dataset.

        Args:
            dataset: Open gdal.Dataset that is used here alone.
            area: Part of it to read.
            bands: What to read of each pixel.
            mask: The mask raster, which is used here alone, or None.
        """
        self._dataset = dataset
        self._mask = mask
        self.area = area
        self.bands = bands
        self._mask_bands = _mask_bands(dataset, bands)

    @property
    def dataset(self) -> Any:
        """The open gdal.Dataset."""
        return self._dataset

    def again(self, bands: Optional[BandPlan] = None) -> BlockReader:
        """An independent reader of the same scene, for another thread or other bands."""
        mask = self._mask.again() if self._mask is not None else None
        return BlockReader(reopen(self._dataset), self.area, bands or self.bands, mask)

    def read(self, window: Window) -> Block:
        """Pixels of a window; a window wholly outside the area of interest is not read from the file.

        Raises:
            RasterReadError: The file is damaged.
        """
        inside = self._inside(window)
        if inside is not None and not inside.any():
            raw = np.zeros((len(self.bands.numbers), window.rows, window.cols), self.bands.dtype)
            return Block(raw, inside, self.bands.calibration)
        raw = self._read_raw(window)
        return Block(raw, find_valid(raw, self.bands.nodata, inside, self.bands.fills), self.bands.calibration)

    def read_data_flags(self, window: Window) -> Tuple[NDArray[Any], BoolArray]:
        """Values of the pixels inside the area and which of them are data, band by band.

        Returns:
            (bands, n) values as stored, and (bands, n) bool.
        """
        inside = self._inside(window)
        if inside is not None and not inside.any():
            empty = np.zeros((len(self.bands.numbers), 0), self.bands.dtype)
            return empty, empty.astype(bool)
        raw = self._read_raw(window).reshape(len(self.bands.numbers), -1)
        if inside is not None:
            raw = raw[:, inside.ravel()]
        flags = np.stack([has_data(band, nodata) for band, nodata in zip(raw, self.bands.nodata)])
        for fill in (0.0, *self.bands.fills):
            flags &= np.any(raw != fill, axis=0)
        return raw, flags

    def close(self) -> None:
        """Let go of the files."""
        self._dataset = self._mask = None
        self._mask_bands = []

    def _absolute(self, window: Window) -> Window:
        origin = self.area.window
        return Window(origin.row_off + window.row_off, origin.col_off + window.col_off, window.rows, window.cols)

    def _read_raw(self, window: Window) -> NDArray[Any]:
        buffer = read_window(self._dataset, self._absolute(window), list(self.bands.numbers), self.bands.data_type)
        return np.frombuffer(buffer, self.bands.dtype).reshape(len(self.bands.numbers), window.rows, window.cols)

    def _inside(self, window: Window) -> Optional[BoolArray]:
        """Pixels that the area, the mask raster and the dataset's own masks keep; None = all."""
        inside = self.area.part(window)
        for kept in self._kept(self._absolute(window)):
            inside = kept if inside is None else inside & kept
        return inside

    def _kept(self, window: Window) -> Iterator[BoolArray]:
        """Pixels of a window of the file that each raster of masks keeps."""
        if self._mask is not None:
            yield self._mask.kept(_read_band(self._mask.dataset, self._mask.dataset.GetRasterBand(1), window))
        for band in self._mask_bands:
            yield _read_band(self._dataset, band, window) != 0


def prefetch(reader: BlockReader, windows: List[Window], progress: Progress) -> Iterator[Tuple[Window, Block]]:
    """Blocks of windows in their order, the next one read in a thread while the caller works on the last.

    At most two blocks are in memory, given that the caller keeps none. The reader is used by that thread alone.

    Args:
        reader: A reader that is used here alone.
        windows: What to read.
        progress: Checked for cancel before every block.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
    try:
        pending = pool.submit(reader.read, windows[0]) if windows else None
        for position, window in enumerate(windows):
            check_cancelled(progress)
            if pending is None:
                return
            block = pending.result()
            is_last = position + 1 == len(windows)
            pending = None if is_last else pool.submit(reader.read, windows[position + 1])
            yield window, block
            del block
    finally:
        pool.shutdown(wait=True)


def _mask_bands(dataset: Any, plan: BandPlan) -> List[Any]:
    """Bands whose zeros are no data, besides nodata values: alpha, the data set's mask, or one for each band."""
    bands = [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]
    alpha = [
        band
        for band in bands
        if band.GetColorInterpretation() == gdal.GCI_AlphaBand and band.GetBand() not in plan.not_alpha
    ]
    if alpha:  # GDAL takes it for a mask only where it is of 8 or 16 bits
        return alpha[:1]
    masks = []
    for number in plan.numbers:
        band = dataset.GetRasterBand(number)
        flags = band.GetMaskFlags()
        if flags & gdal.GMF_ALPHA:  # of a band that is none
            continue
        if flags & gdal.GMF_PER_DATASET:
            return [band.GetMaskBand()]
        if not flags & (gdal.GMF_ALL_VALID | gdal.GMF_NODATA):
            masks.append(band.GetMaskBand())
    return masks


def _read_band(dataset: Any, band: Any, window: Window) -> NDArray[Any]:
    """A window of one band."""
    try:
        buffer = band.ReadRaster(window.col_off, window.row_off, window.cols, window.rows)
    except RuntimeError as error:
        raise damaged_error(dataset, window, error) from error
    if buffer is None:
        raise damaged_error(dataset, window, gdal.GetLastErrorMsg())
    dtype = gdal_array.GDALTypeCodeToNumericTypeCode(band.DataType)
    return np.frombuffer(buffer, dtype).reshape(window.rows, window.cols)
