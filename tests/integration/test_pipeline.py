# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job on generated scenes, from files to files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.config import ClassifyConfig, OutputConfig, PriorJobConfig, SceneConfig
from special_qgis.engine.errors import (
    Cancelled,
    ClassListError,
    ConfigError,
    InputError,
    RasterReadError,
    RasterWriteError,
)
from special_qgis.engine.pipeline import classify, inspect_scene, spectral_prior
from special_qgis.engine.progress import NullProgress

CLASSES = "water; tree; bare soil"
WAVELENGTHS_NM = np.linspace(420.0, 2400.0, 67)


def _spectra() -> np.ndarray:
    """(3, bands) reflectance of water, leaves and soil, drawn by hand with the features that tell them apart."""
    nm = WAVELENGTHS_NM
    water = 0.05 * np.exp(-(((nm - 520) / 110) ** 2)) + 0.01 * (nm < 750)
    edge = 1 / (1 + np.exp(-(nm - 715) / 12))
    leaf = 0.03 + 0.05 * np.exp(-(((nm - 552) / 30) ** 2)) + 0.42 * edge
    for centre, width, depth in ((1450, 60, 0.6), (1940, 80, 0.8), (2400, 250, 0.6)):
        leaf = leaf * (1 - depth * np.exp(-(((nm - centre) / width) ** 2)))
    leaf = leaf * np.where(nm > 1350, 0.6, 1.0)
    soil = 0.38 / (1 + np.exp(-(nm - 640) / 190))
    return np.stack([water, leaf, soil])


def _write_scene(
    path: Path, rows: int = 300, cols: int = 270, band_order: np.ndarray | None = None, blend_px: int = 0
) -> np.ndarray:
    """Write an int16 scene of vertical stripes, blended at their borders, with a no-data corner; gives its truth."""
    generator = np.random.default_rng(12)
    truth = np.repeat(1 + np.arange(cols) * 3 // cols, 1)[np.newaxis].repeat(rows, 0)
    light = generator.normal(1.0, 0.06, (rows, cols))
    cube = _spectra()[truth - 1].transpose(2, 0, 1)
    if blend_px:
        window = np.ones(blend_px) / blend_px
        cube[:] = np.stack([np.convolve(band[0], window, "same") for band in cube])[:, np.newaxis]
    cube = cube * light * 10_000
    cube += generator.normal(0, 25, cube.shape)
    cube[:, :20, :20] = -9999
    truth[:20, :20] = 0
    order = np.arange(len(WAVELENGTHS_NM)) if band_order is None else band_order
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, len(order), gdal.GDT_Int16)
    dataset.SetGeoTransform((500_000.0, 5.0, 0.0, 5_800_000.0, 0.0, -5.0))
    dataset.SetProjection("EPSG:32633")
    for number, index in enumerate(order, start=1):
        band = dataset.GetRasterBand(number)
        band.WriteArray(np.rint(cube[index]).astype(np.int16))
        band.SetNoDataValue(-9999)
        band.SetMetadataItem("wavelength", f"{WAVELENGTHS_NM[index]:.2f}")
        band.SetMetadataItem("wavelength_units", "Nanometers")
    dataset.FlushCache()
    return truth


def _config(folder: Path, **changes: Any) -> ClassifyConfig:
    outputs = OutputConfig(
        map=str(folder / "map.tif"),
        confidence=str(folder / "confidence.tif"),
        probabilities=str(folder / "probabilities.tif"),
        report=str(folder / "report.html"),
    )
    config = ClassifyConfig(SceneConfig(str(folder / "scene.tif")), CLASSES, outputs, refine=False)
    return replace(config, **changes)


def _read(path: str | Path) -> np.ndarray:
    values = gdal.Open(str(path)).ReadAsArray()
    assert values is not None
    return np.asarray(values)


def _names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def scene(tmp_path: Path) -> np.ndarray:
    return _write_scene(tmp_path / "scene.tif")


def test_classify_three_materials_finds_them_and_leaves_nodata_empty(tmp_path: Path, scene: np.ndarray) -> None:
    result = classify(_config(tmp_path))
    labels, confidence = _read(result["map"]), _read(result["confidence"])
    probabilities = _read(result["probabilities"])
    assert (labels[scene == 0] == 0).all()
    assert (labels == scene)[scene > 0].mean() > 0.99
    assert (confidence[scene == 0] == -1).all()
    assert (probabilities[:, scene == 0] == -1).all()
    assert np.allclose(probabilities[:, scene > 0].sum(axis=0), 1, atol=1e-5)
    ranked = np.sort(probabilities[:, scene > 0], axis=0)
    assert np.allclose(confidence[scene > 0], ranked[-1] - ranked[-2], atol=1e-6)
    assert result["classified_px"] == int((scene > 0).sum())
    assert result["classified_area_m2"] == pytest.approx(25.0 * (scene > 0).sum())
    assert sum(c["count"] for c in result["class_areas"].values()) == result["classified_px"]
    assert list(result["class_areas"]) == ["water", "tree", "bare soil"]
    assert result["status"] == "ok"
    json.dumps(result, allow_nan=False)


