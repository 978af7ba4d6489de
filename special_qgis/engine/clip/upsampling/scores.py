# SPDX-License-Identifier: GPL-2.0-or-later
"""Cosines of upsampled features with text embeddings, from compressed features."""

from __future__ import annotations

import torch

from .compiled import can_compile, compiled_maps
from .compression import Compressed
from .steps import CORRECTION
from .upsamplers import SpatialMap, StepMap

__all__ = ["cosines", "finish_cosines"]

CHANNELS_AT_ONCE = 64  # of those that lengths are summed from, so that a window of 224 needs 13 MB


def cosines(
    compressed: Compressed, spread: SpatialMap, product_type: torch.dtype = torch.float32, compiled: bool = True
) -> torch.Tensor:
    """Cosine of every pixel's feature with every query.

    Args:
        compressed: From ``compress``.
        spread: Linear map from patches to pixels.
        product_type: Number type of matrix products in compiled code; see ``compiled.compiled_maps``.
        compiled: Whether compiled code may be used where it can; False = plain PyTorch, the specification.

    Returns:
        (batch, queries, rows, cols), 0 where a feature vanishes.
    """
    if compiled and isinstance(spread, StepMap) and can_compile(compressed, spread):
        return finish_cosines(compressed, *compiled_maps(compressed, spread, product_type))
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
