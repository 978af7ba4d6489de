# SPDX-License-Identifier: GPL-2.0-or-later
"""Upsampling steps in compiled code: kernels of pixels from likeness, sums over neighbours, enlarging by two.

Likeness has sixteen pixels of a row side by side; sums have sixteen channels side by side, and four pixels share what
is loaded. Channels are cut into blocks, innermost in memory, so small that the neighbourhood of four pixels stays in
the first-level cache. Kernels lie row by row, neighbour by neighbour, pixel by pixel. Nothing is checked; the callers
see to sizes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ...mamba.simd import N_LANES, exp2, gelu, lane_sum, lanes, larger, load, store

__all__ = ["BLOCK_CHANNELS", "PIXELS", "double_rows", "gelu_rows", "like_neighbours", "sum_block", "sum_last"]

BLOCK_VECTORS = 3
BLOCK_CHANNELS = BLOCK_VECTORS * N_LANES
PIXELS = 4  # whose sums are made together: with three vectors twelve, which the registers hold
# cubic convolution with a = −3/4 at these distances, in quarters
AT_1_4, AT_3_4, AT_5_4, AT_7_4 = 0.87890625, 0.26171875, -0.10546875, -0.03515625


@njit(nogil=True, cache=True)
def like_neighbours(query, keys, bias, offset, colours, side, first, last, origin, target):
    """Softmax over neighbours of ``query · key + bias``, in units of log 2, then ``offset`` added.

    Args:
        query: (rows, features, cols) float32, cols a multiple of sixteen.
        keys: (rows + side − 1, features, cols + side + 2 at least) float32.
        bias: (side²,) float32.
        offset: (side²,) float32.
        colours: (channels, rows, cols) float32, copied behind the neighbours, and a one behind them.
        side: Of the neighbourhood.
        first: First row.
        last: Row after the last.
        origin: Row whose pixels come first in ``target``.
        target: (rows, side² + channels + 1 at least, cols) float32, written.
    """
    n_cols, taps, n_channels = query.shape[2], side * side, colours.shape[0]
    flat, flat_colours = target.reshape(-1), colours.reshape(-1)
    held = np.empty((taps + 4) * N_LANES, np.float32)
    shares = np.empty(N_LANES, np.float32)
    for y in range(first, last):
        for x in range(0, n_cols, N_LANES):
            _products(query, keys, y, x, side, held)
            most = lanes(-3.0e38)
            for tap in range(taps):
                value = load(held, tap * N_LANES) + lanes(bias[tap])
                store(held, tap * N_LANES, value)
                most = larger(most, value)
            sums = lanes(0.0)
            for tap in range(taps):
                value = exp2(load(held, tap * N_LANES) - most)
                store(held, tap * N_LANES, value)
                sums = sums + value
            store(shares, 0, sums)
            for i in range(N_LANES):
                shares[i] = np.float32(1.0) / shares[i]
            share = load(shares, 0)
            at = (y - origin) * target.shape[1] * n_cols + x
            for tap in range(taps):
                store(flat, at, load(held, tap * N_LANES) * share + lanes(offset[tap]))
                at += n_cols
            for channel in range(n_channels):
                store(flat, at, load(flat_colours, (channel * colours.shape[1] + y) * n_cols + x))
                at += n_cols
            store(flat, at, lanes(1.0))


@njit(nogil=True, cache=True)
def _products(query, keys, y, x, side, held):
    """``query · key`` of sixteen pixels with their neighbours, four neighbours at a time."""
    n_features, n_cols, key_cols = query.shape[1], query.shape[2], keys.shape[2]
    flat_query, flat_keys = query.reshape(-1), keys.reshape(-1)
    for dy in range(side):
        for dx in range(0, side, 4):
            s0, s1, s2, s3 = lanes(0.0), lanes(0.0), lanes(0.0), lanes(0.0)
            at, there = y * n_features * n_cols + x, (y + dy) * n_features * key_cols + x + dx
            for _ in range(n_features):
                value = load(flat_query, at)
                s0 = s0 + value * load(flat_keys, there)
                s1 = s1 + value * load(flat_keys, there + 1)
                s2 = s2 + value * load(flat_keys, there + 2)
                s3 = s3 + value * load(flat_keys, there + 3)
                at += n_cols
                there += key_cols
            to = (dy * side + dx) * N_LANES  # the last ones of a row are overwritten by the next row
            store(held, to, s0)
            store(held, to + 16, s1)
            store(held, to + 32, s2)
            store(held, to + 48, s3)


@njit(nogil=True, cache=True)
def gelu_rows(values, first, last):
    """Gaussian error linear unit of flat float32 values from ``first`` to ``last``, in place; a multiple of sixteen."""
    for place in range(first, last, N_LANES):
        store(values, place, gelu(load(values, place)))


@njit(nogil=True, cache=True)
def double_rows(source, n_cols, radius, first, last, target):
    """Bicubically twice the size, the border reflected by ``radius``.

    Args:
        source: (rows, n_cols at least, BLOCK_CHANNELS) float32.
        n_cols: Columns to be enlarged; what is behind them is passed over.
        radius: Of the reflected border.
        first: First row of the result.
        last: Row after the last.
        target: (last − first at least, 2 n_cols + 2 radius at least, BLOCK_CHANNELS) float32, written.
    """
    n_rows, run = source.shape[0], source.shape[1] * BLOCK_CHANNELS
    flat, out = source.reshape(-1), target.reshape(-1)
    row = np.empty(n_cols * BLOCK_CHANNELS, np.float32)
    for y in range(first, last):
        r0, r1, r2, r3, w0, w1, w2, w3 = _around(_mirror(y - radius, 2 * n_rows), n_rows)
        _blend(flat, r0 * run, r1 * run, r2 * run, r3 * run, w0, w1, w2, w3, row, 0, n_cols * BLOCK_CHANNELS)
        base = (y - first) * target.shape[1] * BLOCK_CHANNELS
        for x in range(2 * n_cols):
            c0, c1, c2, c3, w0, w1, w2, w3 = _around(x, n_cols)
            c0, c1, c2, c3 = c0 * BLOCK_CHANNELS, c1 * BLOCK_CHANNELS, c2 * BLOCK_CHANNELS, c3 * BLOCK_CHANNELS
            to = base + (radius + x) * BLOCK_CHANNELS
            _blend(row, c0, c1, c2, c3, w0, w1, w2, w3, out, to, BLOCK_CHANNELS)
        for x in range(radius):
            right, mirror = 2 * n_cols + radius + x, 2 * n_cols + radius - 2 - x
            for c in range(BLOCK_CHANNELS):
                out[base + x * BLOCK_CHANNELS + c] = out[base + (2 * radius - x) * BLOCK_CHANNELS + c]
                out[base + right * BLOCK_CHANNELS + c] = out[base + mirror * BLOCK_CHANNELS + c]


@njit(nogil=True, cache=True)
def _mirror(place, n):
    """Position in a side of ``n`` of a place outside it, the border not repeated."""
    if place < 0:
        return -place
    return place if place < n else 2 * n - 2 - place


@njit(nogil=True, cache=True)
def _around(place, n):
    """The four positions in a side of ``n`` that a place of twice the size is made of, and their weights."""
    odd = place % 2
    start = place // 2 - 2 + odd
    p0, p1, p2, p3 = max(start, 0), max(start + 1, 0), min(start + 2, n - 1), min(start + 3, n - 1)
    if odd:
        return p0, p1, p2, p3, AT_5_4, AT_1_4, AT_3_4, AT_7_4
    return p0, p1, p2, p3, AT_7_4, AT_3_4, AT_1_4, AT_5_4


@njit(nogil=True, cache=True)
def _blend(source, p0, p1, p2, p3, w0, w1, w2, w3, target, to, n):
    """Weighted sum of four runs of ``n`` values."""
    a, b, c, d = lanes(w0), lanes(w1), lanes(w2), lanes(w3)
    for k in range(0, n, N_LANES):
        low = a * load(source, p0 + k) + b * load(source, p1 + k)
        store(target, to + k, low + c * load(source, p2 + k) + d * load(source, p3 + k))


@njit(nogil=True, cache=True)
def sum_block(source, kernels, side, first, last, origin, target):
    """Sums over neighbours of one block of channels.

    Args:
        source: (last − first + side − 1, cols + side − 1, BLOCK_CHANNELS) float32, from the first row's neighbours on.
        kernels: (rows, side² at least, cols at least) float32.
        side: Of the neighbourhood.
        first: First row.
        last: Row after the last.
        origin: Row that ``kernels`` begins with.
        target: (rows, cols, BLOCK_CHANNELS) float32, cols a multiple of four, rows from ``first`` to ``last`` written.
    """
    flat, out, weights, stride = source.reshape(-1), target.reshape(-1), kernels.reshape(-1), kernels.shape[2]
    row, n_cols = source.shape[1] * BLOCK_CHANNELS, target.shape[1]
    for y in range(first, last):
        for x in range(0, n_cols, PIXELS):
            start, kernel = (y - first) * row + x * BLOCK_CHANNELS, (y - origin) * kernels.shape[1] * stride + x
            _sum_four(flat, start, row, weights, kernel, stride, side, out, (y * n_cols + x) * BLOCK_CHANNELS)


@njit(nogil=True, cache=True)
def sum_last(source, kernels, side, first, last, origin, n_squared, squares, products, n_before):
    """Sums over neighbours, of which only squared lengths and some channels are kept.

    Args:
        source: As in ``sum_block``; so are the next five.
        kernels: See there.
        side: See there.
        first: See there.
        last: See there.
        origin: See there.
        n_squared: Channels of the block whose squares are added up, a multiple of sixteen; the others are kept.
        squares: (rows, cols) float32, added to; cols a multiple of four.
        products: (channels, rows, cols) float32, written from channel ``n_before`` on.
        n_before: Channels that blocks before have kept.
    """
    flat, weights, stride = source.reshape(-1), kernels.reshape(-1), kernels.shape[2]
    row = source.shape[1] * BLOCK_CHANNELS
    sums = np.empty(PIXELS * BLOCK_CHANNELS, np.float32)
    n_kept = min(BLOCK_CHANNELS - n_squared, products.shape[0] - n_before)
    for y in range(first, last):
        for x in range(0, squares.shape[1], PIXELS):
            start, kernel = (y - first) * row + x * BLOCK_CHANNELS, (y - origin) * kernels.shape[1] * stride + x
            _sum_four(flat, start, row, weights, kernel, stride, side, sums, 0)
            for pixel in range(PIXELS):
                base = pixel * BLOCK_CHANNELS
                length = lanes(0.0)
                for k in range(0, n_squared, N_LANES):
                    value = load(sums, base + k)
                    length = length + value * value
                squares[y, x + pixel] += lane_sum(length)
                for k in range(n_kept):
                    products[n_before + k, y, x + pixel] = sums[base + n_squared + k]


@njit(nogil=True, cache=True)
def _sum_four(source, start, source_row, kernels, kernel, stride, side, target, to):
    """Sums over the neighbours of four pixels side by side, of one block of channels.

    A place in a row of the source is a neighbour of one to four of them.
    """
    a0, a1, a2 = lanes(0.0), lanes(0.0), lanes(0.0)
    b0, b1, b2 = lanes(0.0), lanes(0.0), lanes(0.0)
    c0, c1, c2 = lanes(0.0), lanes(0.0), lanes(0.0)
    d0, d1, d2 = lanes(0.0), lanes(0.0), lanes(0.0)
    back = stride - 1  # from a pixel's weight to that which the pixel before has for the same place
    for dy in range(side):
        left, tap = start + dy * source_row, kernel + dy * side * stride
        x0, x1, x2 = load(source, left), load(source, left + 16), load(source, left + 32)
        w = lanes(kernels[tap])
        a0, a1, a2 = a0 + w * x0, a1 + w * x1, a2 + w * x2
        left, tap = left + BLOCK_CHANNELS, tap + stride
        x0, x1, x2 = load(source, left), load(source, left + 16), load(source, left + 32)
        w = lanes(kernels[tap])
        a0, a1, a2 = a0 + w * x0, a1 + w * x1, a2 + w * x2
        w = lanes(kernels[tap - back])
        b0, b1, b2 = b0 + w * x0, b1 + w * x1, b2 + w * x2
        left, tap = left + BLOCK_CHANNELS, tap + stride
        x0, x1, x2 = load(source, left), load(source, left + 16), load(source, left + 32)
        w = lanes(kernels[tap])
        a0, a1, a2 = a0 + w * x0, a1 + w * x1, a2 + w * x2
        w = lanes(kernels[tap - back])
        b0, b1, b2 = b0 + w * x0, b1 + w * x1, b2 + w * x2
        w = lanes(kernels[tap - 2 * back])
        c0, c1, c2 = c0 + w * x0, c1 + w * x1, c2 + w * x2
        left, tap = left + BLOCK_CHANNELS, tap + stride
        for _ in range(3, side):
            x0, x1, x2 = load(source, left), load(source, left + 16), load(source, left + 32)
            w = lanes(kernels[tap])
            a0, a1, a2 = a0 + w * x0, a1 + w * x1, a2 + w * x2
            w = lanes(kernels[tap - back])
            b0, b1, b2 = b0 + w * x0, b1 + w * x1, b2 + w * x2
            w = lanes(kernels[tap - 2 * back])
            c0, c1, c2 = c0 + w * x0, c1 + w * x1, c2 + w * x2
            w = lanes(kernels[tap - 3 * back])
            d0, d1, d2 = d0 + w * x0, d1 + w * x1, d2 + w * x2
            left, tap = left + BLOCK_CHANNELS, tap + stride
        x0, x1, x2 = load(source, left), load(source, left + 16), load(source, left + 32)
        w = lanes(kernels[tap - back])
        b0, b1, b2 = b0 + w * x0, b1 + w * x1, b2 + w * x2
        w = lanes(kernels[tap - 2 * back])
        c0, c1, c2 = c0 + w * x0, c1 + w * x1, c2 + w * x2
        w = lanes(kernels[tap - 3 * back])
        d0, d1, d2 = d0 + w * x0, d1 + w * x1, d2 + w * x2
        left, tap = left + BLOCK_CHANNELS, tap + stride
        x0, x1, x2 = load(source, left), load(source, left + 16), load(source, left + 32)
        w = lanes(kernels[tap - 2 * back])
        c0, c1, c2 = c0 + w * x0, c1 + w * x1, c2 + w * x2
        w = lanes(kernels[tap - 3 * back])
        d0, d1, d2 = d0 + w * x0, d1 + w * x1, d2 + w * x2
        left, tap = left + BLOCK_CHANNELS, tap + stride
        x0, x1, x2 = load(source, left), load(source, left + 16), load(source, left + 32)
        w = lanes(kernels[tap - 3 * back])
        d0, d1, d2 = d0 + w * x0, d1 + w * x1, d2 + w * x2
        left, tap = left + BLOCK_CHANNELS, tap + stride
    store(target, to, a0)
    store(target, to + 16, a1)
    store(target, to + 32, a2)
    store(target, to + 48, b0)
    store(target, to + 64, b1)
    store(target, to + 80, b2)
    store(target, to + 96, c0)
    store(target, to + 112, c1)
    store(target, to + 128, c2)
    store(target, to + 144, d0)
    store(target, to + 160, d1)
    store(target, to + 176, d2)
