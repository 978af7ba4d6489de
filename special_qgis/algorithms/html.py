# SPDX-License-Identifier: GPL-2.0-or-later
"""Small HTML pages of tables, for what algorithms find out without the engine's report."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import List, Sequence, Tuple

from qgis.core import QgsProcessingException

from ..translation import translate

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222;background:#fff}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:1.8em}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3em .8em .3em 0;vertical-align:top;"
    "border-bottom:1px solid #ddd;overflow-wrap:anywhere}"
    "td:first-child{white-space:nowrap;color:#555}"
)


@dataclass(frozen=True)
class Table:
    """A table of a page."""

    title: str
    header: Tuple[str, ...]  # titles of the columns; () = none
    rows: Sequence[Tuple[str, ...]]


def page(title: str, tables: Sequence[Table]) -> str:
    """A self-contained page with a heading and tables."""
    body = "".join(_table(table) for table in tables)
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def write_page(path: Path, text: str) -> None:
    """Write a page.

    Raises:
        QgsProcessingException: It cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise QgsProcessingException(
            translate(
                "SpecialOutputs", "The report {} cannot be written: {}. Choose a folder that you may write to."
            ).format(path, error.strerror or error)
        ) from error


def _table(table: Table) -> str:
    header = _row("th", table.header) if table.header else ""
    rows: List[str] = [_row("td", row) for row in table.rows]
    return f"<h2>{escape(table.title)}</h2><table>{header}{''.join(rows)}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"
