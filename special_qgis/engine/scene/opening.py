# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening a scene: everything that can be wrong with a file is found here, before any stage starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Set, Tuple

import numpy as np

from ..config import SceneConfig
from ..config.products import parse_product_options
from ..errors import InputError, SpectraError
from ..products.opening import open_source
from ..progress import NullProgress, Progress, RecordingProgress, check_cancelled
from ..rasters.metadata import RasterMetadata, read_metadata
from ..rasters.opening import Grid, limit_block_cache, open_raster, read_grid
from ..rasters.proj import describe_crs_fault
from ..windows import Window, plan_tiles
from .area import Area, find_area
from .bad_bands import read_bad_bands
from .bands import (
    CONSTANT,
    NO_DATA,
    Dropped,
    clean_centres,
    drop_before_reading,
    drop_second_detector,
    order_good_bands,
)
from .mask import Mask, open_mask_of
from .no_data import FILL_SHARE
from .reader import BlockReader, plan_bands
from .scene import BandChoice, Scene
from .side_on import refuse_side_on
from .spectra import format_band_numbers, parse_band_list
from .spectral_bands import SpectralBands, find_spectral_bands
from .stated_quantity import describe_quantity
from .survey import Survey, survey
from .wavelengths import BandSpectra, read_band_spectra

__all__ = ["open_scene"]

SMALLEST_SIDE_PX = 8  # windows, neighbourhoods and quantiles mean nothing below
MISSING_SHARE_WORTH_TELLING = 0.05  # of pixels that a single band makes invalid


def open_scene(config: SceneConfig, progress: Optional[Progress] = None) -> Scene:
    """Open a scene and find out everything about it that stages need.

    Args:
        config: How to read it.
        progress: Receives warnings; checked for cancel.

    Returns:
        An open scene with at least two good bands and one valid pixel.

    Raises:
        RasterReadError: The file cannot be opened or read, or was cut off.
        SpectraError: Wavelengths or bad bands are missing or contradictory.
        InputError: Anything else that makes the scene unusable.
    """
    listener = RecordingProgress(progress or NullProgress())
    options = parse_product_options(config.detector_overlap, config.quality_layers)
    opened = open_source(config.source, options, listener)
    try:
        scene = _open_raster_scene(config, opened.source, listener)
    except BaseException:  # cancelling too must leave no temporary file behind
        opened.close()
        raise
    scene.keep(opened)
    return scene


def _open_raster_scene(config: SceneConfig, source: str, listener: RecordingProgress) -> Scene:
    """Open a scene that is a raster by now.

    Args:
        config: How to read it.
        source: What GDAL opens.
        listener: Receives warnings; checked for cancel.
    """
    dataset = open_raster(source)
    metadata = read_metadata(dataset)
    bands = find_spectral_bands(dataset, metadata, config, listener)
    limit_block_cache(dataset)
    grid = _sound_grid(dataset, listener)
    try:
        spectra, dropped = _read_spectra(config, metadata, bands.numbers, listener)
    except SpectraError:
        refuse_side_on(dataset, metadata, bands.numbers, config)
        raise
    area = find_area(config, grid)
    _check_size(grid.crop(area.window), "The area of interest")
    look = _Look(dataset, area, open_mask_of(config, dataset, listener), bands)
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
    mask: Optional[Mask]
    bands: SpectralBands

    def reader(self, indices: Sequence[int], fills: Tuple[float, ...] = ()) -> BlockReader:
        """A reader of spectral bands by their indices; it shares the open files."""
        numbers = tuple(self.bands.numbers[band] for band in indices)
        return BlockReader(
            self.dataset, self.area, plan_bands(self.dataset, numbers, fills, self.bands.not_alpha), self.mask
        )


def _sound_grid(dataset: Any, progress: Progress) -> Grid:
    """Size and georeference of the file; what outputs cannot have of it is reported before any work begins."""
    grid = read_grid(dataset)
    _check_size(grid, "The scene")
    fault = describe_crs_fault(grid.crs_wkt or grid.gcp_crs_wkt)
    if fault:
        progress.warn(fault)
    return grid


def _choose_bands(spectra: BandSpectra, numbers: Tuple[int, ...], dropped: Dropped, progress: Progress) -> BandChoice:
    """The good bands, without those of a later detector that repeat wavelengths."""
    repeated = drop_second_detector(spectra, numbers, dropped)
    if repeated:
        progress.warn(
            f"Bands {format_band_numbers(repeated)} have the same wavelengths as bands of the detector before and were "
            "left out."
        )
    order, axis = order_good_bands(spectra, numbers, dropped)
    return BandChoice(numbers, tuple(order), axis, dropped)


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


def _check_valid(reader: BlockReader, choice: BandChoice, seen: Survey, progress: RecordingProgress) -> None:
    """Report bands that cost many pixels, and find at least one valid pixel."""
    if seen.n_zero:
        share = f"{max(seen.n_zero / seen.n_seen, 0.001):.1%}"
        share = share if seen.n_zero / seen.n_seen >= 0.001 else f"Fewer than {share}"
        progress.info(f"{share} of the pixels are 0 in every band and count as without data.")
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
