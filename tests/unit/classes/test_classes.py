# SPDX-License-Identifier: GPL-2.0-or-later
"""Class lists: checked, numbered, coloured, and written back."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.classes.classes import MAX_CLASSES, MAX_NAME_CHARS, LandCoverClass, load_presets, parse_classes
from special_qgis.engine.classes.text import ClassEntry, comparison_key, format_entry
from special_qgis.engine.errors import ClassListError

NAMES = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Cn")) | st.sampled_from(';:,#"\\；：，＃'),
    min_size=1,
    max_size=MAX_NAME_CHARS,
).filter(comparison_key)
COLOURS = st.text(string.digits + "abcdef", min_size=6, max_size=6).map("#{}".format)


def format_classes(classes: Sequence[LandCoverClass], separator: str = "\n") -> str:
    return separator.join(format_entry(ClassEntry(c.name, c.aliases, c.colour)) for c in classes)


@st.composite
def class_lists(draw: st.DrawFn) -> list[LandCoverClass]:
    """Valid classes with any names, aliases and colours, all different."""
    words = draw(st.lists(NAMES, min_size=2, max_size=12, unique_by=comparison_key))
    n_classes = draw(st.integers(2, len(words)))
    colours = draw(st.lists(COLOURS, min_size=n_classes, max_size=n_classes, unique=True))
    plain = [" ".join(word.split()) for word in words]
    aliases = plain[n_classes:]
    return [LandCoverClass(i + 1, plain[i], tuple(aliases[i::n_classes]), colour) for i, colour in enumerate(colours)]


@given(class_lists(), st.sampled_from(["\n", "; ", ";", "\\n"]))
def test_format_classes_any_classes_are_read_back_the_same(classes: list[LandCoverClass], separator: str) -> None:
    assert list(parse_classes(format_classes(classes, separator))) == classes


@given(st.text() | st.text('wt;:,#"\\n\n \tf0.csvtxjo') | st.text().map("{}.json".format))
def test_parse_classes_any_text_gives_numbered_classes_or_class_list_error(text: str) -> None:
    try:
        classes = parse_classes(text)
    except ClassListError:
        return
    assert [c.id for c in classes] == list(range(1, len(classes) + 1))
    assert len({c.colour for c in classes}) == len(classes) >= 2
    assert parse_classes(format_classes(classes)) == classes


def test_parse_classes_example_of_the_manual_is_understood() -> None:
    water, trees = parse_classes("water: river, lake, pond #1f78b4; trees")
    assert water == LandCoverClass(1, "water", ("river", "lake", "pond"), "#1f78b4")
    assert water.queries == ("water", "river", "lake", "pond")
    assert water.rgb == (0x1F, 0x78, 0xB4)
    assert (trees.id, trees.queries) == (2, ("trees",))


def test_parse_classes_path_of_a_file_reads_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my clässes.TXT"
    file.write_text("water\ntrees: forest\n", encoding="utf-8")
    assert [c.queries for c in parse_classes(f" {file}\n")] == [("water",), ("trees", "forest")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", 'class list "" has no class; from 2 to 255', id="nothing"),
        pytest.param(" ;\n; ", "has no class", id="blank"),
        pytest.param("water", 'has only one class, "water"; from 2 to 255', id="one"),
        pytest.param("/no/such/classes.txt", "does not exist", id="missing-file"),
        pytest.param("water; trees; Water", r'"Water" stands for class 1, "water", and for class 3', id="same-name"),
        pytest.param("water; trees: bare  soil; Bare Soil", "stands for class 2.*and for class 3", id="alias-is-name"),
        pytest.param("water: pond; trees: pond", 'word "pond" stands for class 1', id="alias-of-two"),
        pytest.param("water #00f; trees #0000ff", 'colour #0000ff is given to class 1, "water"', id="same-colour"),
        pytest.param("\n".join(f"c{i}" for i in range(256)), "has 256 classes; from 2 to 255", id="too-many"),
    ],
)
def test_parse_classes_unusable_list_is_refused_with_reason(text: str, message: str) -> None:
    with pytest.raises(ClassListError, match=message):
        parse_classes(text)


def test_parse_classes_refusal_tells_what_to_do_next() -> None:
    with pytest.raises(ClassListError) as caught:
        parse_classes("water")
    assert "Separate classes with ;" in caught.value.hint


def test_parse_classes_255_classes_get_255_colours() -> None:
    classes = parse_classes("\n".join(f"class {i}" for i in range(MAX_CLASSES)))
    assert len({c.colour for c in classes}) == MAX_CLASSES
    assert classes[-1].id == MAX_CLASSES


def test_load_presets_each_is_a_valid_list_under_a_unique_name() -> None:
    presets = load_presets()
    assert "General land cover" in presets
    for text in presets.values():
        assert len(parse_classes(text)) >= 5
