# SPDX-License-Identifier: GPL-2.0-or-later
"""BothMamba: a block that mixes the spatial and the spectral Mamba by learnt weights."""

from __future__ import annotations

import torch
from torch import nn

from .scan import AUTOMATIC
from .spa_mamba import SpaMamba
from .spe_mamba import SpeMamba

__all__ = ["BothMamba"]


class BothMamba(nn.Module):
    """(batch, channels, rows, cols) to the same shape.

    Args:
        channels: Number of channels of a pixel; a multiple of ``tokens`` and of ``norm_groups``.
        tokens: Length of the sequence that ``SpeMamba`` makes of one pixel's channels.
        norm_groups: Number of groups of the group normalisations; divides ``channels``.
        backend: What runs the Mamba layers: "automatic", "fused", or a key of ``scan.SCAN_BACKENDS``.
    """

    def __init__(self, channels: int, tokens: int, norm_groups: int, backend: str = AUTOMATIC) -> None:
        super().__init__()
        self.spatial = SpaMamba(channels, norm_groups, backend)
        self.spectral = SpeMamba(channels, tokens, norm_groups, backend)
        self.mixture = nn.Parameter(torch.ones(2))  # before the softmax: spatial, spectral

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spatial, spectral = torch.softmax(self.mixture, 0)
        out: torch.Tensor = spatial * self.spatial(x) + spectral * self.spectral(x) + x
        return out
