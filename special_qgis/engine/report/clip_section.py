# SPDX-License-Identifier: GPL-2.0-or-later
"""Section of the report on the image–text model: which one, the words it was asked for, how it looked at the scene."""

from __future__ import annotations

from html import escape
from typing import List, Tuple

from .formats import format_count, format_number
from .page import key_values, paragraph, swatch
from .summary import ClipSummary, RunSummary


def clip_section(summary: RunSummary) -> str:
    """Body of the section; empty where no model was used."""
    clip = summary.clip
    if clip is None:
        return ""
    demo = ""
    if clip.is_demo:
        demo = paragraph(
            "This map was made with the demo model: a small network trained on painted scenes, which knows few words. "
            "It shows how the method works; for real work install a CLIP model."
        )
    return demo + _words(summary, clip) + key_values(_pairs(clip) + _fusion_pairs(summary))


def _words(summary: RunSummary, clip: ClipSummary) -> str:
    rows = "".join(
        f'<li>{swatch(c.colour)}<b>{escape(c.name)}</b> <span class="reading">looked for as:</span> '
        f"{escape(', '.join(words))}</li>"
        for c, words in zip(summary.classes, clip.words)
    )
    return f'<ul class="names">{rows}</ul>'


def _pairs(clip: ClipSummary) -> List[Tuple[str, str]]:
    scales = ", ".join(f"{factor:g}" for factor in clip.scales)
    pairs = [
        ("Model", clip.model),
        ("Architecture", clip.architecture),
        ("Licence", clip.licence),
        ("SHA-256", clip.sha256),
        ("Prompt templates", clip.templates),
        ("From patches to pixels by", clip.upsampler),
        ("Blending of windows", clip.blending),
        ("Computed on", clip.computed_on),
        ("Precision", clip.precision),
        ("Scales of the image", f"{scales} ({clip.scales_chosen})"),
        ("Windows", " + ".join(format_count(n) for n in clip.n_windows)),
    ]
    return [(title, text) for title, text in pairs if text]


def _fusion_pairs(summary: RunSummary) -> List[Tuple[str, str]]:
    fusion = summary.provenance.get("estimates", {}).get("fusion")
    if not fusion:
        return []
    return [
        ("Weight beside the spectra", format_number(fusion["clip_weight"])),
        ("Temperature", format_number(fusion["temperature"])),
    ]
