# SPDX-License-Identifier: GPL-2.0-or-later
"""The class table: names, other words, colours, and live what the spectra can tell about each name.

Its value is the same text that scripts, batch files and models hold, so nothing can be said here that cannot be typed.
"""

from __future__ import annotations

from typing import List, Optional

from qgis.core import QgsApplication, QgsMimeDataUtils, QgsSettings
from qgis.PyQt.QtCore import QMimeData, QPoint, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QKeyEvent, QTextCursor
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..engine.classes.classes import load_presets
from ..engine.errors import EngineError
from ..translation import translate
from .class_drops import has_rows, rows_from_data
from .class_model import COLOUR, ClassTableModel
from .class_rows import ClassRow, rows_from_text, text_from_rows
from .class_view import ClassView

_FOLDER_SETTING = "special/class_file_folder"
_TABLE_PAGE, _TEXT_PAGE = 0, 1
_ROWS_SHOWN = 7


class ClassTextEdit(QPlainTextEdit):
    """The list as text; files and layers that are dropped into it become lines."""

    refused = pyqtSignal(str)  # why something is not accepted

    def replace_text(self, text: str) -> None:
        """Show another text, in a way that can be undone."""
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Text, files and layers."""
        return has_rows(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Insert text as it is, and the classes of files and layers."""
        if not source.hasUrls() and not QgsMimeDataUtils.isUriList(source):
            super().insertFromMimeData(source)
            return
        try:
            self.insertPlainText(text_from_rows(rows_from_data(source)) + "\n")
        except EngineError as error:
            self.refused.emit(str(error))


