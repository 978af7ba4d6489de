# SPDX-License-Identifier: GPL-2.0-or-later
"""One QGIS for all tests of this tier, offscreen, with a profile of its own and the plugin loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Iterator, List

import pytest

pytest.importorskip("qgis.core", reason="needs a Python that has QGIS")

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import QgsApplication, QgsLayerTreeModel, QgsProcessingFeedback, QgsProject
from qgis.gui import QgsLayerTreeView, QgsMapCanvas
from qgis.PyQt.QtCore import QObject
from qgis.PyQt.QtWidgets import QMainWindow

from tests.helpers import small_scene
from tests.helpers.checkpoint_files import clip_shapes, write_safetensors

PLUGIN_FOLDERS = ("/usr/share/qgis/python/plugins",)


class MainWindow(QObject):
    """The part of QGIS's interface that Processing's dialogs and the plugin use."""

    def __init__(self) -> None:
        super().__init__()
        self.window = QMainWindow()
        self.canvas = QgsMapCanvas(self.window)
        self.layer_tree = QgsLayerTreeView(self.window)
        self.layer_tree.setModel(QgsLayerTreeModel(QgsProject.instance().layerTreeRoot(), self.layer_tree))
        self.menu_actions: List[Any] = []
        self.toolbar_actions: List[Any] = []

    def mainWindow(self) -> QMainWindow:
        return self.window

    def mapCanvas(self) -> QgsMapCanvas:
        return self.canvas

    def activeLayer(self) -> None:
        return None

    def setActiveLayer(self, layer: Any) -> None:
        self.layer_tree.setCurrentLayer(layer)

    def layerTreeView(self) -> QgsLayerTreeView:
        return self.layer_tree

    def browserModel(self) -> None:
        return None

    def addPluginToRasterMenu(self, name: str, action: Any) -> None:
        self.menu_actions.append((name, action))

    def removePluginRasterMenu(self, name: str, action: Any) -> None:
        self.menu_actions.remove((name, action))

    def addToolBarIcon(self, action: Any) -> None:
        self.toolbar_actions.append(action)

    def removeToolBarIcon(self, action: Any) -> None:
        self.toolbar_actions.remove(action)


@pytest.fixture(scope="session")
def qgis_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QgsApplication]:
    """QGIS with Processing, in a fresh profile."""
    os.environ["QGIS_CUSTOM_CONFIG_PATH"] = str(tmp_path_factory.mktemp("qgis_profile"))
    sys.path.extend(folder for folder in PLUGIN_FOLDERS if Path(folder).is_dir() and folder not in sys.path)
    application = QgsApplication([], True)
    application.initQgis()
    import qgis.utils

    qgis.utils.iface = MainWindow()
    from processing.core.Processing import Processing

    Processing.initialize()
    yield application
    QgsProject.instance().clear()
    # a batch dialog leaves its progress task running, for which the end of the application would wait for ever
    application.taskManager().cancelAll()


@pytest.fixture(scope="session")
def window(qgis_app: QgsApplication) -> MainWindow:
    """The interface."""
    import qgis.utils

    return qgis.utils.iface


@pytest.fixture
def plugin(qgis_app: QgsApplication, window: MainWindow) -> Iterator[Any]:
    """The plugin, loaded as QGIS does it with a main window."""
    from special_qgis import classFactory

    loaded = classFactory(window)
    loaded.initGui()
    yield loaded
    loaded.unload()
    QgsProject.instance().clear()


@pytest.fixture
def dialog(plugin: Any, window: MainWindow) -> Iterator[Any]:
    """Makes Processing's real dialogs of our algorithms, by their names; they are closed at the end."""
    from processing.gui.AlgorithmDialog import AlgorithmDialog

    made = []

    def make(name: str) -> Any:
        algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"special:{name}")
        made.append(AlgorithmDialog(algorithm, parent=window.mainWindow()))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Messages(QgsProcessingFeedback):
    """A feedback that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(False)
        self.infos: List[str] = []
        self.warnings: List[str] = []
        self.errors: List[str] = []

    def pushInfo(self, info: str) -> None:
        self.infos.append(info)

    def pushWarning(self, warning: str) -> None:
        self.warnings.append(warning)

    def reportError(self, error: str, fatalError: bool = False) -> None:  # noqa: N803 - Qt's own signature
        self.errors.append(error)


@pytest.fixture
def messages() -> Messages:
    """A feedback that keeps what it is told."""
    return Messages()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of four materials, in a folder whose name has a space and letters beyond ASCII."""
    return small_scene.write_scene(tmp_path_factory.mktemp("Szene ä – 测试") / "vier Flächen.tif")


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class ids of the scene."""
    return small_scene.write_truth(tmp_path_factory.mktemp("truth") / "truth.tif")


@pytest.fixture
def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models, not there yet."""
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(tmp_path / "Modelle ä"))
    return tmp_path / "Modelle ä"


@pytest.fixture
def clip_file(tmp_path: Path) -> Path:
    """A checkpoint that has the shapes of a CLIP."""
    return write_safetensors(tmp_path / "my clip.safetensors", clip_shapes())
