# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole Mamba layer over long sequences on the CPU: slab by slab, each slab shared by threads.

Memory beyond input and output is that of one slab plus the scan's checkpoints (one state per block of tokens). The
backward pass goes through the slabs from the last to the first and computes again what it needs.
"""

from __future__ import annotations

from functools import partial
from typing import Any, List, NamedTuple, Tuple

import numpy as np

from ..compute.simd import N_LANES
from ..compute.threads import run_side_by_side
from .layer_arrays import Gradients, Weights, empty, zero_gradients
from .scan_kernels import BLOCK, scan_backward, scan_forward
from .token_kernels import (
    HALO,
    SlabArrays,
    SlabGradients,
    after_scan,
    before_scan,
    gate_backward,
    inputs_backward,
    steps_backward,
)

__all__ = ["long_backward", "long_forward"]

SLAB = 4096  # tokens; a slab's buffers fit into the processor's last cache
PART = 1024  # tokens that a thread takes at a time
GROUP = 8  # channels that a thread scans at a time


def long_forward(u: Any, weights: Weights) -> Tuple[Any, Any]:
    """Run the layer.

    Args:
        u: (batch, model width, tokens) float32.
        weights: Weights of the layer as the kernels read them.

    Returns:
        (batch, model width, tokens) float32 output, and the states (batch, blocks, channels, padded states) that
        ``long_backward`` needs.
    """
    batch, _, n_tokens = u.shape
    n_blocks = -(-n_tokens // BLOCK)
    out, checkpoints = empty(u.shape), empty((batch, n_blocks, *weights.rates.shape))
    slab = _slab_arrays(weights)
    for b in range(batch):
        state = np.zeros_like(weights.rates)
        for start in range(0, n_tokens, SLAB):
            n = min(SLAB, n_tokens - start)
            _fill(slab.u, u[b], start, n)
            parts = _parts(n)
            run_side_by_side(before_scan, [(weights, slab, first, last) for first, last in parts])
            scan = partial(_scan_slab, weights, slab, state, checkpoints[b], start, n)
            run_side_by_side(scan, [(group,) for group in _groups(weights)])
            _clear_tail(n, slab.y)
            run_side_by_side(after_scan, [(weights, slab, first, last) for first, last in parts])
            out[b, :, _span(start, n)] = slab.out[:, _span(HALO, n)]
    return out, checkpoints


def long_backward(u: Any, dout: Any, checkpoints: Any, weights: Weights) -> Tuple[Any, List[Gradients]]:
    """Gradients of the layer.

    Args:
        u: (batch, model width, tokens) float32, the same that ``long_forward`` was given.
        dout: (batch, model width, tokens) float32, gradient of the output.
        checkpoints: (batch, blocks, channels, padded states) float32, from ``long_forward``.
        weights: Weights of the layer as the kernels read them.

    Returns:
        Gradient of ``u``; sums of the weights' gradients over parts of the tokens.
    """
    batch, _, n_tokens = u.shape
    du = empty(u.shape)
    slab = _slab_arrays(weights)
    back = _slab_gradients(weights)
    sums = [zero_gradients(weights) for _ in range(SLAB // PART)]
    for b in range(batch):
        arrays = _BackwardArrays(weights, slab, back, sums, np.zeros_like(weights.rates))
        back.pre[:] = 0.0
        for start in range((n_tokens - 1) // SLAB * SLAB, -1, -SLAB):
            n = min(SLAB, n_tokens - start)
            _fill(slab.u, u[b], start, n)
            _fill(back.out, dout[b], start, n)
            _slab_backward(arrays, checkpoints[b], start, n)
            du[b, :, _span(start, n)] = slab.out[:, _span(HALO, n)]
            back.pre[:, _span(HALO + SLAB, HALO)] = back.pre[:, _span(HALO, HALO)]
    return du, sums


class _BackwardArrays(NamedTuple):
    """What the way back computes with and into."""

    weights: Weights
    slab: SlabArrays
    back: SlabGradients
    sums: List[Gradients]  # of the weights' gradients, one for each part of a slab
    dstate: Any  # gradient of the state that leaves the slab; after the slab of that which enters it


def _slab_backward(arrays: _BackwardArrays, checkpoints: Any, start: int, n: int) -> None:
    """All of a slab's gradients; ``back.pre`` holds the next slab's first columns behind its own."""
    weights, slab, back, sums, _ = arrays
    parts = _parts(n)
    run_side_by_side(before_scan, [(weights, slab, first, last) for first, last in parts])
    run_side_by_side(gate_backward, [(weights, slab, back, first, last) for first, last in parts])
    scan = partial(_scan_slab_backward, arrays, checkpoints, start, n)
    run_side_by_side(scan, list(enumerate(_groups(weights))))
    _clear_tail(n, slab.y, back.xc, back.delta)
    back.bc[:, _span(n, N_LANES)] = 0.0
    shared = [(weights, slab, back, total, first, last) for total, (first, last) in zip(sums, parts)]
    run_side_by_side(steps_backward, shared)
    run_side_by_side(inputs_backward, [(*call, 1) for call in shared])


def _scan_slab(
    weights: Weights, slab: SlabArrays, state: Any, checkpoints: Any, start: int, n: int, group: Tuple[int, int]
) -> None:
    w = weights
    scan_forward(
        slab.xc, slab.delta, slab.bc, w.rates, w.skip, state, checkpoints, start // BLOCK, slab.y, group, HALO, n
    )


def _scan_slab_backward(
    arrays: _BackwardArrays, checkpoints: Any, start: int, n: int, index: int, group: Tuple[int, int]
) -> None:
    w, slab, back, sums, block = arrays.weights, arrays.slab, arrays.back, arrays.sums[0], start // BLOCK
    forward = (slab.xc, slab.delta, slab.bc, w.rates, w.skip, checkpoints, block, back.y, arrays.dstate)
    scan_backward(*forward, slab.y, back.xc, back.delta, back.bc[index], sums.rates, sums.skip, group, HALO, n)


def _span(first: int, n: int) -> slice:
    """``n`` columns from the first on."""
    return slice(first, first + n)


def _fill(target: Any, source: Any, start: int, n: int) -> None:
    """Copy a slab with the tokens before it; zeros before the sequence and behind the slab."""
    before = min(HALO, start)
    target[:] = 0.0
    target[:, _span(HALO - before, before + n)] = source[:, _span(start - before, before + n)]


def _clear_tail(n: int, *buffers: Any) -> None:
    """Set the last vector's columns behind the last token to zero, as the scan does not write them."""
    for buffer in buffers:
        buffer[:, _span(HALO + n, N_LANES)] = 0.0


