# SPDX-License-Identifier: GPL-2.0-or-later
"""SpaMamba: an image as one sequence of pixels, row by row, through a Mamba layer."""

from __future__ import annotations

import torch
from torch import nn

from .layer import Mamba
from .scan import AUTOMATIC

__all__ = ["SpaMamba"]


class SpaMamba(nn.Module):
    """(batch, channels, rows, cols) to the same shape; every image of a batch is a sequence of its own.

    Args:
        channels: Number of channels of a pixel.
        norm_groups: Number of groups of the group normalisation; divides ``channels``.
        backend: What runs the Mamba layer: "automatic", "fused", or a key of ``scan.SCAN_BACKENDS``.
    """

    def __init__(self, channels: int, norm_groups: int, backend: str = AUTOMATIC) -> None:
        super().__init__()
        self.mamba = Mamba(channels, backend=backend)
        self.norm = nn.GroupNorm(norm_groups, channels)
        self.activation = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pixels = x.flatten(2).transpose(1, 2)  # (batch, rows * cols, channels)
        mixed = self.mamba(pixels).transpose(1, 2).reshape(x.shape)
        out: torch.Tensor = self.activation(self.norm(mixed)) + x
        return out
