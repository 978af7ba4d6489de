# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stage as it is usually written: a window at a time, all channels upsampled, neighbours gathered by unfold.

The yardstick of ``clip_speed``: nothing here is compressed, shared or compiled. The buffer of unfold has 121
neighbours of every channel; 64 channels are gathered at once, since those of all 512 need 11.6 GiB.
"""

from __future__ import annotations

from typing import Any, Dict

import torch
from torch.nn import functional

from tests.helpers.plain_dense import plain_dense_features

CHANNELS_AT_ONCE = 64
SIDE = 11


def unfolded(image: torch.Tensor) -> torch.Tensor:
    """(1, channels, rows, cols) → (1, channels, 121, rows, cols), the border reflected."""
    rows, cols = image.shape[2:]
    padded = functional.pad(image, [SIDE // 2] * 4, mode="reflect")
    return functional.unfold(padded, SIDE).reshape(1, image.shape[1], SIDE * SIDE, rows, cols)


def kernels(state: Dict[str, torch.Tensor], guide: torch.Tensor) -> torch.Tensor:
    """(1, 121, rows, cols) kernels of JBU one for a guide of its size."""
    part = {key[len("upsampler.up.") :]: value for key, value in state.items() if key.startswith("upsampler.up.")}
    hidden = functional.conv2d(guide, part["range_proj.0.weight"], part["range_proj.0.bias"])
    keys = functional.conv2d(functional.gelu(hidden), part["range_proj.3.weight"], part["range_proj.3.bias"])
    likeness = (unfolded(keys) * keys[:, :, None]).sum(1)
    ranged = torch.softmax(part["range_temp"].exp() * likeness, dim=1)
    place = torch.linspace(-1.0, 1.0, SIDE)
    distance = place[:, None] ** 2 + place[None, :] ** 2
    spatial = torch.exp(-distance / (2.0 * part["sigma_spatial"] ** 2)).reshape(1, -1, 1, 1)
    kernel = ranged * spatial
    kernel = kernel / kernel.sum(1, keepdim=True)
    inside = torch.cat([kernel, guide], dim=1)
    inside = functional.gelu(functional.conv2d(inside, part["fixup_proj.0.weight"], part["fixup_proj.0.bias"]))
    return kernel + 0.1 * functional.conv2d(inside, part["fixup_proj.3.weight"], part["fixup_proj.3.bias"])


def upsampled(state: Dict[str, torch.Tensor], features: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
    """(1, channels, rows, cols) → sixteen times the size, all channels."""
    for _ in range(4):
        rows, cols = 2 * features.shape[2], 2 * features.shape[3]
        kernel = kernels(state, functional.adaptive_avg_pool2d(guide, (rows, cols)))
        large = functional.interpolate(features, size=(rows, cols), mode="bicubic", align_corners=False)
        features = torch.cat(
            [(unfolded(part) * kernel[:, None]).sum(2) for part in large.split(CHANNELS_AT_ONCE, dim=1)], dim=1
        )
    fix = functional.conv2d(features, state["upsampler.fixup_proj.1.weight"], state["upsampler.fixup_proj.1.bias"])
    return features + 0.1 * fix


@torch.inference_mode()
def plain_scores(
    visual: Any, state: Dict[str, torch.Tensor], queries: torch.Tensor, image: torch.Tensor, debias: float
) -> torch.Tensor:
    """Scores of one window.

    Args:
        visual: Tower, float32.
        state: State dict of JBU one, float32.
        queries: (queries, dimensions).
        image: (1, 3, rows, cols), normalised.
        debias: Share of the class token's cosine that is taken off.

    Returns:
        (queries, rows, cols).
    """
    features, first = plain_dense_features(visual, image)
    large = functional.normalize(upsampled(state, features, image), dim=1)
    offsets = debias * functional.normalize(first, dim=1) @ queries.T
    return torch.einsum("bdij,qd->qij", large, queries) - offsets[0, :, None, None]
