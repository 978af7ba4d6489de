# SPDX-License-Identifier: GPL-2.0-or-later
"""Class names and colours that a class raster brings along.

Looked for in this order: raster attribute table, category names and colour table of the file, the paletted style
(``.qml``) beside it. Names and colours may come from different places.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from osgeo import gdal

from ..texts.decoding import read_text_file
from .opening import is_plain_path
from .text import category_names, column_title, source_of, table_text

_ENTRY = re.compile(r"<paletteEntry\b([^>]*?)/?>")
_ATTRIBUTE = re.compile(r"""(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_NAME_COLUMNS = ("name", "class", "class_name", "classname", "label", "category", "landcover")
_VALUE_COLUMNS = ("value", "id", "code", "class_id")
_FALLBACK_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#9c755f")
_MOST_DIGITS = 9  # of a value that is looked at, far more than a class has
MAX_CLASS_VALUE = 65535  # largest id of a uint16 class raster


@dataclass(frozen=True)
class Legend:
    """Names and colours by class value; either may be empty."""

    names: Mapping[int, str]
    colours: Mapping[int, str]  # "#rrggbb"


def read_legend(dataset: gdal.Dataset) -> Legend:
    """Read what a class raster holds about its classes.

    Args:
        dataset: An open raster; its first band holds the classes.
    """
    band = dataset.GetRasterBand(1)
    source = source_of(dataset)
    style = _read_qml(Path(source).with_suffix(".qml")) if source and is_plain_path(source) else Legend({}, {})
    names = _table_names(band) or _category_names(band) or style.names
    return Legend(names, style.colours or _table_colours(band, names))


def fallback_colour(index: int) -> str:
    """Colour "#rrggbb" for a class that brings none, by its place among the classes; they repeat after some."""
    return _FALLBACK_COLOURS[index % len(_FALLBACK_COLOURS)]


def _table_names(band: gdal.Band) -> Dict[int, str]:
    table = band.GetDefaultRAT()
    if table is None:
        return {}
    name_column = _column(table, gdal.GFU_Name, _NAME_COLUMNS)
    value_column = _column(table, gdal.GFU_MinMax, _VALUE_COLUMNS)
    if name_column is None or value_column is None:
        return {}
    rows = range(table.GetRowCount())
    return _clean({table.GetValueAsInt(r, value_column): table_text(table, r, name_column) for r in rows})


def _column(table: Any, usage: int, titles: tuple[str, ...]) -> Optional[int]:
    """Index of the column with a usage, else of the first with one of the titles."""
    index = table.GetColOfUsage(usage)
    if index >= 0:
        return int(index)
    found = {column_title(table, i).strip().lower(): i for i in range(table.GetColumnCount())}
    return next((found[title] for title in titles if title in found), None)


def _category_names(band: gdal.Band) -> Dict[int, str]:
    return _clean(dict(enumerate(category_names(band))))


def _clean(names: Mapping[int, str]) -> Dict[int, str]:
    """Drop 0 (no data), values out of range and empty names."""
    return {v: name.strip() for v, name in names.items() if 0 < v <= MAX_CLASS_VALUE and name.strip()}


def _table_colours(band: gdal.Band, names: Mapping[int, str]) -> Dict[int, str]:
    table = band.GetColorTable()
    if table is None:
        return {}
    values = [v for v in (names or range(1, table.GetCount())) if v < table.GetCount()]
    return {v: "#{:02x}{:02x}{:02x}".format(*table.GetColorEntry(v)[:3]) for v in values}


def _read_qml(path: Path) -> Legend:
    """Names and colours of a paletted style; empty where there is no such file."""
    names: Dict[int, str] = {}
    colours: Dict[int, str] = {}
    if not path.is_file():
        return Legend(names, colours)
    for entry in _ENTRY.finditer(read_text_file(path)):
        fields = {k: html.unescape(a or b) for k, a, b in _ATTRIBUTE.findall(entry.group(1))}
        value = fields.get("value", "")
        if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
            continue
        names[int(value)] = fields.get("label", "")
        if re.fullmatch(r"#[0-9a-fA-F]{6}", fields.get("color", "")):
            colours[int(value)] = fields["color"].lower()
    return Legend(_clean(names), colours)
