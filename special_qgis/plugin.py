# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin as QGIS sees it: a Processing provider, two menu entries, and nothing left behind when unloaded."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QCoreApplication, QTimer
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction, QApplication

from .algorithms import running, styling
from .engine.files.resources import resource_path
from .provider import SpecialProvider
from .translation import translate

MENU = "SPECIAL"

_WAIT_S = 5.0  # at most, for jobs to end; a cancel takes less than one second
_LOOK_AGAIN_MS = 500


class SpecialPlugin:
    """Adds the provider, and where there is a main window an entry in the Raster menu and the plugin toolbar.

    Args:
        iface: QGIS's interface object, or None where there is no main window.
    """

    def __init__(self, iface: Any) -> None:
        self.iface = iface
        self.provider: Optional[SpecialProvider] = None
        self.action: Optional[QAction] = None
        self.models_action: Optional[QAction] = None
        self._manager: Any = None

    def initProcessing(self) -> None:
        """Register the algorithms; all that ``qgis_process`` needs."""
        if self.provider is None:
            self.provider = SpecialProvider()
            QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Register the algorithms and add the menu entries and the toolbar button."""
        self.initProcessing()
        icon = QIcon(str(resource_path("icons", "icon.svg")))
        text = translate("SpecialPlugin", "Classify hyperspectral scene…")
        self.action = QAction(icon, text, self.iface.mainWindow())
        self.action.setObjectName("specialClassifyAction")
        self.action.triggered.connect(self.open_classify_dialog)
        self.iface.addPluginToRasterMenu(MENU, self.action)
        self.iface.addToolBarIcon(self.action)
        self.models_action = QAction(translate("SpecialPlugin", "Models…"), self.iface.mainWindow())
        self.models_action.setObjectName("specialModelsAction")
        self.models_action.triggered.connect(self.open_models_dialog)
        self.iface.addPluginToRasterMenu(MENU, self.models_action)

    def unload(self) -> None:
        """Undo all that ``initProcessing`` and ``initGui`` did."""
        if self.action is not None:
            self.iface.removePluginRasterMenu(MENU, self.action)
            self.iface.removeToolBarIcon(self.action)
            self.action.triggered.disconnect(self.open_classify_dialog)
            self.action.deleteLater()
            self.action = None
        if self.models_action is not None:
            self.iface.removePluginRasterMenu(MENU, self.models_action)
            self.models_action.triggered.disconnect(self.open_models_dialog)
            self.models_action.deleteLater()
            self.models_action = None
        if self._manager is not None:
            self._manager.close()
            self._manager.deleteLater()
            self._manager = None
        if self.provider is not None:
            _remove_when_idle(self.provider)
            self.provider = None
        styling.forget_all()

    def open_models_dialog(self) -> None:
        """Open the dialog that lists, imports, downloads and removes models."""
        from .gui.model_manager import ModelManager  # only where there are windows

        if self._manager is None:
            self._manager = ModelManager(self.iface.mainWindow())
        self._manager.refresh()
        self._manager.show()
        self._manager.raise_()

    def open_classify_dialog(self) -> None:
        """Open the dialog of the main algorithm."""
        import processing  # the Processing plugin may be loaded after this one

        processing.execAlgorithmDialog("special:classify", {})


def _remove_when_idle(provider: SpecialProvider, wait_s: float = _WAIT_S) -> None:
    """End the provider's jobs, close its dialogs and remove it; later, where a job will not end in time.

    A job that runs in the main thread can only end after this has returned.
    """
    names = [algorithm.displayName() for algorithm in provider.algorithms()]
    if not running.end_jobs(names, wait_s):
        QTimer.singleShot(_LOOK_AGAIN_MS, lambda: _remove_when_idle(provider, 0.0))
        return
    if isinstance(QCoreApplication.instance(), QApplication):
        running.close_dialogs(provider)
    QgsApplication.processingRegistry().removeProvider(provider)