def test_classify_outputs_lie_on_the_scene_and_carry_their_classes(tmp_path: Path, scene: np.ndarray) -> None:
    result = classify(_config(tmp_path))
    source, class_map = gdal.Open(str(tmp_path / "scene.tif")), gdal.Open(result["map"])
    assert class_map.GetGeoTransform() == source.GetGeoTransform()
    assert class_map.GetSpatialRef().IsSame(source.GetSpatialRef())
    band = class_map.GetRasterBand(1)
    assert band.GetNoDataValue() == 0
    assert band.GetCategoryNames()[1:] == ["water", "tree", "bare soil"]
    table = band.GetDefaultRAT()
    assert [table.GetValueAsString(row, 1) for row in range(table.GetRowCount())] == ["water", "tree", "bare soil"]
    provenance = json.loads(class_map.GetMetadataItem("SPECIAL_PROVENANCE"))
    assert provenance["parameters"]["classes"] == CLASSES
    stack = gdal.Open(result["probabilities"])
    assert [stack.GetRasterBand(b + 1).GetDescription() for b in range(3)] == ["water", "tree", "bare soil"]
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert "water" in json.dumps(report)
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("preset", ["default", "fast"])
def test_classify_any_memory_budget_gives_the_same_bytes(tmp_path: Path, scene: np.ndarray, preset: str) -> None:
    found = []
    for name, budget in (("small", 1), ("large", 0)):
        config = _config(tmp_path, preset=preset)
        folder = tmp_path / name
        outputs = OutputConfig(str(folder / "map.tif"), str(folder / "c.tif"), str(folder / "p.tif"))
        scene_config = replace(config.scene, memory_budget_bytes=budget)
        classify(replace(config, scene=scene_config, outputs=outputs))
        found.append([_read(folder / n).tobytes() for n in ("map.tif", "c.tif", "p.tif")])
    assert found[0] == found[1]


def test_classify_twice_with_one_seed_writes_the_same_file(tmp_path: Path, scene: np.ndarray) -> None:
    classify(_config(tmp_path))
    first = (tmp_path / "map.tif").read_bytes()
    classify(_config(tmp_path))
    assert (tmp_path / "map.tif").read_bytes() == first


def test_classify_bands_shuffled_with_their_wavelengths_changes_nothing(tmp_path: Path, scene: np.ndarray) -> None:
    classify(_config(tmp_path))
    expected = _read(tmp_path / "probabilities.tif")
    other = tmp_path / "shuffled"
    other.mkdir()
    _write_scene(other / "scene.tif", band_order=np.random.default_rng(5).permutation(len(WAVELENGTHS_NM)))
    classify(_config(other))
    assert np.array_equal(_read(other / "probabilities.tif"), expected)


def test_classify_min_confidence_leaves_doubtful_pixels_unclassified(tmp_path: Path) -> None:
    scene = _write_scene(tmp_path / "scene.tif", blend_px=60)
    result = classify(_config(tmp_path, min_confidence=0.9))
    labels, confidence = _read(result["map"]), _read(result["confidence"])
    doubtful = (confidence < np.float32(0.9)) & (scene > 0)
    assert 0.01 < doubtful[scene > 0].mean() < 0.5
    assert np.array_equal(labels == 0, doubtful | (scene == 0))
    assert result["classified_px"] == int((labels > 0).sum())


def test_classify_extent_maps_only_that_part(tmp_path: Path, scene: np.ndarray) -> None:
    extent = (500_000.0 + 5 * 100, 5_800_000.0 - 5 * 90, 500_000.0 + 5 * 180, 5_800_000.0 - 5 * 30)
    result = classify(_config(tmp_path, scene=SceneConfig(str(tmp_path / "scene.tif"), extent=extent)))
    dataset = gdal.Open(result["map"])
    assert (dataset.RasterYSize, dataset.RasterXSize) == (60, 80)
    assert dataset.GetGeoTransform()[0] == extent[0]
    assert dataset.GetGeoTransform()[3] == extent[3]


def test_classify_unknown_name_warns_and_says_so_in_the_result(tmp_path: Path, scene: np.ndarray) -> None:
    result = classify(_config(tmp_path, classes="water; tree; bare soil; xyzzyplugh"))
    assert result["status"] == "ok with warnings"
    assert any("xyzzyplugh" in warning for warning in result["warnings"])


def test_classify_no_name_known_is_an_error_without_output(tmp_path: Path, scene: np.ndarray) -> None:
    with pytest.raises(ClassListError, match="None of the class names is known"):
        classify(_config(tmp_path, classes="xyzzy; plugh"))
    assert _names(tmp_path) == ["scene.tif"]


