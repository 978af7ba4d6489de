# SPDX-License-Identifier: GPL-2.0-or-later
"""The page that reports are written on, and its building blocks: one HTML file, no scripts, nothing from outside.

Every function escapes the text that it is given; arguments called ``…_html`` are markup already.
"""

from __future__ import annotations

import base64
from html import escape
from typing import Iterable, Optional, Sequence, Tuple

from ..files.resources import resource_path
from .charts import safe_colour

# The page may load nothing: even markup that slipped through could not call home.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, kicker: str, lead: str, sections_html: Iterable[str], footer: str) -> str:
    """A whole page.

    Args:
        title: Heading of the page, also the document's title.
        kicker: Small line above the heading.
        lead: One sentence below the heading that gives the result.
        sections_html: The page's sections; empty ones are left out.
        footer: Last line of the page.
    """
    style = resource_path("report.css").read_text(encoding="utf-8")
    body = "\n".join(html for html in sections_html if html)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="SPECIAL for QGIS">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<header>
<p class="kicker">{escape(kicker)}</p>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
</header>
{body}
<footer>{escape(footer)}</footer>
</main>
</body>
</html>
"""


def section(heading: str, body_html: str, kind: str = "") -> str:
    """A section with a heading; empty where its body is."""
    if not body_html:
        return ""
    attribute = f' class="{kind}"' if kind else ""
    return f"<section{attribute}>\n<h2>{escape(heading)}</h2>\n{body_html}\n</section>"


def warning_list(warnings: Sequence[str]) -> str:
    """Warnings as a section that stands out; empty where there are none."""
    items = "\n".join(f"<li>{escape(text)}</li>" for text in warnings)
    heading = "One thing to know before using this" if len(warnings) == 1 else "Things to know before using this"
    return section(heading, f"<ul>\n{items}\n</ul>" if items else "", "warnings")


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f"<p>{escape(text)}</p>"


def tiles(figures: Iterable[Tuple[str, str, str]]) -> str:
    """Key figures as tiles: label, value, and a small line below or ""."""
    cells = []
    for label, value, below in figures:
        small = f"<small>{escape(below)}</small>" if below else ""
        cells.append(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}{small}</dd></div>")
    return f'<dl class="tiles">\n{"".join(cells)}\n</dl>'


def picture(png: Optional[bytes], alternative: str, caption: str) -> str:
    """A picture held in the page itself; empty where there is none."""
    if not png:
        return ""
    data = base64.b64encode(png).decode("ascii")
    return figure(f'<img src="data:image/png;base64,{data}" alt="{escape(alternative, quote=True)}">', caption)


def figure(content_html: str, caption: str = "", caption_html: str = "") -> str:
    """A figure with a caption."""
    below = escape(caption) + caption_html
    return f"<figure>{content_html}{f'<figcaption>{below}</figcaption>' if below else ''}</figure>"


def swatch(colour: str) -> str:
    """A small field of a class's colour."""
    return f'<span class="swatch" style="background:{safe_colour(colour)}"></span>'


def colour_key(entries: Iterable[Tuple[str, str]]) -> str:
    """Colours and what they stand for, as a line below a chart: (label, colour)."""
    items = "".join(f"<li>{swatch(colour)}{escape(label)}</li>" for label, colour in entries)
    return f'<ul class="key">{items}</ul>'


def meter(share: float, colour: str = "") -> str:
    """A bar for a share of one."""
    fill = f";background:{safe_colour(colour)}" if colour else ""
    width = min(max(share, 0.0), 1.0)
    return f'<span class="meter"><i style="width:{100 * width:.2f}%{fill}"></i></span>'


def key_values(pairs: Iterable[Tuple[str, str]]) -> str:
    """Names and values in two columns; empty where there are none."""
    rows = "\n".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="keys">\n{rows}\n</dl>' if rows else ""


def table(head: Sequence[Tuple[str, str]], rows_html: Iterable[Sequence[str]]) -> str:
    """A table whose first column names its rows.

    Args:
        head: Title and CSS class ("", "num", "wide" or both) of each column.
        rows_html: Markup of each row's cells.
    """
    titles = "".join(f'<th scope="col"{_class(kind_)}>{escape(title)}</th>' for title, kind_ in head)
    lines = []
    for cells in rows_html:
        first, *others = (f"{_class(kind_)}>{cell}" for (_, kind_), cell in zip(head, cells))
        lines.append(f'<tr><th scope="row"{first}</th>' + "".join(f"<td{cell}</td>" for cell in others) + "</tr>")
    body = "\n".join(lines)
    return f'<div class="scroll"><table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
