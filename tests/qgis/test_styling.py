# SPDX-License-Identifier: GPL-2.0-or-later
"""Result layers come with the legend that was typed, however the algorithm was started."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, List

import pytest
from qgis.core import (
    QgsApplication,
    QgsPalettedRasterRenderer,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsRasterLayer,
    QgsSingleBandPseudoColorRenderer,
)

from special_qgis.algorithms import styling
from tests.helpers import small_scene

from .conftest import Messages

LEGEND = [(1, "water", "#1f78b4"), (2, "tree", ""), (3, "bare soil", ""), (4, "asphalt", "")]


def legend_of(layer: QgsRasterLayer) -> List[Any]:
    assert isinstance(layer.renderer(), QgsPalettedRasterRenderer)
    return [(int(entry.value), entry.label, entry.color.name()) for entry in layer.renderer().classes()]


def check_legend(layer: QgsRasterLayer) -> None:
    found = legend_of(layer)
    assert [entry[:2] for entry in found] == [entry[:2] for entry in LEGEND]
    assert found[0][2] == "#1f78b4"
    assert len({entry[2] for entry in found}) == len(LEGEND)


def loaded() -> Dict[str, QgsRasterLayer]:
    return {layer.name(): layer for layer in QgsProject.instance().mapLayers().values()}


def destination(text: str) -> QgsProcessingOutputLayerDefinition:
    return QgsProcessingOutputLayerDefinition(text, QgsProject.instance())


def parameters(scene: Path, output: str, confidence: str) -> Dict[str, Any]:
    return {
        "INPUT": str(scene),
        "CLASSES": small_scene.CLASSES,
        "OUTPUT": destination(output),
        "CONFIDENCE": destination(confidence),
    }


def test_results_of_task_in_a_thread_load_with_names_and_styles(
    plugin: Any, qgis_app: QgsApplication, scene: Path
) -> None:
    from processing.gui.Postprocessing import handleAlgorithmResults

    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:classify")
    context, feedback = QgsProcessingContext(), Messages()
    context.setProject(QgsProject.instance())
    values = parameters(scene, "TEMPORARY_OUTPUT", "TEMPORARY_OUTPUT")
    finished: List[Any] = []
    task = QgsProcessingAlgRunnerTask(algorithm, values, context, feedback)
    task.executed.connect(lambda ok, results: finished.append((ok, results)))
    QgsApplication.taskManager().addTask(task)
    deadline = time.monotonic() + 120.0
    while not finished and time.monotonic() < deadline:
        qgis_app.processEvents()
        time.sleep(0.01)
    assert finished and finished[0][0], feedback.errors
    assert handleAlgorithmResults(algorithm, context, feedback, parameters=finished[0][1])
    layers = loaded()
    assert set(layers) == {f"Land cover – {scene.stem}", f"Confidence – {scene.stem}"}
    check_legend(layers[f"Land cover – {scene.stem}"])
    confidence = layers[f"Confidence – {scene.stem}"].renderer()
    assert isinstance(confidence, QgsSingleBandPseudoColorRenderer)
    assert (confidence.classificationMin(), confidence.classificationMax()) == (0.0, 1.0)


def test_results_of_processing_run_and_load_are_styled(plugin: Any, scene: Path, tmp_path: Path) -> None:
    import processing

    output = tmp_path / "map of ä.tif"
    processing.runAndLoadResults("special:classify", parameters(scene, str(output), str(tmp_path / "c.tif")))
    check_legend(loaded()[f"Land cover – {scene.stem}"])


def test_map_opened_later_by_hand_has_its_legend(plugin: Any, scene: Path, tmp_path: Path) -> None:
    import processing

    output = tmp_path / "map.tif"
    processing.run("special:classify", {**parameters(scene, str(output), "TEMPORARY_OUTPUT"), "OUTPUT": str(output)})
    check_legend(QgsRasterLayer(str(output), "map"))


def test_results_not_loaded_keep_no_styler(plugin: Any, scene: Path, tmp_path: Path) -> None:
    import processing

    before = len(styling._waiting)
    values = {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, "OUTPUT": str(tmp_path / "map.tif")}
    processing.run("special:classify", values)
    assert len(styling._waiting) == before


@pytest.mark.parametrize("n_runs", [3])
def test_stylers_of_loaded_layers_do_not_pile_up(plugin: Any, n_runs: int) -> None:
    for number in range(n_runs):
        context = QgsProcessingContext()
        path = f"/nowhere/map{number}.tif"
        context.addLayerToLoadOnCompletion(path, QgsProcessingContext.LayerDetails("map", QgsProject.instance()))
        styling.style_when_loaded(context, path, "{}", "/nowhere/scene.tif")
        processor = context.layerToLoadOnCompletionDetails(path).postProcessor()
        processor.postProcessLayer(QgsRasterLayer(), context, Messages())
    assert len(styling._waiting) == 1
