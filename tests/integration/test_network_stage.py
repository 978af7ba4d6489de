# SPDX-License-Identifier: GPL-2.0-or-later
"""The network stage from files to files: classify with it, refine any class raster, apply a saved classifier."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from osgeo import gdal

pytest.importorskip("torch", reason="the network stage needs PyTorch")

import torch

from special_qgis.engine.config import (
    ApplyConfig,
    ClassifyConfig,
    OutputConfig,
    RefineConfig,
    RefineJobConfig,
    SceneConfig,
)
from special_qgis.engine.errors import Cancelled, ClassListError, ConfigError, InputError, SpectraError
from special_qgis.engine.pipeline import classify
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.rasters.legend import read_legend
from special_qgis.engine.refine import scene_learning
from special_qgis.engine.refine.jobs import apply_classifier, refine_labels
from tests.helpers import small_scene

SHORT = RefineConfig(epochs=6, iterations_per_epoch=10, warm_up_epochs=3, tile_px=64, halo_px=16, training_tiles=4)
QUICK = replace(SHORT, epochs=2, iterations_per_epoch=3, warm_up_epochs=1)
REPOSITORY = Path(__file__).resolve().parents[2]


def outputs(folder: Path, **more: str) -> OutputConfig:
    paths = {name: str(folder / file) for name, file in more.items()}
    return OutputConfig(map=str(folder / "map.tif"), **paths)


def labels_of(path: str | Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


def names_in(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def scene(tmp_path: Path) -> SceneConfig:
    return SceneConfig(str(small_scene.write_scene(tmp_path / "scene.tif")))


def large_scene(path: Path) -> Tuple[SceneConfig, np.ndarray]:
    """The small scene's pixels as a chequerboard of 150 × 140 pixels, several windows wide, and its truth."""
    truth = np.kron(np.random.default_rng(8).integers(1, 5, (15, 14)), np.ones((10, 10), int)).astype(np.uint8)
    materials = small_scene.spectra()
    rng = np.random.default_rng(9)
    values = np.stack([materials[k] for k in range(1, 5)])[truth - 1].transpose(2, 0, 1)
    values = values * rng.normal(1.0, 0.05, (1, *truth.shape)) + rng.normal(0.0, 0.01, values.shape)
    cube = np.clip(values * 10000.0, 1, 20000).astype(np.int16)
    small_scene.write_raster(path, cube, small_scene.WAVELENGTHS_NM)
    return SceneConfig(str(path)), truth


