# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")
import torch

from special_qgis.engine import config as options
from special_qgis.engine.config import RefineConfig
from special_qgis.engine.mamba.network import UNEVEN_SIDES
from special_qgis.engine.refine.network import network_builder


def logits(config: RefineConfig, image: torch.Tensor) -> np.ndarray:
    """Of a network built with fixed start weights."""
    torch.manual_seed(5)
    with torch.no_grad():
        found: np.ndarray = network_builder(config)(image.shape[1], 3)(image).numpy()
    return found


def test_options_know_the_network_s_ways_with_uneven_sides() -> None:
    assert set(options.UNEVEN_SIDES) == set(UNEVEN_SIDES)


def test_published_network_resizes_uneven_sides_and_ours_repeats_the_edge() -> None:
    image = torch.rand(1, 6, 7, 9, generator=torch.Generator().manual_seed(0))
    wide = torch.nn.functional.interpolate(image, size=(8, 12), mode="bilinear", align_corners=False)
    back = torch.nn.functional.interpolate(
        torch.from_numpy(logits(RefineConfig(), wide)), size=(7, 9), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(logits(RefineConfig.published(), image), back.numpy(), atol=1e-5)
    padded = torch.nn.functional.pad(image, (0, 3, 0, 1), mode="replicate")
    np.testing.assert_allclose(logits(RefineConfig(), image), logits(RefineConfig(), padded)[..., :7, :9], atol=1e-5)


def test_network_of_even_sides_is_the_same_in_both_presets() -> None:
    image = torch.rand(1, 6, 8, 12, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(logits(RefineConfig.published(), image), logits(RefineConfig(), image))
