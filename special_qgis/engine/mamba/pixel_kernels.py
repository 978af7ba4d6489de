# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole Mamba layer over many short sequences in compiled code: sequences (pixels) as lanes.

A block of ``PIXELS`` sequences lies in buffers of shape (features, columns), token after token, so that the kernels for
one long sequence serve here too: the token before is ``PIXELS`` columns to the left. The scan keeps the states of a
block's channel in the cache; B and C are (2 · padded states, columns).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..compute.simd import N_LANES, exp2, lane_sum, lanes, load, store
from .tile_kernels import correlate, project
from .token_kernels import (
    after_scan,
    convolution_slope,
    convolve_and_step,
    gate_and_step_backward,
    gate_backward,
    inputs_backward,
)

__all__ = ["PIXELS", "pixels_backward", "pixels_forward"]

PIXELS = 32
LN_2 = np.float32(0.6931471805599453)


@njit(nogil=True, cache=True)
def pixels_forward(w, slab, u, out, halo, first, last):
    """Run the layer over some sequences.

    Args:
        w: Weights of the layer, ``layer_arrays.Weights``.
        slab: Buffers, ``token_kernels.SlabArrays`` of ``2 · halo + tokens · PIXELS`` columns; ``x`` is zero in its
            halo.
        u: (tokens, model width, sequences) float32, input.
        out: (tokens, model width, sequences) float32, output; written.
        halo: Columns before the first token, as many as the convolution reaches back.
        first: Index of the first sequence.
        last: Index after the last sequence; ``last - first`` is a multiple of ``PIXELS``.
    """
    end = halo + u.shape[0] * PIXELS
    states = np.empty((w.rates.shape[1], N_LANES), np.float32)
    for at in range(first, last, PIXELS):
        _copy_in(u, slab.u, halo, at)
        _before_scan(w, slab, halo, end)
        for e in range(w.rates.shape[0]):
            for lane in range(halo, halo + PIXELS, N_LANES):
                _scan(w, slab, states, e, lane, end)
        after_scan(w, slab, halo, end)
        _copy_out(slab.out, out, halo, at)


@njit(nogil=True, cache=True)
def pixels_backward(w, slab, back, sums, u, dout, du, halo, first, last):
    """Gradients of the layer over some sequences.

    Args:
        w: Weights of the layer, ``layer_arrays.Weights``.
        slab: Buffers, ``token_kernels.SlabArrays`` of ``2 · halo + tokens · PIXELS`` columns; ``x`` is zero in its
            halo.
        back: Buffers, ``token_kernels.SlabGradients`` with the same columns; ``pre`` is zero in its halo.
        sums: Gradients of the weights, ``layer_arrays.Gradients``; added to.
        u: (tokens, model width, sequences) float32, input of the forward pass.
        dout: (tokens, model width, sequences) float32, gradient of the output.
        du: (tokens, model width, sequences) float32, gradient of the input; written.
        halo: Columns before the first token, as many as the convolution reaches back.
        first: Index of the first sequence.
        last: Index after the last sequence; ``last - first`` is a multiple of ``PIXELS``.
    """
    n_tokens, n_inner, width = u.shape[0], w.rates.shape[0], w.rates.shape[1]
    end = halo + n_tokens * PIXELS
    states = np.empty((n_tokens * width, N_LANES), np.float32)
    decays = np.empty((n_tokens * width, N_LANES), np.float32)
    dstates = np.empty((width, N_LANES), np.float32)
    drates = np.zeros((n_inner * width, N_LANES), np.float32)
    for at in range(first, last, PIXELS):
        _copy_in(u, slab.u, halo, at)
        _copy_in(dout, back.out, halo, at)
        _before_scan(w, slab, halo, end)
        gate_backward(w, slab, back, halo, end)
        back.bc_t[:, halo:end] = 0.0
        for e in range(n_inner):
            for lane in range(halo, halo + PIXELS, N_LANES):
                _scan_keeping_states(w, slab, states, decays, e, lane, end)
                _scan_backward(w, slab, back, sums, states, decays, dstates, drates, e, lane, end)
        gate_and_step_backward(w, slab, back, sums, halo, end)
        correlate(slab.xc, back.bc_t, halo, end, sums.bc)
        convolution_slope(w, slab, back, halo, end)
        inputs_backward(w, slab, back, sums, halo, end, PIXELS)
        _copy_out(slab.out, du, halo, at)
    for e in range(n_inner):
        for n in range(width):
            sums.rates[e, n] += lane_sum(load(drates, (e * width + n) * N_LANES))


