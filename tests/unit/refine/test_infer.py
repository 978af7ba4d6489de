# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")

from special_qgis.engine.errors import Cancelled
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine.infer import plan_offsets, predict_blended, ramp
from special_qgis.engine.windows import Window, plan_tiles
from tests.helpers.listener import Listener


def merged(rows: int, cols: int, window_px: int, overlap_px: int, image: np.ndarray) -> np.ndarray:
    """What comes out when every window predicts the image's own values."""
    out = np.full_like(image, np.nan)
    tiles = []
    for tile, part in predict_blended(
        rows, cols, len(image), window_px, overlap_px, lambda w: image[(slice(None), *w.slices())], NullProgress()
    ):
        assert np.isnan(out[(slice(None), *tile.slices())]).all()
        out[(slice(None), *tile.slices())] = part
        tiles.append(tile)
    assert tiles == plan_tiles(Window(0, 0, rows, cols))
    return out


@pytest.mark.parametrize(
    ("rows", "cols", "window_px", "overlap_px"),
    [
        pytest.param(40, 50, 64, 16, id="one window"),
        pytest.param(10, 700, 64, 16, id="flat, many windows"),
        pytest.param(301, 517, 64, 16, id="odd sizes"),
        pytest.param(300, 300, 100, 25, id="three of a side"),
        pytest.param(257, 513, 256, 0, id="no overlap wanted"),
        pytest.param(65, 64, 64, 16, id="one row too many"),
    ],
)
def test_blended_windows_of_an_identity_give_the_image_back(
    rows: int, cols: int, window_px: int, overlap_px: int
) -> None:
    image = np.random.default_rng(0).random((2, rows, cols)).astype(np.float32)
    np.testing.assert_allclose(merged(rows, cols, window_px, overlap_px, image), image, rtol=1e-5)


def test_blended_windows_that_disagree_show_no_seam() -> None:
    count = iter(range(1000))

    def predict(window: Window) -> np.ndarray:
        return np.full((1, window.rows, window.cols), float(next(count) % 2), np.float32)

    parts = dict(predict_blended(200, 200, 1, 64, 16, predict, NullProgress()))
    (blended,) = parts.values()
    assert blended.min() == 0.0
    assert blended.max() == 1.0
    largest_step = max(np.abs(np.diff(blended[0], axis=axis)).max() for axis in (0, 1))
    assert largest_step <= 1.5 / 16  # cutting windows at a line would give a step of 1


def test_offsets_are_spread_evenly_and_end_at_the_border() -> None:
    offsets = plan_offsets(1000, 256, 32)
    assert offsets[0] == 0
    assert offsets[-1] == 744
    assert np.ptp(np.diff(offsets)) <= 1
    assert (np.diff(offsets) <= 256 - 32).all()


def test_ramps_of_neighbours_sum_to_one() -> None:
    offsets = plan_offsets(100, 40, 10)
    total = np.zeros(100)
    for number, start in enumerate(offsets):
        total[start : start + 40] += ramp(offsets, number, 40)
    np.testing.assert_allclose(total, 1.0, rtol=1e-6)


def test_blending_holds_little_more_than_a_row_of_windows() -> None:
    held = []

    def predict(window: Window) -> np.ndarray:
        held.append(window.row_off)
        return np.zeros((1, window.rows, window.cols), np.float32)

    reached = []
    for tile, _ in predict_blended(3000, 64, 1, 64, 16, predict, NullProgress()):
        reached.append((max(held) + 64) - tile.row_off)
    assert max(reached) <= 256 + 64


def test_blending_when_cancelled_stops_before_the_next_window() -> None:
    listener = Listener()
    seen = []

    def predict(window: Window) -> np.ndarray:
        seen.append(window)
        listener.cancel()
        return np.zeros((1, window.rows, window.cols), np.float32)

    with pytest.raises(Cancelled):
        list(predict_blended(300, 300, 1, 64, 16, predict, listener))
    assert len(seen) == 1
