# SPDX-License-Identifier: GPL-2.0-or-later
"""The class table under keys, mouse, clipboard and drops, as its users work with it: real widgets, real events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsMapLayer,
    QgsMimeDataUtils,
    QgsPalettedRasterRenderer,
    QgsProject,
    QgsRasterLayer,
    QgsRendererCategory,
    QgsSymbol,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qgis.PyQt.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QKeyEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from tests.helpers import small_scene

KEYS = {
    "⏎": Qt.Key.Key_Return,
    "⌤": Qt.Key.Key_Enter,
    "⇥": Qt.Key.Key_Tab,
    "⇤": Qt.Key.Key_Backtab,
    "⎋": Qt.Key.Key_Escape,
    "⌦": Qt.Key.Key_Delete,
    "⌫": Qt.Key.Key_Backspace,
    "↑": Qt.Key.Key_Up,
    "↓": Qt.Key.Key_Down,
    "←": Qt.Key.Key_Left,
    "→": Qt.Key.Key_Right,
    "②": Qt.Key.Key_F2,
}
CONTROLS = {
    "ⓥ": Qt.Key.Key_V,
    "ⓒ": Qt.Key.Key_C,
    "ⓧ": Qt.Key.Key_X,
    "ⓩ": Qt.Key.Key_Z,
    "ⓨ": Qt.Key.Key_Y,
    "ⓐ": Qt.Key.Key_A,
}
OTHERS = {
    "⇧⏎": (Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier),
    "⌥↑": (Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier),
    "⌥↓": (Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier),
}


class Form(QDialog):
    """A dialog like Processing's: a field, the table, and a default button that must not be pressed by a key."""

    def __init__(self) -> None:
        from special_qgis.gui.class_table import ClassTableWidget

        super().__init__()
        self.before, self.table, self.after = QLineEdit(), ClassTableWidget(), QLineEdit()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok)
        self.run = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.run.setDefault(True)
        self.n_runs = self.n_resets = 0
        self.run.clicked.connect(self._count_run)
        self.table.model.modelReset.connect(self._count_reset)
        layout = QVBoxLayout(self)
        for widget in (self.before, self.table, self.after, buttons):
            layout.addWidget(widget)
        self.resize(700, 500)

    def _count_run(self) -> None:
        self.n_runs += 1

    def _count_reset(self) -> None:
        self.n_resets += 1


@pytest.fixture
def form(qgis_app: QgsApplication) -> Iterator[Form]:
    one = Form()
    one.show()
    QTest.qWaitForWindowActive(one)
    yield one
    QTest.keyClick(one, Qt.Key.Key_F9)  # a key without modifiers, which Qt would remember for the next test
    one.close()
    one.deleteLater()
    qgis_app.sendPostedEvents(one, QEvent.Type.DeferredDelete)


def press(sequence: str) -> None:
    """Send each sign of a sequence to the widget that has the focus then, as a keyboard does."""
    for sign in re.findall("|".join(OTHERS) + "|.", sequence, re.DOTALL):
        widget = QApplication.focusWidget()
        assert widget is not None
        if sign in OTHERS:
            QTest.keyClick(widget, *OTHERS[sign])
        elif sign in CONTROLS:
            QTest.keyClick(widget, CONTROLS[sign], Qt.KeyboardModifier.ControlModifier)
        elif sign in KEYS:
            QTest.keyClick(widget, KEYS[sign])
        else:
            QApplication.sendEvent(widget, QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier.NoModifier, sign))


