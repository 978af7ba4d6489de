# SPDX-License-Identifier: GPL-2.0-or-later
"""Selective scan on the CPU in compiled code, float32."""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np
import torch

from ..compute.threads import run_side_by_side
from .scan_kernels import BLOCK, LOG2_E, padded_states, scan_backward, scan_forward

__all__ = ["scan_compiled"]

GROUP = 8  # channels that a thread scans at a time


def scan_compiled(
    x: torch.Tensor, delta: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor
) -> torch.Tensor:
    """Selective scan, equal to ``scan_in_order``, for float32 tensors on the CPU."""
    scanned: torch.Tensor = _CompiledScan.apply(x, delta, a, b, c, d)
    return scanned


class _CompiledScan(torch.autograd.Function):
    """The kernels of ``scan_kernels`` with memory around them."""

    @staticmethod
    def forward(ctx: Any, *inputs: torch.Tensor) -> torch.Tensor:
        x, delta, a, b, c, d = (_array(value) for value in inputs)
        bc, rates = _token_states(b, c), _rates(a)
        batch, n_channels, n = x.shape
        y = np.empty_like(x)
        checkpoints = np.empty((batch, -(-n // BLOCK), *rates.shape), np.float32)
        calls = []
        for i in range(batch):
            state = np.zeros_like(rates)
            for group in _groups(n_channels):
                calls.append((x[i], delta[i], bc[i], rates, d, state, checkpoints[i], 0, y[i], group, 0, n))
        run_side_by_side(scan_forward, calls)
        ctx.save_for_backward(*inputs)
        ctx.checkpoints = checkpoints
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        x, delta, a, b, c, d = (_array(value) for value in ctx.saved_tensors)
        dy, bc, rates = _array(gradients[0]), _token_states(b, c), _rates(a)
        batch, n_channels, n = x.shape
        groups = _groups(n_channels)
        dx, ddelta, y = np.empty_like(x), np.empty_like(x), np.empty_like(x)
        dbc = np.empty((batch, len(groups), *bc.shape[1:]), np.float32)
        drates, dskip = np.zeros((batch, *rates.shape), np.float32), np.zeros((batch, n_channels), np.float64)
        calls = []
        for i in range(batch):
            ends = np.zeros_like(rates)
            forward = (x[i], delta[i], bc[i], rates, d, ctx.checkpoints[i], 0, dy[i], ends, y[i], dx[i], ddelta[i])
            for k, group in enumerate(groups):
                calls.append((*forward, dbc[i, k], drates[i], dskip[i], group, 0, n))
        run_side_by_side(scan_backward, calls)
        db, dc = _split_states(dbc.sum(1), a.shape[1])
        da = drates.sum(0, dtype=np.float64)[:, : a.shape[1]]
        made = (dx, ddelta, da, db, dc, dskip.sum(0))
        return tuple(torch.from_numpy(np.ascontiguousarray(value, np.float32)) for value in made)


def _array(tensor: torch.Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().numpy())


def _groups(n_channels: int) -> List[Tuple[int, int]]:
    return [(first, min(first + GROUP, n_channels)) for first in range(0, n_channels, GROUP)]


def _rates(a: Any) -> Any:
    rates = np.zeros((a.shape[0], padded_states(a.shape[1])), np.float32)
    rates[:, : a.shape[1]] = a * LOG2_E
    return rates


def _token_states(b: Any, c: Any) -> Any:
    """(batch, tokens, 2 · padded states): B then C of each token."""
    batch, n_states, n = b.shape
    bc = np.zeros((batch, n, 2, padded_states(n_states)), np.float32)
    bc[:, :, 0, :n_states] = b.transpose(0, 2, 1)
    bc[:, :, 1, :n_states] = c.transpose(0, 2, 1)
    return bc.reshape(batch, n, -1)


def _split_states(bc: Any, n_states: int) -> Tuple[Any, Any]:
    """Undo ``_token_states``."""
    b, c = np.split(bc, 2, axis=2)
    return b[:, :, :n_states].transpose(0, 2, 1), c[:, :, :n_states].transpose(0, 2, 1)
