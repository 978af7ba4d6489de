# SPDX-License-Identifier: GPL-2.0-or-later
"""Random views of a training image: quarter turns, mirroring, noise; logits are mapped back to the image's pixels.

A quarter turn swaps rows and columns, so an image of 60 × 90 pixels becomes one of 90 × 60: no pixel is resampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class View:
    """One way to look at a tile."""

    quarter_turns: int  # counter-clockwise, 0 to 3
    mirrored: bool  # left to right, after turning

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """(…, rows, cols) turned and mirrored; sides are swapped by odd turns."""
        turned = torch.rot90(image, self.quarter_turns, (-2, -1))
        return torch.flip(turned, (-1,)) if self.mirrored else turned

    def undo(self, image: torch.Tensor) -> torch.Tensor:
        """Back to the pixels that ``apply`` started from."""
        turned = torch.flip(image, (-1,)) if self.mirrored else image
        return torch.rot90(turned, -self.quarter_turns, (-2, -1))


def draw_view(generator: np.random.Generator) -> View:
    """A view drawn at random, all eight equally likely."""
    return View(int(generator.integers(4)), bool(generator.integers(2)))


def add_noise(image: torch.Tensor, spread: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Independent Gaussian noise on every value.

    Args:
        image: (1, bands, rows, cols) float32; not changed.
        spread: (bands,) float32, standard deviation of the noise in each band, on the image's device.
        generator: Random generator, on the image's device.

    Returns:
        (1, bands, rows, cols) float32 in the memory format ``channels_last``.
    """
    bands_last = image.permute(0, 2, 3, 1)
    noise = torch.randn(bands_last.shape, generator=generator, device=image.device, dtype=image.dtype)
    return noise.mul_(spread).add_(bands_last).permute(0, 3, 1, 2)