@njit(nogil=True)
def _before_scan(w, slab, halo, end):
    """All that the scan reads."""
    project(w.in_x, slab.u, slab.x, halo, end, False)
    convolve_and_step(w, slab, halo, end, PIXELS)
    project(w.bc_t, slab.xc, slab.bc, halo, end, False)


@njit(nogil=True)
def _copy_in(source, target, halo, at):
    """Sequences (tokens, features, sequences) to a block's columns."""
    n_tokens, n_features, n = source.shape
    for t in range(n_tokens):
        for m in range(n_features):
            for lane in range(0, PIXELS, N_LANES):
                value = load(source, (t * n_features + m) * n + at + lane)
                store(target, m * target.shape[1] + halo + t * PIXELS + lane, value)


@njit(nogil=True)
def _copy_out(source, target, halo, at):
    """Undo ``_copy_in``."""
    n_tokens, n_features, n = target.shape
    for t in range(n_tokens):
        for m in range(n_features):
            for lane in range(0, PIXELS, N_LANES):
                value = load(source, m * source.shape[1] + halo + t * PIXELS + lane)
                store(target, (t * n_features + m) * n + at + lane, value)


@njit(nogil=True)
def _scan(w, slab, states, e, lane, end):
    """Outputs of one channel of sixteen sequences."""
    stride, width = slab.y.shape[1], w.rates.shape[1]
    for column in range(lane, end, PIXELS):
        step, value = load(slab.delta, e * stride + column), load(slab.xc, e * stride + column)
        added, y = step * value, lanes(w.skip[e]) * value
        for n in range(width):
            h = added * load(slab.bc, n * stride + column)
            if column != lane:
                h = h + exp2(step * lanes(w.rates[e, n])) * load(states, n * N_LANES)
            store(states, n * N_LANES, h)
            y = y + h * load(slab.bc, (width + n) * stride + column)
        store(slab.y, e * stride + column, y)


@njit(nogil=True)
def _scan_keeping_states(w, slab, states, decays, e, lane, end):
    """As ``_scan``, and keep every token's states and decays."""
    stride, width = slab.y.shape[1], w.rates.shape[1]
    here = 0
    for column in range(lane, end, PIXELS):
        step, value = load(slab.delta, e * stride + column), load(slab.xc, e * stride + column)
        added, y = step * value, lanes(w.skip[e]) * value
        for n in range(width):
            h = added * load(slab.bc, n * stride + column)
            if column != lane:
                decay = exp2(step * lanes(w.rates[e, n]))
                store(decays, here, decay)
                h = h + decay * load(states, here - width * N_LANES)
            store(states, here, h)
            y = y + h * load(slab.bc, (width + n) * stride + column)
            here += N_LANES
        store(slab.y, e * stride + column, y)


@njit(nogil=True)
def _scan_backward(w, slab, back, sums, states, decays, dstates, drates, e, lane, end):
    """Gradients of one channel of sixteen sequences, the last token first."""
    stride, width = slab.y.shape[1], w.rates.shape[1]
    dskip = lanes(0.0)
    dstates[:] = 0.0
    last = end - PIXELS + lane % PIXELS
    here = (last - lane) // PIXELS * width * N_LANES
    for column in range(last, lane - 1, -PIXELS):
        at = e * stride + column
        step, value, dy = load(slab.delta, at), load(slab.xc, at), load(back.y, at)
        added, by_input, by_step = step * value, lanes(0.0), lanes(0.0)
        for n in range(width):
            at_b, at_c, this = n * stride + column, (width + n) * stride + column, here + n * N_LANES
            store(back.bc_t, at_c, load(back.bc_t, at_c) + dy * load(states, this))
            dh = load(dstates, n * N_LANES) + dy * load(slab.bc, at_c)
            store(back.bc_t, at_b, load(back.bc_t, at_b) + dh * added)
            by_input = by_input + dh * load(slab.bc, at_b)
            if column != lane:
                dh = dh * load(decays, this)
                store(dstates, n * N_LANES, dh)
                by_rate = dh * load(states, this - width * N_LANES)
                total = (e * width + n) * N_LANES
                store(drates, total, load(drates, total) + by_rate * step)
                by_step = by_step + by_rate * lanes(w.rates[e, n] * LN_2)
        dskip = dskip + value * dy
        store(back.delta, at, by_step + by_input * value)
        store(back.xc, at, by_input * step + lanes(w.skip[e]) * dy)
        here -= width * N_LANES
    sums.skip[e] += lane_sum(dskip)
