# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np

from special_qgis.engine.refine.changes import ChangeTally
from special_qgis.engine.report.learning_section import learning_section, running_mean
from special_qgis.engine.report.report import render_html
from special_qgis.engine.report.summary import LearningSummary
from tests.helpers.summaries import make_summary

LEARNING = LearningSummary(
    is_used=True,
    losses=tuple(np.linspace(1.5, 0.25, 40).tolist()),
    agreements=tuple(np.linspace(0.5, 0.9, 40).tolist()),
    final_agreement=0.93,
    confident_px=(100, 120),
    hard_px=(30, 20),
    changed_px=60,
    compared_px=600,
    transitions=((2, 1, 50), (1, 3, 10)),
    device="the processor",
    backend="numba",
)


def test_section_tells_what_changed_and_draws_the_training() -> None:
    html = learning_section(make_summary(learning=LEARNING))
    for text in ("changed the class of 10.0", "93.0", "roof", "gizmo", "numba", "the processor", "120", "0.25"):
        assert text in html
    assert html.count("<svg") == 2


def test_section_says_why_the_network_is_not_in_the_map() -> None:
    html = render_html(make_summary(learning=LearningSummary(False, "this Python has no torch")))
    assert "The network stage is not in it: this Python has no torch." in html


def test_section_is_empty_without_a_network_stage() -> None:
    assert learning_section(make_summary()) == ""
    assert "What the network changed" not in render_html(make_summary())


def test_running_mean_equals_a_plain_mean() -> None:
    values = np.random.default_rng(0).random(50).tolist()
    expected = [float(np.mean(values[max(0, i - 6) : i + 1])) for i in range(50)]
    np.testing.assert_allclose(running_mean(values, 7), expected)


def test_changes_are_counted_by_pair_and_most_frequent_first() -> None:
    tally = ChangeTally(3)
    tally.add(np.array([[1, 1, 2, 0, 3]], np.uint8), np.array([[1, 2, 2, 1, 0]], np.uint8))
    tally.add(np.array([[3, 3, 1]], np.uint8), np.array([[1, 1, 1]], np.uint8))
    assert (tally.compared_px, tally.changed_px) == (6, 3)
    assert tally.transitions() == ((3, 1, 2), (1, 2, 1))


def test_report_says_which_stages_made_the_map() -> None:
    html = render_html(make_summary(stages=("CLIP x", "spectral prior", "fusion", "MambaHSI network")))
    assert "Made by: CLIP x → spectral prior → fusion → MambaHSI network." in html
    old_map = render_html(make_summary(stages=("class raster old.tif", "MambaHSI network")))
    assert "from the scene and its class raster old.tif alone" in old_map
