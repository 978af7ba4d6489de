# SPDX-License-Identifier: GPL-2.0-or-later
"""Cosines of upsampled features with text embeddings, from compressed features."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import torch

from .compiled import can_compile, compiled_maps
from .compression import Compressed
from .kernel_pool import KernelPool
from .steps import CORRECTION
from .upsamplers import SpatialMap, StepMap

__all__ = ["cosines", "finish_cosines"]

CHANNELS_AT_ONCE = 64  # of those that lengths are summed from, so that a window of 224 needs 13 MB


def cosines(
    compressed: Compressed,
    spread: SpatialMap,
    pool: Optional[KernelPool] = None,
    corners: Optional[Sequence[Tuple[int, int]]] = None,
    compiled: bool = True,
) -> torch.Tensor:
    """Cosine of every pixel's feature with every query.

    Args:
        compressed: Maps over patches and offsets, which ``compress`` makes of features and text embeddings.
        spread: Linear map from patches to pixels.
        pool: Where compiled code keeps kernels, of one image; None = it keeps none, in float32.
        corners: Row and column of each image in the one that the pool was made for; None = they have nothing in common.
        compiled: Whether compiled code may be used where it can; False = plain PyTorch, the specification.

    Returns:
        (batch, queries, rows, cols), 0 where a feature vanishes.
    """
    if compiled and isinstance(spread, StepMap) and can_compile(compressed, spread):
        pool = KernelPool(packed=False) if pool is None else pool
        return finish_cosines(compressed, *compiled_maps(compressed, spread, pool, corners))
    n = compressed.n_queries
    products = spread(compressed.maps[:, : n + 1])
    squares = torch.zeros_like(products[:, 0])
    for start in range(n + 1, int(compressed.maps.shape[1]), CHANNELS_AT_ONCE):
        channels = compressed.maps[:, start:][:, :CHANNELS_AT_ONCE]
        squares += spread(channels).square().sum(1)
    return finish_cosines(compressed, products, squares)


def finish_cosines(compressed: Compressed, products: torch.Tensor, squares: torch.Tensor) -> torch.Tensor:
    """Cosines from upsampled products (batch, queries + 1, rows, cols) and squared lengths (batch, rows, cols)."""
    n = compressed.n_queries
    squares = squares + 2.0 * CORRECTION * products[:, n] + compressed.length_offset
    inverse = squares.clamp_min(torch.finfo(squares.dtype).tiny).rsqrt()
    result: torch.Tensor = (products[:, :n] + compressed.text_offset[:, None, None]) * inverse[:, None]
    return result
