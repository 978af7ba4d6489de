# SPDX-License-Identifier: GPL-2.0-or-later
"""Section of the report on the image–text model: which one, the words it was asked for, how it looked at the scene."""

from __future__ import annotations

from html import escape
from typing import Any, List, Mapping, Tuple

from .formats import format_count, format_number
from .page import key_values, paragraph, swatch
from .summary import RunSummary


def clip_section(summary: RunSummary) -> str:
    """Body of the section; empty where no model was used."""
    facts = summary.clip
    if not facts:
        return ""
    demo = ""
    if facts.get("is_demo"):
        demo = paragraph(
            "This map was made with the demo model: a small network trained on painted scenes, which knows few words. "
            "It shows how the method works; for real work install a CLIP model."
        )
    return demo + _words(summary, facts) + key_values(_pairs(facts) + _fusion_pairs(summary))


def _words(summary: RunSummary, facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<li>{swatch(c.colour)}<b>{escape(c.name)}</b> <span class="reading">looked for as:</span> '
        f"{escape(', '.join(words))}</li>"
        for c, words in zip(summary.classes, facts.get("words", ()))
    )
    return f'<ul class="names">{rows}</ul>'


def _pairs(facts: Mapping[str, Any]) -> List[Tuple[str, str]]:
    names = {
        "model": "Model",
        "architecture": "Architecture",
        "licence": "Licence",
        "sha256": "SHA-256",
        "templates": "Prompt templates",
        "upsampler": "From patches to pixels by",
        "blending": "Blending of windows",
        "computed_on": "Computed on",
        "precision": "Precision",
    }
    pairs = [(title, str(facts[key])) for key, title in names.items() if facts.get(key)]
    scales = ", ".join(f"{factor:g}" for factor in facts.get("scales", ()))
    pairs.append(("Scales of the image", f"{scales} ({facts.get('scales_chosen', '')})"))
    pairs.append(("Windows", " + ".join(format_count(n) for n in facts.get("n_windows", ()))))
    return pairs


def _fusion_pairs(summary: RunSummary) -> List[Tuple[str, str]]:
    fusion = summary.provenance.get("estimates", {}).get("fusion")
    if not fusion:
        return []
    return [
        ("Weight beside the spectra", format_number(fusion["clip_weight"])),
        ("Temperature", format_number(fusion["temperature"])),
    ]
