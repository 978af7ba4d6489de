# SPDX-License-Identifier: GPL-2.0-or-later
"""Heights join the evidence: on a generated roof and road of one spectrum, and on the demo scene."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Callable, Tuple

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.config import ClassifyConfig, OutputConfig, SceneConfig
from special_qgis.engine.errors import ConfigError, EngineError, InputError
from special_qgis.engine.pipeline import classify
from tests.helpers import small_scene

REPOSITORY = Path(__file__).resolve().parents[2]
HALF, SIDE = small_scene.SIDE_PX // 2, small_scene.SIDE_PX
CLASSES = "water; tree; asphalt roof; asphalt road"  # the last two are the same to spectra
GROUND_M = 120.0


def _heights() -> np.ndarray:
    """Trees, and a roof on the western half of the asphalt."""
    heights = np.zeros((SIDE, SIDE), np.float32)
    heights[:HALF, HALF:] = 9.0
    heights[HALF:, HALF : HALF + HALF // 2] = 6.0
    return heights


def read(path: Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClassifyConfig:
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(tmp_path / "models"))
    scene = SceneConfig(str(small_scene.write_scene(tmp_path / "scene.tif")))
    outputs = OutputConfig(map=str(tmp_path / "map.tif"), report=str(tmp_path / "r.html"))
    return ClassifyConfig(scene, CLASSES, outputs, refine=False)


def _asphalt_truth() -> np.ndarray:
    return np.where(np.arange(HALF) < HALF // 2, 3, 4)[None].repeat(HALF, axis=0)


def _split_share(path: Path) -> float:
    return float((read(path)[HALF:, HALF:] == _asphalt_truth()).mean())


@pytest.mark.parametrize("source", ["automatic", "spectral"])
def test_roof_and_road_of_one_spectrum_are_told_apart_by_height(
    tmp_path: Path, config: ClassifyConfig, source: str
) -> None:
    classify(replace(config, source=source))
    assert _split_share(tmp_path / "map.tif") <= 0.5
    path = small_scene.write_raster(tmp_path / "h.tif", _heights())
    classify(replace(config, source=source, height=str(path)))
    assert _split_share(tmp_path / "map.tif") == 1.0
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["stages"] == ["height", "spectral prior", "fusion"]
    assert report["height"]["standing"] == {"water": -1.0, "tree": 1.0, "asphalt roof": 1.0, "asphalt road": -1.0}
    assert report["provenance"]["estimates"]["height"] == report["height"]
    assert report["provenance"]["estimates"]["fusion"]["height_weight"] == 1.0
    assert "A pixel stands up from" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_surface_and_terrain_give_what_heights_give(tmp_path: Path, config: ClassifyConfig) -> None:
    slope = GROUND_M + np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.float32)
    surface = small_scene.write_raster(tmp_path / "s.tif", _heights() + slope)
    terrain = small_scene.write_raster(tmp_path / "t.tif", slope)
    classify(replace(config, height=str(surface), terrain=str(terrain)))
    assert _split_share(tmp_path / "map.tif") == 1.0


def test_heights_in_another_crs_and_part_of_the_scene_are_used(tmp_path: Path, config: ClassifyConfig) -> None:
    path = small_scene.write_raster(tmp_path / "h.tif", _heights())
    gdal.Warp(str(tmp_path / "w.tif"), str(path), dstSRS="EPSG:3857", dstNodata=-9999.0, xRes=2, yRes=2).FlushCache()
    x, y = small_scene.ORIGIN[0] + HALF * small_scene.PIXEL_M, small_scene.ORIGIN[1] - HALF * small_scene.PIXEL_M
    extent = (x, y - HALF * small_scene.PIXEL_M, x + HALF * small_scene.PIXEL_M, y)
    scene = replace(config.scene, extent=extent)
    classify(replace(config, scene=scene, height=str(tmp_path / "w.tif")))
    found = read(tmp_path / "map.tif")
    assert found.shape == (HALF, HALF) and (found == _asphalt_truth())[1:-1, 1:-1].mean() > 0.9


def test_holes_in_the_heights_are_judged_as_without_them(tmp_path: Path, config: ClassifyConfig) -> None:
    classify(config)
    without = read(tmp_path / "map.tif")
    holes = _heights()
    holes[:, HALF + HALF // 4 :] = np.nan
    classify(replace(config, height=str(small_scene.write_raster(tmp_path / "h.tif", holes))))
    found = read(tmp_path / "map.tif")
    np.testing.assert_array_equal(found[:, HALF + HALF // 4 :], without[:, HALF + HALF // 4 :])
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert any("elsewhere it says nothing" in warning for warning in report["warnings"])


def test_names_that_no_height_parts_leave_the_map_as_it_is(tmp_path: Path, config: ClassifyConfig) -> None:
    flat = replace(config, classes="water; grass; bare soil; asphalt")
    classify(flat)
    without = read(tmp_path / "map.tif")
    classify(replace(flat, height=str(small_scene.write_raster(tmp_path / "h.tif", _heights()))))
    np.testing.assert_array_equal(read(tmp_path / "map.tif"), without)


Change = Callable[[ClassifyConfig, Path], ClassifyConfig]


def _elsewhere(config: ClassifyConfig, folder: Path) -> ClassifyConfig:
    path = small_scene.write_raster(folder / "h.tif", _heights())
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.SetGeoTransform((0.0, 4.0, 0.0, 0.0, 0.0, -4.0))
    del dataset
    return replace(config, height=str(path))


def _raised(offset: float) -> Change:
    return lambda config, folder: replace(
        config, height=str(small_scene.write_raster(folder / "h.tif", _heights() + np.float32(offset)))
    )


def _stack(config: ClassifyConfig, folder: Path) -> ClassifyConfig:
    return replace(config, height=config.scene.source)


def _replaced(config: ClassifyConfig, folder: Path) -> ClassifyConfig:
    path = str(small_scene.write_raster(folder / "h.tif", _heights()))
    return replace(config, height=path, outputs=replace(config.outputs, map=path))


BAD: Tuple[Tuple[str, Change, type, str], ...] = (
    ("elsewhere", _elsewhere, InputError, "no value at any pixel of the scene"),
    ("elevations", _raised(GROUND_M), InputError, "elevations above sea level.*terrain model"),
    ("below ground", _raised(-30.0), InputError, "exchanged"),
    ("several bands", _stack, InputError, "one band of heights is accepted"),
    ("replaced by an output", _replaced, EngineError, "h.tif"),
    ("names unknown", lambda c, f: replace(_raised(0.0)(c, f), classes="zorg; blib"), EngineError, "None of the class"),
    (
        "agreement",
        lambda c, f: replace(_raised(0.0)(c, f), outputs=replace(c.outputs, agreement=str(f / "a.tif"))),
        ConfigError,
        "needs two sources",
    ),
)


@pytest.mark.parametrize(("change", "error", "match"), [pytest.param(*rest, id=name) for name, *rest in BAD])
def test_heights_that_cannot_serve_end_with_a_message_and_no_map(
    tmp_path: Path, config: ClassifyConfig, change: Change, error: type, match: str
) -> None:
    changed = change(config, tmp_path)
    with pytest.raises(error, match=match):
        classify(changed)
    assert not (tmp_path / "map.tif").exists()


def test_height_alone_and_terrain_alone_are_refused(config: ClassifyConfig) -> None:
    with pytest.raises(ConfigError, match="makes no map alone"):
        replace(config, source="height")
    with pytest.raises(ConfigError, match="terrain must be empty where there is no height"):
        replace(config, terrain="t.tif")


def test_demo_scene_gains_by_its_heights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from resources.demo.demo_scene.scene import make_heights, make_scene

    files, heights = make_scene(tmp_path), make_heights(tmp_path / "heights.tif")
    truth = read(files.truth)
    scene, outputs = SceneConfig(str(files.cube)), OutputConfig(map=str(tmp_path / "map.tif"))
    config = ClassifyConfig(scene, str(files.classes), outputs, refine=False)
    accuracy, scores = [], []
    for height in ("", str(heights)):
        classify(replace(config, height=height))
        found = read(tmp_path / "map.tif")
        accuracy.append(float((found == truth)[truth > 0].mean()))
        scores.append([_f1(found, truth, class_id) for class_id in range(1, 8)])
    sys.stdout.write(f"overall accuracy without and with heights: {accuracy}\n")
    gains = np.subtract(scores[1], scores[0])
    assert accuracy[1] > accuracy[0] + 0.04
    assert gains[1] > 0.14 and gains[4] > 0.02 and gains[6] > 0.08, "tree, asphalt, concrete roof"
    assert gains.min() > -0.005


def _f1(found: np.ndarray, truth: np.ndarray, class_id: int) -> float:
    said, true = (found == class_id) & (truth > 0), truth == class_id
    return 2.0 * float((said & true).sum()) / float(said.sum() + true.sum())
