# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osgeo import gdal

from special_qgis.engine.accuracy import assess as accuracy
from special_qgis.engine.accuracy.assess import PairCounts, assess
from special_qgis.engine.config import AssessConfig
from special_qgis.engine.errors import Cancelled, ConfigError, EngineError, InputError
from special_qgis.engine.progress import NullProgress
from tests.helpers.class_maps import ORIGIN, point, rectangle, write_raster, write_vector

NAMES = ("", "tree", "water", "roof")
RNG = np.random.default_rng(11)
TRUTH = RNG.integers(1, 4, (60, 70)).astype(np.uint8)
MAP = np.where(RNG.random(TRUTH.shape) < 0.3, RNG.integers(1, 4, TRUTH.shape), TRUTH).astype(np.uint8)


def _assess(map_path: Path, reference: Path, **options: Any) -> dict:
    return assess(AssessConfig(map=str(map_path), reference=str(reference), **options))


class _Listener(NullProgress):
    """Remembers fractions and warnings; cancels after a number of blocks."""

    def __init__(self, cancel_after: int = 10**9) -> None:
        self.fractions: list[float] = []
        self.warnings: list[str] = []
        self._left = cancel_after

    def report(self, fraction: float, message: str = "") -> None:
        self.fractions.append(fraction)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def is_cancelled(self) -> bool:
        self._left -= 1
        return self._left < 0


@pytest.fixture
def map_path(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "map.tif", MAP, names=NAMES, nodata=0)


def test_assess_raster_equals_figures_by_hand(tmp_path: Path, map_path: Path) -> None:
    labels = np.where(RNG.random(TRUTH.shape) < 0.5, TRUTH, 0)
    found = _assess(map_path, write_raster(tmp_path / "ref.tif", labels, nodata=0))
    labelled = labels > 0
    assert found["n_px"] == labelled.sum()
    assert found["overall_accuracy"] == pytest.approx(np.mean(MAP[labelled] == labels[labelled]))
    for value, name in ((1, "tree"), (2, "water"), (3, "roof")):
        row = found["per_class"][name]
        assert row["recall"] == pytest.approx(np.mean(MAP[labels == value] == value))
        assert row["precision"] == pytest.approx(np.mean(labels[labelled & (value == MAP)] == value))
        assert row["mapped_px"] == (value == MAP).sum()
        assert row["mapped_area_m2"] == (value == MAP).sum() * 900.0
    assert found["warnings"] == []
    assert (found["report"], found["table"]) == ("", "")


def test_assess_of_map_against_itself_is_perfect(map_path: Path) -> None:
    found = _assess(map_path, map_path)
    assert found["overall_accuracy"] == found["average_accuracy"] == 1.0
    assert found["kappa"] == pytest.approx(1.0)


def test_assess_matches_classes_by_name_not_number(tmp_path: Path, map_path: Path) -> None:
    swapped = np.array([0, 2, 1, 3], np.uint8)[MAP]
    path = write_raster(tmp_path / "ref.tif", swapped, names=("", "Water", "TREE", "roof"))
    assert _assess(map_path, path)["overall_accuracy"] == 1.0


def test_assess_unclassified_pixels_count_as_missed_and_are_told(tmp_path: Path) -> None:
    holed = MAP.copy()
    holed[:10] = 0
    map_path = write_raster(tmp_path / "map.tif", holed, names=NAMES, nodata=0)
    found = _assess(map_path, write_raster(tmp_path / "ref.tif", MAP))
    assert found["overall_accuracy"] == pytest.approx(50 / 60)
    assert found["overall_accuracy_classified"] == 1.0
    assert found["n_unclassified"] == 700
    assert "700 of 4200 reference pixels have no class in the map" in found["warnings"][0]


def test_assess_classes_of_one_side_only_are_told(tmp_path: Path, map_path: Path) -> None:
    labels = np.where(TRUTH == 3, 4, TRUTH)
    path = write_raster(tmp_path / "ref.tif", labels, names=("", "tree", "water", "", "snow"))
    found = _assess(map_path, path)
    assert "The map has no class “snow”" in found["warnings"][0]
    assert "The reference has no class “roof”" in found["warnings"][1]
    assert found["per_class"]["snow"]["recall"] == 0.0
    assert found["per_class"]["roof"]["recall"] is None


def test_assess_class_without_reference_pixels_is_left_out_of_the_adjusted_figures(tmp_path: Path) -> None:
    map_path = write_raster(tmp_path / "map.tif", np.repeat([[1, 1, 2, 3]], 4, axis=0), names=NAMES)
    labels = np.zeros((4, 4), np.uint8)
    labels[:, :3] = (1, 1, 2)
    found = _assess(map_path, write_raster(tmp_path / "ref.tif", labels))
    assert found["area_adjusted"]["covered_share"] == 0.75
    assert any("Area-adjusted figures hold for 75.0% of the map" in text for text in found["warnings"])


def test_assess_polygons_by_name_writes_all_reports(tmp_path: Path, map_path: Path) -> None:
    features = [(rectangle(0, 0, 20, 20), "Tree"), (rectangle(30, 30, 15, 10), "water")]
    path = write_vector(tmp_path / "plots ä.gpkg", features, extra_fields=("note",))
    report, table = tmp_path / "out ü" / "accuracy.html", tmp_path / "out ü" / "accuracy.csv"
    report.parent.mkdir()
    found = _assess(map_path, path, report=str(report), table=str(table), reference_field="class")
    hits = (MAP[:20, :20] == 1).sum() + (MAP[30:40, 30:45] == 2).sum()
    assert found["overall_accuracy"] == pytest.approx(hits / 550)
    assert (found["report"], found["table"]) == (str(report), str(table))
    assert sorted(p.name for p in report.parent.iterdir()) == ["accuracy.csv", "accuracy.html", "accuracy.json"]
    content = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    assert content["overall_accuracy"] == found["overall_accuracy"]
    assert content["provenance"]["parameters"]["reference"] == str(path)
    assert table.read_bytes().startswith(b"\xef\xbb\xbffigure,class")
    assert b"\r\n" in table.read_bytes()
    assert b"\r\r\n" not in table.read_bytes()


