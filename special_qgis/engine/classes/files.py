# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads class lists from files: .txt as typed, .csv tables, .json lists and QGIS styles (.qml).

The classes come in the order of the file. A .qml may hold a paletted raster style or a categorised vector style; an
entry for value 0 that says "no data" or the like is left out, since 0 is no class.
"""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ..errors import ClassListError
from ..files.data_folder import expand_home, is_file
from ..texts.decoding import decode_file
from ..texts.plain_text import parse_json
from .text import ClassEntry, comparison_key, make_entry, parse_entries, shorten

MAX_FILE_BYTES = 4 * 1024 * 1024  # a class list is a few kilobytes; a QGIS style may be some hundred

_COLUMNS = {  # accepted headings of a .csv table, compared without case
    "name": ("name", "class", "class name", "class_name", "label"),
    "aliases": ("aliases", "alias", "other words", "synonyms"),
    "colour": ("colour", "color", "hex"),
    "red": ("red", "r"),
    "green": ("green", "g"),
    "blue": ("blue", "b"),
}
_NO_CLASS = ("", "0", "no data", "nodata", "unclassified", "background", "unlabelled", "unlabeled")
_WORD_SEPARATOR = re.compile(r"[,;|]")


def class_file_of(text: str) -> Optional[str]:
    """The path when a string given for a class list is one, else None.

    It is a path when it ends with .txt, .csv, .json or .qml and has neither a line break nor ``;``. Double quotes
    around it, as a file manager copies them, are taken off.
    """
    path = text.strip()
    if len(path) > 2 and path[0] == path[-1] == '"':
        path = path[1:-1].strip()
    one_line = not any(mark in path for mark in ";\n\r")
    return path if one_line and path.lower().endswith(tuple(_READERS)) else None


def read_class_file(path: str) -> List[ClassEntry]:
    """Read the classes of a file, each checked by itself.

    Args:
        path: A .txt, .csv, .json or .qml file; ``~`` stands for the home folder.

    Raises:
        ClassListError: The file is missing, unreadable, or holds no class list.
    """
    text = _read_text(path)
    reader = _READERS.get(Path(path).suffix.lower(), _read_txt)
    try:
        return reader(text)
    except ClassListError as error:
        raise ClassListError(f"Class file {shorten(path, 200)}: {error.message}", error.hint) from error


def _read_text(path: str) -> str:
    try:
        file = expand_home(path)
        if not is_file(file):
            raise ClassListError(
                f"The class file {shorten(path, 200)} does not exist; the path of a .txt, .csv, .json or .qml file "
                "or a typed list is accepted.",
                "Check the path, or type the classes separated by ;.",
            )
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ClassListError(
                f"The class file {shorten(path, 200)} has {file.stat().st_size} bytes; "
                f"at most {MAX_FILE_BYTES} are accepted.",
                "Give a file that holds only the class list.",
            )
        content = file.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, ClassListError):
            raise
        raise ClassListError(
            f"The class file {shorten(path, 200)} cannot be read: {error}.", "Check the path and its permissions."
        ) from error
    return decode_file(content)


def _read_txt(text: str) -> List[ClassEntry]:
    return parse_entries(text)


def _read_csv(text: str) -> List[ClassEntry]:
    first_line = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ClassListError(f"The table is malformed: {error}.", "Save it again as CSV.") from error
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    columns = _csv_columns(rows[0]) if rows else {}
    if "name" not in columns:
        return [_headless_row(row, number) for number, row in enumerate(rows, start=1)]
    return [_headed_row(row, columns, number) for number, row in enumerate(rows[1:], start=1)]


def _csv_columns(heading: List[str]) -> Dict[str, int]:
    found: Dict[str, int] = {}
    for index, cell in enumerate(heading):
        for key, accepted in _COLUMNS.items():
            if cell.strip().lower() in accepted:
                found.setdefault(key, index)
    return found


def _headless_row(row: List[str], number: int) -> ClassEntry:
    """Name, then words and a colour in any order: a cell that begins with # is the colour."""
    colours = [cell for cell in row[1:] if cell.startswith("#")]
    words = [cell for cell in row[1:] if not cell.startswith("#")]
    return make_entry(row[0], _split_words(",".join(words)), colours[0] if colours else None, number)


def _headed_row(row: List[str], columns: Dict[str, int], number: int) -> ClassEntry:
    cells = {key: row[index] if index < len(row) else "" for key, index in columns.items()}
    colour = cells.get("colour", "")
    if not colour and all(cells.get(key) for key in ("red", "green", "blue")):
        colour = _hex_of([cells["red"], cells["green"], cells["blue"]], cells["name"])
    return make_entry(cells["name"], _split_words(cells.get("aliases", "")), colour, number)


def _split_words(text: str) -> List[str]:
    return _WORD_SEPARATOR.split(text)


