# SPDX-License-Identifier: GPL-2.0-or-later
"""Upsampling steps in compiled code: keys of pixels, kernels of tiles, sums of the source with them.

A tile is two rows of sixteen pixels of a step's result, so eight blocks of 2 × 2, each of which lies on one pixel of
the source. Enlarging by two is linear, so it is multiplied into the kernels: a kernel weighs the source's pixels
themselves, which the four pixels of a block have in common. The rows of these come in pairs that begin at even rows,
as ``simd_products`` wants them; the other axes are plain. Nothing is checked; the callers see to sizes.

Layouts, innermost last, "words" as in ``simd_products``:

- images of a step: (rows, channels, cols), cols a multiple of sixteen;
- keys: (rows + 2 radius, features, cols + 2 radius + 4 at least), the border reflected;
- a tile's kernels: (row pairs, source cols, words, 8 blocks × 4 pixels), pixels of a block column by column;
- sources: (blocks of channels, row pairs, cols, words, BLOCK_CHANNELS), with ``PAD`` zeros around.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ...compute.simd import exp2, gelu, lane_sum, lanes, larger, load, store
from ...compute.simd_products import interleave_first, interleave_last, n_words, product_sums, store_pair
from .tiling import BLOCK_CHANNELS, BLOCK_VECTORS, BLOCKS, GROUP, LANES, PAD, TILE_FLOATS

__all__ = ["learn_keys", "make_tiles", "sum_blocks", "sum_last_blocks"]

_grouped = product_sums(GROUP, 2)
_blocked = product_sums(4, BLOCK_VECTORS)


@njit(nogil=True, cache=True)
def learn_keys(guide, range_in, range_out, radius, n_real_cols, first, last, keys):
    """Keys from a guide: a linear map, a Gaussian error linear unit, another map, at every pixel.

    Args:
        guide: (rows, channels, cols) float32, the last channel ones.
        range_in: (hidden, channels) float32, biases in the last column.
        range_out: (groups, hidden + 1 at least, GROUP) float32, the biases behind the weights, then zeros.
        radius: Width of the reflected border in pixels.
        n_real_cols: Columns before those that only fill the last tile.
        first: First row, even.
        last: Row after the last, even.
        keys: (rows + 2 radius, features, cols + 2 radius + 4 at least) float32; the rows from ``first`` to ``last`` are
            written, and their reflections.
    """
    n_rows, n_channels, n_cols = guide.shape
    n_hidden, n_groups, n_inputs = range_in.shape[0], range_out.shape[0], range_out.shape[1]
    flat_guide, flat_keys, matrix = guide.reshape(-1), keys.reshape(-1), range_out.reshape(-1)
    n_features, key_cols = keys.shape[1], keys.shape[2]
    hidden = np.ones(n_inputs * TILE_FLOATS, np.float32)
    out = np.empty(n_groups * GROUP * TILE_FLOATS, np.float32)
    for y in range(first, last, 2):
        for x in range(0, n_cols, LANES):
            for h in range(n_hidden):
                for v in range(2):
                    at = (y + v) * n_channels * n_cols + x
                    total = lanes(0.0)
                    for channel in range(n_channels):
                        total = total + lanes(range_in[h, channel]) * load(flat_guide, at + channel * n_cols)
                    store(hidden, h * TILE_FLOATS + v * LANES, gelu(total))
            for group in range(n_groups):
                at, to = group * n_inputs * GROUP, group * GROUP * TILE_FLOATS
                _grouped(matrix, at, GROUP, 0, hidden, 0, LANES, TILE_FLOATS, 0, n_inputs, 1, out, to)
            for f in range(n_features):
                for v in range(2):
                    at = ((y + v + radius) * n_features + f) * key_cols + x + radius
                    store(flat_keys, at, load(out, f * TILE_FLOATS + v * LANES))
    for y in range(first, last):
        row = keys[y + radius]
        for f in range(n_features):
            for step in range(1, radius + 1):
                row[f, radius - step] = row[f, radius + step]
                row[f, radius + n_real_cols - 1 + step] = row[f, radius + n_real_cols - 1 - step]
        if 1 <= y <= radius:
            keys[radius - y] = row
        if n_rows - 1 - radius <= y < n_rows - 1:
            keys[radius + 2 * (n_rows - 1) - y] = row


@njit(nogil=True, cache=True)
def make_tiles(tiles, first, last, query, keys, scale, bias, guide, into, out, offset, fold, pool):
    """Kernels of some tiles.

    Likeness ``scale · query · key + bias`` in units of log 2, a softmax over neighbours, the learned correction, then
    the enlargement by two.

    Args:
        tiles: (tiles, 3) intp: row pair, tile column and place in ``pool``.
        first: First tile.
        last: Tile after the last.
        query: (rows + 2 radius, features, cols + 2 radius + 4 at least) float32, the border reflected; it may be
            ``keys`` itself.
        keys: (rows + 2 radius, features, cols + 2 radius + 4 at least) float32, the border reflected.
        scale: Factor of the products of query and key.
        bias: (side²,) float32, added to the scaled products.
        guide: (rows, channels, cols) float32, seen by the correction, the last channel ones.
        into: (groups, numbers that are summed over, GROUP) of the correction's first map, as ``pool`` is typed; no
            groups = there is no correction. The numbers are those of neighbours, then of the guide.
        out: (groups, numbers that are summed over, GROUP) of the correction's second map, as ``pool`` is typed.
        offset: (side²,) float32, added to kernels before the correction.
        fold: Rows (rows, side, GROUP) and columns (tile columns, source cols, side, 16) of the enlargement, float32,
            and the neighbours that reach each source column (tile columns, source cols, 2) intp.
        pool: (places, floats or packed pairs of a tile) float32 or uint32, written.
    """
    taps = bias.size
    side, words = fold[0].shape[1], n_words(pool)
    held = np.zeros((taps + guide.shape[1] + 3) * TILE_FLOATS, np.float32)
    n_inputs, n_groups = into.shape[1], into.shape[0]
    mixed = np.empty(max(n_inputs, out.shape[1], 1) * TILE_FLOATS, pool.dtype)
    hidden = np.zeros((n_groups * GROUP + 1) * TILE_FLOATS, np.float32)
    matrix_in, matrix_out = into.reshape(-1), out.reshape(-1)
    folded = np.empty(side * 2 * GROUP * TILE_FLOATS, np.float32)
    for n in range(first, last):
        y, x = 2 * tiles[n, 0], LANES * tiles[n, 1]
        _likeness(query, keys, side, y, x, held)
        _softmax(held, scale, bias, offset)
        if n_groups > 0:
            _add_guide(guide, y, x, taps, held)
            _pack(held, n_inputs // words, words, mixed)
            for group in range(n_groups):
                at, to = group * n_inputs * GROUP, group * GROUP * TILE_FLOATS
                _grouped(matrix_in, at, GROUP, 0, mixed, 0, LANES, TILE_FLOATS, 0, n_inputs, 1, hidden, to)
            for place in range(0, taps * TILE_FLOATS, LANES):
                store(hidden, place, gelu(load(hidden, place)))
            _pack(hidden, out.shape[1] // words, words, mixed)
            for group in range(n_groups):
                at, to = group * out.shape[1] * GROUP, group * GROUP * TILE_FLOATS
                _grouped(matrix_out, at, GROUP, 0, mixed, 0, LANES, TILE_FLOATS, 0, out.shape[1], 1, hidden, to)
            for place in range(0, taps * TILE_FLOATS, LANES):
                store(held, place, load(held, place) + load(hidden, place))
        _fold_rows(held, fold[0], side, y, folded)
        _fold_cols(folded, fold[1], fold[2], side, tiles[n, 1], words, pool[tiles[n, 2]])


@njit(nogil=True, cache=True)
def _likeness(query, keys, side, y, x, held):
    """``query · key`` of a tile's pixels with their neighbours: (neighbours, two rows, sixteen).

    A row of keys serves both rows of pixels; four neighbours are taken at a time, and what those of a row are too many
    is overwritten by the next.
    """
    radius = side // 2
    n_features, n_cols = keys.shape[1], keys.shape[2]
    flat_query, flat_keys = query.reshape(-1), keys.reshape(-1)
    row = n_features * n_cols
    for dy in range(side + 1):
        for dx in range(0, side, 4):
            a0, a1, a2, a3 = lanes(0.0), lanes(0.0), lanes(0.0), lanes(0.0)
            b0, b1, b2, b3 = lanes(0.0), lanes(0.0), lanes(0.0), lanes(0.0)
            at, there = (y + radius) * row + x + radius, (y + dy) * row + x + dx
            for _ in range(n_features):
                p, q = load(flat_query, at), load(flat_query, at + row)
                k0, k1 = load(flat_keys, there), load(flat_keys, there + 1)
                k2, k3 = load(flat_keys, there + 2), load(flat_keys, there + 3)
                a0, a1, a2, a3 = a0 + p * k0, a1 + p * k1, a2 + p * k2, a3 + p * k3
                b0, b1, b2, b3 = b0 + q * k0, b1 + q * k1, b2 + q * k2, b3 + q * k3
                at += n_cols
                there += n_cols
            if dy < side:
                to = (dy * side + dx) * TILE_FLOATS
                store(held, to, a0)
                store(held, to + 32, a1)
                store(held, to + 64, a2)
                store(held, to + 96, a3)
            if dy > 0:
                to = ((dy - 1) * side + dx) * TILE_FLOATS + LANES
                store(held, to, b0)
                store(held, to + 32, b1)
                store(held, to + 64, b2)
                store(held, to + 96, b3)


@njit(nogil=True, cache=True)
def _softmax(held, scale, bias, offset):
    """Softmax over neighbours of likeness times ``scale`` plus ``bias``, and ``offset`` added."""
    taps = bias.size
    shares = np.empty(LANES, np.float32)
    for v in range(0, TILE_FLOATS, LANES):
        most = lanes(-3.0e38)
        for tap in range(taps):
            value = load(held, tap * TILE_FLOATS + v) * lanes(scale) + lanes(bias[tap])
            store(held, tap * TILE_FLOATS + v, value)
            most = larger(most, value)
        sums = lanes(0.0)
        for tap in range(taps):
            value = exp2(load(held, tap * TILE_FLOATS + v) - most)
            store(held, tap * TILE_FLOATS + v, value)
            sums = sums + value
        store(shares, 0, sums)
        for i in range(LANES):
            shares[i] = np.float32(1.0) / shares[i]
        share = load(shares, 0)
        for tap in range(taps):
            at = tap * TILE_FLOATS + v
            store(held, at, load(held, at) * share + lanes(offset[tap]))


@njit(nogil=True, cache=True)
def _add_guide(guide, y, x, taps, held):
    """Write the guide's pixels behind the kernels, and zeros behind them."""
    flat, n_channels, n_cols = guide.reshape(-1), guide.shape[1], guide.shape[2]
    for v in range(2):
        for channel in range(n_channels):
            to = (taps + channel) * TILE_FLOATS + v * LANES
            store(held, to, load(flat, ((y + v) * n_channels + channel) * n_cols + x))
        store(held, (taps + n_channels) * TILE_FLOATS + v * LANES, lanes(0.0))


