# SPDX-License-Identifier: GPL-2.0-or-later
"""Selective scan of long sequences in compiled code: one token after the other, the states of a channel as lanes.

Layout: ``x``, ``delta``, ``y`` and their gradients are (channels, columns) with the tokens from column ``column`` on;
``bc`` holds a token's B and C side by side, each padded with zeros to a multiple of sixteen states; ``rates`` is
A · log2(e), padded alike. The state before every block of ``BLOCK`` tokens is kept, so that the backward pass
recomputes one block at a time and its memory does not grow with the states' history. Channels are independent, so
threads take groups of them; only the gradient of ``bc`` sums over channels and is kept apart by group.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..compute.simd import N_LANES, exp2, lane_sum, lanes, load, store

__all__ = ["BLOCK", "LOG2_E", "padded_states", "scan_backward", "scan_forward"]

BLOCK = 64
LOG2_E = 1.4426950408889634
LN_2 = np.float32(0.6931471805599453)


def padded_states(n_states: int) -> int:
    """Number of states with the padding to whole vectors."""
    return -(-n_states // N_LANES) * N_LANES


@njit(nogil=True, cache=True)
def scan_forward(x, delta, bc, rates, skip, state, checkpoints, first_block, y, channels, column, n):
    """Outputs and end states of some channels over ``n`` tokens.

    Args:
        x: (channels, columns) float32 input of the scan.
        delta: (channels, columns) float32 step sizes.
        bc: (n, 2 · padded states) float32, B then C of each token.
        rates: (channels, padded states) float32, A · log2(e).
        skip: (channels,) float32, D: factor of the input that is added to the output.
        state: (channels, padded states) float32, before the first token; holds the end state afterwards.
        checkpoints: (blocks, channels, padded states) float32, states before each block of tokens; written from
            ``first_block`` on.
        first_block: Index of the block of tokens that the first token lies in.
        y: (channels, columns) float32, output of the scan; written.
        channels: Index of the first channel and the one after the last.
        column: Column of the first token.
        n: Number of tokens.
    """
    n_channels = x.shape[0]
    width = rates.shape[1]
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        block = first_block + start // BLOCK
        for c in range(channels[0], channels[1]):
            for q in range(0, width, N_LANES):
                h = load(state, c * width + q)
                rate = load(rates, c * width + q)
                store(checkpoints, (block * n_channels + c) * width + q, h)
                for t in range(start, stop):
                    step = delta[c, column + t]
                    b = load(bc, t * 2 * width + q)
                    h = exp2(lanes(step) * rate) * h + lanes(step * x[c, column + t]) * b
                    seen = lane_sum(h * load(bc, (2 * t + 1) * width + q))
                    if q == 0:
                        seen += skip[c] * x[c, column + t]
                    else:
                        seen += y[c, column + t]
                    y[c, column + t] = seen
                store(state, c * width + q, h)


@njit(nogil=True, cache=True)
def scan_backward(
    x,
    delta,
    bc,
    rates,
    skip,
    checkpoints,
    first_block,
    dy,
    dstate,
    y,
    dx,
    ddelta,
    dbc,
    drates,
    dskip,
    channels,
    column,
    n,
):
    """Gradients of some channels over ``n`` tokens, the last token first; outputs are computed again on the way.

    Args:
        x: (channels, columns) float32 input of the scan.
        delta: (channels, columns) float32 step sizes.
        bc: (n, 2 · padded states) float32, B then C of each token.
        rates: (channels, padded states) float32, A · log2(e).
        skip: (channels,) float32, D: factor of the input that is added to the output.
        checkpoints: (blocks, channels, padded states) float32, states before each block of tokens, from
            ``scan_forward``.
        first_block: Index of the block of tokens that the first token lies in.
        dy: (channels, columns) float32 gradient of the outputs.
        dstate: (channels, padded states) float32 gradient of the end state; that of the first state afterwards.
        y: (channels, columns) float32, output of the scan, computed again; written.
        dx: (channels, columns) float32, gradient of ``x``; written.
        ddelta: (channels, columns) float32, gradient of ``delta``; written.
        dbc: (n, 2 · padded states) float32, gradient of ``bc``, summed over these channels; written.
        drates: (channels, padded states) float32, gradient of A (not of ``rates``); added to.
        dskip: (channels,) float64, gradient of D; added to.
        channels: Index of the first channel and the one after the last.
        column: Column of the first token.
        n: Number of tokens.
    """
    n_channels = x.shape[0]
    width = rates.shape[1]
    states = np.empty((BLOCK + 1) * N_LANES, np.float32)
    decays = np.empty(BLOCK * N_LANES, np.float32)
    ln_2 = lanes(LN_2)
    for start in range((n - 1) // BLOCK * BLOCK, -1, -BLOCK):
        stop = min(start + BLOCK, n)
        block = first_block + start // BLOCK
        dbc[start:stop] = 0.0
        for c in range(channels[0], channels[1]):
            for q in range(0, width, N_LANES):
                h = load(checkpoints, (block * n_channels + c) * width + q)
                rate = load(rates, c * width + q)
                store(states, 0, h)
                for t in range(start, stop):
                    step = delta[c, column + t]
                    decay = exp2(lanes(step) * rate)
                    h = decay * h + lanes(step * x[c, column + t]) * load(bc, t * 2 * width + q)
                    store(decays, (t - start) * N_LANES, decay)
                    store(states, (t - start + 1) * N_LANES, h)
                    seen = lane_sum(h * load(bc, (2 * t + 1) * width + q))
                    if q == 0:
                        seen += skip[c] * x[c, column + t]
                    else:
                        seen += y[c, column + t]
                    y[c, column + t] = seen
                dh = load(dstate, c * width + q)
                drate, dskip_here = lanes(0.0), np.float32(0.0)
                scaled_rate = rate * ln_2
                for t in range(stop - 1, start - 1, -1):
                    step, value, slope = delta[c, column + t], x[c, column + t], lanes(dy[c, column + t])
                    at_b, at_c, here = t * 2 * width + q, (2 * t + 1) * width + q, (t - start) * N_LANES
                    store(dbc, at_c, load(dbc, at_c) + slope * load(states, here + N_LANES))
                    dh = dh + slope * load(bc, at_c)
                    store(dbc, at_b, load(dbc, at_b) + dh * lanes(step * value))
                    by_b = dh * load(bc, at_b)
                    dh = dh * load(decays, here)
                    by_decay = dh * load(states, here)
                    drate = drate + by_decay * lanes(step)
                    by_input = lane_sum(by_b)
                    by_step = lane_sum(by_decay * scaled_rate) + by_input * value
                    by_value = by_input * step
                    if q == 0:
                        by_value += skip[c] * dy[c, column + t]
                        dskip_here += value * dy[c, column + t]
                    else:
                        by_value += dx[c, column + t]
                        by_step += ddelta[c, column + t]
                    dx[c, column + t] = by_value
                    ddelta[c, column + t] = by_step
                store(dstate, c * width + q, dh)
                store(drates, c * width + q, load(drates, c * width + q) + drate)
                dskip[c] += dskip_here
