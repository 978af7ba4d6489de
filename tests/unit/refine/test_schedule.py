# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")
import torch

from special_qgis.engine.refine.ema import WeightAverage
from special_qgis.engine.refine.losses import PixelSet, soft_cross_entropy
from special_qgis.engine.refine.schedule import cosine_rate


def test_rate_falls_along_a_cosine_from_first_to_last_step() -> None:
    rates = [cosine_rate(step, 401, 1e-3, 1e-4) for step in range(401)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[200] == pytest.approx(5.5e-4)
    assert rates[400] == pytest.approx(1e-4)
    assert (np.diff(rates) < 0).all()


@pytest.mark.parametrize("n_steps", [1, 2], ids=str)
def test_rate_of_very_short_training_is_within_bounds(n_steps: int) -> None:
    assert 1e-4 <= cosine_rate(n_steps - 1, n_steps, 1e-3, 1e-4) <= 1e-3


def test_rate_beyond_the_end_stays_at_the_last() -> None:
    assert cosine_rate(1000, 10, 1e-3, 1e-4) == pytest.approx(1e-4)


def test_average_of_weights_is_the_exponential_mean() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    average = WeightAverage(layer, 0.9)
    values = [1.0, 4.0, -2.0]
    for value in values:
        with torch.no_grad():
            layer.weight.fill_(value)
        average.update()
    weights = 0.9 ** np.arange(2, -1, -1)
    expected = float((weights * values).sum() / weights.sum())
    assert average.weights()["weight"].item() == pytest.approx(expected)
    assert layer.weight.item() == -2.0


@pytest.mark.parametrize("n_updates", [0, 3], ids=["none taken in", "no decay"])
def test_average_without_decay_or_updates_is_the_last_weights(n_updates: int) -> None:
    layer = torch.nn.BatchNorm1d(2)  # has an integer buffer
    average = WeightAverage(layer, 0.0)
    for value in range(n_updates):
        with torch.no_grad():
            layer.weight.fill_(value)
        average.update()
    for name, value in layer.state_dict().items():
        assert torch.equal(average.weights()[name], value)


def test_loss_equals_torch_s_weighted_cross_entropy_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 30, dtype=torch.float64, requires_grad=True)
    index = np.array([3, 4, 20])
    targets = np.random.default_rng(0).dirichlet(np.ones(4), 3).astype(np.float32)
    weights = np.array([1.0, 5.0, 2.0], np.float32)
    loss = soft_cross_entropy(torch.log_softmax(logits, 0), PixelSet(index, targets, weights))
    (gradient,) = torch.autograd.grad(loss, logits)
    each = torch.nn.functional.cross_entropy(
        logits[:, index].T, torch.tensor(targets, dtype=torch.float64), reduction="none"
    )
    expected = (each * torch.tensor(weights)).sum() / 8.0
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-5, atol=1e-7)


def test_loss_of_an_empty_set_is_zero() -> None:
    empty = PixelSet(np.zeros(0, np.int64), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))
    assert soft_cross_entropy(torch.zeros(2, 4), empty).item() == 0.0
