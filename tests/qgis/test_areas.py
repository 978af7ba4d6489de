# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas of a class map through Processing: layers of any kind, numbers for models, QGIS's own areas as the judge."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsDistanceArea,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelParameter,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsVectorLayer,
)

from tests.helpers import small_scene
from tests.helpers.class_maps import write_raster

from .conftest import Messages

X0, Y0 = small_scene.ORIGIN
HALF_M = small_scene.SIDE_PX / 2 * small_scene.PIXEL_M
QUARTER_PX = (small_scene.SIDE_PX // 2) ** 2


def run(parameters: Dict[str, Any], feedback: Messages) -> Dict[str, Any]:
    import processing

    return processing.run("special:areas", parameters, feedback=feedback)


def polygons(*shapes: Tuple[str, float, float, float, float]) -> QgsVectorLayer:
    """Rectangles by name, west, north, width and height in m from the scene's corner."""
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633&field=name:string&field=rank:integer", "plots", "memory")
    for rank, (name, west, north, width, height) in enumerate(shapes):
        feature = QgsFeature(layer.fields())
        feature.setAttributes([name, rank])
        x, y = X0 + west, Y0 - north
        feature.setGeometry(
            QgsGeometry.fromWkt(f"POLYGON(({x} {y},{x + width} {y},{x + width} {y - height},{x} {y - height},{x} {y}))")
        )
        layer.dataProvider().addFeatures([feature])
    return layer


WEST_AND_SOUTH = (("west", 0.0, 0.0, HALF_M, 2 * HALF_M), ("south", 0.0, HALF_M, 2 * HALF_M, HALF_M))


def measured_by_qgis(path: Path, row: int, col: int) -> float:
    """Area of a pixel as QGIS measures polygons on the ellipsoid of a CRS."""
    dataset = gdal.Open(str(path))
    crs = QgsCoordinateReferenceSystem.fromWkt(dataset.GetProjection())
    judge = QgsDistanceArea()
    judge.setSourceCrs(crs, QgsCoordinateTransformContext())
    judge.setEllipsoid(crs.ellipsoidAcronym())
    assert judge.willUseEllipsoid()
    x0, dx, rx, y0, ry, dy = dataset.GetGeoTransform()
    corners = [(col, row), (col + 1, row), (col + 1, row + 1), (col, row + 1)]
    ring = [QgsPointXY(x0 + c * dx + r * rx, y0 + c * ry + r * dy) for c, r in corners]
    return float(judge.measureArea(QgsGeometry.fromPolygonXY([ring])))


@pytest.mark.parametrize(
    ("epsg", "transform"),
    [
        (4326, (13.0, 0.01, 0.0, 52.5, 0.0, -0.01)),
        (32633, (364000.0, 30.0, 0.0, 5810000.0, 0.0, -30.0)),
        (3857, (1.45e6, 500.0, 0.0, 6.9e6, 0.0, -500.0)),
        (3035, (4.3e6, 100.0, 0.0, 3.3e6, 0.0, -100.0)),
        (2193, (1.6e6, 100.0, 0.0, 5.4e6, 0.0, -100.0)),
    ],
    ids=["degrees", "UTM", "Web Mercator", "LAEA", "New Zealand"],
)
def test_area_of_a_pixel_is_that_of_qgis(
    plugin: Any, tmp_path: Path, messages: Messages, epsg: int, transform: Tuple[float, ...]
) -> None:
    for row, col in ((0, 0), (150, 97)):
        labels = np.zeros((200, 100), np.uint8)
        labels[row, col] = 1
        path = write_raster(tmp_path / f"map{row}.tif", labels, transform, epsg=epsg)
        found = run({"MAP": str(path)}, messages)
        assert found["CLASSIFIED_AREA"] == pytest.approx(measured_by_qgis(path, row, col), rel=1e-6)
        assert found["MEASURED_ON"] == "ellipsoid"


def test_areas_in_memory_layer_give_numbers_table_report_and_layer(
    plugin: Any, truth: Path, tmp_path: Path, messages: Messages
) -> None:
    outputs = {
        "REPORT": str(tmp_path / "Flächen.html"),
        "TABLE": str(tmp_path / "areas.csv"),
        "OUTPUT": str(tmp_path / "areas.gpkg"),
    }
    layer = polygons(*WEST_AND_SOUTH)
    given = {"MAP": str(truth), "POLYGONS": layer, "NAME_FIELD": "name", "MEASURE": "crs"}
    found = run({**given, **outputs}, messages)
    assert {key: found[key] for key in outputs} == outputs
    pixel_m2 = small_scene.PIXEL_M**2
    assert found["CLASSIFIED_AREA"] == pytest.approx(4 * QUARTER_PX * pixel_m2)
    assert (found["UNCLASSIFIED_AREA"], found["CLASS_COUNT"], found["POLYGON_COUNT"]) == (0.0, 4, 2)
    assert (found["MEASURED_ON"], found["STATUS"], json.loads(found["ADJUSTED_AREAS"])) == ("crs", "ok", None)
    assert json.loads(found["CLASS_AREAS"])["class 1"]["share"] == 0.25
    with (tmp_path / "areas.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["polygon_name"] == "west"]
    assert [row["pixels"] for row in rows] == [str(QUARTER_PX), "0", str(QUARTER_PX), "0", "0"]
    written = QgsVectorLayer(outputs["OUTPUT"], "areas", "ogr")
    assert written.isValid() and written.crs().authid() == "EPSG:32633"
    by_name = {feature["name"]: feature for feature in written.getFeatures()}
    assert by_name["south"]["class_3_m2"] == pytest.approx(QUARTER_PX * pixel_m2)
    assert by_name["west"]["rank"] == 0 and by_name["west"]["class_1_share"] == 0.5


def test_selected_polygons_alone_are_measured(plugin: Any, truth: Path, tmp_path: Path, messages: Messages) -> None:
    layer = polygons(*WEST_AND_SOUTH)
    QgsProject.instance().addMapLayer(layer)
    layer.selectByExpression("\"name\" = 'south'")
    chosen = QgsProcessingFeatureSourceDefinition(layer.id(), selectedFeaturesOnly=True)
    found = run({"MAP": str(truth), "POLYGONS": chosen, "OUTPUT": str(tmp_path / "areas.shp")}, messages)
    assert found["POLYGON_COUNT"] == 1
    (feature,) = QgsVectorLayer(str(tmp_path / "areas.shp"), "areas", "ogr").getFeatures()
    assert (feature["name"], feature["area_px"]) == ("south", 2 * QUARTER_PX)


def test_confidence_of_classify_weights_the_areas_of_its_map(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    import processing

    outputs = {"OUTPUT": str(tmp_path / "map.tif"), "CONFIDENCE": str(tmp_path / "confidence.tif")}
    given = {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, "PRESET": "fast", **outputs}
    made = processing.run("special:classify", given, feedback=messages)
    found = run({"MAP": outputs["OUTPUT"], "CONFIDENCE": outputs["CONFIDENCE"], "MEASURE": "crs"}, messages)
    ours, theirs = json.loads(found["CLASS_AREAS"]), json.loads(made["CLASS_AREAS"])
    assert list(ours) == list(theirs) == ["water", "tree", "bare soil", "asphalt"]
    for name, figures in theirs.items():
        assert (ours[name]["count"], ours[name]["area_m2"]) == (figures["count"], pytest.approx(figures["area_m2"]))
    assert found["CLASSIFIED_AREA"] == pytest.approx(made["CLASSIFIED_AREA"])
    weighted_m2 = sum(figures["confidence_weighted_area_m2"] for figures in ours.values())
    assert weighted_m2 / found["CLASSIFIED_AREA"] == pytest.approx(made["MEAN_CONFIDENCE"], abs=1e-3)


def test_layer_is_loaded_and_named_after_the_map(plugin: Any, truth: Path, tmp_path: Path) -> None:
    from processing.gui.Postprocessing import handleAlgorithmResults

    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:areas")
    context, feedback = QgsProcessingContext(), Messages()
    context.setProject(QgsProject.instance())
    target = QgsProcessingOutputLayerDefinition(str(tmp_path / "areas.gpkg"), QgsProject.instance())
    parameters = {"MAP": str(truth), "POLYGONS": polygons(*WEST_AND_SOUTH), "OUTPUT": target}
    results, ok = algorithm.run(parameters, context, feedback)
    assert ok, feedback.errors
    assert handleAlgorithmResults(algorithm, context, feedback, parameters=results)
    assert "Areas – truth" in [layer.name() for layer in QgsProject.instance().mapLayers().values()]


def test_temporary_layer_is_a_geopackage(plugin: Any, truth: Path, messages: Messages) -> None:
    layer = polygons(*WEST_AND_SOUTH)
    found = run({"MAP": str(truth), "POLYGONS": layer, "OUTPUT": "TEMPORARY_OUTPUT"}, messages)
    assert isinstance(found["OUTPUT"], QgsVectorLayer) or str(found["OUTPUT"]).endswith(".gpkg")


def test_model_adjusts_areas_by_the_report_of_the_step_before(
    plugin: Any, truth: Path, tmp_path: Path, messages: Messages
) -> None:
    labels = small_scene.truth()
    labels[0, :8] = 2
    mapped = small_scene.write_raster(tmp_path / "map.tif", labels)
    model = QgsProcessingModelAlgorithm("judged areas", "tests")
    source = QgsProcessingModelChildParameterSource
    for name in ("map", "reference"):
        parameter = QgsProcessingModelParameter(name)
        model.addModelParameter(QgsProcessingParameterRasterLayer(name, name), parameter)
    children = {
        "assess": {
            "MAP": source.fromModelParameter("map"),
            "REFERENCE": source.fromModelParameter("reference"),
            "CONFIDENCE_LEVEL": source.fromStaticValue(0.95),
            "REPORT": source.fromStaticValue(str(tmp_path / "accuracy.html")),
        },
        "areas": {
            "MAP": source.fromModelParameter("map"),
            "MEASURE": source.fromStaticValue("crs"),
            "CONFIDENCE_LEVEL": source.fromStaticValue(0.95),
            "ACCURACY_REPORT": source.fromChildOutput("assess", "REPORT_JSON"),
        },
    }
    for name, sources in children.items():
        child = QgsProcessingModelChildAlgorithm(f"special:{name}")
        child.setChildId(name)
        for key, value in sources.items():
            child.addParameterSources(key, [value])
        model.addChildAlgorithm(child)
    assert model.validate() == (True, [])
    results, ok = model.run({"map": str(mapped), "reference": str(truth)}, QgsProcessingContext(), messages)
    assert ok, messages.errors
    adjusted = json.loads(results["CHILD_RESULTS"]["areas"]["ADJUSTED_AREAS"])
    assert adjusted["per_class"]["class 1"]["share"] == pytest.approx(0.25)  # every pixel is a sample pixel
    assert adjusted["per_class"]["class 1"]["mapped_area_m2"] < adjusted["per_class"]["class 1"]["area_m2"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"MAP": "/nowhere/map.tif"}, "There is no raster"),
        ({"OUTPUT": "areas.gpkg"}, "OUTPUT needs POLYGONS"),
        ({"NAME_FIELD": "name"}, "NAME_FIELD needs POLYGONS"),
        ({"CONFIDENCE": "/nowhere/c.tif"}, "There is no raster"),
        ({"ACCURACY_REPORT": "/nowhere/a.json"}, "cannot be read"),
        ({"MEASURE": "acres"}, "MEASURE"),
    ],
    ids=["no map", "layer without polygons", "field without polygons", "no confidence", "no report", "measure"],
)
def test_areas_of_bad_input_say_why_and_write_nothing(
    plugin: Any, truth: Path, tmp_path: Path, parameters: Dict[str, Any], words: str
) -> None:
    with pytest.raises(QgsProcessingException, match=words):
        run({"MAP": str(truth), "TABLE": str(tmp_path / "areas.csv"), **parameters}, Messages())
    assert list(tmp_path.iterdir()) == []


