# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv
import io
import json
import re
from html import unescape

import numpy as np

from special_qgis.engine.accuracy.confusion import Confusion
from special_qgis.engine.accuracy.report import render_csv, render_html, render_json
from tests.unit.accuracy.test_assessment import NAMES, make_assessment

EVIL = "<script>alert(1)</script>"


def _text(html: str) -> str:
    body = html.partition("<body>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def _rows(text: str) -> list:
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))


def test_html_shows_figures_matrix_and_caveat() -> None:
    text = _text(render_html(make_assessment()))
    for expected in (
        "91.7 % of 640 reference pixels in 4 classes have the right class (95% interval",
        "Average accuracy",
        "deforestation 66 95.7 % 0 5 2.9 % 4 1.2 % 75",
        "reference pixels 69 56 175 340 640",
        "drawn at random",
        "doi:10.1016/j.rse.2014.02.015",
        "Reference on the map's grid field class",
    ):
        assert expected in text
    assert re.search(r"Mapped \(km²\).* deforestation 180\.0 211\.6 ± 61\.6", text)


def test_html_unclassified_pixels_have_a_row_of_their_own() -> None:
    confusion = Confusion(("a", "b"), np.array([[5, 1], [0, 4]]), np.array([2, 3]))
    text = _text(
        render_html(make_assessment(confusion=confusion, mapped_px=np.array([9, 9]), colours=("#000000",) * 2))
    )
    assert "no class 2 28.6 % 3 37.5 % 5" in text
    assert "no class" not in _text(render_html(make_assessment()))


def test_html_of_many_classes_leaves_the_matrix_to_the_table() -> None:
    k = 40
    confusion = Confusion(tuple(f"c{i}" for i in range(k)), np.eye(k, dtype=np.int64), np.zeros(k, np.int64))
    html = render_html(make_assessment(confusion=confusion, mapped_px=np.ones(k, np.int64), colours=("#123456",) * k))
    assert "the matrix is too large for a page" in _text(html)
    assert '<table class="heat">' not in html


def test_html_escapes_names_paths_and_warnings() -> None:
    confusion = Confusion((EVIL,), np.array([[3]]), np.array([0]))
    html = render_html(
        make_assessment(
            map=EVIL,
            reference=EVIL,
            how=EVIL,
            confusion=confusion,
            mapped_px=np.array([3]),
            colours=(EVIL,),
            warnings=(EVIL,),
            provenance={EVIL: EVIL},
        )
    )
    assert "<script" not in html
    assert not re.search(r"<(script|link|iframe)\b", html)


def test_csv_is_tidy_and_begins_with_a_byte_order_mark() -> None:
    text = render_csv(make_assessment())
    assert text.startswith("\ufefffigure,class,reference_class,value,lower,upper,unit\r\n")
    rows = _rows(text)
    overall = next(r for r in rows if r["figure"] == "overall_accuracy")
    assert float(overall["lower"]) < float(overall["value"]) == 587 / 640 < float(overall["upper"])
    cells = {(r["class"], r["reference_class"]): int(r["value"]) for r in rows if r["figure"] == "confusion"}
    assert cells["stable forest", "deforestation"] == 1
    assert cells["(unclassified)", "deforestation"] == 0
    assert sum(cells.values()) == 640
    assert {r["class"] for r in rows if r["figure"] == "iou"} == set(NAMES)
    area = next(r for r in rows if r["figure"] == "area_adjusted_area" and r["class"] == "deforestation")
    assert 0 < float(area["lower"]) < float(area["value"]) < float(area["upper"])


def test_csv_quotes_names_and_leaves_unknown_figures_empty() -> None:
    names = ('sea, lake "big"', "Wiese\nnass")
    confusion = Confusion(names, np.array([[3, 0], [0, 0]]), np.array([0, 0]))
    rows = _rows(render_csv(make_assessment(confusion=confusion, mapped_px=np.array([3, 1]), colours=("#000000",) * 2)))
    assert {r["class"] for r in rows if r["figure"] == "f1"} == set(names)
    assert [r["value"] for r in rows if r["figure"] == "recall"] == ["1.0", ""]
    assert not [r for r in rows if None in r or None in r.values()]


def test_json_holds_matrix_and_figures() -> None:
    content = json.loads(render_json(make_assessment()))
    assert content["confusion"]["counts"][2] == [1, 0, 153, 11]
    assert content["confusion"]["classes"] == list(NAMES)
    assert content["per_class"]["deforestation"]["n_reference"] == 69
    assert content["report_version"] == 1
