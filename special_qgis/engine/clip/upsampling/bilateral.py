# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels of joint bilateral upsampling without learned weights: neighbours count by nearness and by like spectra.

Source: Kopf et al. 2007, Joint bilateral upsampling, ACM Transactions on Graphics 26(3), equation 2, applied in
steps by two.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from .steps import check_radius

__all__ = ["bilateral_kernels"]

RADIUS = 3  # pixels of the step's result
SPATIAL_SIGMA_PX = 1.5
RANGE_SIGMA = 0.5  # of the guide's standard deviation over the scene, whose components have unit variance


def bilateral_kernels(guide: torch.Tensor) -> torch.Tensor:
    """Kernels of every pixel, each of sum 1.

    Args:
        guide: (batch, components, rows, cols), averaged to the size of the step's result.

    Returns:
        (batch, taps, rows, cols), neighbours row by row.
    """
    rows, cols = int(guide.shape[2]), int(guide.shape[3])
    check_radius(rows, cols, RADIUS)
    padded = functional.pad(guide, [RADIUS] * 4, mode="reflect")
    logits = []
    for dy in range(-RADIUS, RADIUS + 1):
        for dx in range(-RADIUS, RADIUS + 1):
            there = padded[:, :, RADIUS + dy : RADIUS + dy + rows, RADIUS + dx : RADIUS + dx + cols]
            unlike = (there - guide).square().sum(1) / (2.0 * RANGE_SIGMA**2)
            logits.append(-unlike - (dy**2 + dx**2) / (2.0 * SPATIAL_SIGMA_PX**2))
    return torch.softmax(torch.stack(logits, dim=1), dim=1)
