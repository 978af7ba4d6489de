# SPDX-License-Identifier: GPL-2.0-or-later
"""One step of upsampling by two: kernels from the guide, and a neighbourhood sum of the enlarged source.

Kernels depend on the guide alone, so a step is one linear map that all channels share. Sums over neighbours are
shifted multiply-adds: no buffer ever holds all neighbours of all channels.

Source: Fu et al. 2024, FeatUp, arXiv 2403.10516, section 3.2; Li et al. 2024, SegEarth-OV, arXiv 2410.01768, section
3.2.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from ...errors import InputError
from .weights import JbuStep

__all__ = ["apply_kernels", "check_radius", "double", "learned_kernels", "range_features"]

SMALLEST_SUM = 1e-7  # of a kernel before it is normalised
CORRECTION = 0.1  # share of the learned corrections of kernels and features


def check_radius(rows: int, cols: int, radius: int) -> None:
    """Make sure that a neighbourhood can be reflected at the border.

    Raises:
        InputError: The enlarged features are no larger than the radius.
    """
    if min(rows, cols) <= radius:
        raise InputError(
            f"Features enlarged to {rows} × {cols} are too small for neighbourhoods of radius {radius}; more than "
            f"{radius} each way are needed.",
            "Give a larger window.",
        )


def range_features(step: JbuStep, guide: torch.Tensor) -> torch.Tensor:
    """What the range kernel compares: (batch, channels, rows, cols) → (batch, key, rows, cols)."""
    hidden = functional.gelu(functional.conv2d(guide, step.range_in[:, :, None, None], step.range_in_bias))
    return functional.conv2d(hidden, step.range_out[:, :, None, None], step.range_out_bias)


def learned_kernels(step: JbuStep, guide: torch.Tensor) -> torch.Tensor:
    """Kernels of every pixel.

    The product of the range kernel, a softmax over the neighbours, and the spatial kernel, normalised to sum 1, is
    one softmax of the sum of their logarithms.

    Args:
        step: Weights.
        guide: (batch, channels, rows, cols), the image averaged to the size of the step's result.

    Returns:
        (batch, taps, rows, cols), neighbours row by row.
    """
    rows, cols = int(guide.shape[2]), int(guide.shape[3])
    check_radius(rows, cols, step.radius)
    keys = range_features(step, guide)
    padded = functional.pad(keys, [step.radius] * 4, mode="reflect")
    side = 2 * step.radius + 1
    similarity = torch.stack(
        [(padded[:, :, dy : dy + rows, dx : dx + cols] * keys).sum(1) for dy in range(side) for dx in range(side)],
        dim=1,
    )
    logits = similarity * step.temperature + step.log_spatial()[:, None, None]
    kernels = torch.softmax(logits, dim=1)
    hidden = functional.conv2d(torch.cat([kernels, guide], 1), step.fix_in[:, :, None, None], step.fix_in_bias)
    corrected = functional.conv2d(functional.gelu(hidden), step.fix_out[:, :, None, None], step.fix_out_bias)
    return kernels + CORRECTION * corrected


def double(source: torch.Tensor) -> torch.Tensor:
    """Bicubically twice the size: (batch, channels, rows, cols) → (batch, channels, 2 rows, 2 cols)."""
    size = (2 * int(source.shape[2]), 2 * int(source.shape[3]))
    return functional.interpolate(source, size=size, mode="bicubic", align_corners=False)


def apply_kernels(image: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Sum of every pixel's neighbours, weighted by its kernel; the border is reflected.

    Args:
        image: (batch, channels, rows, cols).
        kernels: (batch, taps, rows, cols).

    Returns:
        (batch, channels, rows, cols).
    """
    side = round(int(kernels.shape[1]) ** 0.5)
    rows, cols = int(image.shape[2]), int(image.shape[3])
    padded = functional.pad(image, [side // 2] * 4, mode="reflect")
    total = torch.zeros_like(image)
    for tap in range(side * side):
        dy, dx = divmod(tap, side)
        total.addcmul_(padded[:, :, dy : dy + rows, dx : dx + cols], kernels[:, tap, None])
    return total
