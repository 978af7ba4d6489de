# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv
import io

import pytest

from special_qgis.engine.report.tables import csv_text


def test_csv_text_begins_with_a_byte_order_mark_and_ends_lines_as_rfc_4180_says() -> None:
    assert csv_text(("a", "b"), [("x", 1), (None, 2.5)]) == "\ufeffa,b\r\nx,1\r\n,2.5\r\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝", "＋", "－", "＠"], ids=repr)
def test_csv_text_defuses_text_that_a_spreadsheet_would_run(start: str) -> None:
    text = csv_text(("a",), [(f"{start}1+1",)])
    assert list(csv.reader(io.StringIO(text[1:], newline="")))[1] == [f"'{start}1+1"]


@pytest.mark.parametrize("cell", [-1, -2.5, "water-meadow", "a=b", ""])
def test_csv_text_leaves_numbers_and_harmless_text_alone(cell: object) -> None:
    text = csv_text(("a", "b"), [(cell, 0)])
    assert list(csv.reader(io.StringIO(text[1:])))[1] == [str(cell), "0"]
