# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the first stage needs the runtime with PyTorch")

import torch
from torch.nn import functional

from special_qgis.engine.clip import windows as clip_windows
from special_qgis.engine.clip.scaled_image import ScaledImage
from special_qgis.engine.clip.scales import area_taps, automatic_factors, cubic_taps, resample
from special_qgis.engine.clip.source import ArrayColours
from special_qgis.engine.clip.way_back import WayBack, class_probabilities, cut_bands
from special_qgis.engine.clip.windows import (
    RowMerger,
    allocate,
    batches,
    blend_weights,
    plan_offsets,
    plan_windows,
    reflect,
)
from special_qgis.engine.errors import ConfigError, RasterWriteError
from special_qgis.engine.windows import Window

SIZES = [
    pytest.param(64, 64, id="one window"),
    pytest.param(20, 30, id="smaller than a window"),
    pytest.param(20, 201, id="flat"),
    pytest.param(131, 97, id="odd"),
    pytest.param(65, 64, id="one row too many"),
]


def merged(image: np.ndarray, blending: str, patch: int = 8, n_at_once: int = 3) -> np.ndarray:
    """What comes out when every window says what it sees."""
    rows, cols = image.shape[1:]
    plan = plan_windows(rows, cols, 64, 32, (patch, patch))
    padded = reflect(image, plan.rows, plan.cols)
    merger = RowMerger(plan, len(image), blending)
    out = np.full((len(image), plan.rows, plan.cols), np.nan, np.float32)
    for row, top in enumerate(plan.tops):
        for group in batches(plan, n_at_once):
            for col in group:
                left = plan.lefts[col]
                merger.add(row, col, padded[:, top : top + plan.window_rows, left : left + plan.window_cols])
        place, scores = merger.finish(row)
        assert np.isnan(out[:, place.row_off : place.row_off + place.rows]).all()
        out[(slice(None), *place.slices())] = scores
        merger.advance(row)
    return out[:, :rows, :cols]


@pytest.mark.parametrize("blending", ["mean", "hann"])
@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_windows_of_an_identity_give_the_image_back(rows: int, cols: int, blending: str) -> None:
    image = np.random.default_rng(0).random((2, rows, cols)).astype(np.float32)
    np.testing.assert_allclose(merged(image, blending), image, atol=1e-6)


def test_windows_begin_at_the_stride_and_end_at_the_border() -> None:
    assert plan_offsets(1096, 224, 112) == [0, 112, 224, 336, 448, 560, 672, 784, 872]
    assert plan_offsets(224, 224, 112) == [0]
    plan = plan_windows(1096, 715, 224, 112, (16, 16))
    assert (plan.n_windows, plan.rows, plan.cols) == (54, 1096, 715)
    double = plan_windows(2192, 1430, 224, 112, (16, 16))
    assert double.n_windows == 228


def test_image_smaller_than_a_window_becomes_whole_patches() -> None:
    plan = plan_windows(100, 300, 224, 112, (16, 16))
    assert (plan.rows, plan.cols, plan.window_rows, plan.window_cols) == (112, 300, 112, 224)
    tiny = plan_windows(8, 9, 96, 48, (8, 8))
    assert (tiny.window_rows, tiny.window_cols, tiny.n_windows) == (32, 32, 1)


@pytest.mark.parametrize("window_px", [100, 48, 8])
def test_window_that_does_not_fit_the_patches_is_refused(window_px: int) -> None:
    with pytest.raises(ConfigError, match="multiple of the model's patch of 16 pixels and at least 64"):
        plan_windows(500, 500, window_px, 50, (16, 16))


@pytest.mark.parametrize("blending", ["mean", "hann"])
def test_weights_of_all_windows_sum_to_one(blending: str) -> None:
    offsets = tuple(plan_offsets(150, 64, 32))
    total = np.zeros(150)
    for start, weights in zip(offsets, blend_weights(offsets, 64, blending)):
        assert (weights > 0).all()
        total[start : start + 64] += weights
    np.testing.assert_allclose(total, 1.0, rtol=1e-6)