def click(form: Form, row: int, column: int, is_double: bool = False) -> None:
    view = form.table.view
    place = view.visualRect(form.table.model.index(row, column)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    if is_double:
        QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def lines(form: Form) -> List[str]:
    form.table.finish_editing()
    return form.table.text().split("\n")


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("water⏎tree⏎soil⏎", "water|tree|soil"),
        ("water⌤tree⌤soil", "water|tree|soil"),
        ("water⏎tree⏎soil⏎⏎⏎⏎", "water|tree|soil"),
        ("water⏎⏎tree⏎", "water|tree"),
        ("water⏎tree⎋⎋soil⏎", "water|soil"),
        ("water⏎tree↓soil↓", "water|tree|soil"),
        ("water⇥river, lake⏎tree⏎", "water: river, lake|tree"),
        ("water⇥river⇥tree⇥wood⇥soil", "water: river|tree: wood|soil"),
        ("water⇥⇥tree⇥⇥soil⏎", "water|tree|soil"),
        ("water⇥river⇤sea⏎", "sea: river"),
        ("water⏎tree⏎⎋↑↑lake⏎", "lake|tree"),
        ("water⏎tree⏎⎋↑↑②s⏎", "s|tree"),
        ("water⏎tree⏎⎋↑↑②→s⏎", "waters|tree"),
        ("water⏎tree⏎⎋↑⇧⏎lake⏎", "lake|tree"),
        ("water⏎tree⏎soil⏎⎋↑↑⌦", "water|soil"),
        ("water⏎tree⏎soil⏎⎋↑↑⌦⌦", "water"),
        ("water⏎tree⏎soil⏎⎋↑↑⌦ⓩ", "water|tree|soil"),
        ("water⏎tree⏎soil⏎⎋↑↑⌦ⓩⓨ", "water|soil"),
        ("water⏎tree⏎soil⏎⎋↑⌥↑", "water|soil|tree"),
        ("water⏎tree⏎soil⏎⎋↑↑↑⌥↓⌥↓", "tree|soil|water"),
        ("water⏎tree⏎soil⏎⎋↑↑ⓧ↓ⓥ", "water|soil|tree"),
        ("water⏎tree⏎⎋ⓐⓒ", "water|tree"),
        ("water⏎tree⏎⎋ⓐ⌦", ""),
        ("water⏎tree⏎⎋↑←s⏎", "water|s"),
        ("water⏎tree⏎⎋↑→→soil⏎", "water|soil"),
        ("water⇥river⏎⎋↑→⌦", "water"),
        ("water; tree; soil⏎grass⏎", "water|tree|soil|grass"),
        ("water: river, lake #1f78b4⏎tree⏎", "water: river, lake #1f78b4|tree"),
        ("water⏎tree⏎⎋↑↑lake; sea⏎", "lake|sea|tree"),
        ('"grass, dry"⏎grass, wet⏎', '"grass, dry"|"grass, wet"'),
        ("  ⏎water⏎", "water"),
        ("草地⏎Äcker⏎", "草地|Äcker"),
    ],
)
def test_keys_in_the_table_give_the_list_that_their_user_expects(form: Form, sequence: str, expected: str) -> None:
    form.table.view.setFocus()
    press(sequence)
    assert "|".join(lines(form)) == expected
    assert form.n_runs == 0 and form.isVisible()


def test_typing_three_names_resets_the_model_never(form: Form) -> None:
    form.table.view.setFocus()
    press("water⏎tree⏎soil⏎")
    assert form.n_resets == 0
    assert form.table.view.currentIndex().row() == 3


def test_click_in_the_last_row_then_names_and_returns(form: Form) -> None:
    click(form, 0, 1)
    press("water⏎tree⏎soil⏎")
    assert lines(form) == ["water", "tree", "soil"]
    assert form.n_runs == 0


@pytest.mark.parametrize("column", [0, 1, 2, 3], ids=["colour", "name", "words", "meaning"])
def test_click_anywhere_in_the_last_row_begins_a_class(form: Form, column: int) -> None:
    form.table.set_text("water\ntree")
    click(form, 2, column)
    press("soil⏎")
    assert lines(form) == ["water", "tree", "soil"]


def test_click_below_the_rows_begins_a_class(form: Form) -> None:
    form.table.set_text("water\ntree")
    view = form.table.view.viewport()
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(60, view.height() - 4))
    press("soil")
    assert lines(form) == ["water", "tree", "soil"]


