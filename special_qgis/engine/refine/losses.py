# SPDX-License-Identifier: GPL-2.0-or-later
"""Losses of one training step: cross-entropy on sets of pixels, each with hard or soft targets and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class PixelSet:
    """Pixels of one image that a loss is computed from, each at most once: how often it was drawn is its weight.

    Without repeated pixels the gradient is a plain scatter, the same bytes on every run.
    """

    index: NDArray[np.int64]  # (n,) int64, row · cols + col in the tile, ascending
    targets: NDArray[np.float32]  # (n, classes) float32, each row sums to 1
    weights: NDArray[np.float32]  # (n,) float32, 0 or more

    @property
    def n_px(self) -> int:
        """Number of different pixels."""
        return int(self.index.size)


def soft_cross_entropy(log_probabilities: torch.Tensor, pixels: PixelSet) -> torch.Tensor:
    """Weighted mean of the cross-entropy over a set of pixels; 0 for an empty set.

    Args:
        log_probabilities: (classes, rows · cols) float32, logarithms of the network's probabilities.
        pixels: Indices of the pixels that count, with their targets and weights.

    Returns:
        () float32.
    """
    total = float(pixels.weights.sum())
    if total <= 0.0:
        return log_probabilities.new_zeros(())
    device = log_probabilities.device
    chosen = log_probabilities[:, torch.from_numpy(pixels.index).to(device)]
    shares = pixels.targets * (pixels.weights / total)[:, None]
    return -(chosen * torch.from_numpy(np.ascontiguousarray(shares.T)).to(device)).sum()
