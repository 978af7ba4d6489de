# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole Mamba layer over many short sequences on the CPU, ranges of sequences shared by threads.

Memory beyond input and output is that of one block of sequences a range. Nothing is kept for the backward pass.
"""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np

from ..compute.threads import run_side_by_side
from .layer_arrays import Gradients, Weights, empty, zero_gradients
from .pixel_kernels import PIXELS, pixels_backward, pixels_forward
from .token_kernels import SlabArrays, SlabGradients

__all__ = ["short_backward", "short_forward"]

RANGE = 256 * PIXELS  # sequences that a thread takes at a time


def short_forward(u: Any, weights: Weights) -> Any:
    """Run the layer.

    Args:
        u: (tokens, model width, sequences) float32.
        weights: Weights of the layer as the kernels read them.

    Returns:
        (tokens, model width, sequences) float32.
    """
    padded = _pad(u)
    out = empty(padded.shape)
    halo = _halo(weights)
    calls = []
    for first, last in _ranges(padded.shape[2]):
        calls.append((weights, _block_arrays(weights, u.shape[0]), padded, out, halo, first, last))
    run_side_by_side(pixels_forward, calls)
    return np.ascontiguousarray(out[:, :, : u.shape[2]])


def short_backward(u: Any, dout: Any, weights: Weights) -> Tuple[Any, List[Gradients]]:
    """Gradients of the layer.

    Args:
        u: (tokens, model width, sequences) float32, the same that ``short_forward`` was given.
        dout: (tokens, model width, sequences) float32, gradient of the output.
        weights: Weights of the layer as the kernels read them.

    Returns:
        Gradient of ``u``; sums of the weights' gradients over ranges of the sequences.
    """
    padded, dpadded = _pad(u), _pad(dout)
    du = empty(padded.shape)
    halo, sums, calls = _halo(weights), [], []
    for first, last in _ranges(padded.shape[2]):
        sums.append(zero_gradients(weights))
        slab, back = _block_arrays(weights, u.shape[0]), _block_gradients(weights, u.shape[0])
        calls.append((weights, slab, back, sums[-1], padded, dpadded, du, halo, first, last))
    run_side_by_side(pixels_backward, calls)
    return np.ascontiguousarray(du[:, :, : u.shape[2]]), sums


def _pad(value: Any) -> Any:
    """Sequences of zeros up to a whole block."""
    missing = -value.shape[2] % PIXELS
    return np.pad(value, ((0, 0), (0, 0), (0, missing))) if missing else value


def _halo(weights: Weights) -> int:
    return (int(weights.conv.shape[1]) - 1) * PIXELS


def _ranges(n: int) -> List[Tuple[int, int]]:
    return [(first, min(first + RANGE, n)) for first in range(0, n, RANGE)]


def _block_arrays(weights: Weights, n_tokens: int) -> SlabArrays:
    n_inner, n_model = weights.in_x.shape
    columns = 2 * _halo(weights) + n_tokens * PIXELS
    inner = (n_inner, columns)
    return SlabArrays(
        u=empty((n_model, columns)),
        x=np.zeros(inner, np.float32),
        pre=empty(inner),
        xc=empty(inner),
        dt=empty((weights.dt_in.shape[0], columns)),
        delta=empty(inner),
        bc=empty((weights.bc.shape[1], columns)),
        y=empty(inner),
        gate=empty(inner),
        out=empty((n_model, columns)),
    )


def _block_gradients(weights: Weights, n_tokens: int) -> SlabGradients:
    n_inner, n_model = weights.in_x.shape
    columns = 2 * _halo(weights) + n_tokens * PIXELS
    inner = (n_inner, columns)
    return SlabGradients(
        out=empty((n_model, columns)),
        y=empty(inner),
        z=empty(inner),
        xc=empty(inner),
        delta=empty(inner),
        dt=empty((weights.dt_in.shape[0], columns)),
        bc=empty((1, 1, weights.bc.shape[1])),
        bc_t=empty((weights.bc.shape[1], columns)),
        pre=np.zeros(inner, np.float32),
    )
