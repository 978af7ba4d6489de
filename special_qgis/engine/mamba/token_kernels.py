# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of a Mamba layer beside the scan, for one long sequence, in compiled code.

A slab of tokens lies in buffers of shape (features, columns): ``HALO`` columns of tokens before the slab, the slab, and
``HALO`` columns after it. Each function works on a range of columns, whole vectors of them, so that threads share a
slab. The order of a step: ``before_scan``, scan, ``after_scan``; backwards: ``before_scan``, ``gate_backward``, scan,
``steps_backward``, and, when all columns of a slab are there, ``inputs_backward``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import njit

from ..compute.simd import N_LANES, lane_sum, lanes, load, sigmoid, silu, silu_slope, softplus, store
from .tile_kernels import correlate, project

__all__ = [
    "HALO",
    "SlabArrays",
    "SlabGradients",
    "after_scan",
    "before_scan",
    "convolution_slope",
    "convolve_and_step",
    "gate_and_step_backward",
    "gate_backward",
    "inputs_backward",
    "steps_backward",
]

HALO = N_LANES


class SlabArrays(NamedTuple):
    """Buffers of a slab, float32; letters as in ``layer_arrays.Weights``, P columns, S tokens."""

    u: Any  # (M, P) input of the layer
    x: Any  # (E, P) first half of the in-projection
    pre: Any  # (E, P) convolution before SiLU; its gradient afterwards
    xc: Any  # (E, P) input of the scan
    dt: Any  # (R, P) low-rank steps
    delta: Any  # (E, P) step sizes
    bc: Any  # (S, 2 padded N) B and C
    y: Any  # (E, P) output of the scan
    gate: Any  # (E, P) silu(z)
    out: Any  # (M, P) output of the layer; the gradient of its input when going back


class SlabGradients(NamedTuple):
    """Buffers of a slab on the way back, float32."""

    out: Any  # (M, P) gradient of the layer's output
    y: Any  # (E, P)
    z: Any  # (E, P) gradient of the gate's output times silu'(z); times y it is the gradient of z
    xc: Any  # (E, P)
    delta: Any  # (E, P)
    dt: Any  # (R, P)
    bc: Any  # (groups of channels, S, 2 padded N)
    bc_t: Any  # (2 padded N, P)
    pre: Any  # (E, P)


@njit(nogil=True, cache=True)
def before_scan(w, slab, first, last):
    """In-projection, causal convolution, SiLU, x-projection and softplus.

    The in-projection begins one vector earlier, for the convolution; neighbours then write the same bits twice.
    """
    project(w.in_x, slab.u, slab.x, first - HALO, last, False)
    convolve_and_step(w, slab, first, last, 1)
    _states_of_tokens(w.bc, slab.xc, slab.bc, first, last)


@njit(nogil=True, cache=True)
def convolve_and_step(w, slab, first, last, pitch):
    """From the in-projection to the scan's input and its step sizes; ``pitch`` columns lie between two tokens."""
    stride, taps = slab.x.shape[1], w.conv.shape[1]
    for e in range(w.conv.shape[0]):
        for column in range(e * stride + first, e * stride + last, N_LANES):
            value = lanes(w.conv_bias[e])
            for k in range(taps):
                value = value + lanes(w.conv[e, k]) * load(slab.x, column + (k - taps + 1) * pitch)
            store(slab.pre, column, value)
            store(slab.xc, column, silu(value))
    project(w.dt_in, slab.xc, slab.dt, first, last, False)
    for e in range(w.conv.shape[0]):
        for column in range(first, last, N_LANES):
            store(slab.delta, e * stride + column, softplus(_step(w, slab, e, column)))


@njit(nogil=True)
def _step(w, slab, e, column):
    """Step sizes of one channel before the softplus."""
    value = lanes(w.dt_bias[e])
    for r in range(w.dt_out.shape[1]):
        value = value + lanes(w.dt_out[e, r]) * load(slab.dt, r * slab.dt.shape[1] + column)
    return value


@njit(nogil=True)
def _states_of_tokens(weight, xc, bc, first, last):
    """B and C of each token, states innermost, four tokens at a time."""
    n_inner, width = weight.shape
    for column in range(first, last, 4):
        token = column - HALO
        for q in range(0, width, N_LANES):
            s0, s1, s2, s3 = lanes(0.0), lanes(0.0), lanes(0.0), lanes(0.0)
            for e in range(n_inner):
                value = load(weight, e * width + q)
                s0 = s0 + lanes(xc[e, column]) * value
                s1 = s1 + lanes(xc[e, column + 1]) * value
                s2 = s2 + lanes(xc[e, column + 2]) * value
                s3 = s3 + lanes(xc[e, column + 3]) * value
            store(bc, token * width + q, s0)
            store(bc, (token + 1) * width + q, s1)
            store(bc, (token + 2) * width + q, s2)
            store(bc, (token + 3) * width + q, s3)


@njit(nogil=True, cache=True)
def after_scan(w, slab, first, last):
    """Gate and out-projection; ``slab.y`` is gated in place."""
    project(w.in_z, slab.u, slab.gate, first, last, False)
    stride = slab.y.shape[1]
    for e in range(slab.y.shape[0]):
        for column in range(e * stride + first, e * stride + last, N_LANES):
            store(slab.y, column, load(slab.y, column) * silu(load(slab.gate, column)))
    project(w.out, slab.y, slab.out, first, last, False)


