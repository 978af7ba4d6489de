# SPDX-License-Identifier: GPL-2.0-or-later
"""A small cube of stripes of materials, first-stage probabilities with whole regions wrong, and a small network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

N_BANDS, N_CLASSES = 8, 3
ROWS, COLS = 40, 52


class NoisyScene(NamedTuple):
    """A scene and what the first stage says of it."""

    cube: np.ndarray  # (bands, rows, cols) float32
    valid: np.ndarray  # (rows, cols) bool
    probabilities: np.ndarray  # (classes, rows, cols) float32
    truth: np.ndarray  # (rows, cols) uint8, 1…K


def noisy_scene(seed: int = 0, wrong_share: float = 0.25, rows: int = ROWS, cols: int = COLS) -> NoisyScene:
    """Three materials in blocks of 10 pixels; a share of blocks of 5 pixels has another class in the first stage."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(1, N_CLASSES + 1, (rows // 10 + 1, cols // 10 + 1))
    truth = np.kron(blocks, np.ones((10, 10), int))[:rows, :cols].astype(np.uint8)
    materials = np.random.default_rng(99).uniform(200.0, 3000.0, (N_CLASSES, N_BANDS))
    cube = np.moveaxis(materials[truth - 1], -1, 0) * rng.normal(1.0, 0.05, (1, rows, cols))
    cube += rng.normal(0.0, 40.0, cube.shape)
    wrong = np.kron(rng.random((rows // 5 + 1, cols // 5 + 1)) < wrong_share, np.ones((5, 5), bool))[:rows, :cols]
    labels = np.where(wrong, truth % N_CLASSES + 1, truth)
    lead = rng.uniform(0.3, 0.9, truth.shape)
    probabilities = np.repeat(((1.0 - lead) / N_CLASSES)[None], N_CLASSES, axis=0)
    np.put_along_axis(probabilities, labels[None].astype(int) - 1, (lead + (1.0 - lead) / N_CLASSES)[None], axis=0)
    valid = np.ones(truth.shape, bool)
    valid[:3, :4] = False
    probabilities[:, ~valid] = 0.0
    return NoisyScene(cube.astype(np.float32), valid, probabilities.astype(np.float32), truth)


def small_network(bands: int, classes: int) -> nn.Module:
    """A small convolutional network."""
    return nn.Sequential(
        nn.Conv2d(bands, 16, 1),
        nn.GroupNorm(4, 16),
        nn.SiLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.GroupNorm(4, 16),
        nn.SiLU(),
        nn.Conv2d(16, classes, 1),
    )


class Constant(nn.Module):
    """A network whose logits are a constant for each class; its gradient is zero.

    Args:
        logits: Of each class.
    """

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(1, bands, rows, cols) → (1, classes, rows, cols)."""
        shape = (1, self.logits.numel(), *image.shape[2:])
        return self.logits.detach()[None, :, None, None].expand(shape) + 0.0 * self.logits.sum()
