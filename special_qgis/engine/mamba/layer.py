# SPDX-License-Identifier: GPL-2.0-or-later
"""The Mamba layer (Gu and Dao 2023): a gated, convolved, selectively scanned mapping of token sequences.

Parameter names and initialisation are those of the package ``mamba-ssm``, so state dicts load both ways.
"""

from __future__ import annotations

import importlib
import math
from typing import Dict

import torch
from torch import nn
from torch.nn import functional

from .scan import AUTOMATIC, choose_scan_backend, selective_scan

__all__ = ["FUSED", "Mamba", "choose_layer_backend"]

FUSED = "fused"
STEP_RANGE = (1e-3, 1e-1)  # initial step sizes, log-uniform; mamba-ssm's dt_min and dt_max
STEP_FLOOR = 1e-4  # mamba-ssm's dt_init_floor
MAX_FUSED_TAPS = 17  # the convolution must reach back one vector at most


def choose_layer_backend(device: torch.device, dtype: torch.dtype, wanted: str = AUTOMATIC) -> str:
    """Name of what runs a Mamba layer: "fused" (whole layer compiled, CPU), or a scan backend with PyTorch around it.

    Args:
        device: Device of the tensors.
        dtype: Number type of the tensors.
        wanted: "automatic", "fused", or a key of ``scan.SCAN_BACKENDS``.

    Raises:
        ConfigError: The wanted backend does not exist, or cannot work here.
    """
    if wanted in (AUTOMATIC, FUSED) and choose_scan_backend(device, dtype) == "numba":
        return FUSED
    return choose_scan_backend(device, dtype, "numba" if wanted == FUSED else wanted)


class Mamba(nn.Module):
    """Token sequences (batch, tokens, width) to the same shape.

    Args:
        d_model: Number of channels of a token.
        d_state: Number of states of a channel.
        d_conv: Number of taps of the causal convolution.
        expand: Ratio of the inner width to ``d_model``.
        backend: What runs the layer: "automatic", "fused", or a key of ``scan.SCAN_BACKENDS``.
    """

    def __init__(
        self, d_model: int, d_state: int = 16, d_conv: int = 4, expand: int = 2, backend: str = AUTOMATIC
    ) -> None:
        super().__init__()
        self.backend = backend
        self.d_state = d_state
        self.d_inner = expand * d_model
        self.dt_rank = math.ceil(d_model / 16)
        self.in_proj = nn.Linear(d_model, 2 * self.d_inner, bias=False)
        self.conv1d = nn.Conv1d(self.d_inner, self.d_inner, d_conv, groups=self.d_inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(self.d_inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, self.d_inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, d_state + 1)).repeat(self.d_inner, 1))
        self.D = nn.Parameter(torch.ones(self.d_inner))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)
        self._initialise_steps()

    def _initialise_steps(self) -> None:
        """Weights uniform within ``dt_rank ** -1/2``; biases so that the softplus is log-uniform in ``STEP_RANGE``."""
        nn.init.uniform_(self.dt_proj.weight, -(self.dt_rank**-0.5), self.dt_rank**-0.5)
        low, high = (math.log(value) for value in STEP_RANGE)
        step = torch.exp(torch.rand(self.d_inner) * (high - low) + low).clamp(min=STEP_FLOOR)
        with torch.no_grad():
            self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        backend = choose_layer_backend(u.device, u.dtype, self.backend)
        if backend == FUSED and self.conv1d.kernel_size[0] <= MAX_FUSED_TAPS:
            return self._forward_fused(u)
        return self._forward_plain(u, "numba" if backend == FUSED else backend)

    def _forward_plain(self, u: torch.Tensor, scan_backend: str) -> torch.Tensor:
        """The specification: every step by itself."""
        n_tokens = u.shape[1]
        x, z = self.in_proj(u).transpose(1, 2).chunk(2, 1)  # (batch, d_inner, tokens)
        x = functional.silu(self.conv1d(x)[..., :n_tokens])
        dt, b, c = self.x_proj(x.transpose(1, 2)).split([self.dt_rank, self.d_state, self.d_state], 2)
        delta = functional.softplus(self.dt_proj(dt)).transpose(1, 2)
        a = -torch.exp(self.A_log)
        y = selective_scan(x, delta, a, b.transpose(1, 2), c.transpose(1, 2), self.D, scan_backend)
        out: torch.Tensor = self.out_proj((y * functional.silu(z)).transpose(1, 2))
        return out

    def _forward_fused(self, u: torch.Tensor) -> torch.Tensor:
        module = importlib.import_module(".fused_layer", __package__)
        named: Dict[str, torch.Tensor] = dict(self.named_parameters())
        out: torch.Tensor = module.fused_mamba(u, *(named[name] for name in module.PARAMETER_NAMES))
        return out
