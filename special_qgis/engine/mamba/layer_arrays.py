# SPDX-License-Identifier: GPL-2.0-or-later
"""Weights of a Mamba layer as the compiled kernels want them, their gradients, and back again.

The state dict's ``in_proj`` and ``x_proj`` hold several matrices below each other. Here each stands alone, beside its
transpose where the backward pass needs it; states are padded with zeros to whole vectors.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from .scan_kernels import LOG2_E, padded_states

__all__ = ["PARAMETER_NAMES", "Gradients", "Weights", "empty", "parameter_gradients", "weights_of", "zero_gradients"]

Array = Any  # np.ndarray of float32; NumPy's own annotation is not read by Numba
PARAMETER_NAMES = (
    "in_proj.weight",
    "conv1d.weight",
    "conv1d.bias",
    "x_proj.weight",
    "dt_proj.weight",
    "dt_proj.bias",
    "A_log",
    "D",
    "out_proj.weight",
)


class Weights(NamedTuple):
    """All C-contiguous float32. M = model width, E = inner width, R = rank of the steps, K = kernel, N = states."""

    in_x: Array  # (E, M)
    in_z: Array  # (E, M)
    in_x_t: Array  # (M, E)
    in_z_t: Array  # (M, E)
    conv: Array  # (E, K)
    conv_bias: Array  # (E,)
    dt_in: Array  # (R, E)
    dt_in_t: Array  # (E, R)
    bc: Array  # (E, 2 padded N)
    bc_t: Array  # (2 padded N, E)
    dt_out: Array  # (E, R)
    dt_out_t: Array  # (R, E)
    dt_bias: Array  # (E,)
    rates: Array  # (E, padded N), A log2(e)
    skip: Array  # (E,)
    out: Array  # (M, E)
    out_t: Array  # (E, M)


class Gradients(NamedTuple):
    """Sums over tokens, float32; shapes as in ``Weights``."""

    in_x: Array
    in_z: Array
    conv: Array
    conv_bias: Array
    dt_in: Array
    bc: Array
    dt_out: Array
    dt_bias: Array
    rates: Array  # of A
    skip: Array  # float64
    out: Array


def empty(shape: Sequence[int]) -> Array:
    """Memory that is not set, float32; every kernel writes before it reads."""
    return np.empty(tuple(shape), np.float32)


def weights_of(parameters: Sequence[Array]) -> Weights:
    """Split parameters, given in the order of ``PARAMETER_NAMES``, into what the kernels read."""
    in_proj, conv, conv_bias, x_proj, dt_proj, dt_bias, a_log, skip, out_proj = parameters
    n_inner, n_states = a_log.shape
    rank, width = dt_proj.shape[1], padded_states(n_states)
    bc = np.zeros((n_inner, 2, width), np.float32)
    bc[:, :, :n_states] = x_proj[rank:].reshape(2, n_states, n_inner).transpose(2, 0, 1)
    bc = bc.reshape(n_inner, 2 * width)
    rates = np.zeros((n_inner, width), np.float32)
    with np.errstate(over="ignore"):  # weights of a training that diverges; the loss shows it
        rates[:, :n_states] = -np.exp(a_log.astype(np.float64)) * LOG2_E
    plain = {
        "in_x": in_proj[:n_inner],
        "in_z": in_proj[n_inner:],
        "in_x_t": in_proj[:n_inner].T,
        "in_z_t": in_proj[n_inner:].T,
        "conv": conv.reshape(n_inner, -1),
        "conv_bias": conv_bias,
        "dt_in": x_proj[:rank],
        "dt_in_t": x_proj[:rank].T,
        "bc": bc,
        "bc_t": bc.T,
        "dt_out": dt_proj,
        "dt_out_t": dt_proj.T,
        "dt_bias": dt_bias,
        "rates": rates,
        "skip": skip,
        "out": out_proj,
        "out_t": out_proj.T,
    }
    return Weights(**{name: np.ascontiguousarray(value, np.float32) for name, value in plain.items()})


def zero_gradients(weights: Weights) -> Gradients:
    """Sums of nothing."""
    made = {name: np.zeros_like(getattr(weights, name)) for name in Gradients._fields}
    made["skip"] = np.zeros(weights.skip.shape, np.float64)
    return Gradients(**made)


def parameter_gradients(parts: List[Gradients], parameters: Sequence[Array]) -> Tuple[Array, ...]:
    """Gradients of the parameters, in the order of ``PARAMETER_NAMES``, from sums over parts of the tokens.

    Parts are added in their order in float64, so the result does not depend on the number of threads.
    """
    total: Dict[str, Array] = {
        name: np.sum([getattr(part, name) for part in parts], axis=0, dtype=np.float64) for name in Gradients._fields
    }
    a_log = parameters[6]
    n_inner, n_states = a_log.shape
    bc = total["bc"].reshape(n_inner, 2, -1)[:, :, :n_states].transpose(1, 2, 0).reshape(2 * n_states, n_inner)
    made = (
        np.concatenate([total["in_x"], total["in_z"]]),
        total["conv"].reshape(parameters[1].shape),
        total["conv_bias"],
        np.concatenate([total["dt_in"], bc]),
        total["dt_out"],
        total["dt_bias"],
        total["rates"][:, :n_states] * -np.exp(a_log.astype(np.float64)),
        total["skip"],
        total["out"],
    )
    return tuple(np.ascontiguousarray(value, np.float32) for value in made)
