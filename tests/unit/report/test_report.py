# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import dataclasses
import json
import re
from html import unescape

import pytest

from special_qgis.engine.report.report import render_html, render_json
from special_qgis.engine.report.summary import ClassSummary, MeanSpectrum, RunSummary
from tests.helpers.summaries import make_summary

EVIL = "<script>alert(1)</script>"


def _text(html: str) -> str:
    """What a reader sees, spaces made plain."""
    body = html.partition("<body>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def test_html_says_what_was_found() -> None:
    text = _text(render_html(make_summary()))
    for expected in (
        "3 of 3 classes mapped over 6.00 ha. Largest: tree, 50.0 %. Mean confidence 0.55.",
        "“gizmo” is a word that nobody knows.",
        "also: forest",
        "read as: tile, slate",
        "not understood",
        "Spectra cannot tell “roof” and “gizmo” apart",
        "0.0 % of the classified pixels lie below 0.1",
        "mean ± one standard deviation, 42 pixels",
        "Mapping 3.5 s 70.0 %",
        "scene.source /data/scene.tif",
        "Version 1.2.3",
        "Estimates: sigma 0.25",
    ):
        assert expected in text


def test_html_shows_classes_with_area_share_and_confidence() -> None:
    text = _text(render_html(make_summary()))
    assert "Area (ha)" in text
    assert re.search(r"tree also: forest 50\.0 % 3\.00 300 0\.70", text)
    assert re.search(r"gizmo 16\.7 % 1\.00 100 –", text)


def test_html_without_ground_units_shows_pixels() -> None:
    classes = tuple(dataclasses.replace(c, area_m2=None) for c in make_summary().classes)
    text = _text(render_html(make_summary(pixel_area_m2=None, pixel_size=None, classes=classes)))
    assert "3 of 3 classes mapped over 600 pixels." in text
    assert "Area (" not in text
    assert "no ground units in the scene" in text


def test_html_needs_nothing_from_outside() -> None:
    html = render_html(make_summary())
    assert not re.search(r"<(script|link|iframe|object|embed|base)\b", html)
    assert not re.search(r"""(src|href|url\()\s*=?\s*["']?(?!data:)(https?:|//|file:)""", html)
    assert html.count('src="data:image/png;base64,') == 2
    assert len(re.findall(r'<img [^>]*alt="[^"]+"', html)) == 2
    assert all('role="img" aria-label="' in svg for svg in re.findall(r"<svg [^>]*>", html))


def test_html_escapes_everything_that_users_type() -> None:
    classes = (ClassSummary(1, EVIL, EVIL, 10, 1.0, None, 0.5, (EVIL,), True, EVIL),)
    summary = make_summary(
        title=EVIL,
        classes=classes,
        warnings=(EVIL,),
        quantity=EVIL,
        pixel_units=EVIL,
        status=EVIL,
        scene={EVIL: EVIL},
        parameters={EVIL: [EVIL]},
        provenance={EVIL: {EVIL: EVIL}},
        timing_s={EVIL: 1.0},
        inseparable=((1,),),
    )
    html = render_html(summary)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 10


def test_html_of_bare_summary_leaves_empty_sections_out() -> None:
    text = _text(render_html(RunSummary(title="T", classes=())))
    assert "No pixel was classified." in text
    for heading in ("Mean spectra", "Where the time went", "Parameters", "Scene and map"):
        assert heading not in text


def test_html_of_many_classes_draws_the_largest_spectra_only() -> None:
    classes = tuple(ClassSummary(i, f"c{i}", "#123456", i, 0.01, None, 0.5) for i in range(1, 61))
    spectra = tuple(MeanSpectrum(i, (500.0, 510.0), (0.1, 0.2), (0.0, 0.0), i) for i in range(1, 61))
    html = render_html(make_summary(classes=classes, spectra=spectra, class_confidence={}))
    assert html.count("mean ± one standard deviation") == 24
    assert "c60</span>" not in html
    assert "c60: mean ±" in _text(html).replace("  ", " ")
    assert "c3: mean ±" not in _text(html)


def test_html_long_values_are_cut_but_whole_in_json() -> None:
    summary = make_summary(parameters={"wavelengths": "450 " * 500})
    assert "450 " * 200 not in render_html(summary)
    assert "450 " * 500 in render_json(summary)


def test_json_holds_the_summary_with_stable_keys_and_null_for_nan() -> None:
    content = json.loads(render_json(make_summary()), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert sorted(content) == sorted(
        [f.name for f in dataclasses.fields(RunSummary) if not f.name.endswith("_png") and f.name != "sources"]
        + ["report_version", "classified_area_m2", "clip"]
    )
    assert content["classes"][0]["name"] == "tree"
    assert content["classes"][2]["mean_confidence"] is None
    assert content["class_confidence"]["1"]["counts"] == [0, 0, 100, 200]
    assert content["spectra"][0]["wavelengths_nm"][4] == 600.0
    assert content["classified_area_m2"] == 60000.0
    assert content["report_version"] == 1


def test_json_keeps_unicode_readable() -> None:
    assert "Wälder 森" in render_json(make_summary(title="Wälder 森"))
