# SPDX-License-Identifier: GPL-2.0-or-later
"""Section of the report on the image–text model: which one, its prompts, how it was applied to the scene."""

from __future__ import annotations

from typing import List, Tuple

from .formats import format_count
from .summary import ClipSummary, SourceSection

_DEMO_NOTE = (
    "This map was made with the demo model: a small network trained on painted scenes, which knows few words. It shows "
    "how the method works; for real work install a CLIP model."
)


def clip_section(clip: ClipSummary) -> SourceSection:
    """The section, as plain text.

    Args:
        clip: What the image–text model did in the run.
    """
    notes = (_DEMO_NOTE,) if clip.is_demo else ()
    return SourceSection("The image–text model", notes, clip.words, tuple(_pairs(clip)))


def _pairs(clip: ClipSummary) -> List[Tuple[str, str]]:
    scales = ", ".join(f"{factor:g}" for factor in clip.scales)
    pairs = [
        ("Model", clip.model),
        ("Architecture", clip.architecture),
        ("Licence", clip.licence),
        ("SHA-256", clip.sha256),
        ("Prompt templates", clip.templates),
        ("Feature upsampling", clip.upsampler),
        ("Blending of windows", clip.blending),
        ("Computed on", clip.computed_on),
        ("Precision", clip.precision),
        ("Scales of the image", f"{scales} ({clip.scales_chosen})"),
        ("Windows", " + ".join(format_count(n) for n in clip.n_windows)),
    ]
    return [(title, text) for title, text in pairs if text]
