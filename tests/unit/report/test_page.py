# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from html.parser import HTMLParser

from special_qgis.engine.report import page

EVIL = '"><img src=x onerror=alert(1)>'


class _Outline(HTMLParser):
    """Tags of a page in order, and whether each that opens also closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_fit_for_phones() -> None:
    html = page.page("Title", "kicker", "lead", [page.section("One", page.paragraph("text")), ""], "foot")
    outline = _Outline()
    outline.feed(html)
    assert outline.open == []
    assert outline.tags.count("section") == 1
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert html.startswith("<!DOCTYPE html>")


def test_page_forbids_loading_anything() -> None:
    assert "default-src 'none'" in page.page("t", "k", "l", [], "f")


def test_building_blocks_escape_their_text() -> None:
    blocks = [
        page.section(EVIL, "x"),
        page.warning_list([EVIL]),
        page.paragraph(EVIL),
        page.tiles([(EVIL, EVIL, EVIL)]),
        page.picture(b"png", EVIL, EVIL),
        page.figure("x", EVIL),
        page.swatch(EVIL),
        page.meter(0.5, EVIL),
        page.colour_key([(EVIL, EVIL)]),
        page.key_values([(EVIL, EVIL)]),
        page.table([(EVIL, "")], [["x"]]),
        page.page(EVIL, EVIL, EVIL, [], EVIL),
    ]
    assert not [block for block in blocks if "<img src=x" in block]


def test_empty_content_gives_no_section() -> None:
    assert (
        page.section("Heading", "")
        == page.warning_list([])
        == page.key_values([])
        == page.picture(None, "a", "b")
        == ""
    )


def test_meter_of_share_out_of_range_stays_inside() -> None:
    assert "width:100.00%" in page.meter(1.7)
    assert "width:0.00%" in page.meter(-1.0)
