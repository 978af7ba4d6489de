# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables as CSV text that spreadsheets, data frames and QGIS load as it is, and that carries no formula into them.

It begins with a byte-order mark, without which Excel misreads names. A text that a spreadsheet would take for a formula
gets an apostrophe in front, which keeps it a text; numbers stay as they are.
"""

from __future__ import annotations

import csv
import io
from typing import Any, Iterable, Sequence

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # OWASP, CSV Injection; wide ones, too


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as CSV text.

    Args:
        columns: Titles of the columns.
        rows: Cells of each row; None = empty.
    """
    stream = io.StringIO()
    stream.write("\ufeff")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_defused(cell) for cell in row] for row in rows)
    return stream.getvalue()


def _defused(cell: Any) -> Any:
    """The cell, as a text that no spreadsheet takes for a formula where it is a text."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA_STARTS) else cell
