# SPDX-License-Identifier: GPL-2.0-or-later
"""The class table's view: keys, clipboard and drops as users of a table know them.

Return goes down and Tab to the right, from a cell that is being edited as well as from one that is not; neither key
ever leaves the table for the dialog's default button. All of it happens at once, not when Qt gets round to it, so that
what is typed next is not lost.
"""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

from qgis.PyQt.QtCore import QEvent, QItemSelectionModel, QMimeData, QModelIndex, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QFocusEvent, QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent, QPalette
from qgis.PyQt.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from ..engine.errors import EngineError
from .class_drops import has_rows, rows_from_data
from .class_model import COLOUR, MEANING, NAME, WORDS, ClassTableModel
from .class_rows import ClassRow, text_from_rows

_MUTED_ALPHA = 175  # of 255: of the text that the user did not type
_RETURNS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_SHARES = ((NAME, 0.29), (WORDS, 0.24))  # of the width beside the colours; the rest tells the meaning
_COLOUR_WIDTH = 30
_LEAST_WIDTH = 56


class ClassDelegate(QStyledItemDelegate):
    """Edits a cell, and tells the view by which key the user left it.

    Args:
        view: The view.
    """

    def __init__(self, view: ClassView) -> None:
        super().__init__(view)
        self._view = view
        self.editor: Optional[QLineEdit] = None  # the one that is open

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        """A line of text, which ends at once when a list is pasted into it."""
        self.editor = QLineEdit(parent)
        self.editor.setFrame(False)
        self.editor.textChanged.connect(self._on_text)
        return self.editor

    def destroyEditor(self, editor: QWidget, index: QModelIndex) -> None:
        """Forget the editor."""
        self.editor = None if editor is self.editor else self.editor
        super().destroyEditor(editor, index)

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Show what the user did not type in a weaker tone of the view's own text colour."""
        super().initStyleOption(option, index)
        if index.model().is_muted(index):
            colour = self._view.palette().color(QPalette.ColorGroup.Active, QPalette.ColorRole.Text)
            colour.setAlpha(_MUTED_ALPHA)
            option.palette.setColor(QPalette.ColorRole.Text, colour)

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        """Leave the cell by Return, Tab and the arrows up and down; the rest is as usual."""
        if event.type() == QEvent.Type.KeyPress and editor is self.editor:
            key, is_back = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if key in _RETURNS:
                self._view.leave_by_return(-1 if is_back else 1)
                return True
            if key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                self._view.leave_by_tab(-1 if is_back or key == Qt.Key.Key_Backtab else 1)
                return True
            if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                self._view.leave_by_return(-1 if key == Qt.Key.Key_Up else 1)
                return True
        return bool(super().eventFilter(editor, event))

    def finish(self) -> None:
        """Take over what stands in the open editor, and close it."""
        editor = self.editor
        if editor is not None:
            self.editor = None
            self.commitData.emit(editor)
            self.closeEditor.emit(editor, QAbstractItemDelegate.EndEditHint.NoHint)

    def _on_text(self, text: str) -> None:
        if any(sign in text for sign in "\n\r\t\u2028\u2029"):
            self._view.leave_by_return(1)


