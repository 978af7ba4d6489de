# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest

from special_qgis.engine.accuracy.assess import assess
from special_qgis.engine.areas.measure import measure_areas
from special_qgis.engine.config import AreasConfig, AssessConfig
from tests.helpers.class_maps import rectangle, write_raster, write_vector

EVIL = '"><script>alert(1)</script>'
FORMULA = '=HYPERLINK("http://x","y")'
LABELS = np.array([[1, 1, 2, 0], [1, 2, 2, 3]], np.uint8)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Folder with all texts of a run on hostile names."""
    map_path = write_raster(tmp_path / "map.tif", LABELS, names=("", "water", EVIL, FORMULA), nodata=0)
    shapes = [(rectangle(0, 0, 2, 2), EVIL), (rectangle(2, 0, 2, 2), FORMULA), (rectangle(0, 0, 1, 1), "+1"),
              (rectangle(0, 0, 1, 1), "@x"), (rectangle(9, 9, 1, 1), "away")]  # fmt: skip
    polygons = write_vector(tmp_path / "p.gpkg", shapes)
    truth = write_raster(tmp_path / "truth.tif", LABELS, names=("", "water", EVIL, FORMULA), nodata=0)
    assess(AssessConfig(str(map_path), str(truth), report=str(tmp_path / "accuracy.html")))
    measure_areas(
        AreasConfig(
            str(map_path),
            polygons=str(polygons),
            name_field="class",
            accuracy_report=str(tmp_path / "accuracy.json"),
            report=str(tmp_path / "a.html"),
            table=str(tmp_path / "a.csv"),
        )
    )
    return tmp_path


def rows_of(folder: Path) -> List[Dict[str, Any]]:
    text = (folder / "a.csv").read_bytes().decode("utf-8")
    assert text.startswith("\ufeffzone,polygon,") and text.count("\r\n") == text.count("\n")
    return list(csv.DictReader(io.StringIO(text[1:])))


def test_html_holds_no_markup_of_files(written: Path) -> None:
    html = (written / "a.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|iframe|img)\b", html)
    assert html.count("&lt;script&gt;") >= 4
    assert "“" not in re.sub(r">[^<]*<", "", html)


def test_html_shows_areas_bars_polygons_and_estimates(written: Path) -> None:
    html = (written / "a.html").read_text(encoding="utf-8")
    for text in ("Areas of map.tif", "ellipsoid WGS 84", "Areas adjusted for the map's errors", "95% intervals"):
        assert text in html.replace("&#x27;", "'")
    assert html.count('<svg class="bar"') == 1 + 4, "the map's bar, and one for each polygon with a class"


def test_csv_is_tidy_and_no_cell_is_a_formula(written: Path) -> None:
    rows = rows_of(written)
    assert len(rows) == 4 + 5 * 4
    assert {row["class"] for row in rows} == {"water", EVIL, "'" + FORMULA, "(no class)"}
    assert [row["polygon_name"] for row in rows[4::4]] == [EVIL, "'" + FORMULA, "'+1", "'@x", "away"]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert {row["measure"] for row in rows} == {"ellipsoid"}
    whole = [row for row in rows if row["zone"] == "map"]
    assert [row["pixels"] for row in whole] == ["3", "3", "1", "1"]
    assert sum(float(row["share"]) for row in whole[:3]) == pytest.approx(1.0)
    assert whole[3]["share"] == "" and float(whole[3]["area_m2"]) > 800


def test_json_holds_the_names_as_they_are(written: Path) -> None:
    content = json.loads((written / "a.json").read_text(encoding="utf-8"))
    assert content["report_version"] == 1
    assert list(content["class_areas"]) == ["water", EVIL, FORMULA]
    assert [one["name"] for one in content["polygons"]] == [EVIL, FORMULA, "+1", "@x", "away"]
    assert content["polygons"][4]["class_areas"]["water"]["count"] == 0
    assert content["provenance"]["parameters"]["measure"] == "ellipsoid"


def test_page_says_in_words_what_was_measured(written: Path) -> None:
    html = (written / "a.html").read_text(encoding="utf-8")
    measured = html[html.index("What was measured") :]
    assert "Parameters: measure" in measured and "GDAL" in measured
    assert "parameters." not in measured and ">gdal<" not in measured


def test_page_of_many_polygons_leaves_the_rest_to_the_table(tmp_path: Path) -> None:
    map_path = write_raster(tmp_path / "map.tif", LABELS, nodata=0)
    polygons = write_vector(tmp_path / "p.gpkg", [(rectangle(0, 0, 2, 2), n) for n in range(230)])
    outputs = {"report": str(tmp_path / "a.html"), "table": str(tmp_path / "a.csv")}
    measure_areas(AreasConfig(str(map_path), polygons=str(polygons), **outputs))
    html = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "The first 200 of 230 polygons; the table has all." in html
    assert "polygon 200<" in html and "polygon 201<" not in html
    assert len(rows_of(tmp_path)) == 4 + 230 * 4
