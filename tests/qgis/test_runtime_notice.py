# SPDX-License-Identifier: GPL-2.0-or-later
"""Whoever opens the dialog without a runtime is told before the run, and can install it from there."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtTest import QTest

from special_qgis.gui.runtime_notice import RuntimeNotice


@pytest.mark.parametrize(("name", "is_told"), [("classify", True), ("pseudolabels", True), ("spectralprior", False)])
def test_missing_runtime_is_told_where_it_is_of_use(dialog: Any, name: str, is_told: bool) -> None:
    one = dialog(name)
    one.show()
    notice = one.findChild(RuntimeNotice)
    assert (notice is not None and notice.isVisible() and "runtime is not installed" in notice.text) == is_told


def test_button_opens_install_runtime(dialog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import processing

    opened = []
    monkeypatch.setattr(processing, "createAlgorithmDialog", lambda *args: opened.append(args))
    one = dialog("classify")
    one.show()
    QTest.mouseClick(one.findChild(RuntimeNotice).button, Qt.MouseButton.LeftButton)
    assert opened == [("special:installruntime", {})]


def test_notice_goes_once_the_runtime_is_there(
    dialog: Any, qgis_app: QgsApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = dialog("classify")
    one.show()
    notice = one.findChild(RuntimeNotice)
    monkeypatch.setenv("SPECIAL_PYTHON", sys.executable)
    qgis_app.sendEvent(one, QEvent(QEvent.Type.WindowActivate))
    assert not notice.isVisible() and notice.text == ""


def test_result_of_the_dialog_is_named_by_tool_and_scene(dialog: Any, scene: Any) -> None:
    one = dialog("classify")
    algorithm = one.algorithm()
    values = {"INPUT": str(scene), "CLASSES": "water\ntree", "OUTPUT": "TEMPORARY_OUTPUT"}
    assert algorithm.checkParameterValues(values, one.mainWidget().processing_context)[0]
    name = algorithm.outputDefinition("REPORT").description()
    assert name == f"Report: Classify hyperspectral scene – {scene.stem}"
