# SPDX-License-Identifier: GPL-2.0-or-later
"""Section of the report on the network stage: what it changed, and how the training went, as a diagnostic."""

from __future__ import annotations

from html import escape
from typing import List, Sequence, Tuple

from .charts import Line, line_chart
from .formats import format_count, format_number, format_share
from .page import colour_key, figure, key_values, meter, paragraph, swatch, table
from .summary import LearningSummary, RunSummary

_LOSS, _AGREEMENT, _SMOOTH = "#8a4b08", "#0b6e63", "#c7a97f"
_SMOOTHED_STEPS = 20  # one epoch of the default options


def learning_section(summary: RunSummary) -> str:
    """Body of the section; empty where the network stage was not wanted."""
    learning = summary.learning
    if learning is None:
        return ""
    if not learning.is_used:
        reason = learning.reason.rstrip(".")
        return paragraph(f"The map is the first stage's. The network stage is not in it: {reason}.")
    return _lead(learning) + _transitions(summary, learning) + _charts(learning) + key_values(_pairs(learning))


def _lead(learning: LearningSummary) -> str:
    changed = format_share(learning.changed_share or 0.0)
    text = (
        f"A network learnt the scene's full spectra from the first stage's noisy labels and mapped it again. It "
        f"changed the class of {changed} of the pixels."
    )
    if learning.final_agreement is not None:
        text += (
            f" It keeps {format_share(learning.final_agreement)} of the first stage's labels, each weighted by its "
            "confidence (training agreement). A low figure means that the names fit the scene badly."
        )
    return paragraph(text)


def _transitions(summary: RunSummary, learning: LearningSummary) -> str:
    if not learning.transitions:
        return ""
    colours = {c.id: c.colour for c in summary.classes}
    rows = [
        [
            f"{swatch(colours.get(before, ''))}{escape(summary.class_name(before))}",
            f"{swatch(colours.get(after, ''))}{escape(summary.class_name(after))}",
            format_count(n_px),
            f"{format_share(n_px / max(1, learning.compared_px))}{meter(n_px / max(1, learning.changed_px))}",
        ]
        for before, after, n_px in learning.transitions
    ]
    return table([("First stage", ""), ("Map", ""), ("Pixels", "num"), ("Of all pixels", "")], rows)


def _charts(learning: LearningSummary) -> str:
    if len(learning.losses) < 2:
        return ""
    steps = tuple(float(step + 1) for step in range(len(learning.losses)))
    figures = [
        _chart(steps, learning.losses, _LOSS, "loss", "Training loss by step"),
        _chart(steps, learning.agreements, _AGREEMENT, "agreement", "Training agreement with the first stage by step"),
    ]
    return f'<div class="pair tight">{"".join(figures)}</div>'


def _chart(steps: Tuple[float, ...], values: Tuple[float, ...], colour: str, what: str, title: str) -> str:
    lines = [
        Line("each step", _SMOOTH, steps, values),
        Line(f"mean of {_SMOOTHED_STEPS} steps", colour, steps, running_mean(values, _SMOOTHED_STEPS)),
    ]
    chart = line_chart(lines, title, "training step", what)
    return figure(chart, caption_html=title + colour_key((line.label, line.colour) for line in lines))


def running_mean(values: Sequence[float], length: int) -> Tuple[float, ...]:
    """Mean of each value and those before it, at most ``length`` of them."""
    means: List[float] = []
    total = 0.0
    for i, value in enumerate(values):
        total += value - (values[i - length] if i >= length else 0.0)
        means.append(total / min(i + 1, length))
    return tuple(means)


def _pairs(learning: LearningSummary) -> List[Tuple[str, str]]:
    pairs = [
        ("Training steps", format_count(len(learning.losses))),
        ("Loss, first and last", " → ".join(format_number(loss) for loss in (learning.losses[0], learning.losses[-1]))),
        ("Computed on", learning.device),
        ("Mamba layers by", learning.backend),
    ]
    if learning.confident_px:
        pairs.append(("Confident pixels, last epoch", format_count(learning.confident_px[-1])))
        pairs.append(("Hard pixels, last epoch", format_count(learning.hard_px[-1])))
    return pairs
