# SPDX-License-Identifier: GPL-2.0-or-later
"""Selective scan as it is written, token by token: the specification that every other backend must match."""

from __future__ import annotations

import torch

__all__ = ["scan_in_order"]


def scan_in_order(
    x: torch.Tensor, delta: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor
) -> torch.Tensor:
    """``h_t = exp(delta_t a) h_{t-1} + delta_t b_t x_t``, ``y_t = c_t h_t + d x_t``; slow, any device and precision.

    Args:
        x: (batch, channels, tokens) float input.
        delta: (batch, channels, tokens) float step sizes, positive.
        a: (channels, states) float rates, negative.
        b: (batch, states, tokens) float input weights.
        c: (batch, states, tokens) float output weights.
        d: (channels,) float factors of the input that is added to the output, past the states.

    Returns:
        (batch, channels, tokens).
    """
    state = x.new_zeros(x.shape[0], *a.shape)
    seen = []
    for t in range(x.shape[2]):
        decay = torch.exp(delta[:, :, t, None] * a)
        state = decay * state + (delta[:, :, t] * x[:, :, t])[:, :, None] * b[:, None, :, t]
        seen.append((state * c[:, None, :, t]).sum(2))
    return torch.stack(seen, 2) + d[:, None] * x
