# SPDX-License-Identifier: GPL-2.0-or-later
"""Training of the demo checkpoint: right answers, a loss that falls, and a run that goes on where it stopped."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")

from demo_clip.augment import draw_batch
from demo_clip.bank import Bank, load_bank, paint_bank
from demo_clip.materials import IDS, NAMES, SHADOW_BIT
from demo_clip.network import build_model
from demo_clip.targets import Queries, dense_loss, patch_shares
from demo_clip.tokens import Rows
from demo_clip.train import Recipe, Share, learning_rate, start, train_step
from demo_clip.vocabulary import teach_words

CPU = torch.device("cpu")
RECIPE = Recipe(steps=8, batch=4, groups=2, together=2, warm_up=2, small_px=32, word_steps=2)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("bank")
    paint_bank(folder, 4, 1, 1)
    return load_bank(folder)


def test_load_bank_without_the_last_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no whole bank"):
        load_bank(tmp_path)


def test_draw_batch_gives_labels_of_known_materials_and_pictures_in_range(bank: Bank) -> None:
    batch = draw_batch(bank, np.random.default_rng(0), 6, 32, CPU)
    assert batch.pictures.shape == (6, 3, 32, 32)
    assert batch.labels.shape == (6, 64, 64)
    assert 0 <= batch.pictures.min() <= batch.pictures.max() <= 1
    assert int((batch.labels & (SHADOW_BIT - 1)).max()) < len(NAMES)


def _queries(lookup: Any) -> Queries:
    return Queries(torch.zeros(2, 24, dtype=torch.long), torch.tensor([[0, 1]]), lookup)


def test_patch_shares_count_pixels_of_each_concept() -> None:
    lookup = torch.full((1, 256), 2)
    lookup[0, IDS["water"]], lookup[0, IDS["grass"]] = 0, 1
    labels = torch.full((1, 4, 8), IDS["water"], dtype=torch.uint8)
    labels[0, :, 4:] = IDS["snow"]
    labels[0, 0, 4:] = IDS["grass"]
    shares = patch_shares(labels, _queries(lookup), 4)
    assert shares.tolist() == [[[1.0, 0.0, 0.0], [0.0, 0.25, 0.75]]]


def test_dense_loss_ignores_unknown_patches_and_is_lower_for_the_right_text() -> None:
    texts = torch.eye(2, 3)
    shares = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    right = torch.tensor([[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    wrong = torch.tensor([[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]])
    queries = _queries(torch.zeros(1, 256, dtype=torch.long))
    low, found = dense_loss(right, texts, shares, queries, 20.0, 0.0)
    high, missed = dense_loss(wrong, texts, shares, queries, 20.0, 0.0)
    assert low < 1e-3 < 15 < high
    assert (float(found), float(missed)) == (1.0, 0.0)


def test_learning_rate_warms_up_stays_and_ends_low() -> None:
    recipe = Recipe(steps=1000)
    rates = [learning_rate(recipe, step) for step in range(1000)]
    assert rates[0] == pytest.approx(recipe.rate / recipe.warm_up)
    assert set(rates[recipe.warm_up : 600]) == {recipe.rate}
    assert rates[-1] == pytest.approx(recipe.rate * recipe.last_rate, rel=0.01)


def test_teach_words_changes_the_text_tower_alone_and_the_same_way_again() -> None:
    rows = Rows.of_words()
    fresh, first, again = (build_model(len(rows.token_ids) + 1, seed=3) for _ in range(3))
    for model in (first, again):
        teach_words(model, rows, seed=4, steps=2)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
        if name.startswith("visual."):
            assert torch.equal(value, fresh.state_dict()[name]), name
    assert not torch.equal(first.token_embedding.weight, fresh.token_embedding.weight)


def test_train_interrupted_run_ends_with_the_weights_of_an_unbroken_one(bank: Bank, tmp_path: Path) -> None:
    rows, share = Rows.of_words(), Share()
    whole = start(RECIPE, bank, rows)
    lines = [train_step(whole, RECIPE, bank, rows, share) for _ in range(8)]

    first = start(RECIPE, bank, rows)
    for _ in range(4):
        train_step(first, RECIPE, bank, rows, share)
    first.save(tmp_path / "training.pt", RECIPE)
    second = start(dataclasses.replace(RECIPE), bank, rows)
    second.load(tmp_path / "training.pt")
    for _ in range(4):
        train_step(second, RECIPE, bank, rows, share)

    assert all(np.isfinite(line["loss"]) for line in lines)
    assert second.step == 8
    for name, value in whole.average.items():
        assert torch.allclose(second.average[name], value, atol=1e-5), name
