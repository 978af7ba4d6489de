# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input through Processing: a clear message, no traceback, and no output."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingException,
    QgsRasterLayer,
    QgsVectorLayer,
)

from tests.helpers import small_scene
from tests.helpers.small_scene import WAVELENGTHS_NM, write_raster

from .conftest import Messages

GOOD_CLASSES = "water; tree"
Maker = Callable[[Path], Dict[str, Any]]


def run(name: str, parameters: Dict[str, Any]) -> None:
    import processing

    processing.run(f"special:{name}", parameters, feedback=Messages())


def files_below(folder: Path) -> List[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def missing(folder: Path) -> Dict[str, Any]:
    return {"INPUT": str(folder / "none.tif")}


def not_a_raster(folder: Path) -> Dict[str, Any]:
    (folder / "text.tif").write_text("no raster", encoding="utf-8")
    return {"INPUT": str(folder / "text.tif")}


def a_folder(folder: Path) -> Dict[str, Any]:
    return {"INPUT": str(folder)}


def no_wavelengths(folder: Path) -> Dict[str, Any]:
    return {"INPUT": str(write_raster(folder / "scene.tif", small_scene.cube()))}


def one_band(folder: Path) -> Dict[str, Any]:
    return {"INPUT": str(write_raster(folder / "scene.tif", small_scene.truth()))}


def complex_data(folder: Path) -> Dict[str, Any]:
    array = small_scene.cube()[:20].astype(np.complex64)
    return {"INPUT": str(write_raster(folder / "scene.tif", array, WAVELENGTHS_NM[:20]))}


def too_small(folder: Path) -> Dict[str, Any]:
    return {"INPUT": str(write_raster(folder / "scene.tif", small_scene.cube()[:, :7, :], WAVELENGTHS_NM))}


def all_invalid(folder: Path) -> Dict[str, Any]:
    array = np.full((WAVELENGTHS_NM.size, 20, 20), np.nan, np.float32)
    return {"INPUT": str(write_raster(folder / "scene.tif", array, WAVELENGTHS_NM))}


def truncated(folder: Path) -> Dict[str, Any]:
    path = small_scene.write_scene(folder / "scene.tif")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return {"INPUT": str(path)}


def header_of_another_size(folder: Path) -> Dict[str, Any]:
    (folder / "scene.img").write_bytes(small_scene.cube().tobytes()[:1000])
    wavelengths = ", ".join(f"{nm:.1f}" for nm in WAVELENGTHS_NM)
    (folder / "scene.hdr").write_text(
        f"ENVI\nsamples = {small_scene.SIDE_PX}\nlines = {small_scene.SIDE_PX}\nbands = {WAVELENGTHS_NM.size}\n"
        "header offset = 0\nfile type = ENVI Standard\ndata type = 2\ninterleave = bsq\nbyte order = 0\n"
        f"wavelength units = Nanometers\nwavelength = {{{wavelengths}}}\n",
        encoding="utf-8",
    )
    return {"INPUT": str(folder / "scene.img")}


def wavelengths_typed_too_few(folder: Path) -> Dict[str, Any]:
    return {**no_wavelengths(folder), "WAVELENGTHS": "400, 500, 600 nm"}


def wavelengths_typed_no_numbers(folder: Path) -> Dict[str, Any]:
    return {**no_wavelengths(folder), "WAVELENGTHS": "blue, green, red"}


def sensor_of_another_size(folder: Path) -> Dict[str, Any]:
    return {**no_wavelengths(folder), "SENSOR": "prisma"}


def sensor_unknown(folder: Path) -> Dict[str, Any]:
    return {**no_wavelengths(folder), "SENSOR": "camera"}


def bad_bands_unreadable(folder: Path) -> Dict[str, Any]:
    return {"INPUT": str(small_scene.write_scene(folder / "scene.tif")), "BAD_BANDS": "first ten"}


def mask_of_another_grid(folder: Path) -> Dict[str, Any]:
    mask = write_raster(folder / "mask.tif", np.ones((9, 9), np.uint8))
    return {"INPUT": str(small_scene.write_scene(folder / "scene.tif")), "MASK": str(mask)}


def with_area(crs: str, x_offset: float) -> Maker:
    def make(folder: Path) -> Dict[str, Any]:
        layer = QgsVectorLayer(f"Polygon?crs={crs}" if crs else "Polygon", "area", "memory")
        x, y = small_scene.ORIGIN[0] + x_offset, small_scene.ORIGIN[1]
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromWkt(f"POLYGON(({x} {y},{x + 60} {y},{x + 60} {y - 60},{x} {y}))"))
        layer.dataProvider().addFeatures([feature])
        return {"INPUT": str(small_scene.write_scene(folder / "scene.tif")), "AOI": layer}

    return make


