# SPDX-License-Identifier: GPL-2.0-or-later
"""A scene as the stages see it: good bands in ascending wavelength, valid pixels, blocks, tiles and samples.

Takes the options of a scene and gives an open ``Scene``; everything that can be wrong with a file is found here, before
any stage starts. Reading is bounded by a memory budget that changes no value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Dict, Iterator, List, Optional, Tuple, Type

import numpy as np
from osgeo import gdal

from .area import find_area
from .bands import CONSTANT, NO_DATA, Dropped, clean_centres, drop_before_reading, group_dropped, order_good_bands
from .blocks import Block, Sample
from .config import SceneConfig
from .errors import InputError
from .memory import block_budget_bytes
from .progress import NullProgress, Progress, RecordingProgress, check_cancelled
from .raster import Grid, limit_block_cache, open_raster, read_grid, summarise_grid
from .reader import BlockReader, open_mask, plan_bands, prefetch
from .sampling import draw_sample
from .spectra import SpectralAxis, axis_to_json, format_band_numbers, parse_band_list
from .survey import Survey, survey
from .wavelengths import BandSpectra, describe_quantity, read_bad_bands, read_band_spectra
from .windows import Window, plan_reads, plan_tiles

__all__ = ["Block", "Sample", "Scene", "open_scene"]

SMALLEST_SIDE_PX = 8  # windows, neighbourhoods and quantiles mean nothing below
MISSING_SHARE_WORTH_TELLING = 0.05  # of pixels that a single band makes invalid


@dataclass(frozen=True)
class _BandChoice:
    """Which bands are used and why not the others."""

    file_numbers: Tuple[int, ...]  # spectral bands of the file, counted from 1
    order: Tuple[int, ...]  # indices into file_numbers of the good bands, ascending in wavelength
    axis: SpectralAxis
    dropped: Dropped


class Scene:
    """An open scene; windows and pixel positions are relative to its area of interest.

    One thread at a time may use it. Close it, or use it as a context manager.
    """

    def __init__(
        self, config: SceneConfig, reader: BlockReader, choice: _BandChoice, seen: Survey, warnings: List[str]
    ) -> None:
        self.config = config
        self.axis = choice.axis
        self.band_numbers = reader.bands.numbers
        self.warnings = warnings
        self.file_grid: Grid = read_grid(reader.dataset)
        self.file_window = reader.area.window  # the area in the file
        self.grid: Grid = self.file_grid.crop(self.file_window)
        self.rows, self.cols = self.grid.rows, self.grid.cols
        self.area = Window(0, 0, self.rows, self.cols)
        self.dtype = reader.bands.dtype
        self.quantity = config.quantity if config.quantity != "automatic" else describe_quantity(reader.dataset)
        self._reader = reader
        self._choice = choice
        self._seen = seen

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()

    def pass_on_warnings(self, progress: Progress) -> None:
        """Tell what reading the scene's description has found doubtful."""
        for warning in self.warnings:
            progress.warn(warning)

    @property
    def n_bands(self) -> int:
        """Number of good bands."""
        return self.axis.n_bands

    def read(self, window: Window) -> Block:
        """Pixels of a window of the area.

        Raises:
            InputError: The window is not inside the area.
            RasterReadError: The file is damaged.
        """
        last_row, last_col = window.row_off + window.rows, window.col_off + window.cols
        if min(window.row_off, window.col_off) < 0 or last_row > self.rows or last_col > self.cols or window.n_px < 1:
            raise InputError(f"{window} is not inside the scene's {self.rows} rows and {self.cols} columns.")
        return self._reader.read(window)

    def tiles(self, progress: Progress) -> Iterator[Tuple[Window, Block]]:
        """All tiles of the fixed grid with their pixels, the next read prefetched by a thread.

        Args:
            progress: Reports the share of pixels done; asked for cancel before every tile.

        Yields:
            Tiles in an order that may depend on the memory budget, each once, and their blocks.
        """
        reader = self._reader.again()
        done_px = 0
        try:
            for window, block in prefetch(reader, self.plan_reads(), progress):
                for tile in plan_tiles(window):
                    check_cancelled(progress)
                    yield tile, block.part(tile, window)
                    done_px += tile.n_px
                    progress.report(done_px / self.area.n_px)
                del block
        finally:
            reader.close()

    def plan_tiles(self) -> List[Window]:
        """The tiles that ``tiles`` gives."""
        return plan_tiles(self.area)

    def plan_reads(self) -> List[Window]:
        """The windows that ``tiles`` reads: two fit into the memory budget together, one being prefetched."""
        budget = block_budget_bytes(self.config.memory_budget_bytes) // 2
        _, block_rows = self._reader.dataset.GetRasterBand(1).GetBlockSize()
        return plan_reads(self.area, self._reader.bands.bytes_per_px, budget, block_rows=block_rows)

    def sample(self, n_px: int, seed: int, progress: Optional[Progress] = None) -> Sample:
        """Spectra of valid pixels spread over the area.

        Args:
            n_px: Most pixels wanted; all valid pixels are taken when there are fewer.
            seed: Of everything drawn.
            progress: Asked for cancel.

        Returns:
            The same sample for the same scene, ``n_px`` and ``seed``.
        """
        sample = draw_sample(self._reader, n_px, seed, progress or NullProgress())
        area_m2 = self.grid.pixel_area_m2
        return replace(sample, pixel_m=math.sqrt(area_m2)) if area_m2 else sample

    def summary(self) -> Dict[str, Any]:
        """What was read from the file, as plain values for reports."""
        dataset, choice, bands = self._reader.dataset, self._choice, self._reader.bands
        good = np.array(choice.order)
        low, high = self._seen_range()
        nodata = sorted({value for value in bands.nodata if value is not None and value == value})
        return {
            "path": dataset.GetDescription(),
            "driver": dataset.GetDriver().LongName,
            "rows": self.rows,
            "cols": self.cols,
            "file_rows": dataset.RasterYSize,
            "file_cols": dataset.RasterXSize,
            "dtype": str(self.dtype),
            "file_bands": dataset.RasterCount,
            "good_bands": self.n_bands,
            "good_band_numbers": format_band_numbers([choice.file_numbers[i] for i in good]),
            "dropped_bands": group_dropped(choice.dropped, choice.file_numbers),
            "wavelengths": axis_to_json(self.axis),
            **summarise_grid(self.grid),
            "value_range": [low, high],
            "scaled": bands.calibration is not None,
            "nodata": list(nodata),
            "valid_share": round(self._seen.valid_share(good), 6),
            "quantity": self.quantity,
            "warnings": list(self.warnings),
        }

    def _seen_range(self) -> Tuple[Optional[float], Optional[float]]:
        """Range of the values seen in good bands, scale and offset applied."""
        order = list(self._choice.order)
        ends = np.stack([self._seen.low[order], self._seen.high[order]])
        calibration = self._reader.bands.calibration
        if calibration is not None:
            ends = ends * calibration.scale + calibration.offset
        return (float(np.nanmin(ends)), float(np.nanmax(ends))) if np.any(np.isfinite(ends)) else (None, None)