def test_assess_points_with_ids(tmp_path: Path, map_path: Path) -> None:
    places = [(r, c) for r in range(0, 60, 7) for c in range(0, 70, 9)]
    features = [(point(c + 0.5, r + 0.5), int(TRUTH[r, c])) for r, c in places]
    found = _assess(map_path, write_vector(tmp_path / "a.gpkg", features))
    assert found["n_px"] == len(places)
    assert found["overall_accuracy"] == pytest.approx(np.mean([MAP[p] == TRUTH[p] for p in places]))


def test_assess_blocks_give_the_same_counts(tmp_path: Path, map_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_raster(tmp_path / "ref.tif", TRUTH[3:, 5:], (ORIGIN[0] + 150, 30, 0, ORIGIN[3] - 90, 0, -30))
    whole = _assess(map_path, path)
    monkeypatch.setattr(accuracy, "_BLOCK_PX", 16)
    monkeypatch.setattr(accuracy, "_BLOCK_BYTES", 1)
    assert _assess(map_path, path) == whole
    assert whole["n_px"] == 57 * 65


@given(seed=st.integers(0, 1000), n=st.integers(1, 400), cut=st.integers(0, 400), top=st.integers(1, 40))
def test_pair_counts_equal_a_plain_count(seed: int, n: int, cut: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = rng.integers(0, top, n), rng.integers(0, top, n) * 7
    counts = PairCounts()
    counts.add(ours[:cut].reshape(1, -1), theirs[:cut].reshape(1, -1))
    counts.add(ours[cut:], theirs[cut:])
    expected: dict = {}
    for pair in zip(ours.tolist(), theirs.tolist()):
        if pair[1] > 0:
            expected[pair] = expected.get(pair, 0) + 1
    assert counts.pairs == expected
    assert counts.mapped == {v: int((ours == v).sum()) for v in np.unique(ours).tolist()}


def test_assess_without_overlap_is_an_error(tmp_path: Path, map_path: Path) -> None:
    path = write_raster(tmp_path / "ref.tif", TRUTH, (ORIGIN[0] + 9e4, 30, 0, ORIGIN[3], 0, -30))
    with pytest.raises(InputError, match="has no labelled pixel within the map"):
        _assess(map_path, path)


def test_assess_reference_on_unmapped_ground_is_an_error(tmp_path: Path) -> None:
    map_path = write_raster(tmp_path / "map.tif", np.array([[1, 0], [1, 0]]), names=NAMES)
    with pytest.raises(InputError, match="has no class at any of the 2 labelled pixels"):
        _assess(map_path, write_raster(tmp_path / "ref.tif", np.array([[0, 1], [0, 2]])))


def test_assess_failing_late_leaves_no_file(tmp_path: Path, map_path: Path) -> None:
    (tmp_path / "out").mkdir()
    path = write_raster(tmp_path / "ref.tif", TRUTH, (ORIGIN[0] + 9e4, 30, 0, ORIGIN[3], 0, -30))
    with pytest.raises(InputError, match="no labelled pixel"):
        _assess(map_path, path, report=str(tmp_path / "out" / "r.html"), table=str(tmp_path / "out" / "t.csv"))
    assert list((tmp_path / "out").iterdir()) == []


def test_assess_cancelled_leaves_no_file(tmp_path: Path, map_path: Path) -> None:
    (tmp_path / "out").mkdir()
    config = AssessConfig(map=str(map_path), reference=str(map_path), report=str(tmp_path / "out" / "r.html"))
    with pytest.raises(Cancelled):
        assess(config, _Listener(cancel_after=0))
    assert list((tmp_path / "out").iterdir()) == []


def test_assess_output_equal_to_an_input_is_refused(map_path: Path) -> None:
    before = map_path.read_bytes()
    with pytest.raises(EngineError, match=r"map\.tif"):
        _assess(map_path, map_path, table=str(map_path))
    assert map_path.read_bytes() == before


@pytest.mark.parametrize(
    ("report", "table"), [("r.html", "r.json"), ("r.json", ""), ("r.html", "r.html")], ids=["json", "report", "same"]
)
def test_assess_outputs_of_one_name_are_refused(tmp_path: Path, map_path: Path, report: str, table: str) -> None:
    paths = {"report": str(tmp_path / report), "table": str(tmp_path / table) if table else ""}
    with pytest.raises(ConfigError, match="must be different files"):
        _assess(map_path, map_path, **paths)


def test_assess_tells_progress_and_warnings(tmp_path: Path, map_path: Path) -> None:
    listener = _Listener()
    path = write_raster(tmp_path / "ref.tif", np.where(TRUTH == 3, 9, TRUTH))
    found = assess(AssessConfig(map=str(map_path), reference=str(path)), listener)
    assert listener.warnings == found["warnings"]
    assert len(found["warnings"]) == 2
    assert listener.fractions == sorted(listener.fractions)
    assert listener.fractions[-1] == 1.0


@pytest.mark.parametrize("scene", ["jasper_ridge", "samson", "enmap_potsdam"])
def test_assess_real_reference_against_itself_is_perfect(scenes_dir: Path, scene: str) -> None:
    path = scenes_dir / scene / "reference.tif"
    found = _assess(path, path)
    labels = gdal.Open(str(path)).ReadAsArray()
    assert found["n_px"] == (labels > 0).sum()
    assert found["overall_accuracy"] == 1.0
