# SPDX-License-Identifier: GPL-2.0-or-later
"""Which words of a class name a small checkpoint never learnt."""

from __future__ import annotations

import pytest

from special_qgis.engine.clip.words import unknown_words, words_in

KNOWN = ("bare", "soil", "built", "up", "water")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Built-up", ("built", "up")),
        ("bare_soil, WATER!", ("bare", "soil", "water")),
        ("", ()),
        ("bird's eye", ("bird's", "eye")),
    ],
    ids=["hyphen", "punctuation", "empty", "apostrophe"],
)
def test_words_in_text_parts_at_anything_but_letters(text: str, expected: tuple) -> None:
    assert words_in(text) == expected


def test_unknown_words_known_name_gives_none() -> None:
    assert unknown_words("Bare soil", KNOWN) == ()


def test_unknown_words_some_unknown_names_each_once_in_order() -> None:
    assert unknown_words("zeppelin water Agave zeppelin", KNOWN) == ("zeppelin", "agave")


def test_unknown_words_part_of_a_known_word_is_unknown() -> None:
    assert unknown_words("wat soils", KNOWN) == ("wat", "soils")
