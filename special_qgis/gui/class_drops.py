# SPDX-License-Identifier: GPL-2.0-or-later
"""Class rows out of what is pasted or dropped: text, class files, and layers that are drawn by categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsMapLayer,
    QgsMimeDataUtils,
    QgsPalettedRasterRenderer,
    QgsProject,
)
from qgis.PyQt.QtCore import QMimeData
from qgis.PyQt.QtGui import QColor

from ..engine.classes.classes import class_file_of
from ..engine.errors import ClassListError
from ..translation import translate
from .class_rows import ClassRow, rows_from_list, rows_from_text


def has_rows(data: QMimeData) -> bool:
    """Whether data may hold classes; looks at its kind only."""
    return bool(data.hasText() or data.hasUrls() or QgsMimeDataUtils.isUriList(data))


def rows_from_data(data: QMimeData) -> List[ClassRow]:
    """Rows that data holds: the categories of layers, the classes of files, or one row a name of a text.

    Raises:
        ClassListError: A layer has no categories, or a file is no class file.
    """
    layers = _layers_of(data)
    if layers:
        return [row for layer in layers for row in rows_from_layer(layer)]
    paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
    if paths:
        return [row for path in paths for row in _rows_from_file(path)]
    text = data.text().strip()
    return rows_from_text(text) if class_file_of(text) else rows_from_list(text, split_commas=True)


def rows_from_layer(layer: QgsMapLayer) -> List[ClassRow]:
    """The categories that a layer is drawn with, their labels as names.

    Raises:
        ClassListError: The layer is drawn in another way.
    """
    renderer = layer.renderer() if hasattr(layer, "renderer") else None
    if isinstance(renderer, QgsPalettedRasterRenderer):
        return _named([(one.label, one.color) for one in renderer.classes()])
    if isinstance(renderer, QgsCategorizedSymbolRenderer):
        # A symbol lives no longer than its category, so its colour is asked for at once.
        shown = [one for one in renderer.categories() if one.symbol() is not None]
        return _named([(one.label() or str(one.value()), one.symbol().color()) for one in shown])
    raise ClassListError(
        translate("ClassTable", "The layer “{}” has no categories to take classes from.").format(layer.name()),
        translate("ClassTable", "Layers drawn with unique values or a palette are accepted."),
    )


def _named(entries: List[Any]) -> List[ClassRow]:
    """Rows of labels and colours; a colour that comes twice is left out, because each class needs its own."""
    rows: List[ClassRow] = []
    for label, colour in entries:
        name, shown = " ".join(str(label).split()), QColor(colour).name()
        if name:
            rows.append(ClassRow(name, "", None if shown in [row.colour for row in rows] else shown))
    return rows


def _rows_from_file(path: str) -> List[ClassRow]:
    if class_file_of(path) is None:
        raise ClassListError(
            translate("ClassTable", "“{}” is no class file.").format(Path(path).name),
            translate("ClassTable", "Files ending with .txt, .csv, .json or .qml are accepted."),
        )
    return rows_from_text(path)


def _layers_of(data: QMimeData) -> List[QgsMapLayer]:
    if not QgsMimeDataUtils.isUriList(data):
        return []
    project = QgsProject.instance()
    found = (project.mapLayer(uri.layerId) for uri in QgsMimeDataUtils.decodeUriList(data) if uri.layerId)
    return [layer for layer in found if layer is not None]
