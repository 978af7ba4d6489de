# SPDX-License-Identifier: GPL-2.0-or-later
"""Cosines of upsampled features in compiled code, for the CPU: the same as ``scores.cosines`` with a ``StepMap``.

The kernels of all steps of all windows are made first, but for those that windows before have made; then the source
goes through the steps. After the last step nothing is kept of a pixel but its products with the text and its length.
Work is cut into pieces of one thread, so that no piece waits for another.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...compute.compiled_kernels import has_numba
from ...compute.threads import run_side_by_side
from .compression import Compressed
from .folding import fold_table, reach_of
from .kernel_pool import KernelPool
from .steps import CORRECTION, Level
from .tiling import BLOCK_CHANNELS, GROUP, LANES, PAD
from .upsamplers import StepMap
from .weights import JbuStep

__all__ = ["can_compile", "compiled_maps"]

Floats = NDArray[np.float32]
Calls = List[Tuple[Any, ...]]

LARGEST_RADIUS = 5
TILES_AT_ONCE = 56  # of a thread
ROWS_AT_ONCE = 14
LOG2_E = 1.4426950408889634


def can_compile(compressed: Compressed, step_map: StepMap) -> bool:
    """Whether the compiled code can do this: on the CPU, in float32, with kernels no larger than the public ones."""
    maps = compressed.maps
    if maps.device.type != "cpu" or maps.dtype != torch.float32 or not has_numba():
        return False
    return all(level.radius <= LARGEST_RADIUS for level in step_map.levels)


@lru_cache(maxsize=1)
def _code() -> Any:
    """The compiled code; importing it takes Numba."""
    return importlib.import_module(".step_kernels", __package__)


def compiled_maps(
    compressed: Compressed, step_map: StepMap, pool: KernelPool, corners: Optional[Sequence[Tuple[int, int]]] = None
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Upsampled products and squared lengths.

    Args:
        compressed: Maps over patches and offsets, which ``compress`` makes of features and text embeddings.
        step_map: Linear map from patches to pixels.
        pool: Where kernels lie, of one image.
        corners: Row and column of each window in the pool's image, rows ascending from call to call; None = windows
            have nothing in common.

    Returns:
        (batch, queries + 1, rows, cols) and (batch, rows, cols) float32, as ``scores.finish_cosines`` takes them.
    """
    levels, n_images = step_map.levels, int(compressed.maps.shape[0])
    for level in levels:
        level.check()
    steps = [_Step(level, number, n_images, pool, corners) for number, level in enumerate(levels)]
    run_side_by_side(_code().learn_keys, [call for step in steps for call in step.key_calls()])
    run_side_by_side(_code().make_tiles, [call for step in steps for call in step.tile_calls()])
    n_squared, sources = _sources(compressed, pool.dtype)
    for step in steps[:-1]:
        sources = step.sum(sources)
    products, squares = steps[-1].sum_last(sources, n_squared, compressed.n_queries + 1)
    return torch.from_numpy(products), torch.from_numpy(squares)


def _sources(compressed: Compressed, dtype: np.dtype[Any]) -> Tuple[int, List[NDArray[Any]]]:
    """Each image's channels as the first step takes them, and how many of them are summed to squared lengths."""
    n, batch = compressed.n_queries + 1, len(compressed.maps)
    rows, cols = (int(size) for size in compressed.maps.shape[2:])
    n_squared = _rounded_up(compressed.rank, LANES)  # zeros add nothing to a length
    n_blocks = _rounded_up(n_squared + n, BLOCK_CHANNELS) // BLOCK_CHANNELS
    shape = (batch, n_blocks * BLOCK_CHANNELS, _rounded_up(rows, 2) + 2 * PAD, cols + 2 * PAD)
    ordered = np.zeros(shape, np.float32)
    inside = ordered[:, :, PAD:, PAD:][:, :, :rows, :cols]
    inside[:, : compressed.rank] = compressed.maps[:, n:].numpy()
    inside[:, n_squared:][:, :n] = compressed.maps[:, :n].numpy()
    blocks = ordered.reshape(batch, n_blocks, BLOCK_CHANNELS, -1, 2, shape[3]).transpose(0, 1, 3, 4, 5, 2)
    paired = _paired(blocks, 3, dtype)  # (batch, blocks, row pairs, words, cols, channels)
    return n_squared, list(np.ascontiguousarray(paired.transpose(0, 1, 2, 4, 3, 5)))


