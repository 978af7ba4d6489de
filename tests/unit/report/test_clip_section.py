# SPDX-License-Identifier: GPL-2.0-or-later
"""What the report tells of the image–text model, on its page and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from special_qgis.engine.report.clip_section import clip_section
from special_qgis.engine.report.formats import format_count
from special_qgis.engine.report.report import render_html, render_json
from special_qgis.engine.report.summary import ClipSummary, SourceReport
from tests.helpers.summaries import make_summary

CLIP = ClipSummary(
    words=(("tree", "forest"), ("roof",), ("gizmo & co",)),
    templates="both",
    scales=(1.0, 2.5),
    scales_chosen="by the size of a pixel",
    pixel_m=None,
    window_px=((96, 96), (96, 80)),
    n_windows=(1, 1234),
    blending="hann",
    upsampler="bilateral",
    tolerance=0.0,
    device="cpu",
    precision="bfloat16",
    batch=16,
    compiled=False,
    model="ViT-B-16",
    architecture="ViT of width 768",
    sha256="ab" * 32,
    licence="MIT",
    is_demo=False,
    upsampler_file="",
    computed_on="the processor",
)
KEYS = (  # public, in the order of the file
    "words templates scales scales_chosen pixel_m window_px n_windows blending upsampler tolerance device precision "
    "batch compiled model architecture sha256 licence is_demo upsampler_file computed_on"
)


def source(clip: ClipSummary) -> SourceReport:
    return SourceReport("clip", "CLIP", section=clip_section(clip), facts=clip)


def test_json_has_every_fact_under_its_public_key_in_order() -> None:
    found = json.loads(render_json(make_summary(sources=(source(CLIP),))))["clip"]
    assert list(found) == KEYS.split()
    assert found["words"] == [["tree", "forest"], ["roof"], ["gizmo & co"]]
    assert found["window_px"] == [[96, 96], [96, 80]]
    assert (found["scales"], found["n_windows"], found["pixel_m"]) == ([1.0, 2.5], [1, 1234], None)


def test_json_of_the_summary_is_that_of_the_report() -> None:
    assert json.loads(render_json(make_summary(sources=(source(CLIP),))))["clip"] == CLIP.to_json()


def test_json_without_a_model_holds_an_empty_object() -> None:
    content = json.loads(render_json(make_summary()))
    assert content["clip"] == {}
    assert content["learning"] is None


def test_page_tells_model_words_and_windows() -> None:
    html = render_html(make_summary(sources=(source(CLIP),)))
    assert "looked for as:</span> tree, forest</li>" in html
    assert "gizmo &amp; co" in html
    assert "1, 2.5 (by the size of a pixel)" in html
    assert f"1 + {format_count(1234)}" in html
    assert "demo model" not in html


def test_page_leaves_out_what_is_not_known() -> None:
    html = render_html(make_summary(sources=(source(replace(CLIP, model="", licence="")),)))
    assert "Prompt templates" in html
    assert "Licence" not in html


def test_page_warns_of_the_demo_model() -> None:
    assert "made with the demo model" in render_html(make_summary(sources=(source(replace(CLIP, is_demo=True)),)))


def test_page_without_a_model_has_no_section_on_it() -> None:
    assert "The image–text model" not in render_html(make_summary())