def extent_outside(folder: Path) -> Dict[str, Any]:
    return {"INPUT": str(small_scene.write_scene(folder / "scene.tif")), "EXTENT": "0,10,0,10 [EPSG:32633]"}


def seed_negative(folder: Path) -> Dict[str, Any]:
    return {"INPUT": str(small_scene.write_scene(folder / "scene.tif")), "SEED": -1}


CASES = [
    (missing, "There is no raster"),
    (not_a_raster, "not a raster that GDAL can read"),
    (a_folder, "is a folder"),
    (no_wavelengths, "wavelength"),
    (one_band, "band"),
    (complex_data, "complex"),
    (too_small, "8"),
    (all_invalid, "valid"),
    (truncated, "scene.tif"),
    (header_of_another_size, "scene.img"),
    (wavelengths_typed_too_few, "3"),
    (wavelengths_typed_no_numbers, "wavelengths typed cannot be read"),
    (sensor_of_another_size, "PRISMA"),
    (sensor_unknown, "SENSOR"),
    (bad_bands_unreadable, "first ten"),
    (mask_of_another_grid, "mask"),
    (with_area("", 0.0), "area of interest"),
    (with_area("EPSG:32633", 1e5), "area of interest"),
    (extent_outside, "extent"),
    (seed_negative, "SEED"),
]
IDS = [
    "missing", "not a raster", "folder", "no wavelengths", "one band", "complex", "too small", "all invalid",
    "truncated", "header of another size", "too few wavelengths", "wavelengths no numbers", "sensor of another size",
    "unknown sensor", "bad bands", "mask of another grid", "area without CRS", "area outside", "extent outside", "seed",
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), CASES, ids=IDS)
def test_classify_of_bad_scene_tells_why_and_writes_nothing(
    plugin: Any, tmp_path: Path, make: Maker, words: str
) -> None:
    folder, results = tmp_path / "given", tmp_path / "results"
    folder.mkdir()
    results.mkdir()
    parameters = {"CLASSES": GOOD_CLASSES, **make(folder)}
    before = files_below(folder)
    outputs = {"OUTPUT": str(results / "map.tif"), "REPORT": str(results / "report.html")}
    with pytest.raises(QgsProcessingException, match=words) as caught:
        run("classify", {**parameters, **outputs})
    assert "Traceback" not in str(caught.value)
    assert files_below(results) == []
    assert [name for name in files_below(folder) if not name.endswith(".aux.xml")] == before


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ("water", "2 to 255"),
        ("", "has no class"),
        ("; ".join(f"class {number}" for number in range(256)), "2 to 255"),
        ("water; tree; Water", "water"),
        ("water; : lake", "no name"),
        ("water #12345; tree", "#12345"),
        ("water #red; tree", "#red"),
        ("frobnicate; quux", "frobnicate"),
        ("/nowhere/classes.txt", "/nowhere/classes.txt"),
    ],
    ids=["one", "none", "256", "duplicate", "empty name", "bad colour", "colour name", "all unknown", "no file"],
)
def test_classify_with_bad_classes_tells_why_and_writes_nothing(
    plugin: Any, scene: Path, tmp_path: Path, classes: str, words: str
) -> None:
    parameters = {"INPUT": str(scene), "CLASSES": classes, "OUTPUT": str(tmp_path / "map.tif")}
    with pytest.raises(QgsProcessingException, match=words):
        run("classify", parameters)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("name", ["classify", "spectralprior", "truecolour"])
