# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws ``demo.png``: true colour, the maps of the demo and the truth, as QGIS itself renders the layers.

Run by ``run_demo.py`` with QGIS's Python in a process of its own: ``demo_picture.py SCENE TRUTH FOLDER --map NAME TITLE
NOTE …``, once for each map ``NAME.tif`` in the folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List, NamedTuple, Sequence, Tuple

from qgis.core import (
    QgsApplication,
    QgsBrightnessContrastFilter,
    QgsContrastEnhancement,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsMultiBandColorRenderer,
    QgsPalettedRasterRenderer,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

RGB_NM = (655.0, 553.0, 451.0)
STRETCH = (0.005, 0.99)  # quantiles of the three channels together, for the eye only
GAMMA = 1.5
PANEL_PX = 800
GAP_PX, MARGIN_PX, TITLE_PX, LEGEND_PX = 36, 40, 88, 92
INK, SOFT_INK, PAPER, NO_DATA = QColor("#1d2733"), QColor("#5b6673"), QColor("#ffffff"), QColor("#eceff2")


class Panel(NamedTuple):
    """One picture of the sheet."""

    title: str
    note: str
    layer: QgsRasterLayer


def true_colour_layer(path: Path) -> QgsRasterLayer:
    """The scene in true colour, stretched for display."""
    import numpy as np
    from osgeo import gdal

    layer = _open(path, "scene")
    dataset = gdal.Open(str(path))
    centres = [float(dataset.GetRasterBand(b + 1).GetMetadataItem("wavelength")) for b in range(dataset.RasterCount)]
    numbers = [1 + min(range(len(centres)), key=lambda b: abs(centres[b] - nm)) for nm in RGB_NM]
    values = np.concatenate([dataset.GetRasterBand(n).ReadAsArray().ravel() for n in numbers])
    low, high = np.quantile(values[values != dataset.GetRasterBand(1).GetNoDataValue()], STRETCH)
    provider = layer.dataProvider()
    renderer = QgsMultiBandColorRenderer(provider, *numbers)
    for number, setter in zip(
        numbers,
        (renderer.setRedContrastEnhancement, renderer.setGreenContrastEnhancement, renderer.setBlueContrastEnhancement),
    ):
        stretch = QgsContrastEnhancement(provider.dataType(number))
        stretch.setContrastEnhancementAlgorithm(QgsContrastEnhancement.StretchToMinimumMaximum)
        stretch.setMinimumValue(float(low))
        stretch.setMaximumValue(float(high))
        setter(stretch)
    layer.setRenderer(renderer)
    gamma = QgsBrightnessContrastFilter()
    gamma.setGamma(GAMMA)
    layer.pipe().set(gamma)
    return layer


def class_layer(path: Path, style: Path) -> QgsRasterLayer:
    """A class raster in the map's own style."""
    layer = _open(path, path.stem)
    message, is_loaded = layer.loadNamedStyle(str(style))
    if not is_loaded:
        raise SystemExit(f"demo_picture: {style} cannot be used as a style: {message}")
    return layer


def _open(path: Path, name: str) -> QgsRasterLayer:
    layer = QgsRasterLayer(str(path), name)
    if not layer.isValid():
        raise SystemExit(f"demo_picture: QGIS cannot open {path}.")
    return layer


def render(layer: QgsRasterLayer) -> QImage:
    """The whole layer as QGIS draws it, a panel in size."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(PANEL_PX, PANEL_PX))
    settings.setBackgroundColor(NO_DATA)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    return job.renderedImage()


def classes_of(layer: QgsRasterLayer) -> List[Tuple[str, QColor]]:
    """Names and colours of a class layer's legend."""
    renderer = layer.renderer()
    if not isinstance(renderer, QgsPalettedRasterRenderer):
        raise SystemExit(f"demo_picture: {layer.source()} is not styled by classes.")
    return [(item.label, QColor(item.color)) for item in renderer.classes()]


def compose(panels: Sequence[Panel], legend: Sequence[Tuple[str, QColor]]) -> QImage:
    """Two rows of panels with titles, and the legend below."""
    n_cols = (len(panels) + 1) // 2
    width = 2 * MARGIN_PX + n_cols * PANEL_PX + (n_cols - 1) * GAP_PX
    height = MARGIN_PX + 2 * (TITLE_PX + PANEL_PX) + GAP_PX + LEGEND_PX
    sheet = QImage(width, height, QImage.Format_RGB32)
    sheet.fill(PAPER)
    painter = QPainter(sheet)
    painter.setRenderHints(QPainter.Antialiasing | QPainter.TextAntialiasing)
    for i, panel in enumerate(panels):
        x = MARGIN_PX + (i % n_cols) * (PANEL_PX + GAP_PX)
        y = MARGIN_PX // 2 + (i // n_cols) * (TITLE_PX + PANEL_PX + GAP_PX)
        _draw_panel(painter, panel, x, y)
    _draw_scale_bar(painter, panels[0].layer, MARGIN_PX, MARGIN_PX // 2 + TITLE_PX)
    _draw_legend(painter, legend, QRectF(MARGIN_PX, height - LEGEND_PX - MARGIN_PX // 4, width - 2 * MARGIN_PX, 0))
    painter.end()
    return sheet


def _font(size_px: int, is_bold: bool = False) -> QFont:
    font = QFont("DejaVu Sans")
    font.setPixelSize(size_px)
    font.setBold(is_bold)
    return font


def _draw_panel(painter: QPainter, panel: Panel, x: int, y: int) -> None:
    painter.setPen(INK)
    painter.setFont(_font(31, True))
    painter.drawText(QPointF(x, y + 40), panel.title)
    painter.setPen(SOFT_INK)
    painter.setFont(_font(23))
    painter.drawText(QPointF(x, y + 71), panel.note)
    painter.drawImage(x, y + TITLE_PX, render(panel.layer))
    painter.setPen(QPen(QColor("#9aa5b1"), 1))
    painter.setBrush(Qt.NoBrush)
    painter.drawRect(QRectF(x - 0.5, y + TITLE_PX - 0.5, PANEL_PX + 1, PANEL_PX + 1))


def _draw_scale_bar(painter: QPainter, layer: QgsRasterLayer, x: int, y: int) -> None:
    length_px = 200.0 / layer.extent().width() * PANEL_PX
    bar = QRectF(x + 24, y + PANEL_PX - 36, length_px, 8)
    painter.setPen(QPen(QColor(0, 0, 0, 160), 1))
    painter.setBrush(QColor("white"))
    painter.drawRect(bar)
    painter.setFont(_font(22, True))
    for offset, colour in ((1.5, QColor(0, 0, 0, 190)), (0.0, QColor("white"))):
        painter.setPen(colour)
        painter.drawText(QPointF(bar.left() + offset, bar.top() - 9 + offset), "200 m")


def _draw_legend(painter: QPainter, legend: Sequence[Tuple[str, QColor]], place: QRectF) -> None:
    x, y = place.left(), place.top()
    font = _font(27)
    metrics = QFontMetricsF(font)
    widths = [44 + metrics.boundingRect(name).width() for name, _ in legend]
    space = (place.width() - sum(widths)) / max(1, len(legend) - 1)
    painter.setFont(font)
    for (name, colour), width in zip(legend, widths):
        painter.setPen(QPen(QColor(0, 0, 0, 90), 1))
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(x, y + 36, 32, 32), 4, 4)
        painter.setPen(INK)
        painter.drawText(QPointF(x + 43, y + 62), name)
        x += width + min(space, 90)


def draw(arguments: argparse.Namespace) -> None:
    """Compose the sheet and save it."""
    folder: Path = arguments.folder
    style = folder / "map.qml"
    maps = [Panel(title, note, class_layer(folder / f"{name}.tif", style)) for name, title, note in arguments.map]
    panels = [
        Panel("Hyperspectral scene", "true colour (655, 553, 451 nm)", true_colour_layer(arguments.scene)),
        *maps,
        Panel("Truth", "for scoring only, never seen by the plugin", class_layer(arguments.truth, style)),
    ]
    picture = folder / "demo.png"
    if not compose(panels, classes_of(maps[-1].layer)).save(str(picture)):
        raise SystemExit(f"demo_picture: {picture} cannot be written.")


def main() -> int:
    """Start QGIS, draw, end QGIS."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("scene", "truth", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--map", nargs=3, action="append", required=True, metavar=("NAME", "TITLE", "NOTE"))
    arguments = parser.parse_args()
    application = QgsApplication([], False)
    application.initQgis()
    try:
        draw(arguments)
    finally:
        application.exitQgis()
    return 0


if __name__ == "__main__":
    sys.exit(main())
