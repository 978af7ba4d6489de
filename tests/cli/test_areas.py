# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas of a class map through the real ``qgis_process`` and the engine's command line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import List

import numpy as np
import pytest
from osgeo import gdal

from tests.helpers.class_maps import rectangle, write_raster, write_vector
from tests.helpers.qgis_process import QgisProcess

PYTHON = "/usr/bin/python3"
MAP = np.tile(np.array([[1, 2, 3, 0], [1, 1, 2, 3]], np.uint8), (10, 10))
NAMES = ("", "water", "Bäume", "roof")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with map, confidence, reference and polygons, whose name has a space and letters beyond ASCII."""
    folder = tmp_path / "Flächen – 面积"
    folder.mkdir()
    write_raster(folder / "map.tif", MAP, names=NAMES, nodata=0)
    write_raster(folder / "truth.tif", np.array([0, 1, 2, 2], np.uint8)[MAP], names=NAMES, nodata=0)
    confidence = np.where(MAP > 0, 0.5, -1.0).astype(np.float32)
    write_raster(folder / "confidence.tif", confidence, nodata=-1, gdal_type=gdal.GDT_Float32)
    write_vector(folder / "plots.gpkg", [(rectangle(0, 0, 4, 2), "Feld ä"), (rectangle(2, 0, 4, 2), "b")], field="name")
    return folder


def engine(arguments: List[str], repository: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-m", "special_qgis.engine", *arguments]
    env = {**os.environ, "PYTHONPATH": str(repository)}
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, encoding="utf-8", timeout=120)


def test_areas_after_assess_write_all_outputs_and_print_the_figures(qgis_process: QgisProcess, folder: Path) -> None:
    given = {"MAP": folder / "map.tif", "REFERENCE": folder / "truth.tif", "REPORT": folder / "accuracy.html"}
    done = qgis_process.run_algorithm("special:assess", given)
    assert done.rc == 0, done.stdout + done.errors
    outputs = {"REPORT": folder / "areas.html", "TABLE": folder / "areas.csv", "OUTPUT": folder / "areas.gpkg"}
    inputs = {
        "MAP": folder / "map.tif",
        "POLYGONS": folder / "plots.gpkg",
        "NAME_FIELD": "name",
        "CONFIDENCE": folder / "confidence.tif",
        "ACCURACY_REPORT": done.results["REPORT_JSON"],
        "MEASURE": "crs",
    }
    done = qgis_process.run_algorithm("special:areas", {**inputs, **outputs})
    assert done.rc == 0, done.stdout + done.errors
    assert "Traceback" not in done.stdout + done.stderr
    assert {key: done.results[key] for key in outputs} == {key: str(path) for key, path in outputs.items()}
    assert done.results["CLASSIFIED_AREA"] == pytest.approx(700 * 900.0)
    assert (done.results["POLYGON_COUNT"], done.results["MEASURED_ON"]) == (2, "crs")
    areas = json.loads(done.results["CLASS_AREAS"])
    assert areas["Bäume"]["confidence_weighted_area_m2"] == pytest.approx(200 * 900.0 * 0.5)
    adjusted = json.loads(done.results["ADJUSTED_AREAS"])["per_class"]
    assert adjusted["Bäume"]["area_m2"] == pytest.approx(400 * 900.0)  # all that the map calls roof is trees
    written = gdal.OpenEx(str(outputs["OUTPUT"]), gdal.OF_VECTOR)
    assert {feature["name"]: feature["bäume_px"] for feature in written.GetLayer(0)} == {"Feld ä": 2, "b": 2}
    assert "Feld ä" in outputs["REPORT"].read_text(encoding="utf-8")


def test_areas_of_bad_input_end_with_exit_code_1_and_no_output(qgis_process: QgisProcess, folder: Path) -> None:
    results = folder / "results"
    results.mkdir()
    (folder / "other.json").write_text("{}", encoding="utf-8")
    given = {"MAP": folder / "map.tif", "ACCURACY_REPORT": folder / "other.json", "TABLE": results / "areas.csv"}
    done = qgis_process.run_algorithm("special:areas", given)
    assert done.rc == 1
    assert "is not the JSON of an accuracy report" in done.stdout + done.errors
    assert "Traceback" not in done.stdout + done.stderr
    assert list(results.iterdir()) == []


def test_command_line_of_the_engine_does_the_same(repository: Path, folder: Path) -> None:
    words = ["areas", "map.tif", "--polygons", "plots.gpkg", "--field", "name", "--measure", "crs", "--table", "t.csv"]
    done = engine([*words, "--vector", "areas.fgb"], repository, folder)
    assert done.returncode == 0, done.stderr
    assert "measured on plane of WGS 84 / UTM zone 33N" in done.stdout and "27.00 ha" in done.stdout
    assert (folder / "t.csv").is_file() and (folder / "areas.fgb").is_file()
    done = engine(["areas", "map.tif", "--json"], repository, folder)
    assert json.loads(done.stdout)["measure"] == "ellipsoid"
    done = engine(["areas", "map.tif", "--vector", "areas.gpkg"], repository, folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "vector must be empty where there are no polygons" in done.stderr
