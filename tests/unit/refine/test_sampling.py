# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")

from special_qgis.engine.config import RefineConfig
from special_qgis.engine.refine.first_stage import FirstStageTile
from special_qgis.engine.refine.sampling import draw_confident_set, draw_even_set, draw_random_set

PRESENT = np.float32(np.nan)


def tile_of(probabilities: np.ndarray, valid: np.ndarray | None = None) -> FirstStageTile:
    valid = np.ones(probabilities.shape[1:], bool) if valid is None else valid
    return FirstStageTile.of(np.where(valid, probabilities, 0.0).astype(np.float32), valid)


def test_confident_set_draws_each_class_equally_often_and_the_surer_the_more() -> None:
    best = np.array([[0.6, 0.9, 0.6, 0.6]])  # class 2 holds the first two pixels, class 1 the others
    probabilities = np.stack([1.0 - best, best])
    probabilities[:, 0, 2:] = probabilities[::-1, 0, 2:]
    drawn = draw_confident_set(tile_of(probabilities), 100_000, np.full(2, PRESENT), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.index, [0, 1, 2, 3])
    assert drawn.weights[:2].sum() == drawn.weights[2:].sum() == 100_000
    assert drawn.weights[1] / drawn.weights[0] == pytest.approx(0.8 / 0.2, rel=0.05)
    np.testing.assert_array_equal(drawn.targets, [[0, 1], [0, 1], [1, 0], [1, 0]])


def test_confident_set_of_a_class_without_any_confidence_is_uniform() -> None:
    drawn = draw_confident_set(tile_of(np.full((2, 1, 5), 0.5)), 50_000, np.full(2, PRESENT), np.random.default_rng(0))
    np.testing.assert_allclose(drawn.weights, 10_000, rtol=0.06)


def test_confident_set_leaves_out_invalid_and_unlabelled_pixels() -> None:
    probabilities = np.tile(np.array([0.7, 0.3])[:, None, None], (1, 3, 4))
    probabilities[:, 2] = 0.0  # valid, but the first stage says nothing
    valid = np.ones((3, 4), bool)
    valid[0] = False
    drawn = draw_confident_set(tile_of(probabilities, valid), 500, np.full(2, PRESENT), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.index, [4, 5, 6, 7])


def test_confident_set_of_an_absent_class_takes_its_likeliest_pixels_with_stage_one_s_word() -> None:
    probabilities = np.tile(np.array([0.9, 0.1])[:, None, None], (1, 2, 4))
    probabilities[:, 1, 3] = 0.55, 0.45
    absent = np.array([PRESENT, np.float32(0.45)])
    drawn = draw_confident_set(tile_of(probabilities), 100, absent, np.random.default_rng(0))
    place = drawn.index.tolist().index(7)
    assert drawn.weights[place] >= 100  # all draws of the absent class
    assert drawn.targets[place, 1] == pytest.approx(0.45, abs=0.1)
    assert drawn.targets[[i for i in range(drawn.n_px) if i != place], 1].max() == 0.0


def test_confident_set_of_an_absent_class_never_takes_pixels_without_probability() -> None:
    probabilities = np.stack([np.ones((2, 3)), np.zeros((2, 3))])
    absent = np.array([PRESENT, np.float32(0.0)])
    drawn = draw_confident_set(tile_of(probabilities), 10, absent, np.random.default_rng(0))
    assert drawn.weights.sum() == 10
    assert drawn.targets[:, 1].max() == 0.0


def test_confident_set_of_a_tile_without_labels_is_empty() -> None:
    drawn = draw_confident_set(tile_of(np.zeros((3, 2, 2))), 10, np.full(3, PRESENT), np.random.default_rng(0))
    assert drawn.n_px == 0
    assert drawn.targets.shape == (0, 3)


