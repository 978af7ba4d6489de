# SPDX-License-Identifier: GPL-2.0-or-later
"""Styles as text, well-formed and loaded by the real QGIS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.outputs.style import confidence_qml, paletted_qml
from tests.helpers.written_rasters import write_raster

CLASSES = parse_classes('water; "Bäume & <Büsche>"; "5"" \'pipe\'"; 裸土')

LOAD_STYLE = """
import json, sys
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
application = QgsApplication([], False)
application.initQgis()
layer = QgsRasterLayer(sys.argv[1], "map")
message, loaded = layer.loadNamedStyle(sys.argv[2])
renderer = layer.renderer()
json.dump({
    "valid": layer.isValid(), "loaded": loaded, "message": message, "type": renderer.type(),
    "legend": [[label, colour.name()] for label, colour in renderer.legendSymbologyItems()],
    "low_and_high": [renderer.classificationMin(), renderer.classificationMax()]
    if renderer.type() == "singlebandpseudocolor" else None,
    "values": [entry.value for entry in renderer.classes()] if renderer.type() == "paletted" else None,
    "first_pixels": [layer.renderer().block(1, layer.extent(), 8, 8).color(0, col) for col in range(8)],
}, sys.stdout)
del layer
application.exitQgis()
"""


def load_in_qgis(raster: Path, qml: str) -> Dict[str, Any]:
    """Load a raster with a style in a QGIS of its own and tell what came of it."""
    style = raster.with_suffix(".qml")
    style.write_text(qml, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", LOAD_STYLE, str(raster), str(style)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if "No module named 'qgis'" in done.stderr:
        pytest.skip("this Python has no QGIS")
    assert done.returncode == 0, done.stderr
    found: Dict[str, Any] = json.loads(done.stdout)
    return found


def test_paletted_qml_any_names_are_well_formed_xml() -> None:
    entries = ElementTree.fromstring(paletted_qml(CLASSES)).findall(".//paletteEntry")
    assert [(int(e.get("value", "")), e.get("label"), e.get("color")) for e in entries] == [
        (c.id, c.name, c.colour) for c in CLASSES
    ]


def test_paletted_qml_loaded_by_qgis_shows_exactly_the_typed_classes(tmp_path: Path) -> None:
    labels = np.tile(np.arange(8, dtype="uint8") % 5, (1, 8, 1))
    write_raster(tmp_path / "map.tif", labels, nodata=0)
    found = load_in_qgis(tmp_path / "map.tif", paletted_qml(CLASSES))
    assert (found["valid"], found["loaded"], found["type"]) == (True, True, "paletted")
    assert found["legend"] == [[c.name, c.colour] for c in CLASSES]
    assert found["values"] == [1, 2, 3, 4]
    drawn = [f"#{pixel & 0xFFFFFF:06x}" if pixel >> 24 else "" for pixel in found["first_pixels"]]
    assert drawn == ["", *(c.colour for c in CLASSES), "", *(c.colour for c in CLASSES[:2])]


def test_confidence_qml_loaded_by_qgis_runs_from_dark_0_to_light_1(tmp_path: Path) -> None:
    values = np.tile(np.linspace(0, 1, 8, dtype="float32"), (1, 8, 1))
    values[0, 0, 7] = -1
    write_raster(tmp_path / "confidence.tif", values, nodata=-1)
    found = load_in_qgis(tmp_path / "confidence.tif", confidence_qml())
    assert (found["valid"], found["loaded"], found["type"]) == (True, True, "singlebandpseudocolor")
    assert found["low_and_high"] == [0, 1]
    greens = [pixel >> 8 & 0xFF for pixel in found["first_pixels"][:7]]
    assert greens == sorted(greens)
    assert greens[0] < 0x10
    assert greens[6] > 0xA0
    assert found["first_pixels"][7] >> 24 == 0
