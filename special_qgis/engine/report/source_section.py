# SPDX-License-Identifier: GPL-2.0-or-later
"""Section of the report on one source of evidence: what it was, the words it looked for, how it looked at the scene."""

from __future__ import annotations

from html import escape

from .page import key_values, paragraph, swatch
from .summary import RunSummary, SourceSection


def source_section(summary: RunSummary, section: SourceSection) -> str:
    """Body of the section as HTML.

    Args:
        summary: Summary of the run; the names and colours of its classes are used.
        section: Section of the source, as plain text.
    """
    notes = "".join(paragraph(note) for note in section.notes)
    return notes + _words(summary, section) + key_values(section.pairs)


def _words(summary: RunSummary, section: SourceSection) -> str:
    if not section.words:
        return ""
    rows = "".join(
        f'<li>{swatch(c.colour)}<b>{escape(c.name)}</b> <span class="reading">looked for as:</span> '
        f"{escape(', '.join(words))}</li>"
        for c, words in zip(summary.classes, section.words)
    )
    return f'<ul class="names">{rows}</ul>'
