# SPDX-License-Identifier: GPL-2.0-or-later
"""The painter of the demo checkpoint's training scenes: its masks belong to its pictures, and chance has one seed."""

from __future__ import annotations

import numpy as np
import pytest
from demo_clip.canvas import Canvas
from demo_clip.fields import Atlas, cell_noise, split_axis
from demo_clip.materials import IDS, NAMES, SHADOW_BIT
from demo_clip.painter import ATLAS_SEED, FINE, _cast_shadows, _commonest_of_blocks, paint_scene

SIDE_PX = 96
N_SEEDS = 60


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return Atlas.make(ATLAS_SEED)


@pytest.fixture
def canvas(atlas: Atlas) -> Canvas:
    return Canvas(np.random.default_rng(3), atlas, 64, 0.5)


def test_paint_scene_same_seed_gives_same_scene(atlas: Atlas) -> None:
    first, again, other = (paint_scene(seed, atlas, SIDE_PX) for seed in (5, 5, 6))
    assert np.array_equal(first.reflectance, again.reflectance)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.labels, other.labels)


def test_paint_scene_over_seeds_shows_every_material_and_shadows(atlas: Atlas) -> None:
    seen = np.zeros(256, bool)
    for seed in range(N_SEEDS):
        scene = paint_scene(seed, atlas, SIDE_PX)
        assert scene.reflectance.shape == (SIDE_PX, SIDE_PX, 3)
        assert np.isfinite(scene.reflectance).all()
        assert scene.reflectance.min() >= 0
        seen[np.unique(scene.labels)] = True
    material = seen[: len(NAMES)] | seen[SHADOW_BIT : SHADOW_BIT + len(NAMES)]
    assert [name for name, found in zip(NAMES, material) if not found] == []
    assert seen[SHADOW_BIT:].any()
    assert not seen[len(NAMES) : SHADOW_BIT].any()


def test_put_material_changes_the_mask_and_nothing_else(canvas: Canvas) -> None:
    mask = canvas.noise(2) > 0.3
    canvas.put(canvas.everywhere(), "grass")
    canvas.put(mask, "flat roof", height=6.0)
    assert np.array_equal(canvas.is_one_of("flat roof"), mask)
    assert np.array_equal(canvas.height == 6.0, mask)
    assert np.array_equal(canvas.material == IDS["grass"], ~mask)


def test_commonest_of_blocks_majority_wins() -> None:
    labels = np.array([[1, 1, 4, 5], [2, 1, 5, 5]], np.uint8)
    assert FINE == 2
    assert _commonest_of_blocks(np.vstack([labels, labels])).tolist() == [[1, 5], [1, 5]]


def test_cast_shadows_single_tower_falls_away_from_the_sun(canvas: Canvas) -> None:
    canvas.height[30:34, 30:34] = 5.0
    shadow = _cast_shadows(canvas, right=1.0, down=0.0, rise=1.0)  # 5 m at 45 degrees: 10 fine pixels
    rows, cols = np.nonzero(shadow)
    assert set(rows) == set(range(30, 34))
    assert cols.min() == 34
    assert 40 <= cols.max() <= 43


def test_cell_noise_distance_equals_brute_force_over_all_points() -> None:
    distance, number = cell_noise(np.random.default_rng(0), 8, 32)
    jitter = np.random.default_rng(0).uniform(0.1, 0.9, (2, 4, 4))
    i, j = np.meshgrid(np.arange(-4, 8), np.arange(-4, 8), indexing="ij")
    points = np.stack([i + jitter[0, i % 4, j % 4], j + jitter[1, i % 4, j % 4]], axis=-1).reshape(-1, 2)
    for row, col in ((0, 0), (31, 31), (13, 7)):
        nearest = np.hypot(*(points - [row / 8, col / 8]).T).min()
        assert distance[row, col] == pytest.approx(nearest, abs=1e-5)
    assert len(np.unique(number)) <= 16


def test_split_axis_positions_lie_inside_their_intervals() -> None:
    at = np.linspace(0, 500, 997).reshape(-1, 1)
    index, inside, length = split_axis(np.random.default_rng(1), at, 20.0, 60.0)
    assert (np.diff(index[:, 0]) >= 0).all()
    assert (inside >= 0).all()
    assert (inside <= length + 1e-3).all()
    assert (length[index < index.max()] >= 20.0 - 1e-3).all()