def open_scene(config: SceneConfig, progress: Optional[Progress] = None) -> Scene:
    """Open a scene and find out everything about it that stages need.

    Args:
        config: How to read it.
        progress: Hears of warnings; asked for cancel.

    Returns:
        An open scene with at least two good bands and one valid pixel.

    Raises:
        RasterReadError: The file cannot be opened or read, or was cut off.
        SpectraError: Wavelengths or bad bands are missing or contradictory.
        InputError: Anything else that makes the scene unusable.
    """
    listener = RecordingProgress(progress or NullProgress())
    dataset = open_raster(config.source)
    numbers = _spectral_bands(dataset)
    limit_block_cache(dataset)
    grid = read_grid(dataset)
    _check_size(grid, "The scene")
    spectra = read_band_spectra(dataset, numbers, config.wavelengths, config.sensor, listener)
    spectra = BandSpectra(clean_centres(spectra.centres_nm, numbers), spectra.source, spectra.fwhm_nm)
    dropped = drop_before_reading(
        spectra.centres_nm,
        read_bad_bands(dataset, numbers, listener),
        _user_bad(config, dataset, numbers, spectra),
        config.drop_water_vapour,
    )
    area = find_area(config, grid)
    _check_size(grid.crop(area.window), "The area of interest")
    mask = open_mask(config.mask, dataset) if config.mask else None
    looked_at = [band for band in range(len(numbers)) if band not in dropped] or list(range(len(numbers)))
    wide = BlockReader(dataset, area, plan_bands(dataset, tuple(numbers[band] for band in looked_at)), mask)
    seen = _spread(survey(wide, listener), looked_at, len(numbers))
    _drop_dead(seen, looked_at, dropped)
    order, axis = order_good_bands(spectra, numbers, dropped)
    reader = BlockReader(dataset, area, plan_bands(dataset, tuple(numbers[band] for band in order)), mask)
    choice = _BandChoice(numbers, tuple(order), axis, dropped)
    _check_valid(reader, choice, seen, listener)
    return Scene(config, reader, choice, seen, listener.warnings)


