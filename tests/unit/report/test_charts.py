# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.report import charts
from special_qgis.engine.report.charts import Bars, IntervalRow, Line, Part

EVIL = '"><script>alert(1)</script>'
WAVELENGTHS = (450.0, 460.0, 470.0, 480.0, 600.0, 610.0, 620.0)  # a gap of 120 nm


def _parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def _all(svg: str, tag: str, kind: str = "") -> list:
    return [e for e in _parse(svg).iter(tag) if not kind or e.get("class") == kind]


def test_stacked_bar_widths_are_the_shares() -> None:
    svg = charts.stacked_bar([Part("a", "#112233", 0.25), Part("b", "#445566", 0.75)], "shares")
    rects = _all(svg, "rect")
    assert [float(r.get("width")) for r in rects] == [charts.WIDTH * 0.25, charts.WIDTH * 0.75]
    assert float(rects[1].get("x")) == charts.WIDTH * 0.25


def test_histogram_bar_heights_are_proportional_to_counts_and_stacked() -> None:
    svg = charts.histogram((0, 0.5, 1.0), [Bars("a", "#112233", (10, 30)), Bars("b", "#445566", (10, 0))], "d", "x")
    first_a, first_b, second_a = _all(svg, "rect")
    assert float(second_a.get("height")) == pytest.approx(3 * float(first_a.get("height")), abs=0.05)
    assert float(first_b.get("y")) + float(first_b.get("height")) == pytest.approx(float(first_a.get("y")), abs=0.05)


def test_histogram_without_pixels_draws_no_bars() -> None:
    assert not _all(charts.histogram((0, 1), [Bars("a", "#112233", (0,))], "d", "x"), "rect")


def test_segments_break_at_wide_gap_and_at_nan() -> None:
    assert charts.segments(WAVELENGTHS, (1.0,) * 7) == [[0, 1, 2, 3], [4, 5, 6]]
    assert charts.segments(WAVELENGTHS, (1, 1, float("nan"), 1, 1, 1, 1)) == [[0, 1], [3], [4, 5, 6]]


def test_segments_of_even_spacing_are_one() -> None:
    assert charts.segments((1.0, 2.0, 3.5, 4.0), (0.0,) * 4) == [[0, 1, 2, 3]]


def test_line_chart_draws_one_path_per_unbroken_stretch_with_its_band() -> None:
    svg = charts.line_chart([Line("a", "#112233", WAVELENGTHS, (0.3,) * 7, (0.1,) * 7)], "d", "nm", "y")
    assert len(_all(svg, "path", "curve")) == 2
    assert len(_all(svg, "path", "band")) == 2


def test_line_chart_lonely_band_is_a_dot() -> None:
    x = (400.0, 410.0, 420.0, 430.0, 900.0)
    svg = charts.line_chart([Line("a", "#112233", x, (0.3,) * 5, (0.1,) * 5)], "d", "nm", "y")
    assert len(_all(svg, "circle")) == 1
    assert len(_all(svg, "path", "whisker")) == 1


def test_line_chart_higher_value_is_drawn_higher() -> None:
    svg = charts.line_chart([Line("a", "#112233", (1.0, 2.0), (0.1, 0.9))], "d", "x", "y")
    path = _all(svg, "path", "curve")[0].get("d")
    (x0, y0), (x1, y1) = (map(float, p.split()) for p in path[1:].split("L"))
    assert x0 < x1
    assert y1 < y0


@pytest.mark.parametrize(
    ("x", "y"),
    [((), ()), ((500.0,), (0.2,)), ((1.0, 2.0), (0.0, 0.0)), ((1.0, 2.0), (float("nan"),) * 2)],
    ids=["empty", "one band", "all zero", "all nan"],
)
def test_line_chart_degenerate_curves_still_give_a_chart(x: tuple, y: tuple) -> None:
    svg = charts.line_chart([Line("a", "#112233", x, y, tuple(0.0 for _ in y))], "d", "x", "y")
    assert "nan" not in svg.lower().replace("nanometre", "")
    assert _parse(svg).get("role") == "img"


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-6, 1e6), n=st.integers(1, 8))
def test_ticks_lie_in_range_evenly_and_not_too_many(low: float, span: float, n: int) -> None:
    found = charts.ticks(low, low + span, n)
    tolerance = 1e-6 * (abs(low) + span)
    assert all(low - tolerance <= t <= low + span + tolerance for t in found)
    assert len(found) <= n + 1
    steps = [b - a for a, b in zip(found, found[1:])]
    assert all(s == pytest.approx(steps[0], rel=1e-3, abs=tolerance) for s in steps)


def test_ticks_are_round_numbers() -> None:
    assert charts.ticks(383, 2496, 5) == [500, 1000, 1500, 2000]
    assert charts.ticks(0, 0.43, 5) == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_interval_chart_draws_only_what_is_known() -> None:
    rows = [IntervalRow("a", "#112233", 0.5, (0.4, 0.6)), IntervalRow("b", "#112233", None, None)]
    svg = charts.interval_chart(rows, "d", "x")
    assert len(_all(svg, "circle")) == 1
    assert len(_all(svg, "path", "interval")) == 1
    assert "b" in [e.text for e in _all(svg, "text", "label")]


@pytest.mark.parametrize(
    "svg",
    [
        charts.stacked_bar([Part(EVIL, EVIL, 0.5)], EVIL),
        charts.histogram((0, 1), [Bars(EVIL, EVIL, (3,))], EVIL, EVIL),
        charts.line_chart([Line(EVIL, EVIL, WAVELENGTHS, (0.2,) * 7, (0.1,) * 7)], EVIL, EVIL, EVIL),
        charts.interval_chart([IntervalRow(EVIL, EVIL, 0.5, (0.4, 0.6))], EVIL, "x"),
    ],
    ids=["bar", "histogram", "lines", "intervals"],
)
def test_charts_escape_labels_and_refuse_strange_colours(svg: str) -> None:
    _parse(svg)
    assert "<script" not in svg
    assert not re.search(r'(fill|stroke)="[^"]*script', svg)