def test_mean_of_windows_is_the_published_one() -> None:
    offsets = (0, 32, 64)
    weights = blend_weights(offsets, 64, "mean")
    np.testing.assert_allclose(weights[0], np.repeat([1.0, 0.5], 32))
    np.testing.assert_allclose(weights[1], np.full(64, 0.5))


def test_hann_windows_that_disagree_show_no_step() -> None:
    image = np.zeros((1, 64, 320), np.float32)
    plan = plan_windows(64, 320, 64, 32, (8, 8))
    merger = RowMerger(plan, 1, "hann")
    for col in range(len(plan.lefts)):
        merger.add(0, col, np.full((1, 64, 64), float(col % 2), np.float32))
    _, scores = merger.finish(0)
    assert float(np.abs(np.diff(scores[0], axis=1)).max()) < 0.06
    assert scores.shape == image.shape


def test_buffer_that_is_large_lies_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clip_windows, "LARGEST_IN_MEMORY_BYTES", 1000)
    large = allocate((100, 100), np.float32, str(tmp_path))
    assert isinstance(large, np.memmap)
    assert not large.any()
    assert list(tmp_path.iterdir()) == []
    image = np.random.default_rng(0).random((2, 131, 97)).astype(np.float32)
    np.testing.assert_allclose(merged(image, "hann"), image, atol=1e-6)
    with pytest.raises(RasterWriteError, match="cannot be made"):
        allocate((100, 100), np.float32, str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("gsd_m", "factors"),
    [
        (None, (1.0, 2.0)),
        (float("nan"), (1.0, 2.0)),
        (0.0, (1.0, 2.0)),
        (1.0, (1.0, 2.0)),
        (0.5, (1.0, 2.0)),
        (1.3, (1.0, 2.0)),
        (0.2, (0.5, 1.0)),
        (0.05, (0.25, 0.5)),
        (0.01, (0.25, 0.5)),
        (3.7, (2.0, 4.0)),
        (10.0, (4.0, 8.0)),
        (30.0, (4.0, 8.0)),
        (300.0, (4.0, 8.0)),
    ],
)
def test_factors_follow_the_size_of_a_pixel(gsd_m: Any, factors: tuple[float, ...]) -> None:
    assert automatic_factors(gsd_m) == factors


@pytest.mark.parametrize("factor", [2, 4, 3])
def test_enlarging_equals_keys_cubic_written_out(factor: int) -> None:
    image = np.random.default_rng(0).random((2, 9, 11)).astype(np.float32)
    size = (9 * factor, 11 * factor)
    found = resample(image, cubic_taps(9, size[0], 0, size[0]), cubic_taps(11, size[1], 0, size[1]))
    # with antialias PyTorch uses a = -1/2, as here; where an image grows it makes no other difference
    wanted = functional.interpolate(torch.from_numpy(image)[None], size=size, mode="bicubic", antialias=True)[0].numpy()
    margin = 2 * factor  # PyTorch leaves out what lies beyond the border, here the border is repeated
    inside = (slice(None), slice(margin, -margin), slice(margin, -margin))
    np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-5)


def test_shrinking_does_not_alias() -> None:
    stripes = np.tile(np.array([0.0, 1.0], np.float32), (1, 64, 32))
    found = resample(stripes, cubic_taps(64, 16, 0, 16), cubic_taps(64, 16, 0, 16))
    np.testing.assert_allclose(found[:, :, 2:-2], 0.5, atol=0.02)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0])