def test_areas_in_a_format_that_is_not_written_are_refused(plugin: Any, truth: Path, tmp_path: Path) -> None:
    layer = polygons(*WEST_AND_SOUTH)
    with pytest.raises(QgsProcessingException):
        run({"MAP": str(truth), "POLYGONS": layer, "OUTPUT": str(tmp_path / "areas.dxf")}, Messages())
    assert list(tmp_path.iterdir()) == []


def test_batch_run_of_two_maps_writes_both(
    plugin: Any, window: Any, qgis_app: QgsApplication, truth: Path, tmp_path: Path
) -> None:
    from processing.gui.BatchAlgorithmDialog import BatchAlgorithmDialog

    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:areas")
    batch = BatchAlgorithmDialog(algorithm, parent=window.mainWindow())
    panel = batch.mainWidget()
    panel.addRow(1)
    for row in range(2):
        wrapper = panel.wrappers[row][panel.parameter_to_column["MAP"]]
        wrapper.setParameterValue(str(truth), panel.processing_context)
        for name, file in (("TABLE", f"t{row}.csv"), ("REPORT", f"r{row}.html")):
            panel.tblParameters.cellWidget(row + 1, panel.parameter_to_column[name]).setValue(str(tmp_path / file))
    batch.runAlgorithm()
    written = [tmp_path / name for name in ("t0.csv", "t1.csv", "r0.html", "r1.html")]
    deadline = time.monotonic() + 60.0  # newer versions run in the background
    while not all(path.is_file() for path in written) and time.monotonic() < deadline:
        qgis_app.processEvents()
    batch.close()
    assert all(path.is_file() for path in written)
