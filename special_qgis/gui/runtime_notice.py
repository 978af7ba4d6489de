# SPDX-License-Identifier: GPL-2.0-or-later
"""Says in a dialog, before the run, that the runtime is missing, and offers to install it."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QEvent, QObject
from qgis.PyQt.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from ..engine.errors import EngineError
from ..runtime.management import find_runtime
from ..translation import translate

_ICON_PX = 16


def runtime_problem() -> str:
    """What a run will do without, in words; empty where the runtime is there."""
    try:
        if find_runtime() is not None:
            return ""
    except EngineError as error:
        return str(error)
    return translate(
        "RuntimeNotice",
        "The runtime is not installed: maps are made without network and CLIP.",
    )


class RuntimeNotice(QFrame):
    """A bar that is there while the runtime is not; it looks again whenever its window is returned to.

    QGIS's own message bar does not fit into a narrow dialog: it scrolls its text and widens the whole form.

    Args:
        parent: Owner.
    """

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.button = QPushButton(translate("RuntimeNotice", "Install runtime…"))
        self.button.setAutoDefault(False)
        self.button.clicked.connect(install)
        icon = QLabel()
        icon.setPixmap(QgsApplication.getThemeIcon("/mIconInfo.svg").pixmap(_ICON_PX, _ICON_PX))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 3, 3, 3)
        layout.addWidget(icon)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.button)
        self.refresh()

    @property
    def text(self) -> str:
        """What it says; empty where it says nothing."""
        return str(self.label.text())

    def refresh(self) -> None:
        """Look for the runtime and say that it is missing, or be gone."""
        self.label.setText(runtime_problem())
        self.setVisible(bool(self.text))

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
