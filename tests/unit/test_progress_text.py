# SPDX-License-Identifier: GPL-2.0-or-later
"""What a log shows of a job's progress."""

from __future__ import annotations

from typing import List

import pytest

from special_qgis.engine.progress_text import ProgressText, stage_of, time_in_words


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("message", "stage"),
    [
        ("Network: learning, step 12 of 400: loss 0.312, agreement with stage 1 0.9", "Network: learning"),
        ("Spectral prior: scene statistics", "Spectral prior: scene statistics"),
        ("Rendering", "Rendering"),
        ("Loading the model ViT-B", "Loading the model ViT-B"),
        ("12 of 400", "12 of 400"),
    ],
)
def test_stage_of_a_message_is_what_does_not_count(message: str, stage: str) -> None:
    assert stage_of(message) == stage


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "5 s"), (22.0, "20 s"), (58.0, "1 min"), (150.0, "2 min"), (3600.0, "1 h 0 min"), (4800.0, "1 h 20 min")],
)
def test_time_in_words_is_rough(seconds: float, words: str) -> None:
    assert time_in_words(seconds) == words


def run_job(n_steps: int, step_s: float) -> List[str]:
    clock = Clock()
    texts = ProgressText(clock)
    shown = []
    for step in range(n_steps):
        clock.now_s += step_s
        shown.append(texts.text((step + 1) / n_steps, f"Network: learning, step {step + 1} of {n_steps}"))
    return [text for text in shown if text]


def test_four_hundred_steps_of_a_minute_make_a_handful_of_lines() -> None:
    shown = run_job(400, 0.15)
    assert 3 <= len(shown) <= 6
    assert shown[0] == "Network: learning, 0 %"


def test_time_left_is_told_after_some_seconds_and_is_right_for_an_even_pace() -> None:
    shown = run_job(400, 0.3)
    assert "left" not in shown[0]
    assert shown[1] == "Network: learning, 13 %, about 2 min left"
    assert shown[-1].endswith("about 15 s left")


def test_stages_that_follow_each_other_at_once_are_not_told_each() -> None:
    clock = Clock()
    texts = ProgressText(clock)
    told = []
    for number, name in enumerate(["Opening", "Sampling", "Fitting", "Mapping"]):
        clock.now_s += 0.1
        told.append(texts.text(number / 10, name))
    clock.now_s += 3.0
    told.append(texts.text(0.5))
    assert told == ["Opening, 0 %", "", "", "", "Mapping, 50 %"]


def test_time_left_follows_the_pace_of_the_latest_stage() -> None:
    clock = Clock()
    texts = ProgressText(clock)
    texts.text(0.5, "Fast")
    for step in range(100):
        clock.now_s += 1.0
        texts.text(0.5 + step * 0.001, "Slow")
    assert texts.left_s(0.599) == pytest.approx(401.0, rel=0.05)
