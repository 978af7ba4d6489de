# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin is unloaded while a job runs: the job ends first, with its processes, and QGIS lives on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from qgis.core import QgsApplication, QgsProcessingAlgRunnerTask, QgsProcessingContext, QgsProject

from special_qgis import classFactory
from special_qgis.algorithms import running
from tests.helpers import small_scene

from .conftest import Messages

_PROMISED_S = 5.0


def wait_for(app: QgsApplication, condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        app.processEvents()
        time.sleep(0.02)
    return condition()


@pytest.fixture
def process_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime whose process, deaf to every request, writes its number into this file and stays."""
    path, program = tmp_path / "pid", tmp_path / "python"
    program.write_text(
        f"#!/bin/sh\ntrap '' TERM INT\necho $$ > {path}\nsleep 600 & wait\nsleep 600\n", encoding="utf-8"
    )
    program.chmod(0o755)
    monkeypatch.setenv("SPECIAL_PYTHON", str(program))
    return path


def is_alive(process_file: Path) -> bool:
    try:
        os.kill(int(process_file.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def values(scene: Path, tmp_path: Path) -> Any:
    return {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, "OUTPUT": str(tmp_path / "map.tif")}


def check_gone(plugin: Any, app: QgsApplication, process_file: Path) -> None:
    begun = time.monotonic()
    plugin.unload()
    assert time.monotonic() - begun < _PROMISED_S
    assert QgsApplication.processingRegistry().providerById("special") is None
    assert running.n_running() == 0 and not is_alive(process_file)
    for _ in range(20):
        app.processEvents()
        time.sleep(0.01)


def test_unload_while_a_task_runs_ends_it_and_its_processes(
    qgis_app: QgsApplication, window: Any, scene: Path, tmp_path: Path, process_file: Path
) -> None:
    plugin = classFactory(window)
    plugin.initGui()
    context, feedback, ended = QgsProcessingContext(), Messages(), []
    context.setProject(QgsProject.instance())
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:classify")
    task = QgsProcessingAlgRunnerTask(algorithm, values(scene, tmp_path), context, feedback)
    task.executed.connect(lambda ok, results: ended.append(ok))
    QgsApplication.taskManager().addTask(task)
    assert wait_for(qgis_app, process_file.is_file), feedback.errors
    check_gone(plugin, qgis_app, process_file)
    assert ended == [False]
    assert not (tmp_path / "map.tif").exists()


def test_unload_while_a_dialog_runs_closes_it(
    qgis_app: QgsApplication, window: Any, scene: Path, tmp_path: Path, process_file: Path
) -> None:
    from processing.gui.AlgorithmDialog import AlgorithmDialog

    plugin = classFactory(window)
    plugin.initGui()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:classify")
    dialog = AlgorithmDialog(algorithm, parent=window.mainWindow())
    dialog.setParameters(values(scene, tmp_path))
    dialog.show()
    dialog.runAlgorithm()
    assert wait_for(qgis_app, process_file.is_file)
    check_gone(plugin, qgis_app, process_file)
    del dialog
    qgis_app.processEvents()


def test_unload_with_an_idle_dialog_closes_it(qgis_app: QgsApplication, window: Any) -> None:
    from processing.gui.AlgorithmDialog import AlgorithmDialog

    plugin = classFactory(window)
    plugin.initGui()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:truecolour")
    dialog = AlgorithmDialog(algorithm, parent=window.mainWindow())
    dialog.show()
    qgis_app.processEvents()
    plugin.unload()
    assert not dialog.isVisible()
    qgis_app.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