@njit(nogil=True, cache=True)
def _pack(values, n_pairs, words, target):
    """Rows of a tile's pixels, (rows, 32) float32, in pairs."""
    for pair in range(n_pairs):
        for v in range(0, TILE_FLOATS, LANES):
            even, odd = load(values, 2 * pair * TILE_FLOATS + v), load(values, (2 * pair + 1) * TILE_FLOATS + v)
            store_pair(target, pair * words * TILE_FLOATS + v, even, odd, TILE_FLOATS)


@njit(nogil=True, cache=True)
def _fold_rows(held, table, side, y, folded):
    """From rows of neighbours to rows of the source: (two rows, pairs of dx, GROUP, two of a pair, sixteen)."""
    weights = table.reshape(-1)
    n_pairs = (side + 1) // 2
    for v in range(2):
        at = (y + v) * side * GROUP
        for pair in range(n_pairs):
            start, to = 2 * pair * TILE_FLOATS + v * LANES, (v * n_pairs + pair) * GROUP * TILE_FLOATS
            _grouped(weights, at, GROUP, 0, held, start, TILE_FLOATS, side * TILE_FLOATS, 0, side, 1, folded, to)


@njit(nogil=True, cache=True)
def _fold_cols(folded, table, reach, side, tile_col, words, target):
    """From columns of neighbours to columns of the source; what comes is a tile's kernels."""
    n_source = table.shape[1]
    weights, second = table.reshape(-1), (side + 1) // 2 * GROUP * TILE_FLOATS
    n_row_pairs = target.size // (n_source * words * TILE_FLOATS)
    for row_pair in range(n_row_pairs):
        for col in range(n_source):
            a0, a1, b0, b1 = lanes(0.0), lanes(0.0), lanes(0.0), lanes(0.0)
            at = (tile_col * n_source + col) * side * LANES
            for dx in range(reach[tile_col, col, 0], reach[tile_col, col, 1]):
                weight = load(weights, at + dx * LANES)
                there = ((dx // 2) * GROUP + 2 * row_pair) * TILE_FLOATS + (dx % 2) * LANES
                a0 = a0 + weight * load(folded, there)
                a1 = a1 + weight * load(folded, there + TILE_FLOATS)
                b0 = b0 + weight * load(folded, second + there)
                b1 = b1 + weight * load(folded, second + there + TILE_FLOATS)
            to = (row_pair * n_source + col) * words * TILE_FLOATS
            store_pair(target, to, interleave_first(a0, b0), interleave_first(a1, b1), TILE_FLOATS)
            store_pair(target, to + LANES, interleave_last(a0, b0), interleave_last(a1, b1), TILE_FLOATS)


@njit(nogil=True, cache=True, inline="always")
def _sum_four(source, shape, block, y, x, kernels, kernel, reach, out):
    """Sums over the source's pixels around one of them, for the four pixels that lie on it: (4, BLOCK_CHANNELS).

    ``source`` is flat, of a shape; the weights of the four begin at ``kernel``, column by column.
    """
    _, n_rows, n_cols, words, _ = shape
    row, inner = n_cols * words * BLOCK_CHANNELS, (2 * reach + 1) * words
    at = (block * n_rows + (y + PAD - reach) // 2) * row + (x + PAD - reach) * words * BLOCK_CHANNELS
    _blocked(
        kernels, kernel, TILE_FLOATS, inner * TILE_FLOATS,
        source, at, LANES, BLOCK_CHANNELS, row, inner, reach + 1, out, 0,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def sum_blocks(source, pool, places, reach, first, last, target):
    """Sums over the source's pixels, which are the source of the next step.

    Args:
        source: (blocks of channels, row pairs, cols, words, BLOCK_CHANNELS) of ``pool``'s type, zeros around.
        pool: (places, kernels of a tile) float32, or uint32 for pairs of bfloat16.
        places: (source rows, tile columns) intp, place of each tile in ``pool``.
        reach: Source pixels each way that a kernel weighs.
        first: First row of the source.
        last: Row after the last of the source.
        target: (blocks of channels, row pairs, cols, words, BLOCK_CHANNELS) of ``pool``'s type, rows 2 · first to
            2 · last written.
    """
    n_blocks, _, n_cols, words, _ = source.shape
    flat, kernels, written = source.reshape(-1), pool.reshape(-1), target.reshape(-1)
    out = np.empty(4 * BLOCK_CHANNELS, np.float32)
    to_row = target.shape[2] * words * BLOCK_CHANNELS
    for y in range(first, last):
        for tile in range(places.shape[1]):
            start = places[y, tile] * pool.shape[1]
            n = min(BLOCKS, n_cols - 2 * PAD - BLOCKS * tile)
            for block in range(n_blocks):
                for b in range(n):
                    x = BLOCKS * tile + b
                    _sum_four(flat, source.shape, block, y, x, kernels, start + 4 * b, reach, out)
                    to = (block * target.shape[1] + y + PAD // 2) * to_row + (2 * x + PAD) * words * BLOCK_CHANNELS
                    for col in range(2):
                        for k in range(0, BLOCK_CHANNELS, LANES):
                            even, odd = 2 * col * BLOCK_CHANNELS + k, (2 * col + 1) * BLOCK_CHANNELS + k
                            place = to + col * words * BLOCK_CHANNELS + k
                            store_pair(written, place, load(out, even), load(out, odd), BLOCK_CHANNELS)


@njit(nogil=True, cache=True)
def sum_last_blocks(source, pool, places, reach, first, last, n_squared, products, squares):
    """Sums over the source's pixels, of which only squared lengths and some channels are kept.

    Args:
        source: (blocks of channels, row pairs, cols, words, BLOCK_CHANNELS) of ``pool``'s type, zeros around.
        pool: (places, kernels of a tile) float32, or uint32 for pairs of bfloat16.
        places: (source rows, tile columns) intp, place of each tile in ``pool``.
        reach: Source pixels each way that a kernel weighs.
        first: First row of the source.
        last: Row after the last of the source.
        n_squared: Channels whose squares are added up, a multiple of sixteen.
        products: (channels, rows, cols) float32, the channels behind them, written.
        squares: (rows, cols) float32, written.
    """
    n_blocks, _, n_cols, _, _ = source.shape
    flat, kernels = source.reshape(-1), pool.reshape(-1)
    out = np.empty(4 * BLOCK_CHANNELS, np.float32)
    lengths = np.empty(BLOCKS * 4 * LANES, np.float32)
    for y in range(first, last):
        for tile in range(places.shape[1]):
            start = places[y, tile] * pool.shape[1]
            n = min(BLOCKS, n_cols - 2 * PAD - BLOCKS * tile)
            lengths[:] = np.float32(0.0)
            for block in range(n_blocks):
                n_lengths = min(max(n_squared - block * BLOCK_CHANNELS, 0), BLOCK_CHANNELS)
                before = block * BLOCK_CHANNELS + n_lengths - n_squared
                n_kept = min(BLOCK_CHANNELS - n_lengths, products.shape[0] - before)
                for b in range(n):
                    x = BLOCKS * tile + b
                    _sum_four(flat, source.shape, block, y, x, kernels, start + 4 * b, reach, out)
                    for pixel in range(4):
                        base, place = pixel * BLOCK_CHANNELS, (4 * b + pixel) * LANES
                        length = load(lengths, place)
                        for k in range(0, n_lengths, LANES):
                            value = load(out, base + k)
                            length = length + value * value
                        store(lengths, place, length)
                        for k in range(n_kept):
                            found = out[base + n_lengths + k]
                            products[before + k, 2 * y + pixel % 2, 2 * x + pixel // 2] = found
            for pixel in range(4 * n):
                there = 2 * BLOCKS * tile + pixel // 2
                squares[2 * y + pixel % 2, there] = lane_sum(load(lengths, pixel * LANES))