def test_even_set_draws_all_pixels_of_a_class_alike_and_stands_for_the_tile() -> None:
    probabilities = np.tile(np.array([0.55, 0.45])[:, None, None], (1, 40, 50))
    probabilities[:, :, :10] = np.array([0.2, 0.8])[:, None, None]
    probabilities[:, :, 30:] = np.array([0.99, 0.01])[:, None, None]
    drawn = draw_even_set(tile_of(probabilities), 200, np.full(2, PRESENT), np.random.default_rng(0))
    assert drawn.n_px == 400
    second = probabilities[1].ravel()[drawn.index] > 0.5
    assert drawn.weights[second].sum() == pytest.approx(400)  # of 2000 pixels in the class
    assert drawn.weights[~second].sum() == pytest.approx(1600)
    sure = probabilities[0].ravel()[drawn.index] > 0.9
    assert sure.sum() == pytest.approx(100, abs=25)  # 800 of the first class's 1600 pixels, however sure they are
    np.testing.assert_array_equal(drawn.targets, tile_of(probabilities).probabilities.reshape(2, -1)[:, drawn.index].T)


def test_even_set_of_a_small_class_takes_each_pixel_once() -> None:
    probabilities = np.tile(np.array([0.9, 0.1])[:, None, None], (1, 4, 5))
    probabilities[:, 0, :3] = np.array([0.1, 0.9])[:, None]
    drawn = draw_even_set(tile_of(probabilities), 500, np.full(2, PRESENT), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.index, np.arange(20))
    np.testing.assert_array_equal(drawn.weights, 1.0)


def test_even_set_always_holds_the_likeliest_pixels_of_an_absent_class() -> None:
    probabilities = np.tile(np.array([0.9, 0.1])[:, None, None], (1, 100, 100))
    probabilities[:, 50, 50] = 0.55, 0.45
    absent = np.array([PRESENT, np.float32(0.45)])
    drawn = draw_even_set(tile_of(probabilities), 10, absent, np.random.default_rng(0))
    assert 5050 in drawn.index


def test_even_set_with_a_power_sharpens_targets_and_keeps_ranks_and_ties() -> None:
    probabilities = np.tile(np.array([0.4, 0.4, 0.2])[:, None, None], (1, 1, 2))
    probabilities[:, 0, 1] = 0.5, 0.3, 0.2
    drawn = draw_even_set(tile_of(probabilities), 10, np.full(3, PRESENT), np.random.default_rng(0), target_power=2.0)
    expected = np.array([[16, 16, 4], [25, 9, 4]]) / np.array([[36], [38]])
    np.testing.assert_allclose(drawn.targets, expected, rtol=1e-5)


@pytest.mark.parametrize(("balance", "expected"), [(0.0, 90 / 10), (0.5, 3.0), (1.0, 1.0)])
def test_even_set_balances_classes_between_their_shares_and_all_alike(balance: float, expected: float) -> None:
    probabilities = np.tile(np.array([0.9, 0.1])[:, None, None], (1, 10, 10))
    probabilities[:, 0] = np.array([0.1, 0.9])[:, None]
    drawn = draw_even_set(tile_of(probabilities), 50, np.full(2, PRESENT), np.random.default_rng(0), 1.0, balance)
    second = drawn.targets[:, 1] > 0.5
    assert drawn.weights[~second].sum() / drawn.weights[second].sum() == pytest.approx(expected, rel=1e-5)


def test_random_set_is_drawn_in_the_way_that_options_name() -> None:
    tile = tile_of(np.tile(np.array([0.7, 0.3])[:, None, None], (1, 5, 5)))
    absent = np.full(2, PRESENT)
    ours = draw_random_set(tile, RefineConfig(target_power=1.0), absent, np.random.default_rng(0))
    published = draw_random_set(tile, RefineConfig.published(), absent, np.random.default_rng(0))
    np.testing.assert_allclose(ours.targets, [[0.7, 0.3]] * 25, rtol=1e-6)
    np.testing.assert_array_equal(published.targets, [[1.0, 0.0]] * published.n_px)
    assert published.weights.sum() == RefineConfig().random_px