def test_double_click_edits_a_name(form: Form) -> None:
    form.table.set_text("water\ntree")
    click(form, 0, 1, is_double=True)
    press("lake⏎")
    assert lines(form) == ["lake", "tree"]


@pytest.mark.parametrize(("keys", "target"), [("⇥⇥⇥⇥⇥", "after"), ("⇤", "before")], ids=["forwards", "backwards"])
def test_tab_leaves_the_table_at_its_ends(form: Form, keys: str, target: str) -> None:
    form.table.set_text("water\ntree")
    form.table.view.setFocus()
    press(keys)
    assert not form.table.view.hasFocus()
    assert form.table.text() == "water\ntree"


def test_return_in_any_widget_of_the_table_presses_no_button(form: Form) -> None:
    form.table.set_text("water\ntree")
    for widget in form.table.findChildren(QWidget):
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus and widget.isVisible() and widget.isEnabled():
            QTest.keyClick(widget, Qt.Key.Key_Return)
            QTest.keyClick(widget, Qt.Key.Key_Enter)
    assert form.n_runs == 0


def test_name_in_an_open_cell_counts_when_the_list_is_asked_for(form: Form) -> None:
    click(form, 0, 1)
    press("water⏎tree")
    assert lines(form) == ["water", "tree"]


LISTS = [
    ("water\ntree\nbare soil", "water|tree|bare soil"),
    ("water\r\ntree\r\n\r\nbare soil\r\n", "water|tree|bare soil"),
    ("water; tree; bare soil", "water|tree|bare soil"),
    ("water\triver, lake\ntree\t\nbare soil\tearth", "water: river, lake|tree|bare soil: earth"),
    ("1\twater\t#1F78B4\n2\ttree\t#33a02c\n", "water #1f78b4|tree #33a02c"),
    ("- water\n- tree\n- bare soil", "water|tree|bare soil"),
    ("1. water\n2. tree\n3. bare soil", "water|tree|bare soil"),
    ("water: river, lake #1f78b4\ntree", "water: river, lake #1f78b4|tree"),
]
LIST_IDS = [
    "lines",
    "Windows lines",
    "semicolons",
    "spreadsheet",
    "with ids and colours",
    "bullets",
    "numbers",
    "grammar",
]


@pytest.mark.parametrize(("text", "expected"), LISTS, ids=LIST_IDS)
@pytest.mark.parametrize("place", ["table", "cell"])
def test_pasted_list_makes_as_many_rows_as_names(form: Form, place: str, text: str, expected: str) -> None:
    QGuiApplication.clipboard().setText(text)
    if place == "cell":
        click(form, 0, 1)
    else:
        form.table.view.setFocus()
    press("ⓥ")
    assert "|".join(lines(form)) == expected


def test_commas_pasted_on_the_table_separate_names(form: Form) -> None:
    QGuiApplication.clipboard().setText("water, tree, bare soil")
    form.table.view.setFocus()
    press("ⓥ")
    assert lines(form) == ["water", "tree", "bare soil"]


def test_list_pasted_on_a_class_goes_below_it(form: Form) -> None:
    form.table.set_text("water\ntree")
    form.table.view.go_to(0, 1)
    form.table.view.setFocus()
    QGuiApplication.clipboard().setText("soil\ngrass")
    press("ⓥ")
    assert lines(form) == ["water", "soil", "grass", "tree"]


def test_name_pasted_on_a_class_replaces_its_name(form: Form) -> None:
    form.table.set_text("water: river\ntree")
    form.table.view.go_to(0, 1)
    form.table.view.setFocus()
    QGuiApplication.clipboard().setText("lake\n")
    press("ⓥ")
    assert lines(form) == ["lake: river", "tree"]


