# SPDX-License-Identifier: GPL-2.0-or-later
"""The example model: classify, then accuracy and areas of the map, with styles at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingModelAlgorithm,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsVectorLayer,
)

from tests.helpers import small_scene

from .conftest import Messages

MODEL = Path("resources") / "models" / "classify_assess_areas.model3"


@pytest.fixture
def model(plugin: Any, repository: Path) -> QgsProcessingModelAlgorithm:
    from qgis.analysis import QgsNativeAlgorithms

    registry = QgsApplication.processingRegistry()
    if registry.providerById("native") is None:
        registry.addProvider(QgsNativeAlgorithms())
    loaded = QgsProcessingModelAlgorithm()
    assert loaded.fromFile(str(repository / MODEL))
    loaded.initAlgorithm()
    return loaded


def test_example_model_is_valid_and_runnable(model: QgsProcessingModelAlgorithm) -> None:
    assert model.validate() == (True, [])
    assert model.canExecute() == (True, "")


def test_example_model_gives_styled_map_accuracy_and_areas(
    model: QgsProcessingModelAlgorithm, scene: Path, truth: Path, tmp_path: Path
) -> None:
    from processing.gui.Postprocessing import handleAlgorithmResults

    context, feedback = QgsProcessingContext(), Messages()
    context.setProject(QgsProject.instance())
    outputs = {
        "classify:Land cover": QgsProcessingOutputLayerDefinition(str(tmp_path / "map.tif"), QgsProject.instance()),
        "classify:Confidence": str(tmp_path / "confidence.tif"),
        "classify:Report": str(tmp_path / "report.html"),
        "assess:Accuracy": str(tmp_path / "accuracy.html"),
        "areas:Areas": str(tmp_path / "areas.gpkg"),
    }
    inputs = {"scene": str(scene), "classes": small_scene.CLASSES, "reference": str(truth)}
    results, ok = model.run({**inputs, **outputs}, context, feedback)
    assert ok, feedback.errors
    children = results["CHILD_RESULTS"]
    assert children["assess"]["OVERALL_ACCURACY"] > 0.95
    assert children["classify"]["CLASS_COUNT"] == 4
    areas = QgsVectorLayer(str(tmp_path / "areas.gpkg"), "areas")
    pixels = {int(feature["value"]): int(feature["count"]) for feature in areas.getFeatures()}
    assert set(pixels) == {1, 2, 3, 4} and sum(pixels.values()) == small_scene.SIDE_PX**2
    assert (tmp_path / "report.html").is_file() and (tmp_path / "accuracy.html").is_file()
    assert handleAlgorithmResults(model, context, feedback, parameters=results)
    layers = {layer.source(): layer for layer in QgsProject.instance().mapLayers().values()}
    legend = [entry.label for entry in layers[str(tmp_path / "map.tif")].renderer().classes()]
    assert legend == ["water", "tree", "bare soil", "asphalt"]
