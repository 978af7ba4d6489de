# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.accuracy.assess import assess
from special_qgis.engine.areas import summing
from special_qgis.engine.areas.measure import measure_areas
from special_qgis.engine.config import AreasConfig, AssessConfig
from special_qgis.engine.errors import Cancelled, ConfigError, EngineError, InputError
from tests.helpers.class_maps import ORIGIN, rectangle, write_raster, write_vector
from tests.helpers.listener import Listener

NAMES = ("", "tree", "water", "roof")
RNG = np.random.default_rng(3)
MAP = RNG.integers(0, 4, (90, 70)).astype(np.uint8)
CONFIDENCE = np.where(MAP > 0, RNG.random(MAP.shape), -1.0).astype(np.float32)


def measured(map_path: Path, listener: Any = None, **options: Any) -> Dict[str, Any]:
    return measure_areas(AreasConfig(str(map_path), **{k: str(v) for k, v in options.items()}), listener)


def rows_of(path: Path) -> List[Dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def map_path(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "map.tif", MAP, names=NAMES, nodata=0)


@pytest.fixture
def confidence(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "confidence.tif", CONFIDENCE, nodata=-1, gdal_type=gdal.GDT_Float32)


def test_areas_in_the_plane_are_pixels_times_their_size(map_path: Path) -> None:
    found = measured(map_path, measure="crs")
    assert (found["measure"], found["measured_on"]) == ("crs", "plane of WGS 84 / UTM zone 33N")
    n_classified = int((MAP > 0).sum())
    for value, name in enumerate(NAMES[1:], start=1):
        count = int((value == MAP).sum())
        figures = found["class_areas"][name]
        assert (figures["count"], figures["area_m2"]) == (count, pytest.approx(count * 900.0))
        assert figures["share"] == pytest.approx(count / n_classified)
    assert found["classified_area_m2"] == pytest.approx(n_classified * 900.0)
    assert found["unclassified_px"] == MAP.size - n_classified
    assert (found["n_classes"], found["n_polygons"], found["status"]) == (3, 0, "ok")


def test_areas_on_the_ellipsoid_differ_from_the_plane_by_the_local_scale(map_path: Path) -> None:
    found = measured(map_path)
    assert found["measured_on"] == "ellipsoid WGS 84"
    scale = found["classified_area_m2"] / measured(map_path, measure="crs")["classified_area_m2"]
    easting_m, radius_m = 364000.0 - 500000.0 + 1000.0, 6.384e6
    assert scale == pytest.approx((0.9996 * (1 + (easting_m / radius_m) ** 2 / 2)) ** -2, rel=2e-6)


def test_areas_of_degrees_are_those_of_the_zones(tmp_path: Path) -> None:
    degrees = (13.0, 0.5, 0.0, 60.0, 0.0, -0.5)
    labels = np.repeat(np.array([[1], [2]], np.uint8), 4, axis=1)
    found = measured(write_raster(tmp_path / "map.tif", labels, degrees, epsg=4326))["class_areas"]
    latitude, e2 = math.radians(59.75), 6.69437999e-3  # middle of the first row, WGS 84
    curvature = 1 - e2 * math.sin(latitude) ** 2
    meridian, parallel = 6378137 * (1 - e2) / curvature**1.5, 6378137 / curvature**0.5 * math.cos(latitude)
    assert found["class 1"]["area_m2"] / 4 == pytest.approx(meridian * parallel * math.radians(0.5) ** 2, rel=2e-5)
    assert found["class 1"]["area_m2"] < found["class 2"]["area_m2"]
    assert found["class 1"]["share"] + found["class 2"]["share"] == pytest.approx(1.0)
    assert found["class 1"]["share"] < 0.4995, "shares are of areas, not of pixels"


def test_map_without_crs_is_counted_and_says_so(tmp_path: Path) -> None:
    found = measured(write_raster(tmp_path / "map.tif", MAP, None, epsg=None), report=tmp_path / "a.html")
    assert (found["measure"], found["classified_area_m2"]) == ("pixels", None)
    assert found["class_areas"]["class 2"]["area_m2"] is None
    assert found["class_areas"]["class 2"]["share"] == pytest.approx((MAP == 2).sum() / (MAP > 0).sum())
    assert found["status"] == "ok with warnings" and "areas are not known" in found["warnings"][0]
    assert "m²" not in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_polygons_are_measured_each_by_itself(map_path: Path, tmp_path: Path) -> None:
    shapes = [
        (rectangle(0, 0, 20, 30), "north"),
        (rectangle(10, 10, 20, 30), "overlapping"),
        (rectangle(60, 80, 30, 30), "over the edge"),
        (rectangle(500, 0, 5, 5), "outside"),
        (rectangle(5.6, 5.6, 0.3, 0.3), "tiny"),
    ]
    polygons = write_vector(tmp_path / "p.gpkg", shapes)
    found = measured(map_path, polygons=polygons, name_field="class", measure="crs", table=tmp_path / "t.csv")
    parts = {"north": MAP[:30, :20], "overlapping": MAP[10:40, 10:30], "over the edge": MAP[80:, 60:]}
    rows = [row for row in rows_of(tmp_path / "t.csv") if row["zone"] == "polygon"]
    assert len(rows) == 5 * 4
    for row in rows:
        part = parts.get(row["polygon_name"], np.zeros(0))
        value = int(row["class_ids"])
        assert int(row["pixels"]) == (part == value).sum()
        assert float(row["area_m2"]) == pytest.approx((part == value).sum() * 900.0)
        assert row["measure"] == "crs"
        if value and part.size:
            assert float(row["share"]) == pytest.approx((part == value).sum() / (part > 0).sum())
    assert found["n_polygons"] == 5
    assert [text.partition(" polygons ")[2].partition(":")[0] for text in found["warnings"]] == [
        "lie outside the map",
        "lie partly outside the map",
        "hold the centre of no pixel, so small or thin are they",
    ]


def test_confidence_weights_areas_and_gaps_are_told(map_path: Path, confidence: Path, tmp_path: Path) -> None:
    found = measured(map_path, confidence=confidence, measure="crs")
    for value, name in enumerate(NAMES[1:], start=1):
        of_class = CONFIDENCE[value == MAP].astype(float)
        assert found["class_areas"][name]["mean_confidence"] == pytest.approx(of_class.mean())
        assert found["class_areas"][name]["confidence_weighted_area_m2"] == pytest.approx(of_class.sum() * 900.0)
    assert found["warnings"] == []
    half = write_raster(tmp_path / "half.tif", CONFIDENCE[:45], nodata=-1, gdal_type=gdal.GDT_Float32)
    found = measured(map_path, confidence=half, measure="crs")
    of_class = CONFIDENCE[:45][MAP[:45] == 1].astype(float)
    assert found["class_areas"]["tree"]["mean_confidence"] == pytest.approx(of_class.mean())
    assert found["class_areas"]["tree"]["confidence_weighted_area_m2"] == pytest.approx(of_class.sum() * 900.0)
    known = (MAP[:45] > 0).sum() / (MAP > 0).sum()
    assert f"Confidence is known for {known:.1%} of the classified area" in found["warnings"][0]


def test_confidence_zero_is_a_confidence(map_path: Path, tmp_path: Path) -> None:
    zeros = write_raster(tmp_path / "c.tif", np.zeros(MAP.shape, np.uint8))
    found = measured(map_path, confidence=zeros)
    assert (found["class_areas"]["tree"]["mean_confidence"], found["warnings"]) == (0.0, [])


def test_confidence_above_one_is_refused(map_path: Path, tmp_path: Path) -> None:
    percent = write_raster(tmp_path / "c.tif", np.full(MAP.shape, 87, np.uint8))
    with pytest.raises(InputError, match=r"c\.tif holds the value 87; 0 to 1 is accepted"):
        measured(map_path, confidence=percent)


def test_accuracy_report_adjusts_areas_of_the_same_map(map_path: Path, tmp_path: Path) -> None:
    labels = np.where(RNG.random(MAP.shape) < 0.2, RNG.integers(1, 4, MAP.shape), MAP).astype(np.uint8)
    truth = write_raster(tmp_path / "truth.tif", labels, nodata=0)
    accuracy = tmp_path / "accuracy.html"
    assessed = assess(AssessConfig(str(map_path), str(truth), report=str(accuracy)))["per_class"]
    outputs = {"report": tmp_path / "a.html", "table": tmp_path / "a.csv"}
    found = measured(map_path, accuracy_report=accuracy, measure="crs", **outputs)
    assert (found["warnings"], found["area_adjusted"]["covered_share"]) == ([], 1.0)
    rows = {row["class"]: row for row in rows_of(tmp_path / "a.csv")}
    for name, figures in found["area_adjusted"]["per_class"].items():
        assert figures["area_m2"] == pytest.approx(assessed[name]["adjusted_area_m2"])
        assert figures["area_margin_m2"] == pytest.approx(assessed[name]["adjusted_area_margin_m2"])
        assert float(rows[name]["adjusted_area_m2"]) == pytest.approx(figures["area_m2"])
        assert float(rows[name]["adjusted_upper_m2"]) == pytest.approx(figures["area_m2"] + figures["area_margin_m2"])
    assert "Olofsson" in outputs["report"].read_text(encoding="utf-8")


def test_blocks_change_nothing(
    map_path: Path, confidence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polygons = write_vector(tmp_path / "p.gpkg", [(rectangle(3, 3, 50, 70), "a"), (rectangle(20, 1, 30, 30), "b")])
    whole = measured(map_path, polygons=polygons, confidence=confidence, report=tmp_path / "whole.html")
    monkeypatch.setattr(summing, "_BLOCK_PX", 16)
    monkeypatch.setattr(summing, "_BLOCK_BYTES", 1)
    blocks = measured(map_path, polygons=polygons, confidence=confidence, report=tmp_path / "blocks.html")
    for name, figures in whole["class_areas"].items():
        assert blocks["class_areas"][name] == {
            key: value if key == "ids" else pytest.approx(value, rel=1e-12) for key, value in figures.items()
        }
    first, second = (json.loads((tmp_path / f"{n}.json").read_text())["polygons"] for n in ("whole", "blocks"))
    for one, other in zip(first, second):
        for name, figures in one["class_areas"].items():
            assert other["class_areas"][name]["count"] == figures["count"]
            assert other["class_areas"][name]["area_m2"] == pytest.approx(figures["area_m2"], rel=1e-12)


def test_values_that_share_a_name_are_one_class(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "map.tif", MAP, names=("", "tree", "water", "Tree"), nodata=0)
    found = measured(path)["class_areas"]
    assert list(found) == ["tree", "water"]
    assert (found["tree"]["ids"], found["tree"]["count"]) == ([1, 3], int(np.isin(MAP, (1, 3)).sum()))


def test_class_of_the_legend_that_does_not_occur_has_no_area(tmp_path: Path) -> None:
    found = measured(write_raster(tmp_path / "map.tif", np.ones((4, 4), np.uint8), names=("", "tree", "lake")))
    assert (found["class_areas"]["lake"]["count"], found["n_classes"]) == (0, 1)


def test_polygons_of_no_use_are_refused(map_path: Path, tmp_path: Path) -> None:
    away = write_vector(tmp_path / "p.gpkg", [(rectangle(500, 0, 5, 5), 1), (rectangle(0, 500, 5, 5), 2)])
    with pytest.raises(InputError, match="No polygon of the layer plots"):
        measured(map_path, polygons=away)


def test_map_without_a_class_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "map.tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="no pixel with a class"):
        measured(path, table=tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()


def test_cancel_leaves_nothing(map_path: Path, tmp_path: Path) -> None:
    listener = Listener(cancel_on="Measuring")
    polygons = write_vector(tmp_path / "p.gpkg", [(rectangle(0, 0, 20, 30), "a")])
    outputs = {"report": tmp_path / "out" / "a.html", "table": tmp_path / "out" / "t.csv"}
    with pytest.raises(Cancelled):
        measured(map_path, listener, polygons=polygons, vector=tmp_path / "out" / "v.gpkg", **outputs)
    assert not (tmp_path / "out").exists()


def test_progress_ends_at_one_and_never_goes_back(map_path: Path) -> None:
    listener = Listener()
    measured(map_path, listener)
    fractions = [fraction for fraction, _ in listener.progress]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"table": "map.tif"}, "would replace the input file"),
        ({"polygons": "p.gpkg", "vector": "p.gpkg"}, "would replace the input file"),
        ({"confidence": "c.tif", "report": "c.tif"}, "would replace the input file"),
        ({"accuracy_report": "a.json", "report": "a.html"}, "would replace the input file"),
        ({"table": "x.html", "report": "x.html"}, "Two outputs have the path"),
        ({"polygons": "p.gpkg", "vector": "x.dwg"}, "must end with .gpkg, .shp, .geojson, .fgb; it ends with '.dwg'"),
    ],
    ids=["map", "polygons", "confidence", "accuracy report", "twice", "format"],
)
def test_output_that_cannot_be_is_refused_and_nothing_changes(
    tmp_path: Path, options: Dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_raster(tmp_path / "map.tif", MAP, names=NAMES, nodata=0)
    write_raster(tmp_path / "c.tif", CONFIDENCE, nodata=-1, gdal_type=gdal.GDT_Float32)
    write_vector(tmp_path / "p.gpkg", [(rectangle(0, 0, 20, 30), "a")])
    assess(AssessConfig(str(path), str(path), report=str(tmp_path / "a.html")))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(EngineError, match=words):
        measured(Path("map.tif"), **options)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["vector", "name_field", "polygons_layer"])
def test_options_of_polygons_without_polygons_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be empty where there are no polygons; got 'x'"):
        AreasConfig("map.tif", **{name: "x"})


def test_memory_does_not_grow_with_the_map(tmp_path: Path) -> None:
    import resource

    def write(path: Path, rows: int) -> Path:
        dataset = gdal.GetDriverByName("GTiff").Create(
            str(path), 6000, rows, 1, gdal.GDT_Byte, ["TILED=YES", "COMPRESS=DEFLATE"]
        )
        dataset.SetGeoTransform(ORIGIN)
        dataset.SetProjection('LOCAL_CS["mine",UNIT["metre",1]]')
        for row in range(0, rows, 500):
            dataset.GetRasterBand(1).WriteArray(RNG.integers(1, 4, (500, 6000)).astype(np.uint8), 0, row)
        return path

    measured(write(tmp_path / "small.tif", 1500), measure="crs")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    measured(write(tmp_path / "large.tif", 9000), measure="crs")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024, "54 MB as bytes, 430 MB as int64"
