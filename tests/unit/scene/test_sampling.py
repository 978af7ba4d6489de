# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples: the same for the same seed, spread over the scene, and independent of memory and file layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from special_qgis.engine.config import SceneConfig
from special_qgis.engine.errors import Cancelled
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.scene.sampling import ROUNDS, WHOLE_SCENE_FACTOR, plan_rounds
from tests.helpers.listener import Listener
from tests.helpers.scene_files import write_raster

NM = [450.0, 550.0, 650.0]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(100, 20_000), st.integers(0, 9))
def test_rounds_of_windows_stay_inside_and_never_overlap(rows, cols, n_px, seed):
    rounds = list(plan_rounds(rows, cols, n_px, seed))
    if rows * cols <= WHOLE_SCENE_FACTOR * n_px:
        assert len(rounds) == 1
    else:
        assert len(rounds) == ROUNDS + 1
    for windows in (rounds[-1], [window for part in rounds[:-1] for window in part]):
        seen = np.zeros((rows, cols), np.uint8)
        for window in windows:
            assert min(window.rows, window.cols) > 0
            assert window.row_off + window.rows <= rows and window.col_off + window.cols <= cols
            seen[window.slices()] += 1
        assert seen.max(initial=0) <= 1
        if windows is rounds[-1]:
            assert seen.min() == 1


@pytest.mark.parametrize("shape", [(10_000, 2_000), (2_000, 10_000), (5_000, 5_000)], ids=str)
def test_first_round_is_about_as_large_as_wanted_and_reaches_every_part(shape):
    windows = next(iter(plan_rounds(*shape, 200_000, 0)))
    assert sum(window.n_px for window in windows) == pytest.approx(200_000, rel=0.2)
    in_part = {(window.row_off * 4 // shape[0], window.col_off * 4 // shape[1]) for window in windows}
    assert len(in_part) == 16


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A scene that is larger than four times the sample, nodata in its left third, in two file layouts."""
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(5)
    cube = rng.integers(1, 30_000, (3, 900, 1200)).astype(np.int16)
    cube[1, :, :400] = -1
    options = {"strips": ["COMPRESS=DEFLATE"], "tiles": ["TILED=YES", "INTERLEAVE=BAND"]}
    paths = [write_raster(folder / f"{key}.tif", cube, NM, -1, options=value) for key, value in options.items()]
    return cube, paths


def draw(path, n_px, seed, **options):
    with open_scene(SceneConfig(str(path), **options)) as scene:
        return scene.sample(n_px, seed)


def test_sample_of_a_large_scene_holds_valid_pixels_at_their_places(large):
    cube, paths = large
    sample = draw(paths[0], 50_000, 7)
    assert 30_000 < sample.n_px <= 50_000
    assert sample.cols.min() >= 400
    assert np.array_equal(sample.spectra, cube[:, sample.rows, sample.cols].T.astype(np.float32))
    assert sample.valid_share == pytest.approx(2 / 3, abs=0.07)
    assert np.all(np.diff(sample.rows * 1200 + sample.cols) > 0)


def test_sample_depends_on_seed_alone(large):
    _, paths = large
    first = draw(paths[0], 40_000, 7)
    for path, budget_bytes in ((paths[0], 1), (paths[1], 0)):
        again = draw(path, 40_000, 7, memory_budget_bytes=budget_bytes)
        assert np.array_equal(first.rows, again.rows)
        assert np.array_equal(first.spectra, again.spectra)
    assert not np.array_equal(first.rows, draw(paths[0], 40_000, 8).rows[: first.rows.size])


def test_small_scene_gives_all_its_valid_pixels(tmp_path):
    cube = np.arange(1, 1201, dtype=np.int16).reshape(3, 20, 20)
    cube[0, 3, 3] = -1
    sample = draw(write_raster(tmp_path / "small.tif", cube, NM, -1), 1000, 0)
    assert sample.n_px == 399


def test_sample_of_fewer_pixels_than_there_are_is_spread_evenly(tmp_path):
    cube = np.ones((3, 300, 300), np.int16) + np.arange(300, dtype=np.int16)
    sample = draw(write_raster(tmp_path / "s.tif", cube, NM), 30_000, 0)
    assert sample.n_px == 30_000
    counts, _, _ = np.histogram2d(sample.rows, sample.cols, bins=3)
    assert counts.min() > 3000 and counts.max() < 3700  # 3333 expected, standard deviation about 46


def test_sample_stops_when_cancelled(large):
    _, paths = large
    listener = Listener()
    with open_scene(SceneConfig(str(paths[0]))) as scene:
        listener.cancelled_at = 0.0
        with pytest.raises(Cancelled):
            scene.sample(1000, 0, listener)
