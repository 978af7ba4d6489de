# SPDX-License-Identifier: GPL-2.0-or-later
"""Enlarging by two multiplied into the kernels that weigh the enlarged image.

Bicubic enlargement is a linear map, so a kernel over the enlarged source is a kernel over the source itself. The four
pixels of a 2 × 2 block weigh the same pixels of the source, ``reach_of(radius)`` each way from the one they lie on.

Source of the enlargement: Keys 1981, IEEE TASSP 29(6), 1153-1160, with a = −3/4, as PyTorch has it; the border's
pixels are repeated, then the enlarged image is reflected.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

__all__ = ["apply_folded", "fold_kernels", "fold_table", "reach_of"]

QUARTERS = (0.87890625, 0.26171875, -0.10546875, -0.03515625)  # weights at distances of 1/4, 3/4, 5/4, 7/4
BLOCKS_AT_ONCE = 32768  # products in a batch, which some GPU libraries limit to 65 535


def reach_of(radius: int) -> int:
    """Source pixels each way that a kernel weighs."""
    return (radius + 4) // 2


@lru_cache(maxsize=32)
def fold_table(n: int, radius: int) -> NDArray[np.float32]:
    """How neighbours along a side of ``n`` enlarged pixels weigh the side of half the length; not to be written to.

    Returns:
        (n, neighbours, source pixels) float32, source pixels from ``reach_of(radius)`` before the one a pixel lies on.
    """
    reach = reach_of(radius)
    place, tap, number = (index.ravel() for index in np.indices((n, 2 * radius + 1, 4)))
    there = np.abs(place + tap - radius)
    there = np.where(there < n, there, 2 * n - 2 - there)
    odd = there % 2
    source = np.clip(there // 2 - 2 + odd + number, 0, n // 2 - 1)
    near, next_, far, last = QUARTERS
    weights = np.array([[last, next_, near, far], [far, near, next_, last]], np.float32)
    table = np.zeros((n, 2 * radius + 1, 2 * reach + 1), np.float32)
    np.add.at(table, (place, tap, source - place // 2 + reach), weights[odd, number])
    return table


def fold_kernels(kernels: torch.Tensor) -> torch.Tensor:
    """Kernels over the source.

    Args:
        kernels: (batch, taps, rows, cols), float32 or float64, over the enlarged source, neighbours row by row.

    Returns:
        (batch, source rows, source cols, 4 pixels of a block, row by row, side, side), side = 2 reach + 1.
    """
    batch, taps, rows, cols = (int(n) for n in kernels.shape)
    side = round(taps**0.5)
    by_row, by_col = (torch.from_numpy(fold_table(n, side // 2)).to(kernels) for n in (rows, cols))
    split = kernels.reshape(batch, side, side, rows, cols)
    folded = torch.einsum("bysex,xet->byxst", torch.einsum("bdeyx,yds->bysex", split, by_row), by_col)
    blocks = folded.reshape(batch, rows // 2, 2, cols // 2, 2, *folded.shape[3:])
    return blocks.permute(0, 1, 3, 2, 4, 5, 6).flatten(3, 4)


def apply_folded(source: torch.Tensor, folded: torch.Tensor) -> torch.Tensor:
    """Sum of the source's pixels, weighed by folded kernels.

    For each row of a kernel, products of small matrices: of the weights of a block's four pixels, and of the source's
    pixels beside one another. These overlap from block to block and are read where they lie.

    Args:
        source: (batch, channels, rows, cols), float32 or float64.
        folded: (batch, rows, cols, 4 pixels of a block, side, side) in the source's type, which ``fold_kernels`` makes.

    Returns:
        (batch, channels, 2 rows, 2 cols).
    """
    return torch.stack([_apply_one(image, kernels) for image, kernels in zip(source, folded)])


def _apply_one(source: torch.Tensor, folded: torch.Tensor) -> torch.Tensor:
    channels, rows, cols = (int(n) for n in source.shape)
    side = int(folded.shape[-1])
    reach, wide = side // 2, cols + side - 1
    padded = functional.pad(source.permute(1, 2, 0), [0, 0, reach, reach, reach, reach + 1]).contiguous()
    weights = functional.pad(folded, [0, 0, 0, 0, 0, 0, 0, 2 * reach]).reshape(rows * wide, 4, side, side)
    out = torch.zeros(rows * wide, 4, channels, dtype=source.dtype, device=source.device)
    for start in range(0, rows * wide, BLOCKS_AT_ONCE):
        part = out[start:][:BLOCKS_AT_ONCE]
        for dy in range(side):
            first = padded.storage_offset() + (start + dy * wide) * channels
            beside = padded.as_strided((len(part), side, channels), (channels, channels, 1), first)
            part.baddbmm_(weights[start:][:BLOCKS_AT_ONCE, :, dy], beside)
    blocks = out.reshape(rows, wide, 2, 2, channels)[:, :cols]
    return blocks.permute(4, 0, 2, 1, 3).reshape(channels, 2 * rows, 2 * cols)
