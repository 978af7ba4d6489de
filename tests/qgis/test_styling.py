# SPDX-License-Identifier: GPL-2.0-or-later
"""Result layers come with the legend that was typed, however the algorithm was started."""

from __future__ import annotations

import re
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


def check_group(scene: Path, titles: List[str]) -> None:
    """The results lie in one group on top, named after the scene; of them only the map is shown."""
    root = QgsProject.instance().layerTreeRoot()
    group = root.children()[0]
    assert re.fullmatch(rf"{re.escape(scene.stem)} – \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d", group.name())
    assert [node.name() for node in group.children()] == [f"{title} – {scene.stem}" for title in titles]
    assert [node.isVisible() for node in group.children()] == [title == "Land cover" for title in titles]
    assert len(root.findLayers()) == len(QgsProject.instance().mapLayers())


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
    ramp = confidence.shader().rasterShaderFunction().sourceColorRamp()
    assert ramp is not None and ramp.count() >= 5
    check_group(scene, ["Land cover", "Confidence"])


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
        styling.style_when_loaded(context, path, "map")
        processor = context.layerToLoadOnCompletionDetails(path).postProcessor()
        processor.postProcessLayer(QgsRasterLayer(), context, Messages())
    assert len(styling._waiting) == 1


def test_all_results_of_a_run_lie_in_its_group_whatever_their_paths(plugin: Any, scene: Path, tmp_path: Path) -> None:
    import processing

    values = parameters(scene, str(tmp_path / "m.tif"), str(tmp_path / "z.tif"))
    values["PROBABILITIES"] = destination(str(tmp_path / "a.tif"))
    values["PSEUDO_LABELS"] = destination(str(tmp_path / "b.tif"))
    processing.runAndLoadResults("special:classify", values)
    check_group(scene, ["Land cover", "Confidence", "Pseudo-labels", "Class probabilities"])
    QgsProject.instance().clear()


def test_placement_is_told_by_details_where_qgis_knows_it(plugin: Any) -> None:
    class Details:
        """The details of a layer as newer versions of QGIS have them."""

        name, project = "", None

        def __init__(self) -> None:
            self.groupName, self.layerSortKey = "", 0

        def setPostProcessor(self, processor: Any) -> None:
            self.processor = processor

    class Context:
        details = Details()

        def willLoadLayerOnCompletion(self, path: str) -> bool:
            return True

        def layerToLoadOnCompletionDetails(self, path: str) -> Details:
            return self.details

    styling.style_when_loaded(Context(), "/nowhere/map.tif", "map", placement=styling.Placement("run", 5))
    assert (Context.details.groupName, Context.details.layerSortKey) == ("run", 5)