def drop(form: Form, data: QMimeData, row: int = 99) -> None:
    view = form.table.view
    index = form.table.model.index(row, 1)
    place = view.visualRect(index).center() if index.isValid() else view.viewport().rect().center()
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(view.viewport(), enter)
    assert enter.isAccepted()
    event = QDropEvent(QPointF(place), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(view.viewport(), event)


def test_text_dropped_on_the_table_makes_rows(form: Form) -> None:
    form.table.set_text("water\ntree")
    data = QMimeData()
    data.setText("soil\ngrass")
    drop(form, data, row=1)
    assert lines(form) == ["water", "soil", "grass", "tree"]


def test_class_file_dropped_on_the_table_makes_rows(form: Form, tmp_path: Path) -> None:
    path = tmp_path / "Klassen ü.txt"
    path.write_text("water\ntree: forest\n", encoding="utf-8")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    drop(form, data)
    assert lines(form) == ["water", "tree: forest"]


def test_other_file_dropped_on_the_table_says_what_is_accepted(form: Form, tmp_path: Path) -> None:
    form.table.set_text("water\ntree")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "scene.tif"))])
    drop(form, data)
    assert "scene.tif" in form.table.status.text() and ".txt" in form.table.status.text()
    assert lines(form) == ["water", "tree"]


def paletted(tmp_path: Path) -> QgsMapLayer:
    layer = QgsRasterLayer(str(small_scene.write_truth(tmp_path / "truth.tif")), "old map")
    entries = [
        QgsPalettedRasterRenderer.Class(1, QColor("#0000ff"), "water"),
        QgsPalettedRasterRenderer.Class(2, QColor("#00ff00"), "tree"),
    ]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, entries))
    return layer


def categorised(tmp_path: Path) -> QgsMapLayer:
    layer = QgsVectorLayer("Polygon?field=kind:string", "polygons", "memory")
    entries = []
    for value, label, colour in (("w", "water", "#0000ff"), ("t", "tree", "#00ff00")):
        symbol = QgsSymbol.defaultSymbol(layer.geometryType())
        symbol.setColor(QColor(colour))
        entries.append(QgsRendererCategory(value, symbol, label))
    layer.setRenderer(QgsCategorizedSymbolRenderer("kind", entries))
    return layer


@pytest.mark.parametrize("make", [paletted, categorised], ids=["raster", "polygons"])
def test_layer_with_categories_dropped_on_the_table_makes_rows(form: Form, make: Any, tmp_path: Path) -> None:
    layer = QgsProject.instance().addMapLayer(make(tmp_path))
    drop(form, QgsMimeDataUtils.encodeUriList([QgsMimeDataUtils.Uri(layer)]))
    QgsProject.instance().clear()
    assert lines(form) == ["water #0000ff", "tree #00ff00"]


def test_layer_without_categories_dropped_on_the_table_is_refused(form: Form, scene: Path) -> None:
    layer = QgsProject.instance().addMapLayer(QgsRasterLayer(str(scene), "picture"))
    drop(form, QgsMimeDataUtils.encodeUriList([QgsMimeDataUtils.Uri(layer)]))
    QgsProject.instance().clear()
    assert "no categories" in form.table.status.text()


def test_text_mode_keeps_what_was_typed_on_every_error(form: Form) -> None:
    form.table.set_text("water\ntree")
    QTest.mouseClick(form.table.text_button, Qt.MouseButton.LeftButton)
    form.table.text_edit.setFocus()
    press('⏎soil: "earth⏎more')
    typed = form.table.text_edit.toPlainText()
    QTest.mouseClick(form.table.text_button, Qt.MouseButton.LeftButton)
    assert form.table.text_edit.toPlainText() == typed and '"earth' in typed
    assert form.table.text_button.isChecked() and form.table.is_text
    assert "not closed" in form.table.status.text()
    assert form.n_runs == 0


