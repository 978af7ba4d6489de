# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers of tags and lists: brackets, units, blanks, decimal commas, flags in words, and junk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.errors import SpectraError
from special_qgis.engine.scene.number_lists import describe_count, parse_flags, parse_number, parse_number_list

JUNK = st.text(st.sampled_from("0123456789.,;:-+eE{}[]()\"' \t\nnmµumnanif\u0660\ud800"), max_size=40) | st.text(
    max_size=40
)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("450.5", 450.5, ""),
        (" 450,5 ", 450.5, ""),
        ("450.5 nm", 450.5, "nm"),
        ("0.45µm", 0.45, "µm"),
        ("{4.5e2}", 450.0, ""),
        ("[450] Nanometers", 450.0, "Nanometers"),
    ],
)
def test_number_of_a_tag_is_read(text: str, value: float, unit: str) -> None:
    assert parse_number(text) == (value, unit)


@pytest.mark.parametrize("text", ["", "nan", "red", "450-460", "1,234.5", "450 furlong", "450 460"])
def test_text_that_is_no_number_gives_nan(text: str) -> None:
    value, unit = parse_number(text)
    assert np.isnan(value)
    assert unit == ""


@pytest.mark.parametrize(
    ("text", "values", "unit"),
    [
        ("{450, 550.5, 6.5e2}", [450, 550.5, 650], ""),
        ("[450 550.5 650]", [450, 550.5, 650], ""),
        ("450; 550.5; 650 nm", [450, 550.5, 650], "nm"),
        ("(0.45um, 0.55um, 0.65um)", [0.45, 0.55, 0.65], "µm"),
        ('"450", "550", "650"', [450, 550, 650], ""),
        ("450, nan, 650,", [450, np.nan, 650], ""),
        ("450,5 550,25 650", [450.5, 550.25, 650], ""),
        ("450,5; 550,25; 650,0", [450.5, 550.25, 650], ""),
        ("{450,5, 550,25, 650,75}", [450.5, 550.25, 650.75], ""),
        ("450,550,650", [450, 550, 650], ""),
    ],
)
def test_list_is_read_in_every_writing(text: str, values: list, unit: str) -> None:
    found = parse_number_list(text, "wavelength", (3,))
    assert found.values == pytest.approx(values, nan_ok=True)
    assert found.unit == unit
    assert found.has_decimal_commas == (",5" in text and "550.5" not in text and ",550,650" not in text)


def test_list_with_a_word_names_list_and_word() -> None:
    with pytest.raises(SpectraError, match=r"'wavelength'.*'red'"):
        parse_number_list("{400, red}", "wavelength")


def test_list_with_two_units_is_refused() -> None:
    with pytest.raises(SpectraError, match="mixes the units nm, µm"):
        parse_number_list("400 nm, 0.5 um", "wavelength")


def test_commas_that_may_be_either_are_separators_and_hinted_at() -> None:
    found = parse_number_list("450,5,550,25", "wavelength", (2,))
    assert found.values.tolist() == [450, 5, 550, 25]
    assert "decimal commas" in describe_count(found.values.size, 2)
    assert describe_count(3, 2) == ""


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("{1, 0, 1}", [1, 0, 1]),
        ("1.0 0.0 1.0", [1, 0, 1]),
        ("true, False, TRUE", [1, 0, 1]),
        ("good;bad;good", [1, 0, 1]),
        ("yes no yes", [1, 0, 1]),
        ("", []),
    ],
)
def test_flags_are_read_as_numbers_and_words(text: str, flags: list) -> None:
    found = parse_flags(text)
    assert found is not None
    assert found.tolist() == flags


def test_flags_with_another_word_are_none() -> None:
    assert parse_flags("good, maybe") is None


@given(JUNK)
def test_junk_raises_nothing_but_spectra_errors(text: str) -> None:
    value, unit = parse_number(text)
    assert isinstance(value, float)
    assert isinstance(unit, str)
    flags = parse_flags(text)
    assert flags is None or flags.ndim == 1
    try:
        assert parse_number_list(text, "x", (2, 3)).values.ndim == 1
    except SpectraError as error:
        assert error.hint


@given(st.lists(st.floats(200, 2500), min_size=1, max_size=30), st.sampled_from([", ", " ", ";", ",\n "]))
def test_list_that_is_written_is_read_back(values: list, separator: str) -> None:
    text = "{" + separator.join(map(repr, values)) + "}"
    assert parse_number_list(text, "x", (len(values),)).values.tolist() == values


@given(st.lists(st.floats(200, 2500), min_size=2, max_size=30), st.sampled_from([", ", " ", "; "]))
def test_list_with_decimal_commas_is_read_back(values: list, separator: str) -> None:
    rounded = [round(value, 2) + 0.001 for value in values]
    text = separator.join(f"{value:.3f}".replace(".", ",") for value in rounded)
    assert parse_number_list(text, "x", (len(values),)).values == pytest.approx(rounded, abs=1e-9)