def _hex_of(channels: List[Any], class_name: str) -> str:
    try:
        values = [int(str(channel)) for channel in channels]
    except ValueError:
        values = []
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise ClassListError(
            f"The colour {shorten(str(channels))} of class {shorten(class_name)} cannot be read; "
            "red, green and blue from 0 to 255 are accepted.",
            "Correct it or leave it out.",
        )
    return "#{:02x}{:02x}{:02x}".format(*values)


def _read_json(text: str) -> List[ClassEntry]:
    try:
        content = parse_json(text)
    except ValueError as error:
        raise ClassListError(f"The file is not valid JSON: {error}.", "Correct it, or use a .txt file.") from error
    if isinstance(content, dict) and "classes" in content:
        content = content["classes"]
    if isinstance(content, str):
        return parse_entries(content)
    if not isinstance(content, list):
        raise ClassListError(
            'The JSON holds no class list; a list of names or of objects {"name", "aliases", "colour"}, alone or '
            'under the key "classes", is accepted.',
            "Correct it, or use a .txt file.",
        )
    return [_json_item(item, number) for number, item in enumerate(content, start=1)]


def _json_item(item: Any, number: int) -> ClassEntry:
    if isinstance(item, str):
        return make_entry(item, (), None, number)
    name = item.get("name", "") if isinstance(item, dict) else None
    aliases = item.get("aliases") or [] if isinstance(item, dict) else None
    if isinstance(aliases, str):
        aliases = _split_words(aliases)
    words_ok = isinstance(aliases, list) and all(isinstance(alias, str) for alias in aliases)
    if not isinstance(item, dict) or not isinstance(name, str) or not isinstance(aliases, list) or not words_ok:
        raise ClassListError(
            f"Item {number} of the JSON list, {shorten(json.dumps(item))}, is no class; a name or an object "
            '{"name": text, "aliases": [texts], "colour": "#rrggbb"} is accepted.',
            "Correct it.",
        )
    return make_entry(name, aliases, _json_colour(item, name), number)


def _json_colour(item: Mapping[str, Any], name: str) -> Optional[str]:
    colour = item.get("colour", item.get("color"))
    if isinstance(colour, list):
        return _hex_of(colour, name)
    return None if colour is None else str(colour)


class _StyleParser(HTMLParser):
    """Collects names and colours from a QGIS style.

    The tolerant HTML parser expands no entities of the file's own, so a hostile file can do no harm.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.palette: List[Tuple[str, str, Optional[str]]] = []  # value, label, colour
        self.categories: List[Tuple[str, str, str]] = []  # value, label, symbol
        self.symbols: Dict[str, str] = {}
        self._symbol: Optional[str] = None

    def set_cdata_mode(self, elem: str, *, escapable: bool = False) -> None:
        """Do nothing: an element of QGIS that is called style or script holds elements, not HTML's plain text."""

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        """Note palette entries, categories and the first colour of each symbol."""
        given = {key: value or "" for key, value in attrs}
        if tag == "paletteentry":
            self.palette.append((given.get("value", ""), given.get("label", ""), given.get("color")))
        elif tag == "category":
            self.categories.append((given.get("value", ""), given.get("label", ""), given.get("symbol", "")))
        elif tag == "symbol":
            self._symbol = given.get("name")
        elif self._symbol is not None and tag in ("prop", "option"):
            key, value = given.get("k", given.get("name")), given.get("v", given.get("value"))
            if key == "color" and value:
                self.symbols.setdefault(self._symbol, value)

    def handle_endtag(self, tag: str) -> None:
        """Leave a symbol."""
        if tag == "symbol":
            self._symbol = None


def _read_qml(text: str) -> List[ClassEntry]:
    parser = _StyleParser()
    try:
        parser.feed(text)
        parser.close()
    except (AssertionError, NotImplementedError) as error:  # how the standard library's parser gives up
        raise ClassListError(f"The style is malformed: {error}.", "Save it again from QGIS.") from error
    found = parser.palette or [
        (value, label, parser.symbols.get(symbol)) for value, label, symbol in parser.categories if value
    ]
    if not found:
        raise ClassListError(
            "The style lists no classes; a paletted raster style or a categorised vector style is accepted.",
            "Style the layer by unique values, save its style as QML again, or use a .txt file.",
        )
    classes = [(label or value, colour) for value, label, colour in found if not _is_no_class(value, label)]
    return [make_entry(name, (), _qml_colour(colour, name), number) for number, (name, colour) in enumerate(classes, 1)]


def _is_no_class(value: str, label: str) -> bool:
    return value.strip() in ("0", "") and comparison_key(label) in _NO_CLASS


def _qml_colour(colour: Optional[str], name: str) -> Optional[str]:
    """A style's colour: ``#rrggbb`` or ``red,green,blue,alpha`` with what newer versions append."""
    if not colour or colour.startswith("#"):
        return colour
    return _hex_of(list(colour.split(",")[:3]), name)


_READERS: Dict[str, Callable[[str], List[ClassEntry]]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".json": _read_json,
    ".qml": _read_qml,
}
