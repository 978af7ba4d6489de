# SPDX-License-Identifier: GPL-2.0-or-later
"""Classify with the network, refine and apply through Processing, with the real worker on a Python that has PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsProcessingException, QgsRasterLayer

from tests.helpers import small_scene

from .conftest import Messages


def run(name: str, parameters: Dict[str, Any], feedback: Messages) -> Dict[str, Any]:
    import processing

    return processing.run(f"special:{name}", parameters, feedback=feedback)


def labels_of(path: str | Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


def test_train_once_and_map_another_scene(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages, with_runtime: str
) -> None:
    paths = {
        "OUTPUT": str(tmp_path / "map.tif"),
        "PSEUDO_LABELS": str(tmp_path / "pseudo.tif"),
        "CLASSIFIER": str(tmp_path / "Klassifikator ä.safetensors"),
        "REPORT": str(tmp_path / "report.html"),
    }
    found = run("classify", {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, **paths}, messages)
    assert {key: found[key] for key in paths} == paths
    assert (labels_of(found["OUTPUT"]) == small_scene.truth()).mean() > 0.95
    assert 0.0 <= found["CHANGED_SHARE"] < 0.1
    assert "What the network changed" in (tmp_path / "report.html").read_text(encoding="utf-8")

    other = small_scene.write_scene(tmp_path / "other.tif", seed=3)
    applied = {"INPUT": str(other), "CLASSIFIER": found["CLASSIFIER"], "OUTPUT": str(tmp_path / "applied.tif")}
    mapped = run("applyclassifier", applied, messages)
    assert (labels_of(mapped["OUTPUT"]) == small_scene.truth()).mean() > 0.95
    assert mapped["CLASS_COUNT"] == 4


def test_refine_mends_a_corrupted_map(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages, with_runtime: str
) -> None:
    wrong = small_scene.truth()
    wrong[2:8, 2:8], wrong[20:26, 4:9] = 3, 1
    old = QgsRasterLayer(str(small_scene.write_raster(tmp_path / "old.tif", wrong)), "old map")
    found = run("refine", {"INPUT": str(scene), "LABELS": old, "OUTPUT": str(tmp_path / "map.tif")}, messages)
    before = (wrong == small_scene.truth()).mean()
    assert (labels_of(found["OUTPUT"]) == small_scene.truth()).mean() > before + 0.01
    assert found["CHANGED_SHARE"] > 0.01


def test_pseudo_labels_are_those_of_classify_without_the_network(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    common = {"INPUT": str(scene), "CLASSES": small_scene.CLASSES}
    first = run("pseudolabels", {**common, "OUTPUT": str(tmp_path / "p.tif")}, messages)
    second = run("classify", {**common, "REFINE": False, "OUTPUT": str(tmp_path / "m.tif")}, messages)
    assert np.array_equal(labels_of(first["OUTPUT"]), labels_of(second["OUTPUT"]))
    assert first["STATUS"] == second["STATUS"] == "ok"


def test_classify_without_a_runtime_maps_and_says_what_is_left_out(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    found = run(
        "classify", {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, "OUTPUT": str(tmp_path / "m.tif")}, messages
    )
    assert (labels_of(found["OUTPUT"]) == small_scene.truth()).mean() > 0.95
    assert "CHANGED_SHARE" not in found
    assert any("The network stage was left out" in text and "Install runtime" in text for text in messages.infos)
    assert not any("left out" in text for text in messages.warnings)


def test_classifier_without_a_runtime_is_refused_and_nothing_is_written(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    paths = {"OUTPUT": str(tmp_path / "m.tif"), "CLASSIFIER": str(tmp_path / "c.safetensors")}
    with pytest.raises(QgsProcessingException, match=r"classifier file .* cannot be made, because"):
        run("classify", {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, **paths}, messages)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 something else"], ids=["empty", "other"])
def test_apply_with_a_file_that_is_no_classifier_is_a_clear_error(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages, with_runtime: str, content: bytes
) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(content)
    with pytest.raises(QgsProcessingException, match="cannot be used"):
        run(
            "applyclassifier",
            {"INPUT": str(scene), "CLASSIFIER": str(wrong), "OUTPUT": str(tmp_path / "m.tif")},
            messages,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.safetensors"]