class ClassView(QTableView):
    """The table itself.

    Args:
        model: What it shows.
        parent: Owner.
    """

    colour_wanted = pyqtSignal(int)  # number of the row
    refused = pyqtSignal(str)  # why something pasted or dropped is not accepted

    def __init__(self, model: ClassTableModel, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.classes = model
        self.delegate = ClassDelegate(self)
        self._has_own_widths = False  # whether the user has set the width of a column
        self._is_sharing = False  # whether the widths that change now are changed by ``share_width``
        self.setModel(model)
        self.setItemDelegate(self.delegate)
        self.setTabKeyNavigation(False)
        self.setAcceptDrops(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)
        self.clicked.connect(self._on_click)
        self.horizontalHeader().sectionResized.connect(self._on_section_resized)
        standard = QKeySequence.StandardKey
        self._actions = (
            (standard.Delete, self.delete),
            (standard.Copy, self.copy),
            (standard.Cut, self.cut),
            (standard.Paste, self.paste),
            (standard.Undo, model.undo),
            (standard.Redo, model.redo),
        )

    def finish_editing(self) -> None:
        """Take over what stands in an open editor; the list is whole afterwards."""
        self.delegate.finish()

    def selected_rows(self) -> List[int]:
        """Numbers of the rows with a selected cell, without the empty one at the end."""
        numbers = {index.row() for index in self.selectionModel().selectedIndexes()}
        return sorted(number for number in numbers if number < self._n_classes)

    def start_new(self) -> None:
        """Start typing a new class."""
        self.finish_editing()
        self._edit_cell(self._n_classes, NAME)

    def delete(self) -> None:
        """Clear the other words where these are chosen, else remove the selected classes."""
        current, chosen = self.currentIndex(), self.selected_rows()
        if current.column() == WORDS and chosen == [current.row()] and self.classes.class_rows[chosen[0]].words:
            self.classes.setData(current, "")
        else:
            self.remove_selected()

    def remove_selected(self) -> None:
        """Remove the selected classes; the one that follows is selected then."""
        self.finish_editing()
        chosen = self.selected_rows()
        if chosen:
            self.classes.remove(chosen)
            self.go_to(min(chosen[0], self._n_classes), NAME)

    def move_selected(self, step: int) -> None:
        """Move the selected class up (-1) or down (1)."""
        self.finish_editing()
        chosen, column = self.selected_rows(), max(self.currentIndex().column(), COLOUR)
        if len(chosen) == 1 and self.classes.move(chosen[0], step):
            self.go_to(chosen[0] + step, column)

    def copy(self) -> None:
        """Copy the selected classes as text, one a line."""
        chosen: List[ClassRow] = [self.classes.class_rows[number] for number in self.selected_rows()]
        if chosen:
            QGuiApplication.clipboard().setText(text_from_rows(chosen))

    def cut(self) -> None:
        """Copy the selected classes and remove them."""
        self.copy()
        self.remove_selected()

    def paste(self) -> None:
        """Add the classes of the clipboard below the current row; one name alone goes into the current cell."""
        current = self.currentIndex()
        data = QGuiApplication.clipboard().mimeData()
        if current.column() == WORDS and current.row() < self._n_classes and "\n" not in data.text().strip():
            self.classes.setData(current, data.text())
        else:
            self.take(data, min(max(current.row(), 0), self._n_classes), into_row=True)

    def take(self, data: QMimeData, number: int, into_row: bool = False) -> None:
        """Add the classes that data holds.

        Args:
            data: Text, files or layers.
            number: Row before which they are put.
            into_row: A single name replaces that of the row, several go below it.
        """
        try:
            rows = rows_from_data(data)
        except EngineError as error:
            self.refused.emit(str(error))
            return
        is_class = into_row and number < self._n_classes
        if is_class and (len(rows) == 1 or self.classes.class_rows[number].is_empty):
            self.classes.setData(self.classes.index(number, NAME), text_from_rows(rows))
            self.go_to(number, NAME)
        elif rows:
            first = number + 1 if is_class else number
            self.classes.insert(first, rows)
            self.go_to(first + len(rows) if first + len(rows) >= self._n_classes else first, NAME)

    def leave_by_return(self, step: int) -> None:
        """Go to the next row (1) or the one above (-1); a list that was typed counts as the rows that it made."""
        index, n_before = self.currentIndex(), self._n_classes
        was_new, was_open = index.row() >= n_before, self.delegate.editor is not None
        self.finish_editing()
        n_added = self._n_classes - n_before
        target = index.row() + (n_added if was_new else n_added + 1) if step > 0 else index.row() - 1
        target = min(max(target, 0), self._n_classes)
        is_new = target == self._n_classes
        # Where nothing was typed in the last row, Return closes it and does not open it again.
        if is_new and not (was_new and was_open and n_added == 0):
            self._edit_cell(target, NAME)
        else:
            self.go_to(target, NAME if is_new else index.column())

    def leave_by_tab(self, step: int) -> bool:
        """Edit the next cell (1) or the one before (-1); False where there is none and the table is left."""
        row, column = self._place(self.currentIndex())
        was_open = self.delegate.editor is not None
        self.finish_editing()
        position = 2 * row + (1 if column >= WORDS else 0) + step
        if not 0 <= position <= 2 * self._n_classes:
            return bool(was_open and super().focusNextPrevChild(step > 0))
        target = (position // 2, (NAME, WORDS)[position % 2])
        if was_open:
            self._edit_cell(*target)
        else:
            self.go_to(*target)
        return True

    def go_to(self, row: int, column: int) -> None:
        """Choose a cell without editing it."""
        index = self.classes.index(row, column)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self.scrollTo(index)

    def focusNextPrevChild(self, next: bool) -> bool:
        """Tab goes through the cells that can be edited, and leaves the table at its ends."""
        return self.leave_by_tab(1 if next else -1) or bool(super().focusNextPrevChild(next))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin at a cell in which something can be typed."""
        if not self.currentIndex().isValid():
            self.go_to(0, NAME)
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys of a table; those that it does not know go on to the dialog, Return never does."""
        action = next((act for key, act in self._actions if event.matches(key)), None)
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if action is not None:
            action()
        elif event.key() in _RETURNS:
            self.leave_by_return(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        elif alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.move_selected(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() == Qt.Key.Key_Space and self.currentIndex().column() == COLOUR:
            self._want_colour(self.currentIndex().row())
        elif event.key() == Qt.Key.Key_Escape and self.selectionModel().hasSelection():
            self.clearSelection()
        else:
            self._begin_to_type(event)
            super().keyPressEvent(event)
            return
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on the last row, or below it, starts a new class."""
        row = self.indexAt(event.pos()).row()
        if event.button() == Qt.MouseButton.LeftButton and not 0 <= row < self._n_classes:
            self.start_new()
        else:
            super().mousePressEvent(event)

    def dragEnterEvent(self, event: Any) -> None:
        """Welcome text, files and layers."""
        self._welcome(event)

    def dragMoveEvent(self, event: Any) -> None:
        """Welcome text, files and layers."""
        self._welcome(event)

    def dropEvent(self, event: Any) -> None:
        """Add the classes that were dropped, before the row that they were dropped on."""
        place = event.position().toPoint() if hasattr(event, "position") else event.pos()
        row = self.indexAt(place).row()
        self.finish_editing()
        self.take(event.mimeData(), row if 0 <= row < self._n_classes else self._n_classes)
        event.setDropAction(Qt.DropAction.CopyAction)  # whoever gave it keeps it
        event.accept()

    def resizeEvent(self, event: Any) -> None:
        """Share the width among the columns, until the user sets one."""
        super().resizeEvent(event)
        self.share_width()

    def share_width(self) -> None:
        """Give each column its share; the meaning gets what its title needs at least."""
        if self._has_own_widths:
            return
        header = self.horizontalHeader()
        room = self.viewport().width() - _COLOUR_WIDTH
        total = sum(share for _, share in _SHARES)
        for_names = min(room * total, room - header.sectionSizeHint(MEANING))
        self._is_sharing = True
        header.resizeSection(COLOUR, _COLOUR_WIDTH)
        for column, share in _SHARES:
            header.resizeSection(column, max(int(for_names * share / total), _LEAST_WIDTH))
        self._is_sharing = False

    @property
    def _n_classes(self) -> int:
        return len(self.classes.class_rows)

    def _place(self, index: QModelIndex) -> Tuple[int, int]:
        return max(index.row(), 0), NAME if index.row() >= self._n_classes else index.column()

    def _edit_cell(self, row: int, column: int) -> None:
        self.go_to(row, column)
        self.edit(self.classes.index(row, column))

    def _begin_to_type(self, event: QKeyEvent) -> None:
        """Typing in a column that tells something goes into the name."""
        index, text = self.currentIndex(), event.text()
        if text and text.isprintable() and not text.isspace() and index.column() not in (NAME, WORDS):
            self.go_to(max(index.row(), 0), NAME)
        elif text and text.isprintable() and index.row() >= self._n_classes:
            self.go_to(self._n_classes, NAME)

    def _want_colour(self, row: int) -> None:
        if row < self._n_classes:
            self.colour_wanted.emit(row)

    def _on_click(self, index: QModelIndex) -> None:
        if index.column() == COLOUR:
            self._want_colour(index.row())

    def _on_section_resized(self, column: int, old: int, new: int) -> None:
        if column in (NAME, WORDS) and not self._is_sharing:
            self._has_own_widths = True

    def _welcome(self, event: Any) -> None:
        if has_rows(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()
