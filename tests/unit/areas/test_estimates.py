# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Dict, Sequence

import numpy as np
import pytest

from special_qgis.engine.accuracy.assess import assess
from special_qgis.engine.areas.classes import AreaClass, gather_classes
from special_qgis.engine.areas.estimates import AccuracyReport, estimate_areas, read_accuracy_report, report_path
from special_qgis.engine.areas.sums import ClassSum, Sums
from special_qgis.engine.config import AssessConfig
from special_qgis.engine.errors import InputError, RasterReadError
from special_qgis.engine.rasters.legend import Legend
from tests.helpers.class_maps import write_raster

# Olofsson et al. 2014, section 5, tables 8 and 9; areas in pixels of 30 m.
NAMES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED_PX = np.array([200_000, 150_000, 3_200_000, 6_450_000])
PIXEL_M2 = 900.0


def classes(names: Sequence[str]) -> Sequence[AreaClass]:
    return [AreaClass(name, (index + 1,), "#123456") for index, name in enumerate(names)]


def sums(n_px: Sequence[int], pixel_m2: float = PIXEL_M2) -> Sums:
    return Sums({value: ClassSum(int(n), int(n) * pixel_m2) for value, n in enumerate(n_px, start=1)})


def report(**changes: Any) -> AccuracyReport:
    values: Dict[str, Any] = {
        "map": "m.tif",
        "names": NAMES,
        "counts": COUNTS,
        "map_values": ((1,), (2,), (3,), (4,)),
        "mapped_px": MAPPED_PX,
    }
    return AccuracyReport(**{**values, **changes})


def test_estimates_are_the_published_ones() -> None:
    found = estimate_areas(report(), classes(NAMES), sums(MAPPED_PX), 0.95)
    hectares = [one.area / 1e4 for one in found.by_class]
    assert hectares == pytest.approx([21_158, 11_686, 285_770, 581_386], abs=0.6)
    assert [one.area_margin / 1e4 for one in found.by_class] == pytest.approx([6_158, 3_756, 15_510, 16_282], abs=0.7)
    assert (found.covered, found.warnings) == (1.0, ())


def test_estimate_equals_the_formula_by_hand() -> None:
    counts = np.array([[40, 10], [5, 45]])
    areas = Sums({1: ClassSum(300, 3.0e5), 2: ClassSum(500, 7.0e5)})  # pixels of different size
    given = report(names=("a", "b"), counts=counts, map_values=((1,), (2,)), mapped_px=np.array([300, 500]))
    first, second = estimate_areas(given, classes(("a", "b")), areas, 0.95).by_class
    share = 0.3 * 40 / 50 + 0.7 * 5 / 50  # Eq. 9
    error = math.sqrt(0.3**2 * 0.8 * 0.2 / 49 + 0.7**2 * 0.1 * 0.9 / 49)  # Eq. 10
    assert (first.share, first.area) == pytest.approx((share, share * 1e6))
    assert first.share_margin == pytest.approx(1.959964 * error)
    assert first.area_interval == pytest.approx(((share - 1.959964 * error) * 1e6, (share + 1.959964 * error) * 1e6))
    assert first.share + second.share == pytest.approx(1.0)


def test_interval_is_cut_at_zero_and_one() -> None:
    counts = np.array([[1, 1], [0, 30]])
    given = report(names=("a", "b"), counts=counts, map_values=((1,), (2,)), mapped_px=np.array([9, 1]))
    first, second = estimate_areas(given, classes(("a", "b")), sums([9, 1]), 0.99).by_class
    assert first.share_interval[0] == 0.0 and second.share_interval[1] == 1.0


def test_one_sample_pixel_leaves_the_interval_open() -> None:
    given = report(names=("a", "b"), counts=np.array([[1, 0], [0, 30]]), mapped_px=np.array([9, 1]))
    found = estimate_areas(given, classes(("a", "b")), sums([9, 1]), 0.95).by_class
    assert {(one.share_margin, one.area_margin, one.area_interval) for one in found} == {(None, None, None)}


def test_class_that_the_assessment_never_met_has_no_estimate_and_is_told() -> None:
    names = (*NAMES, "lake")
    found = estimate_areas(report(), classes(names), sums([*MAPPED_PX, 10_000_000]), 0.95)
    assert [one.name for one in found.by_class] == list(NAMES)
    assert found.covered == 0.5
    assert found.by_class[0].area / 1e4 == pytest.approx(21_158, abs=0.6)
    assert "made for another map" in found.warnings[0] and "50.0% of the mapped area" in found.warnings[1]


def test_class_of_the_reference_alone_gets_an_area() -> None:
    counts = np.array([[40, 0, 10], [0, 50, 0], [0, 0, 0]])
    given = report(names=("a", "b", "snow"), counts=counts, map_values=((1,), (2,), ()), mapped_px=np.array([5, 5, 0]))
    found = {one.name: one for one in estimate_areas(given, classes(("a", "b")), sums([5, 5]), 0.95).by_class}
    assert (found["snow"].share, found["snow"].mapped_area) == (pytest.approx(0.1), 0.0)


