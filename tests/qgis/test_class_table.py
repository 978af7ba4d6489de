# SPDX-License-Identifier: GPL-2.0-or-later
"""The class table: what is shown, what is typed, and the text that comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest
from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QEvent, Qt

from special_qgis.engine.classes.classes import load_presets, parse_classes


@pytest.fixture
def table(qgis_app: QgsApplication) -> Iterator[Any]:
    from special_qgis.gui.class_table import ClassTableWidget

    widget = ClassTableWidget()
    yield widget
    widget.close()
    widget.deleteLater()
    qgis_app.sendPostedEvents(widget, QEvent.Type.DeferredDelete)


def cell(table: Any, row: int, column: int, role: Any = Qt.ItemDataRole.DisplayRole) -> Any:
    return table.model.data(table.model.index(row, column), role)


def type_text(table: Any, row: int, column: int, text: str) -> bool:
    return table.model.setData(table.model.index(row, column), text, Qt.ItemDataRole.EditRole)


@pytest.mark.parametrize(
    "text",
    [
        "water: river, lake #1f78b4\ntrees\nbare soil",
        '"a: b, c; d": "x, y" #010203\nÄcker und Wiesen: 草地',
    ],
    ids=["plain", "quoted and Unicode"],
)
def test_text_set_and_read_back_gives_the_same_classes(table: Any, text: str) -> None:
    table.set_text(text)
    assert parse_classes(table.text()) == parse_classes(text)


def test_colours_not_typed_stay_out_of_the_text(table: Any) -> None:
    table.set_text("water\ntrees #00ff00")
    assert table.text() == "water\ntrees #00ff00"


def test_colour_shown_is_the_colour_of_the_map(table: Any) -> None:
    table.set_text("water\ntrees\nroof")
    shown = [cell(table, row, 0, Qt.ItemDataRole.DecorationRole).name() for row in range(3)]
    assert shown == [one.colour for one in parse_classes("water\ntrees\nroof")]


def test_typing_in_the_last_row_adds_a_class(table: Any) -> None:
    assert type_text(table, 0, 1, "water")
    assert type_text(table, 1, 1, "  bare   soil ")
    assert type_text(table, 1, 2, "earth, ground")
    assert table.text() == "water\nbare soil: earth, ground"
    assert table.model.rowCount() == 3


def test_known_name_shows_its_materials_without_warning(table: Any) -> None:
    table.set_text("water\ntrees")
    assert cell(table, 0, 3) == "water"
    assert cell(table, 0, 3, Qt.ItemDataRole.DecorationRole) is None
    assert "2" in table.status.text()


def test_unknown_name_is_flagged(table: Any) -> None:
    table.set_text("water\nfrobnicate")
    assert "not known" in cell(table, 1, 3)
    assert not cell(table, 1, 3, Qt.ItemDataRole.DecorationRole).isNull()
    assert "frobnicate" in table.status.text()


def test_inseparable_names_are_flagged_on_both_rows(table: Any) -> None:
    table.set_text("roof\nwater\nhouse")
    assert "not separable from house" in cell(table, 0, 3)
    assert "not separable from roof" in cell(table, 2, 3)
    assert "separable" not in cell(table, 1, 3)


def test_duplicate_name_shows_the_problem(table: Any) -> None:
    table.set_text("water\ntrees")
    type_text(table, 2, 1, "Water")
    assert "water" in table.status.text().lower() and table.status.text().startswith("⚠")


def test_row_without_name_shows_the_problem(table: Any) -> None:
    table.set_text("water\ntrees\nsoil")
    type_text(table, 1, 1, "")
    type_text(table, 1, 2, "forest")
    assert "has no name" in table.status.text()


def test_move_and_remove_change_the_order_of_ids(table: Any) -> None:
    table.set_text("a1\nb2\nc3")
    table.view.selectRow(2)
    table.move_selected(-1)
    assert table.text() == "a1\nc3\nb2"
    assert table.selected_rows() == [1]
    table.view.selectRow(0)
    table.move_selected(-1)
    table.remove_selected()
    assert table.text() == "c3\nb2"


def test_colour_set_and_reset(table: Any) -> None:
    table.set_text("water\ntrees")
    table.model.set_colour(0, "#123456")
    assert table.text() == "water #123456\ntrees"
    table.model.set_colour(0, None)
    assert table.text() == "water\ntrees"


def test_every_preset_fills_the_table_without_problem(table: Any) -> None:
    names = [table.presets.itemText(index) for index in range(1, table.presets.count())]
    assert names == list(load_presets())
    for index in range(1, table.presets.count()):
        table.presets.setCurrentIndex(index)
        table.presets.activated.emit(index)
        assert parse_classes(table.text())
        assert table.model.finding.problem == ""
        assert table.presets.currentIndex() == 0


def test_class_file_is_imported(table: Any, tmp_path: Path) -> None:
    path = tmp_path / "Klassen ü.txt"
    path.write_text("water\ntrees: forest\n", encoding="utf-8")
    table.import_file(str(path))
    assert table.text() == "water\ntrees: forest"


def test_missing_class_file_is_reported_and_keeps_the_table(table: Any, tmp_path: Path) -> None:
    table.set_text("water\ntrees")
    table.import_file(str(tmp_path / "none.txt"))
    assert "none.txt" in table.status.text()
    assert table.text() == "water\ntrees"


def test_text_that_is_no_list_is_kept_as_text(table: Any) -> None:
    table.set_text('water: "river')
    assert table.text() == 'water: "river'
    table.text_button.setChecked(False)
    assert table.text_button.isChecked(), "text that cannot be shown as a table stays text"
    assert table.status.text().startswith("⚠")


def test_editing_as_text_and_back_takes_the_changes_over(table: Any) -> None:
    table.set_text("water\ntrees")
    table.text_button.setChecked(True)
    table.text_edit.setPlainText("water\nsoil: earth")
    assert table.text() == "water\nsoil: earth"
    table.text_button.setChecked(False)
    assert [row.name for row in table.model.class_rows] == ["water", "soil"]


def test_change_is_told_once_with_the_text(table: Any) -> None:
    told = []
    table.set_text("water\ntrees")
    table.text_changed.connect(told.append)
    type_text(table, 2, 1, "soil")
    assert told == ["water\ntrees\nsoil"]


def test_similar_names_are_told_without_alarm(table: Any) -> None:
    table.set_text("water\nroof\npavement")
    assert "similar to pavement" in cell(table, 1, 3)
    assert cell(table, 1, 3, Qt.ItemDataRole.DecorationRole) is None


def test_table_of_batch_line_gives_its_list_on_one_line(qgis_app: QgsApplication) -> None:
    from special_qgis.gui.class_wrappers import ClassLineEdit, ClassTableDialog

    line = ClassLineEdit()
    line.set_text("water: river\n\ntrees #00ff00\n")
    assert line.text() == "water: river; trees #00ff00"
    dialog = ClassTableDialog(line.text())
    type_text(dialog.table, 2, 1, '"bare; soil"')
    line.set_text(dialog.table.text())
    assert [one.name for one in parse_classes(line.text())] == ["water", "trees", "bare; soil"]


def test_delete_key_removes_the_selected_class(table: Any) -> None:
    from qgis.PyQt.QtTest import QTest

    table.set_text("water\ntrees\nsoil")
    table.show()
    table.view.selectRow(1)
    table.view.setFocus()
    QTest.keyClick(table.view, Qt.Key.Key_Delete)
    assert table.text() == "water\nsoil"
