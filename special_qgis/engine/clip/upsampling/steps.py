# SPDX-License-Identifier: GPL-2.0-or-later
"""One step of upsampling by two: kernels of a neighbourhood of the enlarged source, made from the guide.

Kernels depend on the guide alone, so a step is one linear map that all channels share: ``folding``. No buffer ever
holds all neighbours of all channels.

Source: Fu et al. 2024, FeatUp, arXiv 2403.10516, section 3.2; Li et al. 2024, SegEarth-OV, arXiv 2410.01768,
section 3.2; for kernels without learned weights Kopf et al. 2007, Joint bilateral upsampling, ACM Transactions on
Graphics 26(3), equation 2, here in steps by two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

import torch
from torch.nn import functional

from ...errors import InputError
from .weights import JbuStep

__all__ = ["Level", "kernels_of"]

CORRECTION = 0.1  # share of the learned corrections of kernels and features
BILATERAL_RADIUS = 3  # pixels of the step's result
BILATERAL_SIGMA_PX = 1.5
BILATERAL_SIGMA_GUIDE = 0.5  # of the guide's standard deviation over the scene, whose components have unit variance


@dataclass(frozen=True)
class Level:
    """What the kernels of a step are made from: a softmax over neighbours of query · key + bias, then a correction."""

    guide: torch.Tensor  # (batch, channels, rows, cols), the image averaged to the size of the step's result
    step: Optional[JbuStep] = None  # learned weights; None = kernels fall by Gaussians, and are not corrected

    @property
    def size(self) -> Tuple[int, int]:
        """Rows and columns of the step's result."""
        return int(self.guide.shape[2]), int(self.guide.shape[3])

    @property
    def radius(self) -> int:
        """Of the neighbourhood."""
        return BILATERAL_RADIUS if self.step is None else self.step.radius

    def check(self) -> None:
        """Make sure that neighbourhoods can be reflected at the border.

        Raises:
            InputError: The enlarged features are no larger than the radius.
        """
        if min(self.size) <= self.radius:
            raise InputError(
                f"Features enlarged to {self.size[0]} × {self.size[1]} are too small for neighbourhoods of radius "
                f"{self.radius}; more than {self.radius} each way are needed.",
                "Give a larger window.",
            )

    def bias(self) -> torch.Tensor:
        """Of each neighbour, row by row: (taps,), the logarithm of the spatial kernel."""
        if self.step is not None:
            return self.step.log_spatial()
        place = torch.arange(-BILATERAL_RADIUS, BILATERAL_RADIUS + 1, dtype=self.guide.dtype, device=self.guide.device)
        distance = (place[:, None].square() + place[None, :].square()).flatten()
        return -distance / (2.0 * BILATERAL_SIGMA_PX**2)

    def query_and_key(self) -> Tuple[torch.Tensor, torch.Tensor]:
        """Both (batch, features, rows, cols).

        The learned range kernel is a softmax over neighbours; its product with the spatial kernel, normalised to sum 1,
        is one softmax of the sum of their logarithms. Without weights kernels fall with distance and with unlikeness
        of the guide, both by Gaussians: ``−‖a − b‖²/2σ²`` is ``(a·b − ‖b‖²/2)/σ²`` but for a term that all neighbours
        share.
        """
        step = self.step
        if step is not None:
            hidden = functional.conv2d(self.guide, step.range_in[:, :, None, None], step.range_in_bias)
            key = functional.conv2d(functional.gelu(hidden), step.range_out[:, :, None, None], step.range_out_bias)
            return key * step.temperature, key
        centred = self.guide - self.guide.mean(dim=(2, 3), keepdim=True)  # differences are the same, rounding is less
        query = torch.cat([centred / BILATERAL_SIGMA_GUIDE**2, torch.ones_like(centred[:, :1])], dim=1)
        fall = -centred.square().sum(1, keepdim=True) / (2.0 * BILATERAL_SIGMA_GUIDE**2)
        return query, torch.cat([centred, fall], dim=1)


def kernels_of(level: Level) -> torch.Tensor:
    """Kernels of every pixel: (batch, taps, rows, cols), neighbours row by row."""
    level.check()
    query, key = level.query_and_key()
    likeness = torch.stack([(there * query).sum(1) for there in _neighbours(key, level.radius)], dim=1)
    kernels = torch.softmax(likeness + level.bias()[:, None, None], dim=1)
    step = level.step
    if step is None:
        return kernels
    hidden = functional.conv2d(torch.cat([kernels, level.guide], 1), step.fix_in[:, :, None, None], step.fix_in_bias)
    corrected = functional.conv2d(functional.gelu(hidden), step.fix_out[:, :, None, None], step.fix_out_bias)
    return kernels + CORRECTION * corrected


def _neighbours(image: torch.Tensor, radius: int) -> Iterator[torch.Tensor]:
    """The image shifted to each neighbour in turn, row by row, the border reflected; views of one padded copy."""
    rows, cols = int(image.shape[2]), int(image.shape[3])
    padded = functional.pad(image, [radius] * 4, mode="reflect")
    for dy in range(2 * radius + 1):
        for dx in range(2 * radius + 1):
            yield padded.narrow(2, dy, rows).narrow(3, dx, cols)