@njit(nogil=True, cache=True)
def gate_backward(w, slab, back, first, last):
    """Gradient of the scan's output, and what the gate's gradient needs beside that output."""
    project(w.in_z, slab.u, slab.gate, first, last, False)
    project(w.out_t, back.out, back.y, first, last, False)
    stride = slab.gate.shape[1]
    for e in range(slab.gate.shape[0]):
        for column in range(e * stride + first, e * stride + last, N_LANES):
            z, dgated = load(slab.gate, column), load(back.y, column)
            gate = silu(z)
            store(slab.gate, column, gate)
            store(back.y, column, dgated * gate)
            store(back.z, column, dgated * silu_slope(z))


@njit(nogil=True, cache=True)
def steps_backward(w, slab, back, sums, first, last):
    """From the scan's gradients to that of the convolution, in ``back.pre``; out- and x-projection's weights."""
    gate_and_step_backward(w, slab, back, sums, first, last)
    _states_backward(slab.xc, back, sums.bc, first, last)
    convolution_slope(w, slab, back, first, last)


@njit(nogil=True, cache=True)
def gate_and_step_backward(w, slab, back, sums, first, last):
    """Gradients of gate, out-projection and step sizes; ``slab.y`` is gated in place."""
    stride = slab.x.shape[1]
    for e in range(slab.x.shape[0]):
        for column in range(e * stride + first, e * stride + last, N_LANES):
            y = load(slab.y, column)
            store(slab.y, column, y * load(slab.gate, column))
            store(back.z, column, y * load(back.z, column))
        total = lanes(0.0)
        for column in range(first, last, N_LANES):
            dstep = load(back.delta, e * stride + column) * sigmoid(_step(w, slab, e, column))
            store(back.delta, e * stride + column, dstep)
            total = total + dstep
        sums.dt_bias[e] += lane_sum(total)
    correlate(back.out, slab.y, first, last, sums.out)
    correlate(back.delta, slab.dt, first, last, sums.dt_out)
    project(w.dt_out_t, back.delta, back.dt, first, last, False)
    correlate(back.dt, slab.xc, first, last, sums.dt_in)
    project(w.dt_in_t, back.dt, back.xc, first, last, True)


@njit(nogil=True, cache=True)
def convolution_slope(w, slab, back, first, last):
    """Add what comes through B and C to the gradient of the scan's input, and pass it through the SiLU."""
    project(w.bc, back.bc_t, back.xc, first, last, True)
    stride = slab.x.shape[1]
    for e in range(slab.x.shape[0]):
        for column in range(e * stride + first, e * stride + last, N_LANES):
            store(back.pre, column, load(back.xc, column) * silu_slope(load(slab.pre, column)))


@njit(nogil=True)
def _states_backward(xc, back, sums, first, last):
    """Add the groups' gradients of B and C, sum their weights' gradients, and turn them to (states, columns)."""
    n_groups, _, width = back.bc.shape
    size = back.bc.shape[1] * width
    for column in range(first, last):
        at = (column - HALO) * width
        for q in range(0, width, N_LANES):
            total = load(back.bc, at + q)
            for group in range(1, n_groups):
                total = total + load(back.bc, group * size + at + q)
            store(back.bc, at + q, total)
    for column in range(first, last, N_LANES):
        for n in range(width):
            for lane in range(N_LANES):
                back.bc_t[n, column + lane] = back.bc[0, column + lane - HALO, n]
    for e in range(xc.shape[0]):
        for q in range(0, width, N_LANES):
            s0, s1 = lanes(0.0), lanes(0.0)
            for column in range(first, last, 2):
                at = (column - HALO) * width + q
                s0 = s0 + lanes(xc[e, column]) * load(back.bc, at)
                s1 = s1 + lanes(xc[e, column + 1]) * load(back.bc, at + width)
            store(sums, e * width + q, load(sums, e * width + q) + s0 + s1)


@njit(nogil=True, cache=True)
def inputs_backward(w, slab, back, sums, first, last, pitch):
    """From the convolution's gradient to that of the layer's input, in ``slab.out``; in-projection's weights.

    ``slab.pre`` receives the gradient of the convolution's input; ``pitch`` columns lie between two tokens.
    """
    stride, taps = slab.x.shape[1], w.conv.shape[1]
    for e in range(w.conv.shape[0]):
        row = e * stride
        for column in range(row + first, row + last, N_LANES):
            value = lanes(0.0)
            for k in range(taps):
                value = value + lanes(w.conv[e, k]) * load(back.pre, column + (taps - 1 - k) * pitch)
            store(slab.pre, column, value)
        total = lanes(0.0)
        for column in range(row + first, row + last, N_LANES):
            total = total + load(back.pre, column)
        sums.conv_bias[e] += lane_sum(total)
        for k in range(taps):
            total = lanes(0.0)
            for column in range(row + first, row + last, N_LANES):
                total = total + load(back.pre, column) * load(slab.x, column + (k - taps + 1) * pitch)
            sums.conv[e, k] += lane_sum(total)
    correlate(slab.pre, slab.u, first, last, sums.in_x)
    correlate(back.z, slab.u, first, last, sums.in_z)
    project(w.in_x_t, slab.pre, slab.out, first, last, False)
    project(w.in_z_t, back.z, slab.out, first, last, True)
