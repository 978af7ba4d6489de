# SPDX-License-Identifier: GPL-2.0-or-later
"""Every algorithm on real files, through Processing, with the real worker process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsRasterDataProvider,
    QgsRasterLayer,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsVectorLayer,
)

from tests.helpers import small_scene

from .conftest import Messages

X0, Y0 = small_scene.ORIGIN
HALF_M = small_scene.SIDE_PX / 2 * small_scene.PIXEL_M


def run(name: str, parameters: Dict[str, Any], feedback: Messages) -> Dict[str, Any]:
    import processing

    return processing.run(f"special:{name}", parameters, feedback=feedback)


def read(path: Path) -> np.ndarray:
    dataset = gdal.Open(str(path))
    return dataset.ReadAsArray()


def polygon_layer(wkt: str, crs: str = "EPSG:32633") -> QgsVectorLayer:
    layer = QgsVectorLayer(f"Polygon?crs={crs}&field=name:string", "areas", "memory")
    feature = QgsFeature(layer.fields())
    feature.setGeometry(QgsGeometry.fromWkt(wkt))
    layer.dataProvider().addFeatures([feature])
    return layer


def rectangle_wkt(x0: float, y0: float, x1: float, y1: float) -> str:
    return f"POLYGON(({x0} {y0},{x1} {y0},{x1} {y1},{x0} {y1},{x0} {y0}))"


WEST = rectangle_wkt(X0, Y0 - 2 * HALF_M, X0 + HALF_M, Y0)


def test_classify_writes_map_confidence_probabilities_report_and_numbers(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    outputs = {
        "OUTPUT": str(tmp_path / "Karte ö 地.tif"),
        "CONFIDENCE": str(tmp_path / "confidence.tif"),
        "PROBABILITIES": str(tmp_path / "probabilities.tif"),
        "REPORT": str(tmp_path / "report.html"),
    }
    found = run("classify", {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, **outputs}, messages)
    assert {key: found[key] for key in outputs} == outputs
    labels = read(tmp_path / "Karte ö 地.tif")
    assert (labels == small_scene.truth()).mean() > 0.95
    confidence = read(tmp_path / "confidence.tif")
    assert confidence.min() >= 0.0 and confidence.max() <= 1.0
    assert read(tmp_path / "probabilities.tif").sum(axis=0) == pytest.approx(np.ones_like(confidence), abs=1e-3)
    assert "bare soil" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert found["CLASS_COUNT"] == 4
    assert found["CLASSIFIED_AREA"] == pytest.approx((small_scene.SIDE_PX * small_scene.PIXEL_M) ** 2)
    assert found["MEAN_CONFIDENCE"] == pytest.approx(confidence.mean(), abs=0.01)
    areas = json.loads(found["CLASS_AREAS"])
    assert list(areas) == ["water", "tree", "bare soil", "asphalt"]
    assert areas["water"]["count"] == int((labels == 1).sum())
    assert found["STATUS"] in ("ok", "ok with warnings")
    assert messages.errors == []


def test_classify_without_optional_outputs_writes_the_map_alone(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    found = run(
        "classify",
        {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, "OUTPUT": str(tmp_path / "map.tif")},
        messages,
    )
    assert not {"CONFIDENCE", "PROBABILITIES", "REPORT"} & set(found)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".tif", ".qml", ".xml"}


@pytest.mark.parametrize(
    "choices",
    [
        {"SOURCE": "spectral", "PRESET": "fast", "DEVICE": "cpu", "SENSOR": "from the file"},
        {"SOURCE": 1, "PRESET": 1, "DEVICE": 1, "SENSOR": 0},
        {"SOURCE": "1", "PRESET": "1", "DEVICE": "1", "SENSOR": ""},
    ],
    ids=["words", "positions", "positions as text"],
)
def test_choices_given_in_any_form_reach_the_engine(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages, choices: Dict[str, Any]
) -> None:
    report = tmp_path / "report.html"
    parameters = {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, "OUTPUT": str(tmp_path / "map.tif")}
    run("classify", {**parameters, **choices, "REPORT": str(report)}, messages)
    stored = report.with_suffix(".json").read_text(encoding="utf-8")
    for text in ('"source": "spectral"', '"preset": "fast"', '"device": "cpu"', '"sensor": ""'):
        assert text in stored


def test_classify_with_extent_in_another_reference_crops_to_it(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    west = QgsReferencedRectangle(
        QgsRectangle(X0, Y0 - 2 * HALF_M, X0 + HALF_M, Y0), QgsCoordinateReferenceSystem("EPSG:32633")
    )
    output = tmp_path / "map.tif"
    run(
        "classify",
        {"INPUT": str(scene), "CLASSES": "water; soil", "EXTENT": west, "OUTPUT": str(output)},
        messages,
    )
    assert read(output).shape == (small_scene.SIDE_PX, small_scene.SIDE_PX // 2)


def test_classify_with_memory_layer_as_area_leaves_the_rest_out(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    layer = polygon_layer(WEST)
    output = tmp_path / "map.tif"
    run("classify", {"INPUT": str(scene), "CLASSES": "water; soil", "AOI": layer, "OUTPUT": str(output)}, messages)
    assert read(output).shape == (small_scene.SIDE_PX, small_scene.SIDE_PX // 2)


def test_classify_with_selected_features_uses_only_these(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    layer = polygon_layer(WEST)
    quarter = QgsFeature(layer.fields())
    quarter.setGeometry(QgsGeometry.fromWkt(rectangle_wkt(X0, Y0 - HALF_M, X0 + HALF_M, Y0)))
    _, added = layer.dataProvider().addFeatures([quarter])
    layer.selectByIds([added[0].id()])
    QgsProject.instance().addMapLayer(layer)
    output = tmp_path / "map.tif"
    area = QgsProcessingFeatureSourceDefinition(layer.id(), selectedFeaturesOnly=True)
    run("classify", {"INPUT": str(scene), "CLASSES": "water; soil", "AOI": area, "OUTPUT": str(output)}, messages)
    assert read(output).shape == (small_scene.SIDE_PX // 2, small_scene.SIDE_PX // 2)


def test_classify_with_class_file_of_relative_path_reads_it(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Klassen.txt").write_text("water\ntree\nbare soil\nasphalt\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = run("classify", {"INPUT": str(scene), "CLASSES": "Klassen.txt", "OUTPUT": "map.tif"}, messages)
    assert found["CLASS_COUNT"] == 4
    assert (tmp_path / "map.tif").is_file()


def test_classify_of_scene_without_wavelengths_takes_them_typed(
    plugin: Any, tmp_path: Path, messages: Messages
) -> None:
    path = small_scene.write_raster(tmp_path / "plain.tif", small_scene.cube())
    typed = ", ".join(f"{nm:g}" for nm in small_scene.WAVELENGTHS_NM) + " nm"
    output = tmp_path / "map.tif"
    run(
        "classify",
        {"INPUT": str(path), "CLASSES": small_scene.CLASSES, "WAVELENGTHS": typed, "OUTPUT": str(output)},
        messages,
    )
    assert (read(output) == small_scene.truth()).mean() > 0.95


def test_classify_of_layer_without_crs_gives_no_area(plugin: Any, tmp_path: Path, messages: Messages) -> None:
    array = small_scene.cube()
    path = small_scene.write_raster(tmp_path / "plain.tif", array, small_scene.WAVELENGTHS_NM, epsg=0, origin=False)
    layer = QgsRasterLayer(str(path), "plain")
    QgsProject.instance().addMapLayer(layer)
    output = tmp_path / "map.tif"
    found = run("classify", {"INPUT": layer, "CLASSES": small_scene.CLASSES, "OUTPUT": str(output)}, messages)
    assert found["CLASSIFIED_AREA"] is None
    assert (read(output) == small_scene.truth()).mean() > 0.95


def test_classify_cancelled_writes_nothing(plugin: Any, scene: Path, tmp_path: Path) -> None:
    from qgis.core import QgsApplication

    feedback = Messages()
    feedback.cancel()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:classify")
    parameters = {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, "OUTPUT": str(tmp_path / "map.tif")}
    _, ok = algorithm.run(parameters, QgsProcessingContext(), feedback)
    assert not ok
    assert list(tmp_path.iterdir()) == []


def test_spectral_prior_writes_one_named_band_a_class(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    output = tmp_path / "prior.tif"
    found = run("spectralprior", {"INPUT": str(scene), "CLASSES": small_scene.CLASSES, "OUTPUT": str(output)}, messages)
    dataset = gdal.Open(str(output))
    names = [dataset.GetRasterBand(index + 1).GetDescription() for index in range(dataset.RasterCount)]
    assert names == ["water", "tree", "bare soil", "asphalt"]
    assert (dataset.ReadAsArray().argmax(axis=0) + 1 == small_scene.truth()).mean() > 0.9
    assert found["CLASS_COUNT"] == 4
    assert "water" in json.loads(found["INTERPRETATION"])


def test_true_colour_writes_four_bytes_a_pixel_and_leaf_is_green(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    output = tmp_path / "rgb.tif"
    found = run("truecolour", {"INPUT": str(scene), "OUTPUT": str(output)}, messages)
    colours = read(output)
    assert colours.dtype == np.uint8 and colours.shape[0] == 4
    red, green, blue, _ = (colours[band][small_scene.truth() == 2].mean() for band in range(4))
    assert green > red and green > blue
    assert found["STATUS"] == "ok"


def test_inspect_scene_tells_bands_and_writes_a_page(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages
) -> None:
    report = tmp_path / "scene.html"
    found = run("inspectscene", {"INPUT": str(scene), "REPORT": str(report)}, messages)
    n_bands = small_scene.WAVELENGTHS_NM.size
    assert found["BANDS"] == n_bands
    assert 0 < found["GOOD_BANDS"] < n_bands, "water-vapour bands are left out"
    assert (found["ROWS"], found["COLUMNS"]) == (small_scene.SIDE_PX, small_scene.SIDE_PX)
    assert (found["SHORTEST_NM"], found["VALID_SHARE"]) == (410.0, 1.0)
    assert json.loads(found["SUMMARY"])["crs_authority"] == "EPSG:32633"
    assert "EPSG:32633" in report.read_text(encoding="utf-8")
    assert any(text.startswith("Bands used: ") for text in messages.infos)


def test_assess_against_raster_gives_figures_and_files(
    plugin: Any, truth: Path, tmp_path: Path, messages: Messages
) -> None:
    array = small_scene.truth()
    array[0, :8] = 2
    mapped = small_scene.write_raster(tmp_path / "map.tif", array)
    outputs = {"REPORT": str(tmp_path / "accuracy.html"), "TABLE": str(tmp_path / "accuracy.csv")}
    found = run("assess", {"MAP": str(mapped), "REFERENCE": str(truth), **outputs}, messages)
    assert found["OVERALL_ACCURACY"] == pytest.approx(1.0 - 8 / array.size)
    assert found["PIXELS"] == array.size
    assert 0.9 < found["KAPPA"] < 1.0 and 0.9 < found["AVERAGE_ACCURACY"] < 1.0
    assert len(json.loads(found["PER_CLASS"])) == 4
    assert (tmp_path / "accuracy.html").is_file() and (tmp_path / "accuracy.csv").is_file()


def test_assess_against_memory_layer_compares_inside_its_polygons(
    plugin: Any, truth: Path, tmp_path: Path, messages: Messages
) -> None:
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633&field=class:integer", "reference", "memory")
    feature = QgsFeature(layer.fields())
    feature.setAttribute("class", 1)
    feature.setGeometry(QgsGeometry.fromWkt(rectangle_wkt(X0, Y0 - HALF_M, X0 + HALF_M, Y0)))
    layer.dataProvider().addFeatures([feature])
    found = run("assess", {"MAP": str(truth), "REFERENCE_LAYER": layer, "FIELD": "class"}, messages)
    assert found["OVERALL_ACCURACY"] == 1.0
    assert found["PIXELS"] == (small_scene.SIDE_PX // 2) ** 2


def test_check_runtime_without_private_runtime_says_light_stages_are_ready(
    plugin: Any, tmp_path: Path, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECIAL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("SPECIAL_PYTHON", raising=False)
    found = run("checkruntime", {"REPORT": str(tmp_path / "status.html")}, messages)
    assert (found["READY"], found["RUNTIME_READY"]) == (True, False)
    status = json.loads(found["STATUS"])
    assert "numpy" in status["light"]["versions"]
    assert "Install runtime" in status["runtime"]["problems"][0]
    assert "Install runtime" in (tmp_path / "status.html").read_text(encoding="utf-8")


def test_install_runtime_from_empty_wheel_folder_is_refused(
    plugin: Any, tmp_path: Path, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qgis.core import QgsProcessingException

    monkeypatch.setenv("SPECIAL_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "wheels").mkdir()
    with pytest.raises(QgsProcessingException, match="wheels"):
        run("installruntime", {"WHEELS": str(tmp_path / "wheels")}, messages)
    assert not (tmp_path / "data").exists()


def test_mask_that_is_no_file_is_copied_first(
    plugin: Any, scene: Path, truth: Path, tmp_path: Path, messages: Messages
) -> None:
    source = QgsRasterLayer(str(truth), "truth")
    QgsProject.instance().addMapLayer(source)
    virtual = QgsRasterDataProvider.VirtualRasterParameters()
    virtual.crs, virtual.extent, virtual.width, virtual.height = (
        source.crs(), source.extent(), source.width(), source.height()
    )  # fmt: skip
    virtual.formula = '"truth@1" > 1'
    virtual.rInputLayers = [_virtual_input(source)]
    mask = QgsRasterLayer(QgsRasterDataProvider.encodeVirtualRasterProviderUri(virtual), "not water", "virtualraster")
    assert mask.isValid()
    output = tmp_path / "map.tif"
    run("classify", {"INPUT": str(scene), "CLASSES": "tree; soil", "MASK": mask, "OUTPUT": str(output)}, messages)
    assert ((read(output) == 0) == (small_scene.truth() == 1)).all()
    assert any("copied to a temporary one" in text for text in messages.infos)


@pytest.mark.parametrize("name", ["classify", "pseudolabels"])
def test_heights_given_as_layer_tell_roof_and_road_of_one_spectrum_apart(
    plugin: Any, scene: Path, tmp_path: Path, messages: Messages, name: str
) -> None:
    half = small_scene.SIDE_PX // 2
    surface = np.full((2 * half, 2 * half), 50.0, np.float32)
    terrain = small_scene.write_raster(tmp_path / "terrain.tif", surface)
    surface[half:, half : half + half // 2] += 6.0
    layer = QgsRasterLayer(str(small_scene.write_raster(tmp_path / "surface.tif", surface)), "surface")
    output = tmp_path / "map.tif"
    given = {"INPUT": str(scene), "CLASSES": "water; tree; asphalt roof; asphalt road", "OUTPUT": str(output)}
    heights = {"HEIGHT": layer, "TERRAIN": str(terrain), "SOURCE": "spectral", "PRESET": "fast"}
    run(name, {**given, **heights}, messages)
    found = read(output)[half:, half:]
    assert (found[:, : half // 2] == 3).all() and (found[:, half // 2 :] == 4).all()


def _virtual_input(layer: QgsRasterLayer) -> Any:
    found = QgsRasterDataProvider.VirtualRasterInputLayers()
    found.name, found.provider, found.uri = layer.name(), layer.providerType(), layer.source()
    return found
