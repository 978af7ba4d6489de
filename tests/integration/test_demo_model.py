# SPDX-License-Identifier: GPL-2.0-or-later
"""The checkpoint that ships with the plugin: a real text–image chain from typed names to a map."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

pytest.importorskip("torch", reason="CLIP needs PyTorch")
pytest.importorskip("open_clip", reason="CLIP needs open_clip")

from special_qgis.engine.config import ClassifyConfig, ClipConfig, OutputConfig, SceneConfig
from special_qgis.engine.models.library import choose_default_model, demo_model
from special_qgis.engine.pipeline import classify
from tests.helpers import small_scene

if demo_model() is None:
    pytest.skip("this checkout has no demo model", allow_module_level=True)

REPEATS = 3  # the small scene beside itself: 96 pixels, a window of the model
NAMES = ("water", "tree", "bare soil", "asphalt")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> SceneConfig:
    cube = np.kron(small_scene.cube(), np.ones((1, REPEATS, REPEATS), np.int16)).astype(np.int16)
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    return SceneConfig(str(small_scene.write_raster(path, cube, small_scene.WAVELENGTHS_NM)))


def probabilities(scene: SceneConfig, folder: Path, classes: str, **changes: object) -> np.ndarray:
    outputs = OutputConfig(map=str(folder / "map.tif"), probabilities=str(folder / "p.tif"))
    clip = ClipConfig(scales=(1.0,), templates="remote_sensing", use_aliases=False)
    config = ClassifyConfig(scene, classes, outputs, source="clip", model="demo", refine=False, clip=clip)
    classify(replace(config, **changes))
    return np.asarray(gdal.Open(outputs.probabilities).ReadAsArray())


@pytest.mark.parametrize(
    ("name", "least_kappa"), [("samson/samson.tif", 0.60), ("jasper_ridge/jasper_ridge.img", 0.35)]
)
def test_typed_names_alone_map_a_real_scene(scenes_dir: Path, tmp_path: Path, name: str, least_kappa: float) -> None:
    source = scenes_dir / name
    outputs = OutputConfig(map=str(tmp_path / "map.tif"))
    classes = str(source.parent / "classes.txt")
    classify(ClassifyConfig(SceneConfig(str(source)), classes, outputs, source="clip", model="demo", refine=False))
    found, truth = (gdal.Open(str(path)).ReadAsArray() for path in (outputs.map, source.parent / "reference.tif"))
    counted = truth > 0
    agreed = (found == truth)[counted].mean()
    shares = [np.bincount(labels[counted], minlength=8) / counted.sum() for labels in (found, truth)]
    by_chance = (shares[0] * shares[1]).sum()
    assert (agreed - by_chance) / (1.0 - by_chance) >= least_kappa


def test_permuted_names_permute_the_map(scene: SceneConfig, tmp_path: Path) -> None:
    first = probabilities(scene, tmp_path, "; ".join(NAMES))
    order = [2, 0, 3, 1]
    second = probabilities(scene, tmp_path, "; ".join(NAMES[i] for i in order))
    np.testing.assert_allclose(second, first[order], atol=2e-3)


def test_synonyms_agree_more_than_other_names(scene: SceneConfig, tmp_path: Path) -> None:
    first = probabilities(scene, tmp_path, "; ".join(NAMES)).argmax(axis=0)
    synonyms = probabilities(scene, tmp_path, "river; forest; bare ground; tarmac").argmax(axis=0)
    others = probabilities(scene, tmp_path, "snow; sand; swimming pool; car").argmax(axis=0)
    assert (first == synonyms).mean() > 0.8
    assert (first == others).mean() < (first == synonyms).mean() - 0.2


def test_words_never_learnt_are_named_before_the_scene_is_scored(scene: SceneConfig, tmp_path: Path) -> None:
    outputs = OutputConfig(map=str(tmp_path / "map.tif"), report=str(tmp_path / "r.html"))
    clip = ClipConfig(scales=(1.0,), templates="remote_sensing", use_aliases=False)
    names = "water; tree; bare soil; photovoltaic array"
    result = classify(ClassifyConfig(scene, names, outputs, source="automatic", model="demo", refine=False, clip=clip))
    warned = [text for text in result["warnings"] if "has never learnt" in text]
    assert len(warned) == 1
    assert "“photovoltaic”" in warned[0] and "“photovoltaic array”" in warned[0] and "water" not in warned[0]


def test_map_made_with_it_says_so(scene: SceneConfig, tmp_path: Path) -> None:
    outputs = OutputConfig(map=str(tmp_path / "map.tif"), report=str(tmp_path / "r.html"))
    clip = ClipConfig(scales=(1.0,), templates="remote_sensing", use_aliases=False)
    result = classify(
        ClassifyConfig(scene, "; ".join(NAMES), outputs, source="clip", model="demo", refine=False, clip=clip)
    )
    assert any("The demo model is used" in text for text in result["warnings"])
    assert "made with the demo model" in (tmp_path / "r.html").read_text(encoding="utf-8")
    provenance = json.loads(gdal.Open(outputs.map).GetMetadataItem("SPECIAL_PROVENANCE"))
    assert provenance["estimates"]["clip"]["is_demo"] is True


def test_it_is_never_taken_unless_it_is_named(tmp_path: Path) -> None:
    assert choose_default_model(tmp_path) is None
    model = demo_model()
    assert model is not None and model.path.stat().st_size < 4_000_000