def corrupted(truth: np.ndarray, share: float = 0.3, seed: int = 1) -> np.ndarray:
    """Truth with a share of its cells of 5 pixels given the next class."""
    cells = np.random.default_rng(seed).random((truth.shape[0] // 5, truth.shape[1] // 5)) < share
    wrong = np.kron(cells, np.ones((5, 5), bool))
    return np.where(wrong, truth % 4 + 1, truth).astype(np.uint8)


# classify


def test_classify_with_the_network_tells_what_it_changed(tmp_path: Path, scene: SceneConfig) -> None:
    targets = outputs(tmp_path, report="r.html", pseudo_labels="p.tif", classifier="c.safetensors")
    result = classify(ClassifyConfig(scene, small_scene.CLASSES, targets, network=SHORT))
    first, second = labels_of(tmp_path / "p.tif"), labels_of(tmp_path / "map.tif")
    assert (second == small_scene.truth()).mean() > 0.95
    assert result["changed_share"] == pytest.approx((first != second).mean())
    learning = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["learning"]
    assert learning["is_used"] and len(learning["losses"]) == 60
    assert learning["changed_px"] == int((first != second).sum())
    assert "What the network changed" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert (tmp_path / "c.safetensors").stat().st_size > 50_000
    provenance = json.loads(gdal.Open(str(tmp_path / "map.tif")).GetMetadataItem("SPECIAL_PROVENANCE"))
    assert provenance["estimates"]["stages"] == ["spectral prior", "MambaHSI network"]


def test_pseudo_labels_are_the_map_without_the_network(tmp_path: Path, scene: SceneConfig) -> None:
    classify(ClassifyConfig(scene, small_scene.CLASSES, outputs(tmp_path, pseudo_labels="p.tif"), network=QUICK))
    (tmp_path / "plain").mkdir()
    classify(ClassifyConfig(scene, small_scene.CLASSES, outputs(tmp_path / "plain"), refine=False))
    assert np.array_equal(labels_of(tmp_path / "p.tif"), labels_of(tmp_path / "plain" / "map.tif"))


def test_classify_any_memory_budget_and_twice_gives_the_same_pixels(tmp_path: Path) -> None:
    scene, _ = large_scene(tmp_path / "large.tif")
    found = []
    for name, budget in (("a", 1), ("b", 0), ("c", 0)):
        config = ClassifyConfig(
            replace(scene, memory_budget_bytes=budget),
            small_scene.CLASSES,
            outputs(tmp_path / name, probabilities="p.tif", classifier="c.safetensors"),
            network=QUICK,
            device="cpu",
        )
        classify(config)
        found.append(labels_of(tmp_path / name / "p.tif").tobytes())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("preset", ["default", "paper", "fast"])
def test_classify_every_preset_maps(tmp_path: Path, scene: SceneConfig, preset: str, monkeypatch: Any) -> None:
    published = replace(RefineConfig.published(), epochs=6, iterations_per_epoch=10, warm_up_epochs=3)
    monkeypatch.setattr(RefineConfig, "published", classmethod(lambda cls: published))
    result = classify(ClassifyConfig(scene, small_scene.CLASSES, outputs(tmp_path), preset=preset, network=SHORT))
    assert (result["changed_share"] is None) == (preset == "fast")
    assert result["classified_px"] == small_scene.SIDE_PX**2


def test_diverging_training_falls_back_to_the_first_stage_and_says_so(tmp_path: Path, scene: SceneConfig) -> None:
    wild = replace(SHORT, learning_rate=1e30, final_learning_rate=1e30)
    targets = outputs(tmp_path, report="r.html", pseudo_labels="p.tif", classifier="c.safetensors")
    result = classify(ClassifyConfig(scene, small_scene.CLASSES, targets, network=wild))
    (tmp_path / "plain").mkdir()
    classify(ClassifyConfig(scene, small_scene.CLASSES, outputs(tmp_path / "plain"), refine=False))
    assert np.array_equal(labels_of(tmp_path / "map.tif"), labels_of(tmp_path / "plain" / "map.tif"))
    assert np.array_equal(labels_of(tmp_path / "p.tif"), labels_of(tmp_path / "map.tif"))
    assert result["status"] == "ok with warnings"
    assert any("without the network and there is no classifier" in warning for warning in result["warnings"])
    assert result["changed_share"] is None and result["classifier"] == ""
    assert not (tmp_path / "c.safetensors").exists()
    assert "The network stage is not in it" in (tmp_path / "r.html").read_text(encoding="utf-8")


class _OneClass(torch.nn.Module):
    """A network that gives every pixel the last class, whatever it learns."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(20.0 * torch.eye(n_classes)[-1])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.logits[None, :, None, None].expand(1, -1, *image.shape[2:])


def test_collapsed_network_is_left_out_with_the_name_of_its_class(
    tmp_path: Path, scene: SceneConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_learning, "network_builder", lambda config: lambda bands, classes: _OneClass(classes))
    result = classify(ClassifyConfig(scene, small_scene.CLASSES, outputs(tmp_path), network=QUICK, device="cpu"))
    (warning,) = [text for text in result["warnings"] if "without the network" in text]
    assert warning.startswith("Refinement gave the class “asphalt” 100% of the pixels; the first stage gives it ")


class _CancelAt(NullProgress):
    """Cancelled once a message has come."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._came = False

    def report(self, fraction: float, message: str = "") -> None:
        self._came = self._came or self._words in message

    def is_cancelled(self) -> bool:
        return self._came


@pytest.mark.parametrize("words", ["Network: learning, step 5 of", "Network: learning, step 45 of", "Network: mapping"])
def test_cancel_in_the_network_stage_leaves_no_file(tmp_path: Path, scene: SceneConfig, words: str) -> None:
    config = ClassifyConfig(scene, small_scene.CLASSES, outputs(tmp_path, report="r.html"), network=SHORT)
    with pytest.raises(Cancelled):
        classify(config, _CancelAt(words))
    assert names_in(tmp_path) == ["scene.tif"]


def test_classifier_without_the_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="network stage is switched off"):
        ClassifyConfig(SceneConfig("x"), "a; b", OutputConfig("m.tif", classifier="c.safetensors"), refine=False)


def test_cuda_where_there_is_none_is_a_clear_error(tmp_path: Path, scene: SceneConfig) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ConfigError, match="finds no graphics card"):
        classify(ClassifyConfig(scene, small_scene.CLASSES, outputs(tmp_path), device="cuda", network=QUICK))
    assert names_in(tmp_path) == ["scene.tif"]


# refine