def _paired(values: Floats, axis: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Pairs along an axis of two, as compiled code takes them: as they are, or both as bfloat16 in one word."""
    if dtype == np.float32:
        return values
    bits = torch.from_numpy(np.ascontiguousarray(values)).bfloat16().view(torch.int16).numpy().view(np.uint16)
    even, odd = (np.take(bits, [which], axis).astype(np.uint32) for which in (0, 1))
    return even | odd << np.uint32(16)


def _grouped(matrix: torch.Tensor, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A matrix (rows, numbers that are summed over) as compiled code takes it: (groups, numbers or pairs, GROUP)."""
    n_groups = _rounded_up(int(matrix.shape[0]), GROUP) // GROUP
    padded = np.zeros((n_groups * GROUP, _rounded_up(int(matrix.shape[1]), 2)), np.float32)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix.numpy()
    pairs = padded.reshape(n_groups, GROUP, -1, 2).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(_paired(pairs, 2, dtype)).reshape(n_groups, -1, GROUP)


def _rounded_up(n: int, unit: int) -> int:
    return -(-n // unit) * unit


def _pieces(n: int, size: int) -> List[Tuple[int, int]]:
    return [(low, min(low + size, n)) for low in range(0, n, size)]


class _Step:
    """One step of all images of a batch.

    Args:
        level: What kernels are made from.
        number: Number of the step, 0 = the first.
        n_images: Number of windows in the batch.
        pool: Where kernels lie.
        corners: Row and column of each window in the pool's image; None = windows have nothing in common.
    """

    def __init__(
        self, level: Level, number: int, n_images: int, pool: KernelPool, corners: Optional[Sequence[Tuple[int, int]]]
    ) -> None:
        self._level, self._pool = level, pool
        self.rows, self.cols = level.size
        self._reach = reach_of(level.radius)
        self._kernels, self._places, self._todo = pool.place(number, level.size, level.radius, n_images, corners)
        self._wide = _rounded_up(self.cols, LANES)
        ones = torch.ones_like(level.guide[:, :1])
        guide = torch.cat([level.guide, ones], dim=1).permute(0, 2, 1, 3).numpy()
        self._guide = np.zeros((*guide.shape[:3], self._wide), np.float32)
        self._guide[:, :, :, : self.cols] = guide
        self._key_cols = self._wide + 2 * level.radius + 4
        step = level.step
        if step is None:
            self._scale = LOG2_E
            query, key = level.query_and_key()
            self._keys, self._query = self._laid_out(key), self._laid_out(query)
        else:
            self._scale = LOG2_E * step.temperature
            shape = (n_images, self.rows + 2 * level.radius, int(step.range_out.shape[0]), self._key_cols)
            self._keys = self._query = np.empty(shape, np.float32)
        self._correction = _correction(step, level.radius, pool.dtype)

    def _laid_out(self, maps: torch.Tensor) -> Floats:
        """(batch, features, rows, cols) as keys lie, the border reflected."""
        radius = self._level.radius
        padded = torch.nn.functional.pad(maps, [radius] * 4, mode="reflect").permute(0, 2, 1, 3)
        out = np.zeros((*padded.shape[:3], self._key_cols), np.float32)
        out[:, :, :, : padded.shape[3]] = padded.numpy()
        return out

    def key_calls(self) -> Calls:
        """Pieces of work that make keys, where they are learned."""
        step, radius = self._level.step, self._level.radius
        if step is None:
            return []
        into = torch.cat([step.range_in, step.range_in_bias[:, None]], dim=1).numpy()
        out = _grouped(torch.cat([step.range_out, step.range_out_bias[:, None]], dim=1), np.dtype(np.float32))
        return [
            (guide, into, out, radius, self.cols, 2 * low, 2 * high, keys)
            for guide, keys in zip(self._guide, self._keys)
            for low, high in _pieces(self.rows // 2, ROWS_AT_ONCE)
        ]

    def tile_calls(self) -> Calls:
        """Pieces of work that make the kernels which are not there."""
        bias = (self._level.bias() * LOG2_E).numpy()
        fold = _fold(self.rows, self.cols, self._level.radius)
        into, out, offset = self._correction
        scale = np.float32(self._scale)
        return [
            (todo, low, high, query, keys, scale, bias, guide, into, out, offset, fold, self._kernels)
            for todo, query, keys, guide in zip(self._todo, self._query, self._keys, self._guide)
            for low, high in _pieces(len(todo), TILES_AT_ONCE)
        ]

    def sum(self, sources: List[NDArray[Any]]) -> List[NDArray[Any]]:
        """Enlarge by two and sum over neighbours; what comes is overwritten by the next batch."""
        targets = []
        for image, source in enumerate(sources):
            shape = (source.shape[0], self.rows // 2 + PAD, self.cols + 2 * PAD, *source.shape[3:])
            targets.append(self._pool.buffer(*shape, number=image))
        calls = [
            (source, self._kernels, places, self._reach, low, high, target)
            for source, places, target in zip(sources, self._places, targets)
            for low, high in _pieces(self.rows // 2, ROWS_AT_ONCE)
        ]
        run_side_by_side(_code().sum_blocks, calls)
        return targets

    def sum_last(self, sources: List[NDArray[Any]], n_squared: int, n_products: int) -> Tuple[Floats, Floats]:
        """Enlarge by two and sum over neighbours, and keep (images, products, rows, cols) and squared lengths."""
        products = np.empty((len(sources), n_products, self.rows, self.cols), np.float32)
        squares = np.empty((len(sources), self.rows, self.cols), np.float32)
        calls = [
            (source, self._kernels, places, self._reach, low, high, n_squared, kept, lengths)
            for source, places, kept, lengths in zip(sources, self._places, products, squares)
            for low, high in _pieces(self.rows // 2, ROWS_AT_ONCE)
        ]
        run_side_by_side(_code().sum_last_blocks, calls)
        return products, squares


@lru_cache(maxsize=16)
def _correction(
    step: Optional[JbuStep], radius: int, dtype: np.dtype[Any]
) -> Tuple[NDArray[Any], NDArray[Any], Floats]:
    """The learned correction of kernels as two matrices, and what is added to kernels before.

    The matrices see a pixel's kernel, its guide and a one, so the first bias is part of its matrix. The second is
    added to the kernels before, and taken back from the first, whose product sees it.
    """
    taps = (2 * radius + 1) ** 2
    if step is None:
        none = np.zeros((0, 0, GROUP), dtype)
        return none, none, np.zeros(taps, np.float32)
    offset = CORRECTION * step.fix_out_bias
    bias = step.fix_in_bias - step.fix_in[:, :taps] @ offset
    into = torch.cat([step.fix_in, bias[:, None]], dim=1)
    return _grouped(into, dtype), _grouped(CORRECTION * step.fix_out, dtype), np.asarray(offset.numpy())


@lru_cache(maxsize=32)
def _fold(rows: int, cols: int, radius: int) -> Tuple[Floats, Floats, NDArray[np.intp]]:
    """What turns kernels over a step's result into kernels over its source; see ``step_kernels.make_tiles``."""
    reach, side = reach_of(radius), 2 * radius + 1
    n_source = 2 * reach + 1
    of_rows = np.zeros((rows, side, GROUP), np.float32)
    for y, table in enumerate(fold_table(rows, radius)):
        odd = (y // 2 + PAD - reach) % 2  # pairs of the source's rows begin at even ones
        of_rows[y, :, odd:][:, :n_source] = table
    filled = np.zeros((_rounded_up(cols, LANES), side, n_source), np.float32)
    filled[:cols] = fold_table(cols, radius)
    of_cols = np.ascontiguousarray(filled.reshape(-1, LANES, side, n_source).transpose(0, 3, 2, 1))
    used = (of_cols != 0.0).any(axis=3)
    ranges = np.stack([used.argmax(axis=2), side - used[:, :, ::-1].argmax(axis=2)], axis=2)
    ranges[~used.any(axis=2)] = 0
    return of_rows, of_cols, ranges.astype(np.intp)
