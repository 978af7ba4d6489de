# SPDX-License-Identifier: GPL-2.0-or-later
"""The grammar of typed classes."""

from __future__ import annotations

import pytest

from special_qgis.engine.classes.text import MAX_NAME_CHARS, ClassEntry, comparison_key, format_entry, parse_entries
from special_qgis.engine.errors import ClassListError

LONGEST = "x" * MAX_NAME_CHARS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("water\ntrees", [("water",), ("trees",)], id="line-breaks"),
        pytest.param("water;trees", [("water",), ("trees",)], id="semicolons"),
        pytest.param("water\r\ntrees\rgrass", [("water",), ("trees",), ("grass",)], id="foreign-line-breaks"),
        pytest.param("water\\ntrees", [("water",), ("trees",)], id="typed-backslash-n"),
        pytest.param("\n;; water ;\n\n trees;", [("water",), ("trees",)], id="blank-entries"),
        pytest.param("water: river, lake", [("water", "river", "lake")], id="aliases"),
        pytest.param("water : river,, lake ,", [("water", "river", "lake")], id="loose-commas"),
        pytest.param("water:", [("water",)], id="colon-without-words"),
        pytest.param("water: Water, WATER, lake, Lake", [("water", "lake")], id="repeated-words"),
        pytest.param("水：河，湖；木", [("水", "河", "湖"), ("木",)], id="full-width-signs"),
        pytest.param("ماء: نهر، بحيرة؛ شجر", [("ماء", "نهر", "بحيرة"), ("شجر",)], id="arabic-signs"),
        pytest.param("  bare \t soil\u00a0dry ", [("bare soil dry",)], id="white-space"),
        pytest.param('"a; b": "c, d", "e: f"', [("a; b", "c, d", "e: f")], id="quotes"),
        pytest.param('"C# field"', [("C# field",)], id="quoted-hash"),
        pytest.param('"5"" pipe"; 6" pipe', [('5" pipe',), ('6" pipe',)], id="double-quote-in-a-name"),
        pytest.param("farmer's field", [("farmer's field",)], id="apostrophe"),
        pytest.param('"a\\nb"', [("a\\nb",)], id="quoted-backslash"),
        pytest.param("\ufeffwater; trees", [("water",), ("trees",)], id="byte-order-mark"),
        pytest.param(LONGEST, [(LONGEST,)], id="longest-name"),
        pytest.param("forêt 🌲; bâti", [("forêt 🌲",), ("bâti",)], id="unicode"),
    ],
)
def test_parse_entries_accepted_text_gives_names_and_words(text: str, expected: list[tuple[str, ...]]) -> None:
    assert [(entry.name, *entry.aliases) for entry in parse_entries(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("pond #1f78b4", "#1f78b4", id="six-digits"),
        pytest.param("pond #ABCDEF", "#abcdef", id="capitals"),
        pytest.param("pond: lake #18f", "#1188ff", id="three-digits-after-words"),
        pytest.param("pond#18f", "#1188ff", id="without-space"),
        pytest.param('"pond" #18f ', "#1188ff", id="after-quotes"),
        pytest.param("pond ＃18f", "#1188ff", id="full-width-hash"),
        pytest.param("pond #18f\\ntrees", "#1188ff", id="before-typed-backslash-n"),
        pytest.param("pond", None, id="none"),
    ],
)
def test_parse_entries_colour_at_the_end_is_normalised(text: str, expected: str | None) -> None:
    assert parse_entries(text)[0].colour == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("water; : river", "Class 2 has no name", id="empty-name"),
        pytest.param('water; ""', "Class 2 has no name", id="empty-quotes"),
        pytest.param("water; #ff0000", "Class 2 has no name", id="colour-alone"),
        pytest.param("water; \u200b\u200d", "Class 2 has no name", id="invisible-name"),
        pytest.param("water, trees, grass", r"Class 1.*\"water\".*has a comma", id="comma-between-classes"),
        pytest.param("water: river: lake", "has a second colon", id="second-colon"),
        pytest.param('"water" body', "text after a closing quote", id="text-after-quote"),
        pytest.param('"water; trees', "is not closed on its line", id="open-quote"),
        pytest.param('"wa\nter"', "is not closed on its line", id="line-break-in-quotes"),
        pytest.param("pond #12", r"colour \"#12\" of class \"pond\" cannot be read; #rgb and #rrggbb", id="two-digits"),
        pytest.param("pond #gggggg", "colour .* cannot be read", id="no-hex-digits"),
        pytest.param("pond #1f78b4 deep", "colour .* cannot be read", id="colour-in-the-middle"),
        pytest.param("plot #3", "colour .* cannot be read", id="number-sign"),
        pytest.param("# a comment", "Class 1 has no name", id="comment"),
        pytest.param(LONGEST + "x", f"has {MAX_NAME_CHARS + 1} characters; at most {MAX_NAME_CHARS}", id="long-name"),
        pytest.param(f"water: {LONGEST}x", "characters; at most", id="long-word"),
        pytest.param("wa\x00ter", "character U\\+0000, which cannot be shown", id="null"),
        pytest.param("wa\x1b[31mter", "character U\\+001B", id="escape"),
        pytest.param("wa\udc80ter", "character U\\+DC80", id="undecodable-byte"),
        pytest.param("wa\uffffter", "character U\\+FFFF", id="noncharacter"),
    ],
)
def test_parse_entries_malformed_text_is_refused_with_reason(text: str, message: str) -> None:
    with pytest.raises(ClassListError, match=message):
        parse_entries(text)


def test_parse_entries_bad_name_message_shows_no_control_character() -> None:
    with pytest.raises(ClassListError) as caught:
        parse_entries("wa\x1b[31mter")
    assert "\x1b" not in str(caught.value)
    assert "\\x1b" in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Water", "wATER", id="case"),
        pytest.param("bare  soil", " bare soil ", id="spaces"),
        pytest.param("Straße", "STRASSE", id="sharp-s"),
        pytest.param("fore\u0302t", "forêt", id="composed"),
        pytest.param("ｗater", "water", id="full-width"),
        pytest.param("wa\u200bter", "water", id="invisible"),
    ],
)
def test_comparison_key_names_that_look_alike_are_equal(one: str, other: str) -> None:
    assert comparison_key(one) == comparison_key(other)


def test_comparison_key_different_names_differ() -> None:
    assert comparison_key("bare soil") != comparison_key("baresoil")


def test_format_entry_plain_names_need_no_quotes() -> None:
    assert format_entry(ClassEntry("water", ("river", "lake"), "#1f78b4")) == "water: river, lake #1f78b4"


def test_format_entry_special_signs_are_quoted() -> None:
    assert format_entry(ClassEntry('a"; b', ("c, d",), None)) == '"a""; b": "c, d"'