def test_refine_improves_a_corrupted_map_of_several_windows(tmp_path: Path) -> None:
    scene, truth = large_scene(tmp_path / "large.tif")
    old = corrupted(truth)
    path = small_scene.write_raster(tmp_path / "old.tif", old)
    network = replace(SHORT, epochs=8, iterations_per_epoch=12)
    result = refine_labels(
        RefineJobConfig(scene, str(path), outputs=outputs(tmp_path, report="r.html"), network=network)
    )
    before, after = (old == truth).mean(), (labels_of(tmp_path / "map.tif") == truth).mean()
    assert before < 0.75 and after > before + 0.1
    assert list(result["class_areas"]) == ["class 1", "class 2", "class 3", "class 4"]
    assert "its class raster old.tif alone" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_refine_keeps_names_and_colours_and_fills_pixels_without_a_label(tmp_path: Path, scene: SceneConfig) -> None:
    first = outputs(tmp_path, confidence="c.tif")
    classify(ClassifyConfig(scene, small_scene.CLASSES, first, refine=False))
    dataset = gdal.Open(first.map, gdal.GA_Update)
    holes = dataset.ReadAsArray()
    holes[4:12, 4:12] = 0
    dataset.GetRasterBand(1).WriteArray(holes)
    del dataset
    (tmp_path / "new").mkdir()
    config = RefineJobConfig(scene, first.map, first.confidence, outputs=outputs(tmp_path / "new"), network=SHORT)
    refine_labels(config)
    dataset = gdal.Open(str(tmp_path / "new" / "map.tif"))
    legend = read_legend(dataset)
    assert legend.names == {1: "water", 2: "tree", 3: "bare soil", 4: "asphalt"}
    assert legend.colours[1] == "#1f78b4"
    assert (dataset.ReadAsArray() == small_scene.truth()).mean() > 0.95
    assert (dataset.ReadAsArray()[4:12, 4:12] > 0).all()


def test_refine_takes_labels_of_any_values_on_another_grid(tmp_path: Path, scene: SceneConfig) -> None:
    fine = np.kron(np.array([0, 11, 21, 42, 95], np.uint8)[small_scene.truth()], np.ones((2, 2), np.uint8))
    path = small_scene.write_raster(tmp_path / "fine.tif", fine)
    dataset = gdal.Open(str(path), gdal.GA_Update)
    x, y = small_scene.ORIGIN
    dataset.SetGeoTransform((x, small_scene.PIXEL_M / 2, 0, y, 0, -small_scene.PIXEL_M / 2))
    del dataset
    result = refine_labels(RefineJobConfig(scene, str(path), outputs=outputs(tmp_path), network=SHORT))
    assert (labels_of(tmp_path / "map.tif") == small_scene.truth()).mean() > 0.95
    assert list(result["class_areas"]) == ["class 11", "class 21", "class 42", "class 95"]


def test_refine_takes_labels_of_the_file_where_only_a_part_is_mapped(tmp_path: Path) -> None:
    path = small_scene.write_scene(tmp_path / "scene.tif")
    truth = small_scene.write_truth(tmp_path / "truth.tif")
    x, y = small_scene.ORIGIN
    part = (x + 6 * small_scene.PIXEL_M, y - 28 * small_scene.PIXEL_M, x + 30 * small_scene.PIXEL_M, y)
    scene = SceneConfig(str(path), extent=part)
    refine_labels(RefineJobConfig(scene, str(truth), outputs=outputs(tmp_path), network=SHORT))
    found = labels_of(tmp_path / "map.tif")
    assert found.shape == (28, 24)
    assert (found == small_scene.truth()[:28, 6:30]).mean() > 0.95


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"classes": "a; b"}, ClassListError, "holds the value 4 and 2 classes are typed"),
        ({"labels": "far.tif"}, InputError, "labels no pixel of the scene"),
        ({"labels": "one.tif"}, ClassListError, "has 1 classes"),
        ({"label_confidence": "percent.tif"}, InputError, "holds the value 90; 0 to 1 is accepted"),
        ({"labels": "scene.tif"}, InputError, "a class raster has one band"),
    ],
    ids=["fewer names", "elsewhere", "one class", "percent", "the scene itself"],
)
def test_refine_bad_labels_are_a_clear_error_without_output(
    tmp_path: Path, scene: SceneConfig, change: Dict[str, str], error: type, words: str
) -> None:
    truth = small_scene.truth()
    small_scene.write_raster(tmp_path / "truth.tif", truth)
    small_scene.write_raster(tmp_path / "one.tif", np.minimum(truth, 1))
    small_scene.write_raster(tmp_path / "percent.tif", np.full(truth.shape, 90, np.uint8))
    far = gdal.Open(str(small_scene.write_raster(tmp_path / "far.tif", truth)), gdal.GA_Update)
    far.SetGeoTransform((0.0, 4.0, 0.0, 0.0, 0.0, -4.0))
    del far
    before = names_in(tmp_path)
    paths = {key: str(tmp_path / value) if value.endswith(".tif") else value for key, value in change.items()}
    config = replace(RefineJobConfig(scene, str(tmp_path / "truth.tif"), network=QUICK), outputs=outputs(tmp_path))
    with pytest.raises(error, match=words):
        refine_labels(replace(config, **paths))
    assert names_in(tmp_path) == before


