# SPDX-License-Identifier: GPL-2.0-or-later
"""A first look at a scene's pixels: which bands are empty or constant, the range of values, the share of valid pixels.

A scene of 10 GB is never scanned for this. Windows spread over the scene are read once; a band that looks dead there is
looked at again in other windows, alone, before it is given up. A band that has data only in pixels that neither look
met is lost, which costs less than every pixel of the scene being invalid for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, List, Tuple

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress, check_cancelled
from ..windows import Window
from .blocks import BoolArray
from .no_data import FillSearch
from .reader import BlockReader, plan_bands
from .sampling import FEWEST_PX, plan_rounds

SURVEY_PX = 32_768  # 16 windows: a second or two even for a compressed scene of 10 GB


@dataclass(frozen=True)
class Survey:
    """What was seen of a scene."""

    flags: BoolArray  # (bands, n) bool, data or not, of the pixels that have data in any band
    low: NDArray[np.float64]  # (bands,) float64, smallest value as stored; NaN = no data seen
    high: NDArray[np.float64]  # (bands,) float64, largest value as stored
    empty: BoolArray  # (bands,) bool, no data where other bands have some
    n_seen: int  # pixels looked at
    n_zero: int  # of these, pixels that are 0 in every band, which count as without data
    fill_search: FillSearch = field(default_factory=FillSearch)  # decides on fill once the dead bands are known

    @property
    def constant(self) -> BoolArray:
        """(bands,) bool: bands that have one value everywhere."""
        return np.asarray((self.low == self.high) & ~self.empty, dtype=bool)

    def valid_share(self, good: BoolArray) -> float:
        """Share of the pixels looked at that have data in all good bands."""
        return float(self.flags[good].all(axis=0).sum()) / self.n_seen if self.n_seen else 0.0

    def missing_share(self) -> NDArray[np.float64]:
        """(bands,) float64: share of the pixels with data in some band that have none in this one."""
        if self.flags.shape[1] == 0:
            return np.zeros(self.flags.shape[0])
        return np.asarray(1.0 - self.flags.mean(axis=1), dtype=np.float64)


def survey(reader: BlockReader, progress: Progress) -> Survey:
    """Look at a scene's bands.

    Args:
        reader: Reads the bands in question.
        progress: Checked for cancel before every window.

    Returns:
        What was seen; dead bands are confirmed.
    """
    window = reader.area.window
    rounds = list(plan_rounds(window.rows, window.cols, SURVEY_PX, 0))
    seen = _look(reader, rounds, progress)
    dead = np.flatnonzero(seen.empty | seen.constant)
    if len(rounds) == 1 or dead.size in (0, len(reader.bands.numbers)):
        return seen
    return _confirm(reader, seen, dead, rounds[1] + rounds[2], progress)


def _look(reader: BlockReader, rounds: List[List[Window]], progress: Progress) -> Survey:
    n_bands = len(reader.bands.numbers)
    low, high = np.full(n_bands, np.inf), np.full(n_bands, -np.inf)
    search = FillSearch()
    parts: List[BoolArray] = [np.zeros((n_bands, 0), bool)]
    n_seen = n_found = n_zero = 0
    for position, windows in enumerate(rounds):
        for window in windows:
            check_cancelled(progress)
            raw, flags = reader.read_data_flags(window)
            n_seen += window.n_px
            some = flags.any(axis=0)
            n_found += int(some.sum())
            n_zero += int((~np.any(raw != 0, axis=0)).sum())
            search.add(raw, flags)
            parts.append(flags[:, some])
            _widen(low, high, raw, flags)
            if position and n_found >= FEWEST_PX:
                break
        if n_found >= FEWEST_PX:
            break
    unseen = low > high
    low[unseen] = high[unseen] = np.nan
    flags = np.concatenate(parts, axis=1)
    return Survey(flags, low, high, ~flags.any(axis=1), n_seen, n_zero, search)


def _widen(low: NDArray[np.float64], high: NDArray[np.float64], raw: NDArray[Any], flags: BoolArray) -> None:
    """Take the values of a window into the range of every band."""
    for band in range(low.size):
        values = raw[band][flags[band]]
        if values.size:
            low[band], high[band] = min(low[band], float(values.min())), max(high[band], float(values.max()))


def _confirm(
    reader: BlockReader, seen: Survey, dead: NDArray[np.intp], windows: List[Window], progress: Progress
) -> Survey:
    """Look again, at dead bands only; what lives after all gets its range and loses the mark."""
    numbers: Tuple[int, ...] = tuple(reader.bands.numbers[band] for band in dead)
    again = reader.again(plan_bands(reader.dataset, numbers, reader.bands.fills, reader.bands.not_alpha))
    try:
        second = _look(again, [windows], progress)
    finally:
        again.close()
    low, high, empty = seen.low.copy(), seen.high.copy(), seen.empty.copy()
    low[dead], high[dead] = np.fmin(low[dead], second.low), np.fmax(high[dead], second.high)
    empty[dead] &= second.empty
    return Survey(seen.flags, low, high, empty, seen.n_seen, seen.n_zero, seen.fill_search)
