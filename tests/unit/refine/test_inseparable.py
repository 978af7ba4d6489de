# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes of equal evidence share an output of the network, and are ranked in the map as the first stage ranks them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from special_qgis.engine.errors import RefinementError
from special_qgis.engine.probabilities import decide_known
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine.inseparable import MergedPixels, find_outputs, merge_inseparable, merged, shared
from special_qgis.engine.windows import Window
from tests.helpers.listener import Listener
from tests.helpers.refined_cube import ArrayPixels

ROWS, COLS = 300, 20  # two tiles


def scene(rows: np.ndarray, precedence: tuple = ()) -> ArrayPixels:
    """Pixels of which only the first-stage probabilities matter."""
    cube = np.random.default_rng(0).random((3, ROWS, COLS), np.float32)
    return ArrayPixels(cube, np.ones((ROWS, COLS), bool), rows, precedence=precedence or None)


def drawn(n_classes: int, seed: int = 1) -> np.ndarray:
    found = np.random.default_rng(seed).random((n_classes, ROWS, COLS), np.float32)
    return found / found.sum(axis=0)


def with_twins() -> np.ndarray:
    """Five classes, of which the second, the third and the last are alike."""
    found = drawn(3)[[0, 1, 1, 2, 1]]
    return (found / found.sum(axis=0)).astype(np.float32)


def test_classes_of_equal_probabilities_share_an_output_and_others_do_not() -> None:
    assert find_outputs(scene(with_twins()), NullProgress()) == (0, 1, 1, 2, 1)
    assert find_outputs(scene(drawn(4)), NullProgress()) == (0, 1, 2, 3)


def test_classes_that_differ_in_the_last_tile_alone_have_outputs_of_their_own() -> None:
    rows = with_twins()
    rows[2, -1, -1] += np.float32(1e-3)
    assert find_outputs(scene(rows), NullProgress()) == (0, 1, 2, 3, 1)


def test_merged_classes_win_where_one_of_them_would_and_not_more_often() -> None:
    rows = with_twins()
    outputs = (0, 1, 1, 2, 1)
    together = merged(rows, outputs)
    np.testing.assert_allclose(together.sum(axis=0), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(together.argmax(axis=0), np.array(outputs)[rows.argmax(axis=0)])


def test_shared_gives_the_first_stage_back_up_to_scale_and_ranks_as_it_does() -> None:
    rows = drawn(3)[[0, 1, 1, 2]]
    rows[2] *= 0.5  # not equal, so that there is a rank
    rows /= rows.sum(axis=0)
    outputs = (0, 1, 1, 2)
    np.testing.assert_allclose(shared(merged(rows, outputs), outputs, rows), rows, rtol=1e-4)


def test_shared_where_the_first_stage_says_nothing_makes_the_classes_alike() -> None:
    by_output = np.array([[0.25], [0.75]], np.float32)
    found = shared(by_output, (0, 1, 1), np.zeros((3, 1), np.float32))
    np.testing.assert_allclose(found[:, 0], [0.25 / 1.75, 0.75 / 1.75, 0.75 / 1.75], rtol=1e-6)


def test_outputs_of_their_own_are_left_alone() -> None:
    rows = drawn(3)
    assert merged(rows, (0, 1, 2)) is rows
    assert shared(rows, (0, 1, 2), rows) is rows


def test_merged_pixels_show_the_scene_with_the_precedence_of_first_members() -> None:
    pixels = MergedPixels(scene(with_twins(), (4, 3, 0, 1, 2)), (0, 1, 1, 2, 1))
    assert (pixels.n_classes, pixels.precedence) == (3, (1, 2, 0))
    assert pixels.class_names == ("class 1", "class 2 / class 3 / class 5", "class 4")
    window = Window(10, 3, 30, 7)
    np.testing.assert_array_equal(pixels.values(window)[0], scene(with_twins()).values(window)[0])
    by_output, valid = pixels.first_stage(window)
    labels, _ = decide_known(pixels.share(window, by_output), valid, (4, 3, 0, 1, 2))
    expected, _ = decide_known(pixels.by_class(window)[0], valid, (4, 3, 0, 1, 2))
    np.testing.assert_array_equal(labels, expected)


def test_names_that_are_all_inseparable_are_refused_as_nothing_to_learn() -> None:
    rows = np.full((3, ROWS, COLS), 1.0 / 3.0, np.float32)
    with pytest.raises(RefinementError, match="separates none of the classes") as caught:
        merge_inseparable(scene(rows), NullProgress())
    assert caught.value.reason == "inseparable"


def test_classes_learnt_together_are_reported() -> None:
    listener = Listener()
    merge_inseparable(scene(with_twins()), listener)
    assert any("5 classes are learnt as 3" in text for text in listener.infos)
