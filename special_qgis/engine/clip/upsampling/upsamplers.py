# SPDX-License-Identifier: GPL-2.0-or-later
"""Upsamplers: from one vector per patch to one per pixel, guided by the image.

Every upsampler is a linear map of space that all channels share, made from a guide by ``plan``.
"""

from __future__ import annotations

from typing import List, Protocol, Sequence, Tuple

import torch
from torch.nn import functional

from ...errors import InputError
from .folding import apply_folded, fold_kernels
from .steps import Level, kernels_of
from .weights import JbuWeights

__all__ = ["Bilateral", "Bilinear", "Learned", "SpatialMap", "StepMap", "Upsampler"]


class SpatialMap(Protocol):
    """A linear map of space, the same for all channels."""

    def __call__(self, maps: torch.Tensor) -> torch.Tensor:
        """(batch, channels, rows, cols) → (batch, channels, more rows, more cols)."""


class Upsampler(Protocol):
    """Makes linear maps from guides."""

    def plan(self, guide: torch.Tensor, grid: Tuple[int, int]) -> SpatialMap:
        """The map for a guide of (batch, channels, image rows, image cols) and a grid of patches."""


class StepMap:
    """Enlarge by two and sum over neighbours, once for each level.

    Args:
        levels: What the kernels are made from, smallest first.
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        self.levels = levels
        self._kernels: List[torch.Tensor] = []

    def __call__(self, maps: torch.Tensor) -> torch.Tensor:
        """(batch, channels, rows, cols) → (batch, channels, rows · 2ⁿ, cols · 2ⁿ)."""
        self._kernels = self._kernels or [fold_kernels(kernels_of(level)) for level in self.levels]
        for kernels in self._kernels:
            maps = apply_folded(maps, kernels)
        return maps


class Learned:
    """Joint bilateral upsampling with learned kernels.

    Args:
        weights: Weights of the upsampler.
        n_steps: Number of steps, each of which enlarges by two.

    Raises:
        InputError: The upsampler has fewer steps.
    """

    def __init__(self, weights: JbuWeights, n_steps: int) -> None:
        if n_steps < 1 or n_steps > max(weights.n_steps(2.0**n_steps), 1):
            raise InputError(f"The upsampler has {len(weights.steps)} steps; {n_steps} were asked for.")
        self._weights, self._n_steps = weights, n_steps

    def plan(self, guide: torch.Tensor, grid: Tuple[int, int]) -> SpatialMap:
        """The map for a guide, the image as the model sees it."""
        levels = guide_levels(guide, grid, self._n_steps)
        return StepMap([Level(level, self._weights.step(n)) for n, level in enumerate(levels)])


class Bilateral:
    """Joint bilateral upsampling without learned weights, guided by the spectra.

    Args:
        n_steps: Number of steps, each of which enlarges by two.
    """

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps

    def plan(self, guide: torch.Tensor, grid: Tuple[int, int]) -> SpatialMap:
        """The map for a guide, principal components of unit variance, or any image."""
        return StepMap([Level(level) for level in guide_levels(guide, grid, self._n_steps)])


class Bilinear:
    """Plain bilinear interpolation to the guide's size; what the guide shows makes no difference."""

    def plan(self, guide: torch.Tensor, grid: Tuple[int, int]) -> SpatialMap:
        """The map to the guide's size."""
        size = (int(guide.shape[2]), int(guide.shape[3]))

        def enlarge(maps: torch.Tensor) -> torch.Tensor:
            return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)

        return enlarge


def guide_levels(guide: torch.Tensor, grid: Tuple[int, int], n_steps: int) -> List[torch.Tensor]:
    """The guide averaged to the size of each step's result."""
    return [
        functional.adaptive_avg_pool2d(guide, (grid[0] * 2**step, grid[1] * 2**step)) for step in range(1, n_steps + 1)
    ]