def test_classify_without_map_target_is_an_error(tmp_path: Path, scene: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=r"outputs\.map must be"):
        classify(_config(tmp_path, outputs=OutputConfig()))


def test_classify_all_pixels_invalid_keeps_the_former_map(tmp_path: Path, scene: np.ndarray) -> None:
    classify(_config(tmp_path))
    names, former = _names(tmp_path), (tmp_path / "map.tif").read_bytes()
    extent = (500_000.0, 5_800_000.0 - 5 * 15, 500_000.0 + 5 * 15, 5_800_000.0)
    with pytest.raises((InputError, RasterReadError), match="valid"):
        classify(_config(tmp_path, scene=SceneConfig(str(tmp_path / "scene.tif"), extent=extent)))
    assert _names(tmp_path) == names
    assert (tmp_path / "map.tif").read_bytes() == former


def test_classify_into_a_disk_that_runs_full_keeps_the_former_map(tmp_path: Path, tiny_disk: Path) -> None:
    _write_scene(tmp_path / "scene.tif", 700, 600, blend_px=200)
    config = _config(tmp_path, outputs=OutputConfig(map=str(tiny_disk / "map.tif")))
    classify(config)
    former = {path.name: path.read_bytes() for path in tiny_disk.iterdir()}
    more = OutputConfig(map=str(tiny_disk / "map.tif"), probabilities=str(tiny_disk / "probabilities.tif"))
    with pytest.raises(RasterWriteError, match=r"probabilities\.tif .*are free in .*Nothing was written"):
        classify(replace(config, outputs=more))
    assert {path.name: path.read_bytes() for path in tiny_disk.iterdir()} == former


class _CancelAfter(NullProgress):
    """Cancelled once a number of progress reports have come."""

    def __init__(self, n_reports: int) -> None:
        self._left = n_reports

    def report(self, fraction: float, message: str = "") -> None:
        self._left -= 1

    def is_cancelled(self) -> bool:
        return self._left <= 0


@pytest.mark.parametrize("n_reports", [0, 1, 3, 5], ids=lambda n: f"after {n} reports")
def test_classify_cancelled_leaves_no_file(tmp_path: Path, scene: np.ndarray, n_reports: int) -> None:
    with pytest.raises(Cancelled):
        classify(_config(tmp_path), _CancelAfter(n_reports))
    assert _names(tmp_path) == ["scene.tif"]


def test_classify_never_changes_its_input(tmp_path: Path, scene: np.ndarray) -> None:
    path = tmp_path / "scene.tif"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    classify(_config(tmp_path))
    inspect_scene(SceneConfig(str(path)))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert not (tmp_path / "scene.tif.aux.xml").exists()


def test_spectral_prior_equals_the_probabilities_of_classify(tmp_path: Path, scene: np.ndarray) -> None:
    classify(_config(tmp_path))
    result = spectral_prior(
        PriorJobConfig(SceneConfig(str(tmp_path / "scene.tif")), CLASSES, str(tmp_path / "prior.tif"))
    )
    assert np.array_equal(_read(tmp_path / "prior.tif"), _read(tmp_path / "probabilities.tif"))
    assert list(result["classes"]) == ["water", "tree", "bare soil"]
    json.dumps(result, allow_nan=False)


def test_inspect_scene_tells_bands_and_wavelengths(tmp_path: Path, scene: np.ndarray) -> None:
    found = inspect_scene(SceneConfig(str(tmp_path / "scene.tif")))
    json.dumps(found, allow_nan=False)
    assert found["file_bands"] == 67
    assert found["dropped_bands"] == {"in a water-vapour window": "32-35, 47-52"}
    assert found["good_bands"] == 57
    assert found["pixel_size"] == [5.0, 5.0]
    assert 0.99 < found["valid_share"] < 1.0


REAL_SCENES = [
    "aviris_park/aviris_park.img",
    "enmap_potsdam/enmap_potsdam.tif",
    "jasper_ridge/jasper_ridge.img",
    "pavia_bridge/pavia_bridge.tif",
    "samson/samson.tif",
]


@pytest.mark.parametrize("name", REAL_SCENES, ids=lambda name: name.split("/")[0])
def test_classify_real_scene_runs_by_class_names_alone(tmp_path: Path, scenes_dir: Path, name: str) -> None:
    source = scenes_dir / name
    outputs = OutputConfig(str(tmp_path / "map.tif"), str(tmp_path / "c.tif"), "", str(tmp_path / "report.html"))
    classes = str(source.parent / "classes.txt")
    result = classify(ClassifyConfig(SceneConfig(str(source)), classes, outputs, refine=False))
    n_found = sum(c["count"] > 0.002 * result["classified_px"] for c in result["class_areas"].values())
    assert n_found >= 2
    assert result["classified_px"] == int((_read(result["map"]) > 0).sum())