def _spectral_bands(dataset: Any) -> Tuple[int, ...]:
    """Bands that are not alpha, counted from 1.

    Raises:
        InputError: There is only one, or one is complex.
    """
    bands = [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]
    numbers = tuple(n for n, band in enumerate(bands, 1) if band.GetColorInterpretation() != gdal.GCI_AlphaBand)
    complex_bands = [n for n in numbers if gdal.DataTypeIsComplex(bands[n - 1].DataType)]
    if complex_bands:
        kind = gdal.GetDataTypeName(bands[complex_bands[0] - 1].DataType)
        raise InputError(
            f"Band {complex_bands[0]} of {dataset.GetDescription()} holds complex numbers ({kind}); real numbers are "
            "accepted.",
            "Give an optical scene of reflectance or radiance.",
        )
    if len(numbers) < 2:
        raise InputError(
            f"{dataset.GetDescription()} has {len(numbers)} spectral band; at least 2 are needed, and tens are wanted.",
            "Give a multispectral or hyperspectral scene with all its bands in one raster.",
        )
    return numbers


def _check_size(grid: Grid, what: str) -> None:
    if min(grid.rows, grid.cols) < SMALLEST_SIDE_PX:
        raise InputError(
            f"{what} has {grid.rows} × {grid.cols} pixels; at least {SMALLEST_SIDE_PX} × {SMALLEST_SIDE_PX} are "
            "needed.",
            "Give a larger scene or area.",
        )


def _user_bad(config: SceneConfig, dataset: Any, numbers: Tuple[int, ...], spectra: BandSpectra) -> Any:
    """Indices of the spectral bands that the user lists; the list counts all bands of the file."""
    centres = np.full(dataset.RasterCount, np.nan)
    centres[np.array(numbers) - 1] = spectra.centres_nm
    listed = parse_band_list(config.bad_bands, dataset.RasterCount, centres)
    return {band for band, number in enumerate(numbers) if number - 1 in listed}


def _spread(seen: Survey, looked_at: List[int], n_bands: int) -> Survey:
    """The same survey with rows for all bands of the file; bands not looked at count as without data."""
    flags = np.zeros((n_bands, seen.flags.shape[1]), bool)
    low, high, empty = np.full(n_bands, np.nan), np.full(n_bands, np.nan), np.ones(n_bands, bool)
    flags[looked_at], low[looked_at], high[looked_at], empty[looked_at] = seen.flags, seen.low, seen.high, seen.empty
    return Survey(flags, low, high, empty, seen.n_seen, seen.n_zero)


def _drop_dead(seen: Survey, looked_at: List[int], dropped: Dropped) -> None:
    """Leave out bands that hold no data or one value, unless that is all of them."""
    if bool(seen.empty[looked_at].all()):
        return
    for band in looked_at:
        if seen.empty[band]:
            dropped.setdefault(band, NO_DATA)
        elif seen.constant[band]:
            dropped.setdefault(band, CONSTANT)


def _check_valid(reader: BlockReader, choice: _BandChoice, seen: Survey, progress: RecordingProgress) -> None:
    """Tell bands that cost many pixels, and find at least one valid pixel."""
    if seen.n_zero:
        progress.info(f"{seen.n_zero / seen.n_seen:.1%} of the pixels are 0 in every band and count as without data.")
    missing = seen.missing_share()
    costly = [band for band in choice.order if missing[band] > MISSING_SHARE_WORTH_TELLING]
    if costly:
        numbers = format_band_numbers([choice.file_numbers[band] for band in costly])
        progress.warn(
            f"Bands {numbers} have no data in up to {max(missing[band] for band in costly):.0%} of the pixels, which "
            "are left out for it. List these bands as bad to keep the pixels."
        )
    if seen.valid_share(np.array(choice.order)) > 0.0:
        return
    for tile in plan_tiles(Window(0, 0, reader.area.window.rows, reader.area.window.cols)):
        check_cancelled(progress)
        if reader.read(tile).valid.any():
            return
    raise InputError(
        f"None of the {reader.area.window.n_px} pixels is valid: each is nodata in one of the {len(choice.order)} good "
        "bands, or left out by a mask.",
        "Check the nodata value, the mask and the area of interest, and list bands without data as bad.",
    )
