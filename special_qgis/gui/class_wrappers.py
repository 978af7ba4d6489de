# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts the class table into Processing's dialogs: the table in the tool's dialog, a line with a button in batch.

In the modeler the parameter keeps QGIS's own widget, which also offers model inputs, outputs and expressions.
"""

from __future__ import annotations

import re
from typing import Any, Optional

from qgis.core import QgsProcessingContext, QgsProcessingParameterDefinition
from qgis.gui import QgsAbstractProcessingParameterWidgetWrapper, QgsGui, QgsProcessingGui
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QKeyEvent
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..algorithms.base import LIGHT
from ..translation import translate
from .class_table import ClassTableWidget
from .runtime_notice import RuntimeNotice

_LINE_BREAKS = re.compile("[\n\r\u2028\u2029]+")
_STRETCH = 5  # of the table among the dialog's other widgets


class ClassTableWrapper(QgsAbstractProcessingParameterWidgetWrapper):
    """The class table in the tool's dialog.

    Args:
        parameter: Definition of the parameter.
    """

    def __init__(self, parameter: QgsProcessingParameterDefinition) -> None:
        super().__init__(parameter, QgsProcessingGui.Standard)
        self.table: Optional[ClassTableWidget] = None
        self.notice: Optional[RuntimeNotice] = None  # kept, because QGIS keeps its C++ part only

    def createWidget(self) -> QWidget:
        """Make the table."""
        self.table = ClassTableWidget()
        self.table.text_changed.connect(lambda _: self.widgetValueHasChanged.emit(self))
        uses_runtime = getattr(self.parameterDefinition().algorithm(), "RUNTIME", LIGHT) != LIGHT
        self.notice = RuntimeNotice() if uses_runtime else None
        return _contain(*filter(None, (self.notice, self.table)))

    def createLabel(self) -> QLabel:
        """Make the label above the table."""
        return QLabel(self.parameterDefinition().description())

    def setWidgetValue(self, value: Any, context: QgsProcessingContext) -> None:
        """Show a value."""
        if self.table is not None:
            self.table.set_text(str(value) if value else "")

    def widgetValue(self) -> str:
        """The class list as text."""
        if self.table is None:
            return ""
        self.table.finish_editing()
        return self.table.text()

    def stretch(self) -> int:
        """Take the height that is left."""
        return _STRETCH


class ClassLineEdit(QWidget):
    """A class list in one line, with a button that opens the table.

    Args:
        parent: Owner.
    """

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.line = QLineEdit()
        self.line.setPlaceholderText("water; trees; bare soil")
        self.line.setMinimumWidth(220)
        self.line.textChanged.connect(self._on_text)
        self.button = QToolButton()
        self.button.setText("…")
        self.button.setToolTip(translate("ClassTable", "Edit as a table"))
        self.button.setAccessibleName(translate("ClassTable", "Edit as a table"))
        self.button.clicked.connect(self.open_table)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.button)
        self.setFocusProxy(self.line)

    def text(self) -> str:
        """The class list or the path of a class file."""
        return str(self.line.text()).strip()

    def set_text(self, text: str) -> None:
        """Show a class list, on one line."""
        self.line.setText("; ".join(line.strip() for line in text.splitlines() if line.strip()))
        self.line.setCursorPosition(0)

    def open_table(self) -> None:
        """Edit the list in the table; Cancel keeps the line as it is."""
        dialog = ClassTableDialog(self.text(), self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            dialog.table.finish_editing()
            self.set_text(dialog.table.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep Return from the dialog's default button."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
        else:
            super().keyPressEvent(event)

    def _on_text(self, text: str) -> None:
        """A list that was pasted stands on one line."""
        if _LINE_BREAKS.search(text):
            self.set_text(_LINE_BREAKS.sub("\n", text))


class ClassTableDialog(QDialog):
    """The class table in a window of its own.

    Args:
        text: Class list to begin with.
        parent: Owner.
    """

    def __init__(self, text: str, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(translate("ClassTable", "Classes to map"))
        self.table = ClassTableWidget()
        self.table.set_text(text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addWidget(buttons)
        self.resize(720, 420)


class ClassLineWrapper(QgsAbstractProcessingParameterWidgetWrapper):
    """The class list as one line in the batch dialog.

    Args:
        parameter: Definition of the parameter.
    """

    def __init__(self, parameter: QgsProcessingParameterDefinition) -> None:
        super().__init__(parameter, QgsProcessingGui.Batch)
        self.line: Optional[ClassLineEdit] = None

    def createWidget(self) -> QWidget:
        """Make the line."""
        self.line = ClassLineEdit()
        self.line.line.textChanged.connect(lambda _: self.widgetValueHasChanged.emit(self))
        return _contain(self.line)

    def setWidgetValue(self, value: Any, context: QgsProcessingContext) -> None:
        """Show a value."""
        if self.line is not None:
            self.line.set_text(str(value) if value else "")

    def widgetValue(self) -> str:
        """The class list as text."""
        return self.line.text() if self.line is not None else ""


def _contain(*widgets: QWidget) -> QWidget:
    """Put widgets into a plain one: QGIS takes what ``createWidget`` gives away from Python, with its slots."""
    container = QWidget()
    layout = QVBoxLayout(container)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return container


class ClassListWidgetWrapper:
    """Chooses the wrapper that fits the dialog; Processing calls it like a wrapper's class."""

    def __new__(cls, parameter: QgsProcessingParameterDefinition, dialog: Any, row: int = 0, col: int = 0) -> Any:
        """Make the wrapper for a dialog.

        Args:
            parameter: Definition of the parameter.
            dialog: Processing's dialog.
            row: Row in the batch table.
            col: Column in the batch table.
        """
        kind = type(dialog).__name__
        if kind == "ModelerParametersDialog":
            registry = QgsGui.processingGuiRegistry()
            wrapper = registry.createModelerParameterWidget(dialog.model, dialog.childId, parameter, dialog.context)
            wrapper.setDialog(dialog)
            return wrapper
        return ClassLineWrapper(parameter) if kind == "BatchAlgorithmDialog" else ClassTableWrapper(parameter)
