# SPDX-License-Identifier: GPL-2.0-or-later
"""Cosines of upsampled features in compiled code, for the CPU: the same as ``scores.cosines`` with a ``StepMap``.

Rows are taken a few at a time: their kernels are made, corrected by two matrix products, and summed over while they
are in the cache. After the last step nothing is kept of a pixel but its products with the text and its length.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any, Iterator, List, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ...compiled_kernels import has_numba
from ...threads import run_side_by_side
from .compression import Compressed
from .steps import CORRECTION, Level
from .upsamplers import StepMap
from .weights import JbuStep

__all__ = ["can_compile", "compiled_maps"]

Floats = NDArray[np.float32]

PX_AT_ONCE = 6272  # whose kernels are in memory together: 28 rows of 224
ROWS_AT_ONCE = 14  # of a thread; it enlarges these and their neighbours
LANES = 16  # pixels or channels side by side
KERNEL_ROWS = 128  # 121 neighbours, three colours and a one fit
LOG2_E = 1.4426950408889634


def can_compile(compressed: Compressed, step_map: StepMap) -> bool:
    """Whether the compiled code can do this: on the CPU, in float32, with kernels no larger than the public ones."""
    maps = compressed.maps
    if maps.device.type != "cpu" or maps.dtype != torch.float32 or not has_numba():
        return False
    return all(level.bias.numel() + int(level.guide.shape[1]) + 1 <= KERNEL_ROWS for level in step_map.levels)


def compiled_maps(
    compressed: Compressed, step_map: StepMap, product_type: torch.dtype = torch.float32
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Upsampled products and squared lengths.

    Args:
        compressed: From ``compress``.
        step_map: Linear map from patches to pixels.
        product_type: Number type of the matrix products that correct kernels: float32, or bfloat16 where the features
            came from a tower in bfloat16.

    Returns:
        (batch, queries + 1, rows, cols) and (batch, rows, cols) float32, as ``scores.finish_cosines`` takes them.
    """
    pairs = [_one_image(compressed, step_map, index, product_type) for index in range(int(compressed.maps.shape[0]))]
    return torch.stack([products for products, _ in pairs]), torch.stack([squares for _, squares in pairs])


@lru_cache(maxsize=1)
def _code() -> Any:
    """The compiled code; importing it takes Numba."""
    return importlib.import_module(".step_kernels", __package__)


def _one_image(
    compressed: Compressed, step_map: StepMap, index: int, product_type: torch.dtype
) -> Tuple[torch.Tensor, torch.Tensor]:
    n_squared, blocks = _blocks(compressed, index)
    for level in step_map.levels[:-1]:
        kernels = _LevelKernels(level, index, product_type)
        blocks = kernels.sum(blocks)
    last = _LevelKernels(step_map.levels[-1], index, product_type)
    products, squares = last.sum_last(blocks, n_squared, compressed.n_queries + 1)
    return torch.from_numpy(products[:, :, : last.cols]), torch.from_numpy(squares[:, : last.cols])


def _blocks(compressed: Compressed, index: int) -> Tuple[List[int], List[Floats]]:
    """An image's channels in blocks, those of the length first, and how many of each block these are."""
    n, wide = compressed.n_queries + 1, int(_code().BLOCK_CHANNELS)
    maps = compressed.maps[index]
    rank = _rounded_up(compressed.rank, LANES)  # zeros add nothing to a length
    n_blocks = _rounded_up(rank + n, wide) // wide
    ordered = torch.zeros(maps.shape[1], maps.shape[2], n_blocks * wide)
    ordered[:, :, : compressed.rank] = maps[n:].permute(1, 2, 0)
    ordered[:, :, rank:][:, :, :n] = maps[:n].permute(1, 2, 0)
    blocks = [np.ascontiguousarray(part) for part in np.split(ordered.numpy(), n_blocks, axis=2)]
    return [min(max(rank - number * wide, 0), wide) for number in range(n_blocks)], blocks


