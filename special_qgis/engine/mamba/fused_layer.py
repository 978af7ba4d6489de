# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole Mamba layer as one differentiable function on the CPU, float32; ``Mamba``'s plain branch specifies it."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np
import torch

from .layer_arrays import PARAMETER_NAMES, Weights, parameter_gradients, weights_of
from .long_sequences import long_backward, long_forward
from .short_sequences import short_backward, short_forward

__all__ = ["PARAMETER_NAMES", "fused_mamba"]

SHORT = 16  # sequences up to this many tokens run side by side ...
MANY = 16  # ... where at least so many are given


def fused_mamba(u: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
    """Run a Mamba layer.

    Args:
        u: (batch, tokens, model width) float32 on the CPU.
        parameters: Weights of the layer in the order of ``layer_arrays.PARAMETER_NAMES``, float32 on the CPU.

    Returns:
        (batch, tokens, model width) float32.
    """
    made: torch.Tensor = _FusedMamba.apply(u, *parameters)
    return made


class _FusedMamba(torch.autograd.Function):
    """Sequences reach the kernels as (tokens, width, batch) or (batch, width, tokens), as images already lie."""

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        weights = _weights(parameters)
        order = _order(u)
        given = _array(u.permute(order))
        checkpoints: Optional[Any] = None
        if order == (1, 2, 0):
            out = short_forward(given, weights)
        else:
            out, checkpoints = long_forward(given, weights)
        ctx.save_for_backward(u, *parameters)
        ctx.checkpoints = checkpoints
        return torch.from_numpy(out).permute(_inverse(order))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        u, *parameters = ctx.saved_tensors
        weights = _weights(parameters)
        order = _order(u)
        given, dout = _array(u.permute(order)), _array(gradients[0].permute(order))
        if ctx.checkpoints is None:
            du, sums = short_backward(given, dout, weights)
        else:
            du, sums = long_backward(given, dout, ctx.checkpoints, weights)
        by_parameter = parameter_gradients(sums, [_array(value) for value in parameters])
        return (torch.from_numpy(du).permute(_inverse(order)), *(torch.from_numpy(value) for value in by_parameter))


def _weights(parameters: Any) -> Weights:
    return weights_of([_array(value) for value in parameters])


def _array(tensor: torch.Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().numpy())


def _order(u: torch.Tensor) -> Tuple[int, int, int]:
    """Axes of ``u`` as the kernels take them: sequences innermost where they are many and short, else tokens."""
    return (1, 2, 0) if u.shape[1] <= SHORT and u.shape[0] >= MANY else (0, 2, 1)


def _inverse(order: Tuple[int, int, int]) -> Tuple[int, int, int]:
    return (2, 0, 1) if order == (1, 2, 0) else (0, 2, 1)