def test_output_that_is_the_input_is_refused_and_the_input_stays(plugin: Any, tmp_path: Path, name: str) -> None:
    path = small_scene.write_scene(tmp_path / "scene.tif")
    content = path.read_bytes()
    parameters = {"INPUT": str(path), "OUTPUT": str(path)}
    if name != "truecolour":
        parameters["CLASSES"] = GOOD_CLASSES
    with pytest.raises(QgsProcessingException, match=r"scene\.tif"):
        run(name, parameters)
    assert path.read_bytes() == content


def test_two_outputs_with_one_path_are_refused(plugin: Any, scene: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "map.tif")
    with pytest.raises(QgsProcessingException, match="OUTPUT and CONFIDENCE have the same path"):
        run("classify", {"INPUT": str(scene), "CLASSES": GOOD_CLASSES, "OUTPUT": path, "CONFIDENCE": path})
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("target", ["missing/folder.txt/map.tif", "map.jp2"], ids=["below a file", "other format"])
def test_output_that_cannot_be_written_is_refused(plugin: Any, scene: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "folder.txt").write_text("a file", encoding="utf-8")
    before = files_below(tmp_path)
    with pytest.raises(QgsProcessingException):
        run("classify", {"INPUT": str(scene), "CLASSES": GOOD_CLASSES, "OUTPUT": str(tmp_path / target)})
    assert files_below(tmp_path) == before


def test_true_colour_without_visible_bands_says_so(plugin: Any, tmp_path: Path) -> None:
    swir = WAVELENGTHS_NM > 1000.0
    path = write_raster(tmp_path / "swir.tif", small_scene.cube()[swir], WAVELENGTHS_NM[swir])
    with pytest.raises(QgsProcessingException, match="nm"):
        run("truecolour", {"INPUT": str(path), "OUTPUT": str(tmp_path / "rgb.tif")})
    assert not (tmp_path / "rgb.tif").exists()


def test_layer_of_map_service_is_refused_with_reason(plugin: Any, tmp_path: Path) -> None:
    layer = QgsRasterLayer("type=xyz&url=file:///nowhere/{z}/{x}/{y}.png&zmin=0&zmax=1", "tiles", "wms")
    assert layer.isValid()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:inspectscene")
    feedback = Messages()
    _, ok = algorithm.run({"INPUT": layer}, QgsProcessingContext(), feedback)
    assert not ok
    assert "map service" in feedback.errors[0]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "No reference is given"),
        ({"REFERENCE": "x.tif", "REFERENCE_LAYER": "x.gpkg"}, "Both a reference raster and a reference layer"),
        ({"REFERENCE_LAYER": "x.gpkg"}, "No class field is given"),
        ({"REFERENCE": "/nowhere/x.tif"}, "There is no raster"),
    ],
    ids=["none", "both", "no field", "missing"],
)
def test_assess_without_usable_reference_says_what_is_needed(
    plugin: Any, truth: Path, parameters: Dict[str, Any], words: str
) -> None:
    with pytest.raises(QgsProcessingException, match=words):
        run("assess", {"MAP": str(truth), **parameters})


def test_error_of_worker_ends_a_run_without_exception_in_the_log(plugin: Any, tmp_path: Path) -> None:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("special:classify")
    feedback = Messages()
    parameters = {**no_wavelengths(tmp_path), "CLASSES": GOOD_CLASSES, "OUTPUT": str(tmp_path / "map.tif")}
    results, ok = algorithm.run(parameters, QgsProcessingContext(), feedback)
    assert (results, ok) == ({}, False)
    assert len(feedback.errors) == 1 and "Traceback" not in feedback.errors[0]
