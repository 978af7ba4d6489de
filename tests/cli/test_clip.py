# SPDX-License-Identifier: GPL-2.0-or-later
"""From a checkpoint on disk to a map that CLIP drives: one import, one run, on every real scene; and a cancel."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from osgeo import gdal

pytest.importorskip("torch", reason="CLIP needs PyTorch")
pytest.importorskip("open_clip", reason="CLIP needs open_clip")

from special_qgis.engine.config import ClassifyConfig, ClipConfig, OutputConfig, SceneConfig
from special_qgis.process.interpreters import Interpreter
from special_qgis.process.worker_client import WorkerCancelled, run_job
from tests.helpers import small_scene
from tests.helpers.listener import Listener
from tests.helpers.qgis_process import QgisProcess
from tests.helpers.tiny_clip import make_tiny_clip, tiny_config

SCENES = ["aviris_park.img", "enmap_potsdam.tif", "jasper_ridge.img", "pavia_bridge.tif", "samson.tif"]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "Modelle ä"
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(folder))
    return folder


def test_one_import_and_one_run_give_a_map_by_clip(
    qgis_process: QgisProcess, with_runtime: str, models: Path, tmp_path: Path
) -> None:
    file = make_tiny_clip(tmp_path / "open_clip_pytorch_model.safetensors")
    done = qgis_process.run_algorithm("special:installmodel", {"FILE": file, "NAME": "mine"})
    assert done.rc == 0, done.stdout + done.errors
    scene = small_scene.write_scene(tmp_path / "scene.tif")
    outputs = {"OUTPUT": tmp_path / "map.tif", "AGREEMENT": tmp_path / "a.tif", "REPORT": tmp_path / "r.html"}
    given = {"INPUT": scene, "CLASSES": small_scene.CLASSES, "TEMPLATES": "remote_sensing", **outputs}
    done = qgis_process.run_algorithm("special:pseudolabels", given)
    assert done.rc == 0, done.stdout + done.errors
    assert "mine" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert gdal.Open(str(tmp_path / "a.tif")).ReadAsArray().max() <= 1.0


@pytest.mark.parametrize("name", SCENES, ids=lambda name: name.partition(".")[0])
def test_pseudolabels_by_clip_alone_on_a_real_scene(
    qgis_process: QgisProcess, with_runtime: str, models: Path, scenes_dir: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "scene"
    shutil.copytree(scenes_dir / name.partition(".")[0], folder)
    checkpoint = make_tiny_clip(models / "mine.safetensors")
    given = {
        "INPUT": folder / name,
        "CLASSES": folder / "classes.txt",
        "SOURCE": "clip",
        "MODEL": checkpoint,
        "TEMPLATES": "remote_sensing",
        "SCALES": "1",
    }
    done = qgis_process.run_algorithm("special:pseudolabels", {**given, "OUTPUT": tmp_path / "map.tif"})
    assert done.rc == 0, done.stdout + done.errors
    labels = gdal.Open(str(tmp_path / "map.tif")).ReadAsArray()
    assert 0.3 < (labels > 0).mean() <= 1.0
    assert np.unique(labels[labels > 0]).size >= 1


@pytest.mark.parametrize(
    ("algorithm", "own"), [("classify", {"REFINE": False}), ("pseudolabels", {})], ids=["classify", "pseudolabels"]
)
def test_scene_of_three_visible_bands_is_mapped_by_clip_alone(
    qgis_process: QgisProcess, with_runtime: str, models: Path, tmp_path: Path, algorithm: str, own: Dict[str, Any]
) -> None:
    cube = small_scene.cube()[[2, 6, 10]]
    scene = small_scene.write_raster(tmp_path / "scene.tif", cube, np.array([451.0, 553.0, 655.0]))
    model = make_tiny_clip(models / "mine.safetensors")
    given = {"INPUT": scene, "CLASSES": "xyzzy; tree", "SOURCE": "clip", "MODEL": model, "SCALES": "1", **own}
    outputs = {"OUTPUT": tmp_path / "map.tif", "REPORT": tmp_path / "r.html"}
    done = qgis_process.run_algorithm(f"special:{algorithm}", {**given, "TEMPLATES": "remote_sensing", **outputs})
    assert done.rc == 0, done.stdout + done.errors
    assert (gdal.Open(str(tmp_path / "map.tif")).ReadAsArray() > 0).all()
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["stages"] == ["CLIP mine"]


def test_classifier_that_would_replace_the_model_is_refused(
    qgis_process: QgisProcess, with_runtime: str, models: Path, tmp_path: Path
) -> None:
    scene = small_scene.write_scene(tmp_path / "scene.tif")
    model = make_tiny_clip(models / "mine.safetensors")
    before = model.read_bytes()
    given = {"INPUT": scene, "CLASSES": small_scene.CLASSES, "MODEL": "mine", "CLASSIFIER": model}
    done = qgis_process.run_algorithm("special:classify", {**given, "OUTPUT": tmp_path / "map.tif"}, as_json=False)
    assert done.rc == 1
    assert "would replace the input file" in done.stdout + done.stderr
    assert model.read_bytes() == before
    assert not (tmp_path / "map.tif").exists()


def test_user_without_a_model_is_told_which_file_to_bring_and_where_to_put_it(
    qgis_process: QgisProcess, with_runtime: str, models: Path, tmp_path: Path
) -> None:
    scene = small_scene.write_scene(tmp_path / "scene.tif")
    given = {"INPUT": scene, "CLASSES": small_scene.CLASSES, "SOURCE": "clip", "OUTPUT": tmp_path / "map.tif"}
    done = qgis_process.run_algorithm("special:classify", given, as_json=False)
    said = done.stdout + done.stderr
    assert done.rc == 1
    for word in ("ViT-B-16.pt", "openai-vit-b-16", str(models)):
        assert word in said
    assert "Traceback" not in said
    assert not (tmp_path / "map.tif").exists()


class _CancelWhileComparing(Listener):
    """Presses cancel a moment after windows are being scored."""

    def __init__(self) -> None:
        super().__init__()
        self.seen_at = 0.0

    def report(self, fraction: float, message: str = "") -> None:
        if "Comparing the scene" in message and not self.seen_at:
            self.seen_at = time.monotonic()

    def is_cancelled(self) -> bool:
        return bool(self.seen_at) and time.monotonic() - self.seen_at > 0.3


def test_cancel_while_windows_are_scored_takes_less_than_a_second(
    with_runtime: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(width=384, layers=8, image_px=96, patch_px=8)
    checkpoint = make_tiny_clip(tmp_path / "larger.safetensors", config=config)
    cube = np.tile(small_scene.cube(), (1, 12, 12))
    scene = small_scene.write_raster(tmp_path / "scene.tif", cube, small_scene.WAVELENGTHS_NM)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    job = ClassifyConfig(
        SceneConfig(str(scene)),
        small_scene.CLASSES,
        OutputConfig(map=str(tmp_path / "out" / "map.tif")),
        source="clip",
        model=str(checkpoint),
        clip=ClipConfig(templates="remote_sensing", use_aliases=False, scales=(1.0, 2.0)),
    )
    listener = _CancelWhileComparing()
    with pytest.raises(WorkerCancelled):
        run_job("classify", job.to_json(), listener, Interpreter(with_runtime, True, "the tests' Python"))
    assert time.monotonic() - listener.seen_at - 0.3 < 1.0
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
    assert list(temporary.iterdir()) == []
