# SPDX-License-Identifier: GPL-2.0-or-later
"""The staged plugin through the real ``qgis_process``: list, help, runs, the example model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from osgeo import gdal

from tests.helpers import small_scene
from tests.helpers.qgis_process import QgisProcess

PUBLIC_API = Path(__file__).resolve().parent.parent / "data" / "public_api.json"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_scene.write_scene(tmp_path_factory.mktemp("mit Leerzeichen und Ümläut") / "Szene 1.tif")


def test_list_names_every_algorithm_of_the_public_api(qgis_process: QgisProcess) -> None:
    done = qgis_process.run("--json", "list")
    assert done.rc == 0
    listed = done.json["providers"]["special"]["algorithms"]
    assert sorted(listed) == sorted(json.loads(PUBLIC_API.read_text(encoding="utf-8")))


def test_help_of_classify_shows_parameters_and_choices(qgis_process: QgisProcess) -> None:
    done = qgis_process.run("help", "special:classify")
    assert done.rc == 0 and done.errors == ""
    for text in ("CLASSES", "SOURCE", "spectral", "fast", "aviris_ng", "CLASS_AREAS"):
        assert text in done.stdout


def test_classify_writes_all_outputs_and_prints_the_figures(
    qgis_process: QgisProcess, scene: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "Ergebnis – 结果"
    folder.mkdir()
    outputs = {
        "OUTPUT": folder / "Karte ß.tif",
        "CONFIDENCE": folder / "confidence.tif",
        "PROBABILITIES": folder / "probabilities.tif",
        "REPORT": folder / "report.html",
    }
    classes = "Wasser: water, Fluß #1f78b4; Bäume: tree; bare soil; asphalt"
    done = qgis_process.run_algorithm("special:classify", {"INPUT": scene, "CLASSES": classes, "SEED": 7, **outputs})
    assert done.rc == 0, done.stdout + done.errors
    assert "Traceback" not in done.stdout + done.stderr
    assert {key: done.results[key] for key in outputs} == {key: str(path) for key, path in outputs.items()}
    assert list(json.loads(done.results["CLASS_AREAS"])) == ["Wasser", "Bäume", "bare soil", "asphalt"]
    dataset = gdal.Open(str(outputs["OUTPUT"]))
    assert (dataset.ReadAsArray() == small_scene.truth()).mean() > 0.95
    table = dataset.GetRasterBand(1).GetDefaultRAT()
    names = [table.GetValueAsString(row, table.GetColOfUsage(gdal.GFU_Name)) for row in range(table.GetRowCount())]
    assert names[-4:] == ["Wasser", "Bäume", "bare soil", "asphalt"]


def test_example_model_runs(qgis_process: QgisProcess, scene: Path, repository: Path, tmp_path: Path) -> None:
    truth = small_scene.write_truth(tmp_path / "truth.tif")
    outputs = {
        "classify:Land cover": tmp_path / "map.tif",
        "classify:Confidence": tmp_path / "confidence.tif",
        "classify:Report": tmp_path / "report.html",
        "assess:Accuracy": tmp_path / "accuracy.html",
        "areas:Areas": tmp_path / "areas.gpkg",
    }
    model = repository / "resources" / "models" / "classify_assess_areas.model3"
    inputs = {"scene": scene, "classes": small_scene.CLASSES, "reference": truth}
    done = qgis_process.run_algorithm(str(model), {**inputs, **outputs})
    assert done.rc == 0, done.stdout + done.errors
    assert all(path.is_file() for path in outputs.values())


def test_parameters_from_standard_input_run_as_well(qgis_process: QgisProcess, scene: Path) -> None:
    if not qgis_process.takes_json_input():
        pytest.skip("this QGIS does not read parameters from standard input")
    done = qgis_process.run_algorithm_from_stdin("special:inspectscene", {"INPUT": str(scene)})
    assert done.rc == 0
    assert done.results["BANDS"] == small_scene.WAVELENGTHS_NM.size


def test_check_runtime_says_light_stages_are_ready(qgis_process: QgisProcess) -> None:
    done = qgis_process.run_algorithm("special:checkruntime", {})
    assert done.rc == 0
    assert done.results["READY"] is True