class ClassTableWidget(QWidget):
    """Edits a class list as a table or as text.

    Args:
        parent: Owner.
    """

    text_changed = pyqtSignal(str)

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.model = ClassTableModel(self)
        self.side_buttons: List[QToolButton] = []
        self.view = self._make_view()
        self.text_edit = self._make_text_edit()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.view)
        self.pages.addWidget(self.text_edit)
        self.presets = self._make_presets()
        self.status = self._make_status()
        self._lay_out()
        self.model.list_changed.connect(self._on_change)
        self.text_edit.textChanged.connect(self._on_change)
        self._show_status()

    def text(self) -> str:
        """The class list as it would be typed, one class a line."""
        if self.is_text:
            return str(self.text_edit.toPlainText()).strip()
        return text_from_rows(self.model.class_rows)

    @property
    def is_text(self) -> bool:
        """Whether the list is shown as text."""
        return bool(self.pages.currentIndex() == _TEXT_PAGE)

    def finish_editing(self) -> None:
        """Take over what stands in a cell that is being edited."""
        self.view.finish_editing()

    def set_text(self, text: str) -> None:
        """Show a class list or a class file; what is not one is shown as text, with what is wrong with it."""
        try:
            rows = rows_from_text(text)
        except EngineError:
            self._show_page(_TEXT_PAGE)
            self.text_edit.replace_text(text)
            self._on_change()
            return
        self._show_rows(rows)

    def selected_rows(self) -> List[int]:
        """Numbers of the rows with a selected cell, without the empty one at the end."""
        return self.view.selected_rows()

    def remove_selected(self) -> None:
        """Remove the selected classes."""
        self.view.remove_selected()

    def move_selected(self, step: int) -> None:
        """Move the selected class up (-1) or down (1); ids in the map follow the order."""
        self.view.move_selected(step)

    def add(self) -> None:
        """Start typing a new class."""
        self.view.start_new()

    def import_file(self, path: str) -> None:
        """Replace the list by that of a class file."""
        try:
            rows = rows_from_text(path)
        except EngineError as error:
            self._set_status(str(error), is_problem=True)
            return
        self._show_rows(rows)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep Return from the dialog's default button, whichever widget of the table has the focus."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
        else:
            super().keyPressEvent(event)

    def _show_rows(self, rows: List[ClassRow]) -> None:
        """Show rows as a table, or as text to who is at the text."""
        if self.is_text and self._is_list(self.text_edit.toPlainText()):
            self.text_edit.replace_text(text_from_rows(rows))
            return
        self._show_page(_TABLE_PAGE)
        self.model.set_rows(rows)

    def _is_list(self, text: str) -> bool:
        return not self._problem_of_text(text)

    def _problem_of_text(self, text: str) -> str:
        try:
            rows_from_text(text)
        except EngineError as error:
            return str(error)
        return ""

    def _show_page(self, page: int) -> None:
        """Show table or text; what they hold is left as it is."""
        self.text_button.blockSignals(True)
        self.text_button.setChecked(page == _TEXT_PAGE)
        self.text_button.blockSignals(False)
        self.pages.setCurrentIndex(page)
        for button in self.side_buttons:
            button.setEnabled(page == _TABLE_PAGE)

    def _make_view(self) -> ClassView:
        view = ClassView(self.model)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
            | QAbstractItemView.EditTrigger.SelectedClicked
        )
        view.setAlternatingRowColors(True)
        view.setWordWrap(False)
        view.setAccessibleName(translate("ClassTable", "Classes to map"))
        view.verticalHeader().setDefaultSectionSize(view.fontMetrics().height() + 10)
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(COLOUR, QHeaderView.ResizeMode.Fixed)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(24)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        view.setMinimumHeight((_ROWS_SHOWN + 1) * (view.fontMetrics().height() + 11))
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._show_menu)
        view.colour_wanted.connect(self._choose_colour)
        view.refused.connect(self._refuse)
        return view

    def _make_text_edit(self) -> ClassTextEdit:
        edit = ClassTextEdit()
        edit.setTabChangesFocus(True)
        edit.refused.connect(self._refuse)
        edit.setPlaceholderText("water: river, lake, pond #1f78b4\ntrees\nbare soil")
        edit.setAccessibleName(translate("ClassTable", "Classes as text"))
        return edit

    def _make_presets(self) -> QComboBox:
        combo = QComboBox()
        combo.addItem(translate("ClassTable", "Fill in a preset…"), "")
        for name, classes in load_presets().items():
            combo.addItem(name, classes)
        combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        combo.activated.connect(self._on_preset)
        return combo

    def _make_status(self) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _lay_out(self) -> None:
        self.text_button = self._button("/mActionEditTable.svg", translate("ClassTable", "Edit as text"), None)
        self.text_button.setCheckable(True)
        self.text_button.toggled.connect(self._on_text_toggled)
        top = QHBoxLayout()
        top.addWidget(self.presets, 1)
        top.addWidget(
            self._button("/mActionFileOpen.svg", translate("ClassTable", "Import a class file…"), self._choose_file)
        )
        top.addWidget(self.text_button)
        side = QVBoxLayout()
        for icon, tip, slot in (
            ("/symbologyAdd.svg", translate("ClassTable", "Add a class"), self.add),
            ("/symbologyRemove.svg", translate("ClassTable", "Remove the selected classes"), self.remove_selected),
            ("/mActionArrowUp.svg", translate("ClassTable", "Move up (Alt+Up)"), lambda: self.move_selected(-1)),
            ("/mActionArrowDown.svg", translate("ClassTable", "Move down (Alt+Down)"), lambda: self.move_selected(1)),
        ):
            self.side_buttons.append(self._button(icon, tip, slot))
            side.addWidget(self.side_buttons[-1])
        side.addStretch()
        middle = QHBoxLayout()
        middle.addWidget(self.pages, 1)
        middle.addLayout(side)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addLayout(middle, 1)
        layout.addWidget(self.status)

    def _button(self, icon: str, tip: str, slot: object) -> QToolButton:
        button = QToolButton()
        button.setIcon(QgsApplication.getThemeIcon(icon))
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setAutoRaise(True)
        if slot is not None:
            button.clicked.connect(slot)
        return button

    def _on_change(self) -> None:
        self._show_status()
        self.text_changed.emit(self.text())

    def _on_preset(self, index: int) -> None:
        classes = self.presets.itemData(index)
        if classes:
            self.set_text(classes)
        self.presets.setCurrentIndex(0)

    def _refuse(self, problem: str) -> None:
        self._set_status(problem, is_problem=True)

    def _on_text_toggled(self, as_text: bool) -> None:
        """Go from the table to text or back; text that cannot be shown as a table stays as it was typed."""
        self.finish_editing()
        if as_text:
            self._show_page(_TEXT_PAGE)
            self.text_edit.replace_text(text_from_rows(self.model.class_rows))
            self.text_edit.setFocus()
        else:
            text = self.text_edit.toPlainText()
            problem = self._problem_of_text(text)
            if problem:
                self._show_page(_TEXT_PAGE)
                self._refuse(problem)
                return
            self._show_page(_TABLE_PAGE)
            self.model.set_rows(rows_from_text(text))
        self._on_change()

    def _choose_colour(self, row: int) -> None:
        title = translate("ClassTable", "Colour of {}").format(self.model.class_rows[row].name)
        colour = QColorDialog.getColor(QColor(self.model.colour_of(row) or "#808080"), self, title)
        if colour.isValid():
            self.model.set_colour(row, colour.name())

    def _choose_file(self) -> None:
        folder = QgsSettings().value(_FOLDER_SETTING, "")
        path, _ = QFileDialog.getOpenFileName(
            self,
            translate("ClassTable", "Import classes"),
            folder,
            translate("ClassTable", "Class files (*.txt *.csv *.json *.qml)"),
        )
        if path:
            QgsSettings().setValue(_FOLDER_SETTING, path)
            self.import_file(path)

    def _show_menu(self, position: QPoint) -> None:
        row = self.view.indexAt(position).row()
        if not 0 <= row < len(self.model.class_rows):
            return
        menu = QMenu(self)
        menu.addAction(translate("ClassTable", "Colour…"), lambda: self._choose_colour(row))
        menu.addAction(translate("ClassTable", "Colour by meaning"), lambda: self.model.set_colour(row, None))
        menu.addAction(translate("ClassTable", "Remove"), lambda: self.model.remove([row]))
        menu.exec(self.view.viewport().mapToGlobal(position))

    def _show_status(self) -> None:
        if self.is_text:
            self._show_status_of_text()
            return
        finding = self.model.finding
        n_classes = sum(not row.is_empty for row in self.model.class_rows)
        if finding.problem:
            self._set_status(finding.problem, is_problem=True)
        elif finding.warnings:
            self._set_status("\n".join(finding.warnings), is_problem=True)
        elif n_classes < 2:
            self._set_status(translate("ClassTable", "Type at least two class names, or fill in a preset."))
        else:
            self._set_status(translate("ClassTable", "{} classes. Ids in the map follow this order.").format(n_classes))

    def _show_status_of_text(self) -> None:
        problem = self._problem_of_text(self.text_edit.toPlainText())
        if problem:
            self._refuse(problem)
        else:
            self._set_status(translate("ClassTable", "One class a line: name: other words, … #colour"))

    def _set_status(self, text: str, is_problem: bool = False) -> None:
        self.status.setText(("⚠ " if is_problem else "") + text)
