# SPDX-License-Identifier: GPL-2.0-or-later
"""A scene as the stages see it: good bands in ascending wavelength, valid pixels, blocks, tiles and samples.

Takes the options of a scene and gives an open ``Scene``; everything that can be wrong with a file is found here, before
any stage starts. Reading is bounded by a memory budget that changes no value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple, Type

import numpy as np

from ..config import SceneConfig
from ..errors import InputError
from ..progress import NullProgress, Progress, RecordingProgress, check_cancelled
from ..rasters.metadata import RasterMetadata, read_metadata
from ..rasters.opening import Grid, limit_block_cache, open_raster, read_grid, summarise_grid
from ..rasters.proj import describe_crs_fault
from ..rasters.text import description
from ..windows import Window, plan_reads, plan_tiles
from .area import Area, find_area
from .bad_bands import read_bad_bands
from .bands import (
    CONSTANT,
    NO_DATA,
    Dropped,
    clean_centres,
    drop_before_reading,
    drop_second_detector,
    group_dropped,
    order_good_bands,
)
from .blocks import Block, Sample
from .memory import block_budget_bytes
from .no_data import FILL_SHARE
from .reader import BlockReader, open_mask, plan_bands, prefetch
from .sampling import draw_sample
from .spectra import SpectralAxis, axis_to_json, format_band_numbers, parse_band_list
from .spectral_bands import SpectralBands, find_spectral_bands
from .stated_quantity import describe_quantity
from .survey import Survey, survey
from .wavelengths import BandSpectra, read_band_spectra

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
        self,
        config: SceneConfig,
        reader: BlockReader,
        choice: _BandChoice,
        seen: Survey,
        warnings: List[str],
        quantity: str,
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
        self.quantity = quantity
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
            "path": description(dataset),
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
            "undeclared_fill": list(bands.fills),
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
    metadata = read_metadata(dataset)
    bands = find_spectral_bands(dataset, metadata, config, listener)
    limit_block_cache(dataset)
    grid = _sound_grid(dataset, listener)
    spectra, dropped = _read_spectra(config, metadata, bands.numbers, listener)
    area = find_area(config, grid)
    _check_size(grid.crop(area.window), "The area of interest")
    look = _Look(dataset, area, open_mask(config.mask, dataset) if config.mask else None, bands)
    seen, fills = _look_at_pixels(look, dropped, listener)
    choice = _choose_bands(spectra, bands.numbers, dropped, listener)
    reader = look.reader(choice.order, fills)
    _check_valid(reader, choice, seen, listener)
    quantity = config.quantity if config.quantity != "automatic" else describe_quantity(metadata)
    return Scene(config, reader, choice, seen, listener.warnings, quantity)


@dataclass(frozen=True)
class _Look:
    """What the pixels of a scene are read from."""

    dataset: Any
    area: Area
    mask: Optional[Any]
    bands: SpectralBands

    def reader(self, indices: Sequence[int], fills: Tuple[float, ...] = ()) -> BlockReader:
        """A reader of spectral bands by their indices; it shares the open files."""
        numbers = tuple(self.bands.numbers[band] for band in indices)
        return BlockReader(
            self.dataset, self.area, plan_bands(self.dataset, numbers, fills, self.bands.not_alpha), self.mask
        )


def _sound_grid(dataset: Any, progress: Progress) -> Grid:
    """Size and georeference of the file; what outputs cannot have of it is told before any work begins."""
    grid = read_grid(dataset)
    _check_size(grid, "The scene")
    fault = describe_crs_fault(grid.crs_wkt or grid.gcp_crs_wkt)
    if fault:
        progress.warn(fault)
    return grid


def _choose_bands(spectra: BandSpectra, numbers: Tuple[int, ...], dropped: Dropped, progress: Progress) -> _BandChoice:
    """The good bands, without those of a later detector that repeat wavelengths."""
    repeated = drop_second_detector(spectra, numbers, dropped)
    if repeated:
        progress.warn(
            f"Bands {format_band_numbers(repeated)} have the same wavelengths as bands of the detector before and were "
            "left out."
        )
    order, axis = order_good_bands(spectra, numbers, dropped)
    return _BandChoice(numbers, tuple(order), axis, dropped)


def _read_spectra(
    config: SceneConfig, metadata: RasterMetadata, numbers: Tuple[int, ...], progress: Progress
) -> Tuple[BandSpectra, Dropped]:
    """Wavelengths, and the bands that metadata and options leave out."""
    spectra = read_band_spectra(metadata, numbers, config.wavelengths, config.sensor, progress)
    spectra = BandSpectra(clean_centres(spectra.centres_nm, numbers), spectra.source, spectra.fwhm_nm)
    bad = read_bad_bands(metadata, numbers, progress)
    user_bad = _user_bad(config, metadata.n_bands, numbers, spectra)
    return spectra, drop_before_reading(spectra.centres_nm, bad, user_bad, config.drop_water_vapour)


def _look_at_pixels(look: _Look, dropped: Dropped, progress: Progress) -> Tuple[Survey, Tuple[float, ...]]:
    """Survey the scene, leave out dead bands, and find undeclared fill, without which it is surveyed again.

    Returns:
        What was seen, and the values that are no data where all bands have them.
    """
    n_bands = len(look.bands.numbers)
    looked_at = [band for band in range(n_bands) if band not in dropped] or list(range(n_bands))
    first = survey(look.reader(looked_at), progress)
    seen = _spread(first, looked_at, n_bands)
    _drop_dead(seen, looked_at, dropped)
    alive = [position for position, band in enumerate(looked_at) if band not in dropped]
    fills = first.fill_search.fills(alive)
    if not fills:
        return seen, ()
    progress.warn(
        f"The value {' or '.join(f'{fill:g}' for fill in fills)} fills all bands of more than "
        f"{FILL_SHARE:.0%} of the pixels and is not declared as no data; these pixels were left out."
    )
    remaining = [looked_at[position] for position in alive]
    seen = _spread(survey(look.reader(remaining, fills), progress), remaining, n_bands)
    _drop_dead(seen, remaining, dropped)
    return seen, fills


def _check_size(grid: Grid, what: str) -> None:
    if min(grid.rows, grid.cols) < SMALLEST_SIDE_PX:
        raise InputError(
            f"{what} has {grid.rows} × {grid.cols} pixels; at least {SMALLEST_SIDE_PX} × {SMALLEST_SIDE_PX} are "
            "needed.",
            "Give a larger scene or area.",
        )


def _user_bad(config: SceneConfig, n_file_bands: int, numbers: Tuple[int, ...], spectra: BandSpectra) -> Set[int]:
    """Indices of the spectral bands that the user lists; the list counts all bands of the file."""
    centres = np.full(n_file_bands, np.nan)
    centres[np.array(numbers) - 1] = spectra.centres_nm
    listed = parse_band_list(config.bad_bands, n_file_bands, centres)
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
