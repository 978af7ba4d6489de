# SPDX-License-Identifier: GPL-2.0-or-later
"""SpeMamba: every pixel's channels as a short sequence of tokens through a Mamba layer."""

from __future__ import annotations

import torch
from torch import nn

from .layer import Mamba
from .scan import AUTOMATIC

__all__ = ["SpeMamba"]


class SpeMamba(nn.Module):
    """(batch, channels, rows, cols) to the same shape; token k holds channels ``k · channels / tokens`` and on.

    Args:
        channels: Number of channels of a pixel; a multiple of ``tokens``.
        tokens: Length of the sequence made of one pixel's channels.
        norm_groups: Number of groups of the group normalisation; divides ``channels``.
        backend: What runs the Mamba layer: "automatic", "fused", or a key of ``scan.SCAN_BACKENDS``.
    """

    def __init__(self, channels: int, tokens: int, norm_groups: int, backend: str = AUTOMATIC) -> None:
        super().__init__()
        self.tokens = tokens
        self.mamba = Mamba(channels // tokens, backend=backend)
        self.norm = nn.GroupNorm(norm_groups, channels)
        self.activation = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, rows, cols = x.shape
        image = x.reshape(batch, self.tokens, channels // self.tokens, rows * cols)
        sequences = image.permute(0, 3, 1, 2).flatten(0, 1)  # (batch * pixels, tokens, channels / tokens)
        mixed = self.mamba(sequences).unflatten(0, (batch, rows * cols)).permute(0, 2, 3, 1).reshape(x.shape)
        out: torch.Tensor = self.activation(self.norm(mixed)) + x
        return out