def test_parts_of_a_scaled_image_equal_the_whole(factor: float) -> None:
    rng = np.random.default_rng(0)
    valid = rng.random((37, 51)) > 0.2
    source = ArrayColours(rng.random((3, 37, 51)).astype(np.float32), valid, rng.random((2, 37, 51)).astype(np.float32))
    image = ScaledImage(source, factor)
    whole = image.read(Window(0, 0, image.rows, image.cols), with_guide=True)
    assert whole.rgb.min() >= 0.0
    assert whole.rgb.max() <= 1.0
    rows, cols = max(1, image.rows // 3), max(1, image.cols // 2)
    for window in (Window(0, 0, rows, cols), Window(image.rows - rows, image.cols - cols, rows, cols)):
        part, place = image.read(window, with_guide=True), window.slices()
        np.testing.assert_array_equal(part.rgb, whole.rgb[(slice(None), *place)])
        np.testing.assert_array_equal(part.valid, whole.valid[place])
        np.testing.assert_array_equal(part.guide, whole.guide[(slice(None), *place)])


def test_scaled_image_at_factor_one_is_the_scene() -> None:
    rgb = np.random.default_rng(0).random((3, 20, 30)).astype(np.float32)
    part = ScaledImage(ArrayColours(rgb), 1.0).read(Window(0, 0, 24, 32))
    np.testing.assert_array_equal(part.rgb[:, :20, :30], rgb)
    np.testing.assert_array_equal(part.rgb[:, 20:, :30], rgb[:, 18:14:-1])
    assert part.guide is None


def test_way_back_averages_by_area() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 12, 18)).astype(np.float32)
    back = WayBack((12, 18), (4, 6), np.array([0, 1, 1]), 2.0)
    probabilities = class_probabilities(scores, np.array([0, 1, 1]), 2.0)
    wanted = probabilities.reshape(2, 4, 3, 6, 3).mean(axis=(2, 4))
    back.add(Window(0, 0, 12, 18), scores)
    first, found = back.finished()
    assert first == 0
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 1.5, 2.0, 8.0])
def test_way_back_is_the_same_whatever_rows_come_together(factor: float) -> None:
    rows, cols = 23, 31
    scaled = (round(rows * factor), round(cols * factor))
    scores = np.random.default_rng(0).normal(size=(3, *scaled)).astype(np.float32)
    results = []
    for step in (scaled[0], 7, 1):
        back = WayBack(scaled, (rows, cols), np.array([0, 1, 2]), 5.0)
        parts, expected = [], 0
        for top in range(0, scaled[0], step):
            n = min(step, scaled[0] - top)
            back.add(Window(top, 0, n, scaled[1]), scores[:, top : top + n])
            first, part = back.finished()
            assert first == expected
            expected += part.shape[1]
            parts.append(part)
        results.append(np.concatenate(parts, axis=1))
        assert results[-1].shape == (3, rows, cols)
        np.testing.assert_allclose(results[-1].sum(axis=0), 1.0, atol=1e-5)
        assert results[-1].min() >= 0.0
    np.testing.assert_allclose(results[1], results[0], atol=1e-6)
    np.testing.assert_allclose(results[2], results[0], atol=1e-6)


@pytest.mark.parametrize(("n_in", "n_out"), [(12, 4), (13, 5), (4, 9), (7, 7), (1, 5), (9, 1)])
def test_area_weights_sum_to_one_and_spread_alike(n_in: int, n_out: int) -> None:
    taps = area_taps(n_in, n_out, 0, n_out)
    np.testing.assert_allclose(taps.weights.sum(axis=1), 1.0, atol=1e-6)
    assert taps.indices.min() >= 0
    assert taps.indices.max() < n_in
    if n_in >= n_out:
        shares = np.zeros(n_in)
        np.add.at(shares, taps.indices, taps.weights)
        np.testing.assert_allclose(shares, n_out / n_in, atol=1e-5)


def test_class_takes_the_largest_of_its_queries_after_the_softmax() -> None:
    scores = np.log(np.array([0.1, 0.2, 0.4, 0.3], np.float32))[:, None, None]
    found = class_probabilities(scores, np.array([0, 0, 1, 2]), 1.0)
    np.testing.assert_allclose(found[:, 0, 0], [0.2, 0.4, 0.3], rtol=1e-6)


def test_bands_are_cut_whatever_comes_together() -> None:
    whole = np.arange(2 * 700 * 3, dtype=np.float32).reshape(2, 700, 3)
    for step in (1, 100, 700):
        parts = ((top, whole[:, top : top + step]) for top in range(0, 700, step))
        found = list(cut_bands(parts, 700, 256))
        assert [(first, band.shape[1]) for first, band in found] == [(0, 256), (256, 256), (512, 188)]
        np.testing.assert_array_equal(np.concatenate([band for _, band in found], axis=1), whole)
