# SPDX-License-Identifier: GPL-2.0-or-later
"""Processing's real dialogs with our algorithms, rendered offscreen."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from qgis.core import QgsApplication, QgsProcessingModelAlgorithm
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QImage
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QPushButton, QScrollArea

from special_qgis.gui.class_table import ClassTableWidget
from tests.helpers import small_scene

from .test_provider import NAMES

CLASSES = "water: river #1f78b4\ntree\nbare soil\nasphalt"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go; ``SPECIAL_TEST_PICTURES`` names a folder in which to look at them."""
    folder = Path(os.environ.get("SPECIAL_TEST_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def create(name: str) -> Any:
    return QgsApplication.processingRegistry().createAlgorithmById(f"special:{name}")


def render(dialog: Any, path: Path, app: QgsApplication) -> QImage:
    dialog.resize(1150, 800)
    dialog.show()
    for _ in range(10):
        app.processEvents()
    assert dialog.grab().save(str(path))
    return QImage(str(path))


def n_colours(image: QImage) -> int:
    return len({image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)})


@pytest.fixture
def batch(plugin: Any, window: Any) -> Iterator[Any]:
    from processing.gui.BatchAlgorithmDialog import BatchAlgorithmDialog

    one = BatchAlgorithmDialog(create("classify"), parent=window.mainWindow())
    yield one
    one.close()


@pytest.mark.parametrize("name", NAMES)
def test_algorithm_dialog_renders_all_parameters(
    dialog: Any, qgis_app: QgsApplication, pictures: Path, name: str
) -> None:
    one = dialog(name)
    wrappers = one.mainWidget().wrappers
    definitions = one.algorithm().parameterDefinitions()
    assert set(wrappers) == {definition.name() for definition in definitions}
    assert n_colours(render(one, pictures / f"dialog_{name}.png", qgis_app)) > 20


def test_class_table_of_dialog_gives_its_text_as_parameter(
    dialog: Any, qgis_app: QgsApplication, pictures: Path
) -> None:
    one = dialog("classify")
    wrapper = one.mainWidget().wrappers["CLASSES"]
    wrapper.setParameterValue(CLASSES, one.mainWidget().processing_context)
    assert wrapper.parameterValue() == CLASSES
    image = render(one, pictures / "dialog_classify_filled.png", qgis_app)
    blue = [(x, y) for x in range(0, 400, 2) for y in range(0, 400, 2) if image.pixel(x, y) & 0xFFFFFF == 0x1F78B4]
    assert blue, "the colour of water is shown"


def test_names_typed_with_returns_into_the_dialog_stay_and_start_no_run(dialog: Any, qgis_app: QgsApplication) -> None:
    one = dialog("classify")
    started = []
    for button in one.findChildren(QPushButton):  # the first that may becomes the default when the dialog is shown
        button.clicked.connect(lambda: started.append(True))
    one.show()
    one.activateWindow()
    table = one.mainWidget().findChild(ClassTableWidget)
    for _ in range(5):
        qgis_app.processEvents()
    table.view.setFocus()
    for name in ("water", "tree", "soil"):
        for sign in name:
            QTest.keyClicks(QApplication.focusWidget(), sign)
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert started == [] and one.isVisible()
    assert one.mainWidget().wrappers["CLASSES"].parameterValue() == "water\ntree\nsoil"


def test_columns_of_the_dialog_at_its_own_size_are_read_whole(
    dialog: Any, qgis_app: QgsApplication, pictures: Path
) -> None:
    one = dialog("classify")
    one.mainWidget().wrappers["CLASSES"].setParameterValue(CLASSES, one.mainWidget().processing_context)
    one.show()
    for _ in range(5):
        qgis_app.processEvents()
    assert one.grab().save(str(pictures / "dialog_classify_own_size.png"))
    view = one.mainWidget().findChild(ClassTableWidget).view
    areas = [area for area in one.mainWidget().findChildren(QScrollArea) if area.isAncestorOf(view)]
    assert [area.horizontalScrollBar().maximum() for area in areas] == [0], "nothing is cut at the right"
    header = view.horizontalHeader()
    assert header.sectionSize(3) >= header.sectionSizeHint(3)


def test_dialog_without_classes_holds_no_acceptable_value(dialog: Any) -> None:
    one = dialog("classify")
    value = one.mainWidget().wrappers["CLASSES"].parameterValue()
    assert value == ""
    assert not one.algorithm().parameterDefinition("CLASSES").checkValueIsAcceptable(value)


def test_batch_dialog_holds_classes_on_one_line(batch: Any, qgis_app: QgsApplication, pictures: Path) -> None:
    panel = batch.mainWidget()
    panel.addRow(1)
    column = panel.parameter_to_column["CLASSES"]
    for row in range(2):
        panel.wrappers[row][column].setParameterValue(CLASSES, panel.processing_context)
    value = panel.wrappers[1][column].parameterValue()
    assert value == "water: river #1f78b4; tree; bare soil; asphalt"
    assert n_colours(render(batch, pictures / "batch_classify.png", qgis_app)) > 20


def test_modeler_dialog_keeps_the_native_widget_with_model_sources(plugin: Any, window: Any) -> None:
    from processing.modeler.ModelerParametersDialog import ModelerParametersDialog
    from qgis.gui import QgsProcessingModelerParameterWidget

    one = ModelerParametersDialog(create("classify"), QgsProcessingModelAlgorithm())
    wrapper = one.widget.widget.wrappers["CLASSES"]
    assert isinstance(wrapper, QgsProcessingModelerParameterWidget)
    one.close()


def test_batch_run_of_two_scenes_writes_and_styles_both(batch: Any, qgis_app: QgsApplication, tmp_path: Path) -> None:
    from qgis.core import QgsProject

    panel = batch.mainWidget()
    panel.addRow(1)
    panel.checkLoadLayersOnCompletion.setChecked(True)
    for row in range(2):
        scene = small_scene.write_scene(tmp_path / f"scene {row}.tif", seed=row)
        values = {"INPUT": str(scene), "CLASSES": small_scene.CLASSES}
        for name, value in values.items():
            panel.wrappers[row][panel.parameter_to_column[name]].setParameterValue(value, panel.processing_context)
        for name, path in (("OUTPUT", f"map {row}.tif"), ("CONFIDENCE", f"conf {row}.tif"), ("REPORT", f"r{row}.html")):
            column = panel.parameter_to_column[name]
            panel.tblParameters.cellWidget(row + 1, column).setValue(str(tmp_path / path))
    batch.runAlgorithm()
    deadline = time.monotonic() + 120.0  # newer versions run in the background
    while len(QgsProject.instance().mapLayers()) < 4 and time.monotonic() < deadline:
        qgis_app.processEvents()
    layers = {layer.name(): layer for layer in QgsProject.instance().mapLayers().values()}
    assert set(layers) == {f"{title} – scene {row}" for title in ("Land cover", "Confidence") for row in range(2)}
    for row in range(2):
        assert (tmp_path / f"r{row}.html").is_file()
        renderer = layers[f"Land cover – scene {row}"].renderer()
        assert [entry.label for entry in renderer.classes()] == ["water", "tree", "bare soil", "asphalt"]