def test_classes_are_matched_by_name_whatever_their_number() -> None:
    turned = report(names=("Forest  Gain", *NAMES[2:], "deforestation"), counts=COUNTS, map_values=())
    found = estimate_areas(turned, classes(NAMES), sums(MAPPED_PX), 0.95)
    assert {one.name for one in found.by_class} == {"forest gain", *NAMES[2:], "deforestation"}
    assert next(one for one in found.by_class if one.name == "deforestation").mapped_area == MAPPED_PX[0] * PIXEL_M2


@pytest.mark.parametrize(
    ("names", "map_values"),
    [(NAMES, ((1,), (2,), (3,), (4,))), (("1", "2", "3", "4"), ((), (), (), ()))],
    ids=["values of the report", "names that are numbers"],
)
def test_map_without_names_is_matched_by_number(names: Sequence[str], map_values: Any) -> None:
    unnamed = gather_classes([1, 2, 3, 4], Legend({}, {}))
    found = estimate_areas(report(names=names, map_values=map_values), unnamed, sums(MAPPED_PX), 0.95)
    assert [one.name for one in found.by_class] == ["class 1", "class 2", "class 3", "class 4"]
    assert found.by_class[0].area / 1e4 == pytest.approx(21_158, abs=0.6)


def test_report_of_other_classes_is_refused() -> None:
    with pytest.raises(InputError, match=r"no class in common: the map has roof; the report has deforestation, "):
        estimate_areas(report(), classes(["roof"]), sums([5]), 0.95)


def test_report_that_met_no_class_of_the_map_gives_no_estimates() -> None:
    assert estimate_areas(report(counts=np.zeros((4, 4), int)), classes(NAMES), sums(MAPPED_PX), 0.95) is None


def test_report_written_by_assess_is_read(tmp_path: Path) -> None:
    labels = np.repeat(np.array([[1, 2, 2, 3]], np.uint8), 4, axis=0)
    names = ("", "tree", "water", "Tree ")
    map_path = write_raster(tmp_path / "map.tif", labels, names=names)
    truth = write_raster(tmp_path / "truth.tif", np.array([0, 1, 2, 1], np.uint8)[labels], names=names)
    config = AssessConfig(str(map_path), str(truth), report=str(tmp_path / "accuracy.html"))
    assess(config)
    found = read_accuracy_report(report_path(config.report))
    assert (found.map, found.names, found.map_values) == (str(map_path), ("tree", "water"), ((1, 3), (2,)))
    assert (found.counts.tolist(), found.mapped_px.tolist()) == ([[8, 0], [0, 8]], [8, 8])


GOOD = {
    "map": "m.tif",
    "confusion": {"classes": ["a", "b"], "counts": [[3, 0], [1, 2]]},
    "per_class": {"a": {"mapped_px": 5}, "b": {"mapped_px": 6}},
}


def test_report_of_an_older_version_without_map_values_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(GOOD))
    assert read_accuracy_report(str(tmp_path / "a.json")).map_values == ((), ())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({**GOOD, "confusion": {"classes": ["a", "b"], "counts": [[3, 0]]}}).encode(),
        json.dumps({**GOOD, "confusion": {"classes": ["a", "a"], "counts": [[3, 0], [1, 2]]}}).encode(),
        json.dumps({**GOOD, "confusion": {"classes": ["a", "b"], "counts": [[3, 0], [-1, 2]]}}).encode(),
        json.dumps({**GOOD, "confusion": {"classes": ["a", "b"], "counts": [[3, 0.5], [1, 2]]}}).encode(),
        json.dumps({**GOOD, "confusion": {"classes": ["a", "b"], "counts": [[3, 0], [1]]}}).encode(),
        json.dumps({**GOOD, "per_class": {"a": {"mapped_px": 5}}}).encode(),
        json.dumps({"scene": {}, "classes": [], "confusion": None}).encode(),
    ],
    ids=[
        "empty", "cut off", "list", "number", "other object", "other encoding", "deep", "matrix too small",
        "names twice", "negative", "fraction", "ragged", "class missing", "another report",
    ],
)  # fmt: skip
def test_file_that_is_no_accuracy_report_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json is n") as caught:
        read_accuracy_report(str(tmp_path / "a.json"))
    assert "Assess accuracy" in caught.value.hint


def test_report_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RasterReadError, match="cannot be read: No such file"):
        read_accuracy_report(str(tmp_path / "none.json"))


def test_report_path_of_html_is_the_json_beside_it() -> None:
    assert (report_path("/a/b.html"), report_path("/a/b.HTM"), report_path("/a/b.json"), report_path("")) == (
        "/a/b.json", "/a/b.json", "/a/b.json", ""
    )  # fmt: skip
