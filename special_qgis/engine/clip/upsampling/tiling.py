# SPDX-License-Identifier: GPL-2.0-or-later
"""How a step's result is cut into tiles, for compiled code and for what calls it; Numba is not needed here."""

from __future__ import annotations

__all__ = ["BLOCKS", "BLOCK_CHANNELS", "BLOCK_VECTORS", "GROUP", "LANES", "PAD", "TILE_FLOATS"]

LANES = 16  # pixels or channels side by side; columns of a tile, which has two rows
TILE_FLOATS = 2 * LANES  # pixels of a tile
BLOCKS = LANES // 2  # of a tile, 2 × 2 pixels, each on one pixel of the source
BLOCK_VECTORS = 3
BLOCK_CHANNELS = BLOCK_VECTORS * LANES  # that are summed together
GROUP = 11  # rows of a matrix whose products are summed together; no kernel weighs more rows of the source
PAD = 4  # pixels around a source, as far as kernels of radius 5 reach; even, so that pairs of rows stay pairs
