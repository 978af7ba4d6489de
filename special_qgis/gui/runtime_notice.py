# SPDX-License-Identifier: GPL-2.0-or-later
"""Says in a dialog, before the run, that the runtime is missing, and offers to install it."""

from __future__ import annotations

from typing import Optional

from qgis.core import Qgis
from qgis.gui import QgsMessageBar
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QObject
from qgis.PyQt.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..engine.errors import EngineError
from ..runtime.management import find_runtime

translate = QCoreApplication.translate


def runtime_problem() -> str:
    """What a run will do without, in words; empty where the runtime is there."""
    try:
        if find_runtime() is not None:
            return ""
    except EngineError as error:
        return str(error)
    return translate(
        "RuntimeNotice",
        "The runtime is not installed: maps are made by the spectral prior alone, without network and CLIP.",
    )


class RuntimeNotice(QWidget):
    """A message bar that is there while the runtime is not; it looks again whenever its window is returned to.

    Args:
        parent: Owner.
    """

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.bar = QgsMessageBar(self)
        self.bar.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.button: Optional[QPushButton] = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar)
        self.refresh()

    @property
    def text(self) -> str:
        """What it says; empty where it says nothing."""
        item = self.bar.currentItem()
        return item.text() if item is not None else ""

    def refresh(self) -> None:
        """Look for the runtime and say that it is missing, or be gone."""
        problem = runtime_problem()
        if problem != self.text:
            self.bar.clearWidgets()
        if problem and not self.text:
            item = QgsMessageBar.createMessage(problem)
            self.button = QPushButton(translate("RuntimeNotice", "Install runtime…"))
            self.button.setAutoDefault(False)
            self.button.clicked.connect(install)
            item.layout().addWidget(self.button)
            self.bar.pushWidget(item, Qgis.MessageLevel.Info)
        self.setVisible(bool(problem))

    def showEvent(self, event: QEvent) -> None:
        """Hear of the window's being returned to."""
        super().showEvent(event)
        self.window().removeEventFilter(self)
        self.window().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look again when the window is returned to."""
        if event.type() == QEvent.Type.WindowActivate:
            self.refresh()
        return bool(super().eventFilter(watched, event))


def install() -> None:
    """Open the dialog of “Install runtime”."""
    import processing  # the Processing plugin may be loaded after this one

    dialog = processing.createAlgorithmDialog("special:installruntime", {})
    if dialog is not None:
        dialog.show()