# apply


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on the small scene."""
    folder = tmp_path_factory.mktemp("classifier")
    scene = SceneConfig(str(small_scene.write_scene(folder / "scene.tif")))
    classify(ClassifyConfig(scene, small_scene.CLASSES, outputs(folder, classifier="c.safetensors"), network=SHORT))
    return folder / "c.safetensors"


def test_apply_maps_another_scene_of_the_sensor(tmp_path: Path, classifier: Path) -> None:
    scene, truth = large_scene(tmp_path / "large.tif")
    result = apply_classifier(
        ApplyConfig(scene, str(classifier), outputs(tmp_path, confidence="c.tif", report="r.html"))
    )
    assert (labels_of(tmp_path / "map.tif") == truth).mean() > 0.9
    assert list(result["class_areas"]) == ["water", "tree", "bare soil", "asphalt"]
    assert read_legend(gdal.Open(str(tmp_path / "map.tif"))).colours[1] == "#1f78b4"
    assert "its classifier c.safetensors alone" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_apply_takes_values_in_another_unit_with_a_warning(tmp_path: Path, classifier: Path) -> None:
    cube = small_scene.cube(5).astype(np.float32) / 10000.0
    path = small_scene.write_raster(tmp_path / "unit.tif", cube, small_scene.WAVELENGTHS_NM)
    result = apply_classifier(ApplyConfig(SceneConfig(str(path)), str(classifier), outputs(tmp_path)))
    assert any("multiplied by 10000" in warning for warning in result["warnings"])
    assert (labels_of(tmp_path / "map.tif") == small_scene.truth()).mean() > 0.95


def test_apply_interpolates_bands_that_lie_a_little_beside(tmp_path: Path, classifier: Path) -> None:
    path = small_scene.write_raster(tmp_path / "s.tif", small_scene.cube(5), small_scene.WAVELENGTHS_NM + 3.0)
    apply_classifier(ApplyConfig(SceneConfig(str(path)), str(classifier), outputs(tmp_path)))
    assert (labels_of(tmp_path / "map.tif") == small_scene.truth()).mean() > 0.95


def test_apply_to_a_scene_of_another_sensor_is_refused(tmp_path: Path, classifier: Path) -> None:
    path = small_scene.write_raster(tmp_path / "s.tif", small_scene.cube()[::3], small_scene.WAVELENGTHS_NM[::3])
    with pytest.raises(SpectraError, match="has no good band for"):
        apply_classifier(ApplyConfig(SceneConfig(str(path)), str(classifier), outputs(tmp_path)))
    assert names_in(tmp_path) == ["s.tif"]


def test_apply_nodata_stays_empty(tmp_path: Path, classifier: Path) -> None:
    cube = small_scene.cube(5)
    cube[:, :7, :9] = 0
    path = small_scene.write_raster(tmp_path / "s.tif", cube, small_scene.WAVELENGTHS_NM)
    apply_classifier(ApplyConfig(SceneConfig(str(path)), str(classifier), outputs(tmp_path)))
    found = labels_of(tmp_path / "map.tif")
    assert (found[:7, :9] == 0).all() and (found[7:] > 0).all()


# without PyTorch

QGIS_PYTHON = "/usr/bin/python3"


def _with_qgis_python(*words: str) -> subprocess.CompletedProcess[str]:
    command = [QGIS_PYTHON, "-m", "special_qgis.engine", *words]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.skipif(not Path(QGIS_PYTHON).exists(), reason="needs the system's Python")
def test_python_without_pytorch_maps_by_the_first_stage_and_says_so(tmp_path: Path, scene: SceneConfig) -> None:
    words = ["classify", scene.source, "--classes", small_scene.CLASSES, "--output", str(tmp_path / "map.tif")]
    done = _with_qgis_python(*words)
    assert done.returncode == 0, done.stderr
    assert "The network stage was left out, because this Python has no" in done.stderr
    assert (labels_of(tmp_path / "map.tif") == small_scene.truth()).mean() > 0.95
    done = _with_qgis_python(*words, "--save-classifier", str(tmp_path / "c.safetensors"))
    assert done.returncode == 1 and "cannot be made, because" in done.stderr


@pytest.mark.skipif(not Path(QGIS_PYTHON).exists(), reason="needs the system's Python")
def test_python_without_pytorch_refuses_to_refine(tmp_path: Path, scene: SceneConfig) -> None:
    truth = small_scene.write_truth(tmp_path / "truth.tif")
    done = _with_qgis_python("refine", scene.source, "--labels", str(truth), "--output", str(tmp_path / "map.tif"))
    assert done.returncode == 1
    assert "cannot import" in done.stderr and "Install runtime" in done.stderr
    assert not (tmp_path / "map.tif").exists()
