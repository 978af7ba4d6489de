# SPDX-License-Identifier: GPL-2.0-or-later
"""Sensor products in QGIS: import, loaded layers whose container is a product, models, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from osgeo import gdal

pytest.importorskip("h5py", reason="h5py writes the products of these tests")
pytest.importorskip("netCDF4", reason="netCDF4 writes the products of these tests")

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelParameter,
    QgsProcessingParameterFile,
    QgsProject,
    QgsRasterLayer,
)

from tests.helpers import product_files
from tests.helpers.product_files import COLS, ROWS

from .conftest import Messages

NEON_CUBE = 'HDF5:"{}"://HARV/Reflectance/Reflectance_Data'


def run(name: str, parameters: Dict[str, Any], feedback: Messages) -> Dict[str, Any]:
    import processing

    return processing.run(f"special:{name}", parameters, feedback=feedback)


@pytest.fixture
def enmap(tmp_path: Path) -> Path:
    """An EnMAP folder whose name has a space and letters beyond ASCII."""
    folder = tmp_path / "EnMAP ä – 测试"
    folder.mkdir()
    return product_files.enmap(folder)


def test_import_loads_a_layer_named_after_the_product(plugin: Any, enmap: Path, tmp_path: Path) -> None:
    context, feedback = QgsProcessingContext(), Messages()
    context.setProject(QgsProject.instance())
    output, mask = str(tmp_path / "scene.tif"), str(tmp_path / "mask.tif")
    found = run("importproduct", {"FILE": str(enmap), "OUTPUT": output, "MASK": mask}, feedback)
    assert (found["BANDS"], found["STATUS"]) == (5, "ok") and found["PRODUCT"].startswith("EnMAP L2A ENMAP01")
    layer = QgsRasterLayer(output, "imported")
    assert layer.isValid() and layer.crs().authid() == "EPSG:32633"
    assert gdal.Open(output).RasterCount == 5  # QGIS counts the mask as one more
    assert (layer.width(), layer.height()) == (COLS, ROWS)
    assert np.argwhere(gdal.Open(mask).ReadAsArray() == 0).tolist() == [[1, 2], [3, 5]]


def test_layer_of_the_project_whose_container_is_a_product_is_read_as_the_product(
    plugin: Any, tmp_path: Path, messages: Messages
) -> None:
    path = product_files.neon(tmp_path / "NEON.h5")
    layer = QgsRasterLayer(NEON_CUBE.format(path), "dragged in", "gdal")
    assert layer.isValid() and layer.bandCount() == ROWS  # side-on: a band is a line
    QgsProject.instance().addMapLayer(layer)
    for value in (layer, layer.id(), NEON_CUBE.format(path), str(path)):
        found = run("inspectscene", {"INPUT": value}, messages)
        assert (found["BANDS"], found["ROWS"]) == (6, ROWS)


@pytest.mark.parametrize("kind", ["folder", "XML", "image", "quality layer"])
def test_any_file_of_a_product_is_a_scene(plugin: Any, enmap: Path, messages: Messages, kind: str) -> None:
    endings = {"XML": "METADATA.XML", "image": "SPECTRAL_IMAGE.TIF", "quality layer": "QL_QUALITY_CLOUD.TIF"}
    value = enmap if kind == "folder" else next(enmap.glob(f"*{endings[kind]}"))
    found = run("inspectscene", {"INPUT": str(value)}, messages)
    assert (found["BANDS"], found["LONGEST_NM"]) == (5, 1500.0)


def test_options_reach_the_product(plugin: Any, enmap: Path, messages: Messages) -> None:
    found = run("inspectscene", {"INPUT": str(enmap), "DETECTOR_OVERLAP": "both", "QUALITY_LAYERS": "none"}, messages)
    assert found["BANDS"] == 6
    with pytest.raises(QgsProcessingException, match="quality_layers must be"):
        run("inspectscene", {"INPUT": str(enmap), "QUALITY_LAYERS": "fog"}, Messages())


def test_model_imports_and_inspects(plugin: Any, enmap: Path, tmp_path: Path, messages: Messages) -> None:
    model = QgsProcessingModelAlgorithm("imported", "tests")
    source = QgsProcessingModelChildParameterSource
    model.addModelParameter(QgsProcessingParameterFile("file", "file"), QgsProcessingModelParameter("file"))
    children = {
        "importproduct": {
            "FILE": source.fromModelParameter("file"),
            "OUTPUT": source.fromStaticValue(str(tmp_path / "scene.tif")),
        },
        "inspectscene": {
            "INPUT": source.fromChildOutput("importproduct", "OUTPUT"),
            "SENSOR": source.fromStaticValue("from the file"),
            "DROP_WATER_VAPOUR": source.fromStaticValue(True),
            "QUANTITY": source.fromStaticValue("automatic"),
        },
    }
    for name, sources in children.items():
        child = QgsProcessingModelChildAlgorithm(f"special:{name}")
        child.setChildId(name)
        for key, value in sources.items():
            child.addParameterSources(key, [value])
        model.addChildAlgorithm(child)
    is_valid, problems = model.validate()
    assert is_valid, problems
    xml = next(enmap.glob("*METADATA.XML"))
    results, ok = model.run({"file": str(xml)}, QgsProcessingContext(), messages)
    assert ok, messages.errors
    assert results["CHILD_RESULTS"]["inspectscene"]["LONGEST_NM"] == 1500.0


@pytest.mark.parametrize(
    ("value", "words"),
    [("/nowhere", "is no sensor product"), ("notes.txt", "is no sensor product"), ("", "FILE|Sensor product")],
    ids=["nothing there", "text", "empty"],
)
def test_bad_input_says_why_and_writes_nothing(plugin: Any, tmp_path: Path, value: str, words: str) -> None:
    (tmp_path / "notes.txt").write_text("none", encoding="utf-8")
    given = str(tmp_path / value) if value == "notes.txt" else value
    with pytest.raises(QgsProcessingException, match=words):
        run("importproduct", {"FILE": given, "OUTPUT": str(tmp_path / "scene.tif")}, Messages())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
