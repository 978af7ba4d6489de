# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")
import torch

from special_qgis.engine.refine.augment import View, add_noise, draw_view

VIEWS = [View(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_view_of_an_oblong_tile_keeps_every_value_and_comes_back_exactly(view: View) -> None:
    image = torch.arange(2 * 5 * 9, dtype=torch.float32).reshape(1, 2, 5, 9)
    seen = view.apply(image)
    assert seen.shape == ((1, 2, 9, 5) if view.quarter_turns % 2 else (1, 2, 5, 9))
    assert torch.equal(seen.flatten().sort().values, image.flatten())  # nothing squeezed or resampled
    assert torch.equal(view.undo(seen), image)


def test_views_are_eight_different_ones_drawn_equally_often() -> None:
    image = torch.arange(9.0).reshape(3, 3)
    assert len({tuple(view.apply(image).flatten().tolist()) for view in VIEWS}) == 8
    rng = np.random.default_rng(0)
    drawn = [draw_view(rng) for _ in range(8000)]
    assert {view: drawn.count(view) > 900 for view in VIEWS} == dict.fromkeys(VIEWS, True)


def test_noise_has_each_band_s_own_spread_and_the_generator_s_values() -> None:
    image = torch.zeros(1, 3, 100, 100)
    spread = torch.tensor([0.0, 0.1, 2.0])
    noisy = add_noise(image, spread, torch.Generator().manual_seed(1))
    np.testing.assert_allclose(noisy[0].flatten(1).std(1).numpy(), spread.numpy(), rtol=0.03)
    assert torch.equal(noisy, add_noise(image, spread, torch.Generator().manual_seed(1)))
    assert not image.any()
