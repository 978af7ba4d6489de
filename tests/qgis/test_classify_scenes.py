# SPDX-License-Identifier: GPL-2.0-or-later
"""A campaign through Processing: layers, a folder, a list; numbers for models; bad input; cancel."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any, Dict

import pytest
from qgis.core import QgsProcessingException, QgsRasterLayer

from tests.helpers.campaigns import left_over, write_large_scene, write_scenes
from tests.helpers.small_scene import CLASSES

from .conftest import Messages


def run(parameters: Dict[str, Any], feedback: Messages) -> Dict[str, Any]:
    import processing

    given = {"CLASSES": CLASSES, "SOURCE": "spectral", "REFINE": False, **parameters}
    return processing.run("special:classifyscenes", given, feedback=feedback)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A folder with two scenes, whose name has a space and letters beyond ASCII."""
    write_scenes(tmp_path / "Flüge 航线", 2)
    return tmp_path / "Flüge 航线"


def test_campaign_of_a_folder_gives_files_and_numbers(plugin: Any, scenes: Path, tmp_path: Path) -> None:
    feedback = Messages()
    found = run({"FOLDER": str(scenes), "OUTPUT_FOLDER": str(tmp_path / "out"), "WORKERS": 2}, feedback)
    counts = [found[name] for name in ("SCENE_COUNT", "SKIPPED_COUNT", "FAILED_COUNT", "STATUS")]
    assert counts == [2, 0, 0, "ok"]
    assert found["CLASSIFIED_AREA"] == 2 * 1024 * 16.0
    assert json.loads(found["CLASS_AREAS"])["water"]["count"] == 512
    with Path(found["TABLE"]).open(encoding="utf-8-sig", newline="") as stream:
        assert [row["scene"] for row in csv.DictReader(stream)] == ["line0", "line1"]
    assert Path(found["REPORT"]).is_file()
    mosaic = QgsRasterLayer(found["MOSAIC"], "mosaic", "gdal")
    assert [entry.label for entry in mosaic.renderer().classes()] == ["water", "tree", "bare soil", "asphalt"]
    assert run({"FOLDER": str(scenes), "OUTPUT_FOLDER": str(tmp_path / "out")}, feedback)["SKIPPED_COUNT"] == 2


def test_campaign_of_layers_and_a_list_maps_each_once_with_the_outputs_chosen(
    plugin: Any, scenes: Path, tmp_path: Path
) -> None:
    (scenes / "list.txt").write_text("line0.tif\nline1.tif\n", encoding="utf-8")
    layer = QgsRasterLayer(str(scenes / "line1.tif"), "a layer", "gdal")
    given = {"INPUTS": [layer, str(scenes / "line0.tif")], "LIST": str(scenes / "list.txt")}
    outputs = {"OUTPUT_FOLDER": str(tmp_path / "out"), "OUTPUTS": ["probabilities"], "MAKE_MOSAIC": False}
    found = run({**given, **outputs}, Messages())
    assert (found["SCENE_COUNT"], found.get("MOSAIC")) == (2, None)
    assert (tmp_path / "out" / "line1" / "line1_probabilities.tif").is_file()
    assert not (tmp_path / "out" / "line1" / "line1_confidence.tif").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({}, "No scene is given", id="nothing"),
        pytest.param({"FOLDER": "{}", "CLASSES": "water"}, "only one class", id="classes"),
        pytest.param({"INPUTS": ["{}/none.tif"]}, "There is no raster", id="layer"),
        pytest.param({"LIST": "{}/none.txt"}, "There is no scene", id="list"),
        pytest.param({"FOLDER": "{}/empty"}, "There is no scene in", id="empty"),
    ],
)
def test_campaign_bad_input_says_why_and_writes_nothing(
    plugin: Any, scenes: Path, tmp_path: Path, given: Dict[str, Any], message: str
) -> None:
    (scenes / "empty").mkdir()
    filled = json.loads(json.dumps(given).replace("{}", str(scenes))) if given else {}
    feedback = Messages()
    with pytest.raises(QgsProcessingException, match=message):
        run({**filled, "OUTPUT_FOLDER": str(tmp_path / "out")}, feedback)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_campaign_cancelled_keeps_what_is_finished_and_leaves_nothing_else(
    plugin: Any, scenes: Path, tmp_path: Path
) -> None:
    write_large_scene(scenes / "z_large.tif", 24)
    feedback = Messages()
    cancelled_at = []

    def cancel_at_the_last(_: float) -> None:
        if (tmp_path / "out" / "line1" / "scene.json").exists() and not cancelled_at:
            cancelled_at.append(time.monotonic())
            feedback.cancel()

    feedback.progressChanged.connect(cancel_at_the_last)
    with pytest.raises(QgsProcessingException, match="finished scenes are kept"):
        run({"FOLDER": str(scenes), "OUTPUT_FOLDER": str(tmp_path / "out"), "WORKERS": 1}, feedback)
    assert time.monotonic() - cancelled_at[0] < 5.0
    assert (tmp_path / "out" / "line0" / "line0_map.tif").is_file()
    assert not list((tmp_path / "out").glob("z_large/*"))
    assert left_over(tmp_path / "out") == []
