# SPDX-License-Identifier: GPL-2.0-or-later
"""The class table's model: rows that can be edited, and a last empty one in which a new class is typed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QFont

from ..engine.classes.text import quote
from ..translation import translate
from .class_rows import ClassRow, Finding, examine, rows_from_list

COLOUR, NAME, WORDS, MEANING = range(4)

_Role = Qt.ItemDataRole
_NO_COLOUR = "#00000000"
_MAX_UNDO = 100  # changes that can be taken back


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
        self._past: List[List[ClassRow]] = []  # lists before each change, the latest last
        self._future: List[List[ClassRow]] = []  # lists that were taken back

    def set_rows(self, rows: List[ClassRow]) -> None:
        """Show other rows."""
        self._remember()
        self._show(rows)

    def insert(self, index: int, rows: List[ClassRow]) -> None:
        """Add rows before another; at the end, the empty last row becomes the first of them."""
        if not rows:
            return
        self._remember()
        first = min(index, len(self.class_rows))
        # An editor that is open in the last row stays where it is: the new row is added below it.
        shift = 1 if first == len(self.class_rows) else 0
        self.beginInsertRows(QModelIndex(), first + shift, first + shift + len(rows) - 1)
        self._take([*self.class_rows[:first], *rows, *self.class_rows[first:]])
        self.endInsertRows()
        self._tell()

    def remove(self, indices: List[int]) -> None:
        """Remove rows by their numbers."""
        chosen = sorted({index for index in indices if 0 <= index < len(self.class_rows)}, reverse=True)
        if not chosen:
            return
        self._remember()
        for index in chosen:
            rows = list(self.class_rows)
            del rows[index]
            self.beginRemoveRows(QModelIndex(), index, index)
            self._take(rows)
            self.endRemoveRows()
        self._tell()

    def move(self, index: int, step: int) -> bool:
        """Move a row up (-1) or down (1); says whether it could be moved."""
        target = index + step
        if not (0 <= index < len(self.class_rows) and 0 <= target < len(self.class_rows)):
            return False
        self._remember()
        self.beginMoveRows(QModelIndex(), index, index, QModelIndex(), target if step < 0 else target + 1)
        rows = list(self.class_rows)
        rows.insert(target, rows.pop(index))
        self._take(rows)
        self.endMoveRows()
        self._tell()
        return True

    def undo(self) -> None:
        """Take the last change back."""
        self._go(self._past, self._future)

    def redo(self) -> None:
        """Make a change again that was taken back."""
        self._go(self._future, self._past)

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

    def flags(self, index: QModelIndex) -> Any:
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
                translate("ClassTable", "In the spectra"),
            )[section]
        if role == _Role.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return (
                translate("ClassTable", "Colour on the map"),
                translate("ClassTable", "Name of the class"),
                translate("ClassTable", "Other words for the same class, separated by commas."),
                translate("ClassTable", "What is looked for in the spectra to find the class"),
            )[section]
        if role == _Role.DisplayRole:
            return self._id_of(section)
        return None

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Value of a cell in a role."""
        if not index.isValid():
            return None
        if index.row() >= len(self.class_rows):
            return self._data_of_new_row(index.column(), role)
        if role == _Role.EditRole and index.column() == NAME:
            return quote(self.class_rows[index.row()].name)
        if role in (_Role.DisplayRole, _Role.EditRole):
            return self._text(index.row(), index.column())
        if role == _Role.DecorationRole:
            return self._decoration(index.row(), index.column())
        if role == _Role.ToolTipRole:
            return self._tool_tip(index.row(), index.column())
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = _Role.EditRole) -> bool:
        """Take over what was typed; typing in the last row adds a class, and a list of names as many as it names."""
        if role != _Role.EditRole or index.column() not in (NAME, WORDS):
            return False
        number = index.row()
        if index.column() == WORDS:
            self._replace_row(number, replace(self.class_rows[number], words=" ".join(str(value).split())))
            return True
        typed = rows_from_list(str(value))
        if number >= len(self.class_rows):
            self.insert(number, typed)
            return bool(typed)
        row, first = self.class_rows[number], typed[0] if typed else ClassRow()
        words, colour = first.words or row.words, first.colour or row.colour
        self._replace_row(number, replace(row, name=first.name, words=words, colour=colour))
        self.insert(number + 1, typed[1:])
        return True

    def _replace_row(self, index: int, row: ClassRow) -> None:
        if row == self.class_rows[index]:
            return
        self._remember()
        rows = list(self.class_rows)
        rows[index] = row
        self._take(rows)
        self._tell()

    def _show(self, rows: List[ClassRow]) -> None:
        self.beginResetModel()
        self._take(rows)
        self.endResetModel()
        self.list_changed.emit()

    def _take(self, rows: List[ClassRow]) -> None:
        """Hold other rows, and what the engine makes of them."""
        self.class_rows = list(rows)
        self.finding = examine(self.class_rows)

    def _tell(self) -> None:
        """Tell that any cell may have changed: the colour and meaning of one class depend on the others."""
        last = self.rowCount() - 1
        self.dataChanged.emit(self.index(0, 0), self.index(last, MEANING))
        self.headerDataChanged.emit(Qt.Orientation.Vertical, 0, last)
        self.list_changed.emit()

    def _remember(self) -> None:
        self._past = [*self._past, list(self.class_rows)][-_MAX_UNDO:]
        self._future = []

    def _go(self, source: List[List[ClassRow]], other: List[List[ClassRow]]) -> None:
        if source:
            other.append(list(self.class_rows))
            self._show(source.pop())

    def is_muted(self, index: QModelIndex) -> bool:
        """Whether a cell tells something that the user did not type."""
        return bool(index.column() == MEANING or index.row() >= len(self.class_rows))

    def _id_of(self, row: int) -> str:
        """Id of a row's class in the map; rows without anything typed have none."""
        if row >= len(self.class_rows) or self.class_rows[row].is_empty:
            return ""
        return str(sum(not one.is_empty for one in self.class_rows[: row + 1]))

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
        return self._text(row, column) or None

    def _data_of_new_row(self, column: int, role: int) -> Any:
        if column != NAME:
            return None
        if role == _Role.DisplayRole:
            return translate("ClassTable", "Type a class name…")
        if role == _Role.EditRole:
            return ""
        if role == _Role.FontRole:
            font = QFont()
            font.setItalic(True)
            return font
        return None