def _rounded_up(n: int, unit: int) -> int:
    return -(-n // unit) * unit


def _apart(cols: int) -> int:
    """Columns from one neighbour's weights to the next's: whole vectors, but not a multiple of eight of them.

    Those of all neighbours of a pixel would meet in a few lines of the cache.
    """
    n_vectors = _rounded_up(cols, LANES) // LANES
    return LANES * (n_vectors + 1 if n_vectors % 8 == 0 else n_vectors)


def _pieces(first: int, last: int) -> List[Tuple[int, int]]:
    return [(low, min(low + ROWS_AT_ONCE, last)) for low in range(first, last, ROWS_AT_ONCE)]


class _LevelKernels:
    """The kernels of one level of one image, made a few rows at a time, and the sums with them.

    Images of channels are (rows, cols, block); columns beyond ``cols``, up to a multiple of four, hold nothing of use.

    Args:
        level: What kernels are made from.
        index: Of the image in the batch.
        product_type: Number type of the matrix products.
    """

    def __init__(self, level: Level, index: int, product_type: torch.dtype) -> None:
        level.check()
        self.rows, self.cols = level.size
        self._radius, self._side = level.radius, 2 * level.radius + 1
        self._wide, self._held_cols = _apart(self.cols), _rounded_up(self.cols, int(_code().PIXELS))
        self._query = _rows_first(level.query[index], 0, self._wide)
        self._query *= np.float32(LOG2_E)
        self._keys = _rows_first(level.key[index], level.radius, self._wide + 4)
        more = self._wide - self.cols
        self._bias = (level.bias * LOG2_E).numpy()
        self._n_rows = max(1, min(PX_AT_ONCE // self._wide, self.rows))
        self._correction = (
            None if level.fix is None else _Correction(level.fix, (self._n_rows, KERNEL_ROWS, self._wide), product_type)
        )
        colours = functional.pad(level.guide[index], [0, more]).contiguous().numpy()
        self._colours = colours if self._correction is not None else colours[:0]
        no_offset = np.zeros(len(self._bias), np.float32)
        self._offset = no_offset if self._correction is None else self._correction.offset

    def sum(self, blocks: List[Floats]) -> List[Floats]:
        """Enlarge by two and sum over neighbours."""
        targets = [np.empty((self.rows, self._held_cols, block.shape[2]), np.float32) for block in blocks]
        for origin, last, kernels in self._some_rows():

            def some(low: int, high: int, origin: int = origin, kernels: Floats = kernels) -> None:
                for source, target in zip(blocks, targets):
                    doubled = self._double(source, low, high)
                    _code().sum_block(doubled, kernels, self._side, low, high, origin, target)

            run_side_by_side(some, _pieces(origin, last))
        return targets

    def sum_last(self, blocks: List[Floats], n_squared: List[int], n_products: int) -> Tuple[Floats, Floats]:
        """Enlarge by two and sum over neighbours, and keep (products, rows, cols) and squared lengths (rows, cols)."""
        products = np.empty((n_products, self.rows, self._held_cols), np.float32)
        squares = np.zeros((self.rows, self._held_cols), np.float32)
        for origin, last, kernels in self._some_rows():

            def some(low: int, high: int, origin: int = origin, kernels: Floats = kernels) -> None:
                n_before = 0
                for source, n in zip(blocks, n_squared):
                    place = (self._side, low, high, origin)
                    _code().sum_last(self._double(source, low, high), kernels, *place, n, squares, products, n_before)
                    n_before += source.shape[2] - n

            run_side_by_side(some, _pieces(origin, last))
        return products, squares

    def _double(self, source: Floats, low: int, high: int) -> Floats:
        """Rows of a block bicubically enlarged by two, and their neighbours; the border is reflected."""
        border = 2 * self._radius
        rows, cols = high - low + border, self._held_cols + border
        doubled = np.empty((rows, cols, source.shape[2]), np.float32)
        unused = self._held_cols - self.cols
        if unused:
            doubled[:, -unused:] = 0.0
        _code().double_rows(source, self.cols // 2, self._radius, low, low + rows, doubled)
        return doubled

    def _some_rows(self) -> Iterator[Tuple[int, int, Floats]]:
        """Yield first row, row after the last, and (rows, 128, cols) kernels, which the next ones overwrite."""
        held = np.zeros((self._n_rows, KERNEL_ROWS, self._wide), np.float32)
        for first in range(0, self.rows, self._n_rows):
            last = min(first + self._n_rows, self.rows)
            made_from = (self._query, self._keys, self._bias, self._offset, self._colours, self._side)
            calls = [(*made_from, low, high, first, held) for low, high in _pieces(first, last)]
            run_side_by_side(_code().like_neighbours, calls)
            if self._correction is not None:
                self._correction.add(held[: last - first])
            yield first, last, held


def _rows_first(maps: torch.Tensor, radius: int, wide: int) -> Floats:
    """(features, rows, cols) → (rows, features, cols), the border reflected by a radius, zeros up to a width."""
    n_features, rows, cols = (int(n) for n in maps.shape)
    out = np.zeros((rows + 2 * radius, n_features, wide + 2 * radius), np.float32)
    inside = out[radius:][:rows]
    inside[:, :, radius:][:, :, :cols] = maps.permute(1, 0, 2).numpy()
    for step in range(1, radius + 1):
        inside[:, :, radius - step] = inside[:, :, radius + step]
        inside[:, :, radius + cols - 1 + step] = inside[:, :, radius + cols - 1 - step]
    for step in range(1, radius + 1):
        out[radius - step], out[radius + rows - 1 + step] = out[radius + step], out[radius + rows - 1 - step]
    return out


class _Correction:
    """The learned correction of kernels as two products with square matrices.

    A pixel's column holds its kernel, its colours and a one, so biases are parts of the matrices. The second bias is
    added to the kernels before (``offset``), and taken back from the first bias, whose product sees it.
    """

    def __init__(self, step: JbuStep, shape: Tuple[int, int, int], product_type: torch.dtype) -> None:
        taps, inputs = step.taps, int(step.fix_in.shape[1])
        offset = CORRECTION * step.fix_out_bias
        into, out = torch.zeros(KERNEL_ROWS, KERNEL_ROWS), torch.zeros(KERNEL_ROWS, KERNEL_ROWS)
        into[:taps, :inputs] = step.fix_in
        into[:taps, inputs] = step.fix_in_bias - step.fix_in[:, :taps] @ offset
        out[:taps, :taps] = CORRECTION * step.fix_out
        self.offset = np.asarray(offset.numpy())
        self._into, self._out = into.to(product_type), out.to(product_type)
        self._hidden = torch.empty(shape)
        self._rounded = None if product_type == torch.float32 else torch.empty(shape, dtype=product_type)

    def add(self, kernels: Floats) -> None:
        """Correct kernels (rows, 128, cols) in place."""
        held, n = torch.from_numpy(kernels), len(kernels)
        hidden, into, out = self._hidden[:n], self._into.expand(n, -1, -1), self._out.expand(n, -1, -1)
        if self._rounded is None:
            torch.bmm(into, held, out=hidden)
            self._activate(hidden)
            held.baddbmm_(out, hidden)
            return
        rounded = self._rounded[:n].copy_(held)
        hidden.copy_(torch.bmm(into, rounded))
        self._activate(hidden)
        held += torch.bmm(out, rounded.copy_(hidden))

    def _activate(self, hidden: torch.Tensor) -> None:
        flat, n = hidden.numpy().reshape(-1), KERNEL_ROWS * 256
        run_side_by_side(_code().gelu_rows, [(flat, at, min(at + n, flat.size)) for at in range(0, flat.size, n)])
