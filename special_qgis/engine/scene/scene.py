# SPDX-License-Identifier: GPL-2.0-or-later
"""A scene as the stages see it: good bands in ascending wavelength, valid pixels, blocks, tiles and samples.

``opening.open_scene`` makes one. Reading is bounded by a memory budget that changes no value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Dict, Iterator, List, Optional, Tuple, Type

import numpy as np

from ..config import SceneConfig
from ..errors import InputError
from ..products.opening import OpenedSource
from ..progress import NullProgress, Progress, check_cancelled
from ..rasters.opening import Grid, read_grid, summarise_grid
from ..rasters.text import description
from ..windows import Window, plan_reads, plan_tiles
from .bands import Dropped, group_dropped
from .blocks import Block, Sample
from .memory import block_budget_bytes
from .reader import BlockReader, prefetch
from .sampling import draw_sample
from .spectra import SpectralAxis, axis_to_json, format_band_numbers
from .survey import Survey

__all__ = ["BandChoice", "Block", "Sample", "Scene"]


@dataclass(frozen=True)
class BandChoice:
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
        choice: BandChoice,
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
        self._opened: Optional[OpenedSource] = None

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()
        if self._opened is not None:
            self._opened.close()

    def keep(self, opened: OpenedSource) -> None:
        """Take over what the dataset was made from; closing the scene removes it.

        Args:
            opened: An opened sensor product, or a source that is none.
        """
        self._opened = opened

    def pass_on_warnings(self, progress: Progress) -> None:
        """Report what reading the scene's description has found doubtful."""
        for warning in self.warnings:
            progress.warn(warning)

    @property
    def _is_product(self) -> bool:
        return self._opened is not None and self._opened.product is not None

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
            progress: Receives the share of pixels done; checked for cancel before every tile.

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
            seed: Seed of the random generator of all draws.
            progress: Checked for cancel before every window.

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
            "path": self.config.source if self._is_product else description(dataset),
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