def test_text_mode_switches_the_buttons_of_the_table_off(form: Form) -> None:
    form.table.set_text("water\ntree")
    form.table.view.selectRow(0)
    QTest.mouseClick(form.table.text_button, Qt.MouseButton.LeftButton)
    assert [button.isEnabled() for button in form.table.side_buttons] == [False] * 4
    QTest.mouseClick(form.table.side_buttons[1], Qt.MouseButton.LeftButton)
    QTest.mouseClick(form.table.text_button, Qt.MouseButton.LeftButton)
    assert lines(form) == ["water", "tree"]
    assert [button.isEnabled() for button in form.table.side_buttons] == [True] * 4


def test_tab_in_text_mode_leaves_the_text_as_it_is(form: Form) -> None:
    QTest.mouseClick(form.table.text_button, Qt.MouseButton.LeftButton)
    form.table.text_edit.setFocus()
    press("water⇥")
    assert form.table.text() == "water" and not form.table.text_edit.hasFocus()


def test_duplicate_name_marks_its_row_and_leaves_the_others_as_they_were(form: Form) -> None:
    form.table.view.setFocus()
    press("water⏎tree⏎Water⏎soil⏎")
    model = form.table.model
    meanings = [model.data(model.index(row, 3)) for row in range(4)]
    icons = [model.data(model.index(row, 3), Qt.ItemDataRole.DecorationRole) for row in range(4)]
    assert meanings[0] == "water" and "water" in meanings[2] and "already" in meanings[2]
    assert [icon is not None for icon in icons] == [False, False, True, False]
    assert all(model.colour_of(row).startswith("#") for row in (0, 1, 3))
    assert form.table.status.text().startswith("⚠")


def test_single_class_shows_its_colour_and_meaning_at_once(form: Form) -> None:
    form.table.view.setFocus()
    press("water⏎")
    assert form.table.model.data(form.table.model.index(0, 3)) == "water"
    assert form.table.model.colour_of(0).startswith("#")


@pytest.mark.parametrize("width", [420, 560, 700, 1000])
def test_columns_at_any_width_show_the_title_of_the_meaning_whole(form: Form, width: int) -> None:
    form.table.set_text("water\ntree: forest, wood\nbare soil")
    form.resize(width, 500)
    QApplication.processEvents()
    header = form.table.view.horizontalHeader()
    assert header.sectionSize(3) >= header.sectionSizeHint(3)
    assert sum(header.sectionSize(column) for column in range(4)) <= form.table.view.viewport().width() + 1


@pytest.mark.parametrize(("text", "ground"), [("#f0f0f0", "#232323"), ("#101010", "#ffffff")], ids=["dark", "light"])
def test_meaning_in_a_theme_of_style_sheets_is_legible(form: Form, text: str, ground: str) -> None:
    from qgis.PyQt.QtWidgets import QStyleOptionViewItem

    form.setStyleSheet(f"QTableView {{ color: {text}; background: {ground}; }}")
    form.table.set_text("water\ntree")
    option = QStyleOptionViewItem()
    form.table.view.delegate.initStyleOption(option, form.table.model.index(0, 3))
    shown = option.palette.color(option.palette.ColorRole.Text)
    back = QColor(ground)
    share = shown.alphaF()
    mixed = [share * a + (1 - share) * b for a, b in zip(shown.getRgbF()[:3], back.getRgbF()[:3])]
    assert contrast(mixed, list(back.getRgbF()[:3])) >= 4.5


def contrast(one: List[float], other: List[float]) -> float:
    """Contrast ratio of two sRGB colours (WCAG 2.1)."""

    def luminance(rgb: List[float]) -> float:
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_list_pasted_into_the_batch_line_stands_on_one_line(qgis_app: QgsApplication) -> None:
    from special_qgis.gui.class_wrappers import ClassLineEdit

    line = ClassLineEdit()
    line.show()
    QGuiApplication.clipboard().setText("water\ntree\nbare soil")
    line.line.setFocus()
    QTest.keyClick(line.line, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(line.line, Qt.Key.Key_F9)  # no modifier is remembered for the next test
    assert line.text() == "water; tree; bare soil"
    line.close()
