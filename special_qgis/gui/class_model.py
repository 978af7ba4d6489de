# SPDX-License-Identifier: GPL-2.0-or-later
"""The class table's model: rows that can be edited, and a last empty one in which a new class is typed."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any, List, Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QFont, QPalette

from ..translation import translate
from .class_rows import ClassRow, Finding, examine

COLOUR, NAME, WORDS, MEANING = range(4)

_Role = Qt.ItemDataRole
_NO_COLOUR = "#00000000"
_MUTED_ALPHA = 165  # of 255


class ClassTableModel(QAbstractTableModel):
    """Rows of classes, with what the engine makes of them.

    Args:
        parent: Owner.
    """

    list_changed = pyqtSignal()

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self.class_rows: List[ClassRow] = []
        self.finding: Finding = examine([])

    def set_rows(self, rows: List[ClassRow]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.class_rows = list(rows)
        self.finding = examine(self.class_rows)
        self.endResetModel()
        self.list_changed.emit()

    def remove(self, indices: List[int]) -> None:
        """Remove rows by their numbers."""
        self.set_rows([row for index, row in enumerate(self.class_rows) if index not in indices])

    def move(self, index: int, step: int) -> bool:
        """Move a row up (-1) or down (1); says whether it could be moved."""
        target = index + step
        if not (0 <= index < len(self.class_rows) and 0 <= target < len(self.class_rows)):
            return False
        rows = list(self.class_rows)
        rows[index], rows[target] = rows[target], rows[index]
        self.set_rows(rows)
        return True

    def set_colour(self, index: int, colour: Optional[str]) -> None:
        """Give a row a colour; None lets the engine choose it."""
        self._replace_row(index, replace(self.class_rows[index], colour=colour))

    def colour_of(self, index: int) -> str:
        """Colour that the row will have on the map; empty while it is not known."""
        return self.finding.rows[index].colour if index < len(self.finding.rows) else ""

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Rows, and the empty one at the end."""
        return 0 if parent.isValid() else len(self.class_rows) + 1

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Colour, name, other words, meaning."""
        return 0 if parent.isValid() else 4

    def flags(self, index: QModelIndex) -> Qt.ItemFlags:
        """Name and other words can be edited."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == NAME or (index.column() == WORDS and index.row() < len(self.class_rows)):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Titles of the columns; ids of the classes beside the rows."""
        if role == _Role.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return (
                "",
                translate("ClassTable", "Class"),
                translate("ClassTable", "Other words"),
                translate("ClassTable", "Looked for in the spectra"),
            )[section]
        if role == _Role.DisplayRole:
            return str(section + 1) if section < len(self.class_rows) else ""
        return None

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Value of a cell in a role."""
        if not index.isValid():
            return None
        if index.row() >= len(self.class_rows):
            return self._data_of_new_row(index.column(), role)
        if role in (_Role.DisplayRole, _Role.EditRole):
            return self._text(index.row(), index.column())
        if role == _Role.DecorationRole:
            return self._decoration(index.row(), index.column())
        if role == _Role.ToolTipRole:
            return self._tool_tip(index.row(), index.column())
        if role == _Role.ForegroundRole and index.column() == MEANING:
            return _muted_colour()
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = _Role.EditRole) -> bool:
        """Take over what was typed; typing in the last row adds a class."""
        text = " ".join(str(value).split())
        if role != _Role.EditRole or index.column() not in (NAME, WORDS):
            return False
        if index.row() >= len(self.class_rows):
            if text:
                self.set_rows([*self.class_rows, ClassRow(name=text)])
            return bool(text)
        field = "name" if index.column() == NAME else "words"
        self._replace_row(index.row(), replace(self.class_rows[index.row()], **{field: text}))
        return True

    def _replace_row(self, index: int, row: ClassRow) -> None:
        self.class_rows[index] = row
        self.finding = examine(self.class_rows)
        self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, MEANING))
        self.list_changed.emit()

    def _text(self, row: int, column: int) -> str:
        if column == NAME:
            return self.class_rows[row].name
        if column == WORDS:
            return self.class_rows[row].words
        return self.finding.rows[row].meaning if column == MEANING else ""

    def _decoration(self, row: int, column: int) -> Any:
        if column == COLOUR:
            return QColor(self.colour_of(row) or _NO_COLOUR)
        if column == MEANING and self.finding.rows[row].is_doubtful:
            return QgsApplication.getThemeIcon("/mIconWarning.svg")
        return None

    def _tool_tip(self, row: int, column: int) -> Optional[str]:
        if column == COLOUR:
            chosen = self.class_rows[row].colour is not None
            kind = translate("ClassTable", "chosen by you") if chosen else translate("ClassTable", "chosen by meaning")
            change = translate("ClassTable", "Click to change it.")
            return f"{self.colour_of(row)} ({kind}). {change}" if self.colour_of(row) else change
        if column == WORDS:
            return translate("ClassTable", "Other words for the same class, separated by commas.")
        text = self._text(row, column)
        return f"<p>{escape(text)}</p>" if "<" in text else text or None  # else Qt takes a name for markup

    def _data_of_new_row(self, column: int, role: int) -> Any:
        if column != NAME:
            return None
        if role == _Role.DisplayRole:
            return translate("ClassTable", "Type a class name…")
        if role == _Role.EditRole:
            return ""
        if role == _Role.ForegroundRole:
            return _muted_colour()
        if role == _Role.FontRole:
            font = QFont()
            font.setItalic(True)
            return font
        return None


def _muted_colour() -> QColor:
    colour = QColor(QgsApplication.instance().palette().color(QPalette.ColorGroup.Active, QPalette.ColorRole.Text))
    colour.setAlpha(_MUTED_ALPHA)
    return colour
