# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs PyTorch")

import torch
from torch import nn

from special_qgis.engine.refine.fixed_norms import fix_norms, recorded_norms
from tests.helpers.noisy_scene import small_network


def images(n: int, side: int = 12) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return [torch.rand(1, 8, side, side + i, generator=generator) * (i + 1) for i in range(n)]


def network() -> nn.Module:
    torch.manual_seed(0)
    return small_network(8, 3).eval()


@torch.no_grad()
def test_fixed_on_one_image_gives_the_same_for_that_image() -> None:
    made, image = network(), images(1)[0]
    expected = made(image)
    with recorded_norms(made) as found:
        made(image)
    fix_norms(made, found)
    torch.testing.assert_close(made(image), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_recorded_statistics_are_those_of_all_pixels_of_all_images() -> None:
    made = network()
    with recorded_norms(made) as found:
        for image in images(3):
            made(image)
    seen = np.concatenate([made[0](image).numpy().reshape(4, 4, -1) for image in images(3)], axis=2).reshape(4, -1)
    np.testing.assert_allclose(found["1"][0], seen.mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(found["1"][1], seen.var(axis=1), rtol=1e-4)


@torch.no_grad()
def test_fixed_network_looks_at_each_window_alike() -> None:
    made, image = network(), images(1, 32)[0]
    with recorded_norms(made) as found:
        made(image)
    plain_part = made(image[..., :16])[..., 2:-2, 2:-2]
    assert not torch.allclose(plain_part, made(image)[..., 2:-2, 2:14], atol=1e-4)  # what is being repaired
    fix_norms(made, found)
    torch.testing.assert_close(made(image[..., :16])[..., 2:-2, 2:-2], made(image)[..., 2:-2, 2:14])


def test_statistics_that_do_not_fit_are_refused() -> None:
    made = network()
    good = (torch.zeros(4), torch.ones(4))
    with pytest.raises(KeyError):
        fix_norms(made, {"1": good})
    for bad in ((torch.zeros(3), torch.ones(3)), (torch.zeros(4), -torch.ones(4))):
        with pytest.raises(ValueError, match="do not fit"):
            fix_norms(network(), {"1": good, "4": bad})