def _parts(n: int) -> List[Tuple[int, int]]:
    """First column of every part of a slab and the one after its last, in whole vectors."""
    end = -(-n // N_LANES) * N_LANES
    return [(HALO + first, HALO + min(first + PART, end)) for first in range(0, end, PART)]


def _groups(weights: Weights) -> List[Tuple[int, int]]:
    n_inner = weights.rates.shape[0]
    return [(first, min(first + GROUP, n_inner)) for first in range(0, n_inner, GROUP)]


def _slab_arrays(weights: Weights) -> SlabArrays:
    n_inner, n_model = weights.in_x.shape
    columns = 2 * HALO + SLAB
    inner = (n_inner, columns)
    return SlabArrays(
        u=empty((n_model, columns)),
        x=empty(inner),
        pre=empty(inner),
        xc=empty(inner),
        dt=empty((weights.dt_in.shape[0], columns)),
        delta=empty(inner),
        bc=empty((SLAB, weights.bc.shape[1])),
        y=empty(inner),
        gate=empty(inner),
        out=empty((n_model, columns)),
    )


def _slab_gradients(weights: Weights) -> SlabGradients:
    n_inner, n_model = weights.in_x.shape
    columns, width = 2 * HALO + SLAB, weights.bc.shape[1]
    inner = (n_inner, columns)
    return SlabGradients(
        out=empty((n_model, columns)),
        y=empty(inner),
        z=empty(inner),
        xc=empty(inner),
        delta=empty(inner),
        dt=empty((weights.dt_in.shape[0], columns)),
        bc=empty((len(_groups(weights)), SLAB, width)),
        bc_t=empty((width, columns)),
        pre=empty(inner),
    )
