# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole of a learned upsampler for features with all their channels, by the parts that the stage is made of."""

from __future__ import annotations

from typing import Any, Mapping, Union

import torch
from torch.nn import functional

from special_qgis.engine.clip.upsampling.steps import CORRECTION
from special_qgis.engine.clip.upsampling.upsamplers import Learned
from special_qgis.engine.clip.upsampling.weights import JbuWeights, read_weights


def upsample(
    state: Union[Mapping[str, Any], JbuWeights], features: torch.Tensor, guide: torch.Tensor, n_steps: int = 4
) -> torch.Tensor:
    """Upsample features by a learned upsampler, JBU one or JBU stack, whichever the state dict holds.

    Args:
        state: State dict with the keys that ``weights`` lists, or weights already read.
        features: (batch, dimensions, rows, cols), one vector per patch.
        guide: (batch, 3, image rows, image cols), the image as the model sees it.
        n_steps: Steps by two.

    Returns:
        (batch, dimensions, rows · 2ⁿ, cols · 2ⁿ) in the features' type.

    Raises:
        ConfigError: The state dict is of another kind, or has too few steps.
        InputError: There are too few patches.
    """
    weights = read_weights(state).to(features.device, features.dtype)
    spread = Learned(weights, n_steps).plan(guide.to(features.dtype), (int(features.shape[2]), int(features.shape[3])))(
        features
    )
    fixed = functional.conv2d(spread, weights.fix[:, :, None, None], weights.fix_bias)
    return spread + CORRECTION * fixed
