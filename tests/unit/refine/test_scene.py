# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")
import torch

from special_qgis.engine.config import RefineConfig, SceneConfig
from special_qgis.engine.errors import InputError, RasterWriteError
from special_qgis.engine.evidence.tile_store import TileStore
from special_qgis.engine.probabilities import probabilities_of_labels
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine.refinement import predict_tiles
from special_qgis.engine.refine.scene_pixels import ScenePixels
from special_qgis.engine.refine.train import train
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.windows import Window, plan_tiles
from tests.helpers.noisy_scene import small_network
from tests.helpers.refined_cube import refine
from tests.helpers.small_scene import SIDE_PX, truth, write_scene

CLASS_NAMES = ("water", "tree", "bare soil", "asphalt")


def filled_store(probabilities: np.ndarray, valid: np.ndarray) -> TileStore:
    n_classes, rows, cols = probabilities.shape
    store = TileStore(rows, cols, n_classes)
    for tile in plan_tiles(Window(0, 0, rows, cols)):
        in_rows, in_cols = tile.slices()
        store.write(tile, probabilities[:, in_rows, in_cols], valid[in_rows, in_cols])
    return store


@pytest.mark.parametrize(
    "window",
    [Window(0, 0, 300, 530), Window(250, 250, 20, 270), Window(0, 0, 1, 1), Window(299, 529, 1, 1)],
    ids=["all", "across tiles", "first pixel", "last pixel"],
)
def test_tile_store_gives_back_any_window(window: Window) -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), (300, 530)).transpose(2, 0, 1).astype(np.float32)
    valid = rng.random((300, 530)) < 0.7
    rows, cols = window.slices()
    with filled_store(probabilities, valid) as store:
        found, found_valid = store.read(window)
    np.testing.assert_array_equal(found_valid, valid[rows, cols])
    np.testing.assert_allclose(found, np.where(valid, probabilities, 0.0)[:, rows, cols], atol=0.0005)


def test_tile_store_read_before_written_says_so() -> None:
    with TileStore(300, 300, 2) as store, pytest.raises(InputError, match="has not been written"):
        store.read(Window(0, 0, 10, 10))


def test_tile_store_in_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RasterWriteError, match="TMPDIR"):
        TileStore(10, 10, 2, str(tmp_path / "missing"))


def test_scene_of_another_size_than_stage_one_is_refused(tmp_path: Path) -> None:
    source = str(write_scene(tmp_path / "scene.tif"))
    with (
        open_scene(SceneConfig(source)) as scene,
        TileStore(5, 5, 2) as store,
        pytest.raises(InputError, match="5 × 5"),
    ):
        ScenePixels(scene, store, CLASS_NAMES)


def test_scene_on_disk_is_refined_like_the_same_cube_in_memory(tmp_path: Path) -> None:
    config = RefineConfig(epochs=4, iterations_per_epoch=10, warm_up_epochs=2, learning_rate=1e-2)
    labels = truth().copy()
    labels[4:9, 3:12] = 3  # of class 1
    stage = probabilities_of_labels(labels, np.full(labels.shape, 0.5, np.float32), 4)
    with open_scene(SceneConfig(str(write_scene(tmp_path / "scene.tif")))) as scene:
        block = scene.read(scene.area)
        expected = refine(block.values(), block.valid, stage, small_network, config)
        with filled_store(stage, block.valid) as store:
            pixels = ScenePixels(scene, store, CLASS_NAMES)
            trained = train(pixels, small_network, config, 0, torch.device("cpu"), NullProgress())
            ((window, found),) = predict_tiles(trained, pixels, config, NullProgress())
    assert (window.rows, window.cols) == (SIDE_PX, SIDE_PX)
    np.testing.assert_allclose(found, expected.probabilities, atol=0.01)
    assert (found.argmax(axis=0) + 1 == truth()).mean() > 0.98
