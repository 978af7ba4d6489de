# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stage with a CLIP checkpoint, from files to files; the checkpoint is tiny and its weights are random."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, List, Sequence

import numpy as np
import pytest
from osgeo import gdal

pytest.importorskip("torch", reason="CLIP needs PyTorch")
pytest.importorskip("open_clip", reason="CLIP needs open_clip")

from safetensors.torch import save_file

from special_qgis.engine.config import ClassifyConfig, ClipConfig, OutputConfig, SceneConfig
from special_qgis.engine.errors import Cancelled, ConfigError, ModelError, SpectraError
from special_qgis.engine.pipeline import classify
from special_qgis.engine.progress import NullProgress
from tests.helpers import small_scene
from tests.helpers.clip_models import jbu_state
from tests.helpers.tiny_clip import make_tiny_clip

REPOSITORY = Path(__file__).resolve().parents[2]
CLIP = ClipConfig(scales=(1.0, 2.0), templates="remote_sensing", use_aliases=False)
VISIBLE_NM = (451.0, 553.0, 655.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")


@pytest.fixture
def config(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> ClassifyConfig:
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(tmp_path / "models"))
    scene = SceneConfig(str(small_scene.write_scene(tmp_path / "scene.tif")))
    outputs = OutputConfig(map=str(tmp_path / "map.tif"), probabilities=str(tmp_path / "p.tif"))
    return ClassifyConfig(
        scene, small_scene.CLASSES, outputs, source="clip", model=str(checkpoint), refine=False, clip=CLIP
    )


def read(path: str | Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


def names_in(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


def test_clip_alone_maps_and_says_which_model_and_words(tmp_path: Path, config: ClassifyConfig) -> None:
    outputs = replace(config.outputs, report=str(tmp_path / "r.html"))
    result = classify(replace(config, outputs=outputs))
    assert result["classified_px"] == small_scene.SIDE_PX**2
    np.testing.assert_allclose(read(tmp_path / "p.tif").sum(axis=0), 1.0, atol=1e-2)
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["clip"]["model"] == "tiny" and len(report["clip"]["sha256"]) == 64
    assert report["clip"]["words"][0] == ["water", "river", "lake"]
    assert report["stages"] == ["CLIP tiny"]
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "The image–text model" in html and "looked for as:" in html and "demo model" not in html
    provenance = json.loads(gdal.Open(str(tmp_path / "map.tif")).GetMetadataItem("SPECIAL_PROVENANCE"))
    assert provenance["estimates"]["clip"]["sha256"] == report["clip"]["sha256"]


def write_bands(path: Path, centres_nm: Sequence[float]) -> None:
    """Write the bands of the small scene that are nearest to some wavelengths, as if they were centred there."""
    wanted = np.array(centres_nm)
    nearest = np.abs(small_scene.WAVELENGTHS_NM[:, None] - wanted).argmin(axis=0)
    small_scene.write_raster(path, small_scene.cube()[nearest], wanted)


def test_clip_alone_maps_visible_bands_as_if_there_were_more(tmp_path: Path, config: ClassifyConfig) -> None:
    config = replace(config, clip=replace(CLIP, upsampler="bilinear"))
    found = []
    for centres_nm in (VISIBLE_NM, (*VISIBLE_NM, 850.0, 1650.0)):
        write_bands(tmp_path / "scene.tif", centres_nm)
        assert classify(config)["classified_px"] == small_scene.SIDE_PX**2
        found.append(read(tmp_path / "p.tif").tobytes())
    assert found[0] == found[1]


def test_report_of_clip_alone_tells_nothing_of_a_prior(tmp_path: Path, config: ClassifyConfig) -> None:
    write_bands(tmp_path / "scene.tif", VISIBLE_NM)
    outputs = replace(config.outputs, report=str(tmp_path / "r.html"))
    result = classify(replace(config, classes="xyzzy; tree; woods", outputs=outputs))
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["quantity"] == "unknown" and report["inseparable"] == []
    assert all(one["is_known"] and not one["interpretation"] for one in report["classes"])
    assert sorted(report["provenance"]["estimates"]) == ["clip", "stages"]
    assert {len(one["wavelengths_nm"]) for one in report["spectra"]} == {3}
    assert all("No pixel was mapped" in text or "confidence below" in text for text in result["warnings"])
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    for words in ("How your class names were read", "not understood", "Weight beside the spectra", "mean reflectance"):
        assert words not in html
    assert "Mean spectra of the mapped classes" in html


def test_network_learns_visible_bands_from_clip_alone(tmp_path: Path, config: ClassifyConfig) -> None:
    write_bands(tmp_path / "scene.tif", VISIBLE_NM)
    quick = replace(config.network, epochs=6, iterations_per_epoch=10, warm_up_epochs=3)
    outputs = replace(config.outputs, classifier=str(tmp_path / "c.safetensors"))
    result = classify(replace(config, refine=True, network=quick, outputs=outputs))
    assert result["changed_share"] is not None
    assert (tmp_path / "c.safetensors").stat().st_size > 0


def test_prior_without_near_infrared_is_refused_and_clip_alone_is_named(tmp_path: Path, config: ClassifyConfig) -> None:
    write_bands(tmp_path / "scene.tif", VISIBLE_NM)
    with pytest.raises(SpectraError, match=r"no near-infrared band near 850 nm.*CLIP alone needs visible bands"):
        classify(replace(config, source="automatic"))
    assert names_in(tmp_path) == ["scene.tif"]


def test_permuted_names_permute_the_probabilities(tmp_path: Path, config: ClassifyConfig) -> None:
    classify(config)
    first = read(tmp_path / "p.tif")
    names = "bare soil; water: river, lake; asphalt; tree"
    classify(replace(config, classes=names))
    np.testing.assert_allclose(read(tmp_path / "p.tif")[[1, 3, 0, 2]], first, atol=2e-3)


def test_automatic_fuses_a_named_model_with_the_prior(tmp_path: Path, config: ClassifyConfig) -> None:
    outputs = replace(config.outputs, agreement=str(tmp_path / "a.tif"), report=str(tmp_path / "r.html"))
    result = classify(replace(config, source="automatic", outputs=outputs))
    assert (read(result["map"]) == small_scene.truth()).mean() > 0.95  # random weights must not undo the physics
    agreement = read(tmp_path / "a.tif")
    assert agreement.min() >= 0.0 and agreement.max() <= 1.0 and agreement.std() > 0.0
    estimates = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["provenance"]["estimates"]
    assert estimates["stages"] == ["CLIP tiny", "spectral prior", "fusion"]
    assert 0.0 <= estimates["fusion"]["clip_weight"] < 0.5


def test_automatic_takes_the_installed_model_and_none_where_there_is_none(
    tmp_path: Path, config: ClassifyConfig
) -> None:
    plain = replace(
        config, source="automatic", model="", outputs=replace(config.outputs, report=str(tmp_path / "r.html"))
    )
    classify(plain)
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["stages"] == ["spectral prior"]
    make_tiny_clip(tmp_path / "models" / "mine.safetensors", seed=1)
    classify(plain)
    stages = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["stages"]
    assert stages == ["CLIP mine", "spectral prior", "fusion"]


def test_clip_maps_names_that_the_prior_does_not_know(tmp_path: Path, config: ClassifyConfig) -> None:
    result = classify(replace(config, classes="xyzzy; plugh"))
    assert result["classified_px"] == small_scene.SIDE_PX**2
    result = classify(replace(config, classes="xyzzy; plugh", source="automatic"))
    assert result["classified_px"] == small_scene.SIDE_PX**2


def test_any_memory_budget_gives_the_same_bytes(tmp_path: Path, config: ClassifyConfig) -> None:
    found = []
    for budget in (1, 0):
        classify(replace(config, source="automatic", scene=replace(config.scene, memory_budget_bytes=budget)))
        found.append(read(tmp_path / "p.tif").tobytes())
    assert found[0] == found[1]


def test_nodata_stays_empty(tmp_path: Path, config: ClassifyConfig) -> None:
    cube = small_scene.cube()
    cube[:, 3:9, 4:15] = 0
    small_scene.write_raster(tmp_path / "scene.tif", cube, small_scene.WAVELENGTHS_NM)
    for source in ("clip", "automatic"):
        classify(replace(config, source=source))
        assert (read(tmp_path / "map.tif")[3:9, 4:15] == 0).all()
        assert (read(tmp_path / "map.tif")[12:] > 0).all()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model": ""}, ModelError, r"is not installed. It is the file ViT-B-16\.pt"),
        ({"model": "openai-vit-b-16"}, ModelError, r"ViT-B-16\.pt"),
        ({"model": "/nowhere/x.pt"}, ModelError, "There is no checkpoint"),
        ({"source": "spectral"}, ConfigError, "model must be empty where source is spectral"),
        ({"clip": replace(CLIP, upsampler="jbu_one")}, ConfigError, "the weights at hand are none"),
        ({"outputs": OutputConfig("m.tif", agreement="a.tif")}, ConfigError, r"needs two sources .* only: CLIP"),
    ],
    ids=["none installed", "known", "path", "spectral", "no upsampler", "agreement of one"],
)
def test_what_is_missing_is_named_and_nothing_is_written(
    tmp_path: Path, config: ClassifyConfig, changes: Any, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        classify(replace(config, **changes))
    assert names_in(tmp_path) == ["scene.tif"]


@pytest.mark.parametrize("field", ["model", "upsampler"])
@pytest.mark.parametrize("is_named", [True, False], ids=["named", "installed"])
@pytest.mark.parametrize("source", ["clip", "automatic"])
def test_output_that_is_a_checkpoint_of_the_run_is_refused_and_the_file_stays(
    tmp_path: Path, config: ClassifyConfig, field: str, is_named: bool, source: str
) -> None:
    models = {"model": make_tiny_clip(tmp_path / "models" / "mine.safetensors")}
    models["upsampler"] = tmp_path / "models" / "upsampler.safetensors"
    save_file({name: value.contiguous() for name, value in jbu_state(dimensions=48).items()}, models["upsampler"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    outputs = replace(config.outputs, classifier=str(models[field]))
    named = {name: str(path) if is_named else "" for name, path in models.items()}
    with pytest.raises(ConfigError, match=rf"would replace the input file .*{models[field].name}"):
        classify(replace(config, source=source, refine=True, outputs=outputs, **named))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive"], ids=["empty", "broken archive"])
def test_broken_checkpoint_is_refused(tmp_path: Path, config: ClassifyConfig, content: bytes) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.pt"):
        classify(replace(config, model=str(broken)))
    assert names_in(tmp_path) == ["broken.pt", "scene.tif"]


class _CancelAt(NullProgress):
    def __init__(self, words: str) -> None:
        self._words, self._came = words, False

    def report(self, fraction: float, message: str = "") -> None:
        self._came = self._came or self._words in message

    def is_cancelled(self) -> bool:
        return self._came


@pytest.mark.parametrize("words", ["Loading the model", "Encoding the class names", "Comparing the scene"])
def test_cancel_in_the_first_stage_leaves_no_file(tmp_path: Path, config: ClassifyConfig, words: str) -> None:
    with pytest.raises(Cancelled):
        classify(config, _CancelAt(words))
    assert names_in(tmp_path) == ["scene.tif"]


def test_clip_and_the_network_together(tmp_path: Path, config: ClassifyConfig) -> None:
    quick = replace(config.network, epochs=6, iterations_per_epoch=10, warm_up_epochs=3)
    result = classify(replace(config, source="automatic", refine=True, network=quick))
    assert (read(result["map"]) == small_scene.truth()).mean() > 0.95
    assert result["changed_share"] is not None


@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs the system's Python")
def test_python_without_pytorch_leaves_an_installed_model_out_and_refuses_a_named_one(
    tmp_path: Path, config: ClassifyConfig, checkpoint: Path
) -> None:
    make_tiny_clip(tmp_path / "models" / "mine.safetensors")
    words = ["/usr/bin/python3", "-m", "special_qgis.engine", "classify", config.scene.source, "--no-refine"]
    words += ["--classes", small_scene.CLASSES, "--output", str(tmp_path / "map.tif")]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "The model mine was left out, because this Python has no" in done.stderr
    named = [*words, "--model", str(checkpoint)]
    done = subprocess.run(named, cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "cannot be used, because this Python has no" in done.stderr
