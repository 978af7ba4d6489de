# SPDX-License-Identifier: GPL-2.0-or-later
"""The spectral axis, and text that becomes wavelengths or bands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.errors import EngineError, SpectraError
from special_qgis.engine.scene.spectra import (
    SpectralAxis,
    format_band_numbers,
    guess_unit,
    interpolation_weights,
    parse_band_description,
    parse_band_list,
    parse_wavelengths,
    to_nm,
    unit_of,
)

AXIS = SpectralAxis(np.array([450.0, 500.0, 550.0, 600.0, 700.0]))


def test_axis_nearest_of_a_tie_is_the_lower_band():
    assert [AXIS.nearest(nm) for nm in (0, 474, 475, 476, 9999)] == [0, 0, 0, 1, 4]


def test_axis_within_gives_the_bands_inside_the_half_width_borders_included():
    assert AXIS.within(550, 50).tolist() == [1, 2, 3]
    assert AXIS.within(650, 20).tolist() == []


def test_axis_covers_depends_on_the_tolerance():
    assert AXIS.covers(720, 20)
    assert not AXIS.covers(721, 20)


def test_axis_spacing_is_the_median_and_infinite_for_one_band():
    assert AXIS.median_spacing_nm == 50.0
    assert SpectralAxis(np.array([500.0])).median_spacing_nm == math.inf


@pytest.mark.parametrize("centres", [[500.0, 400.0], [500.0, 500.0], [np.nan, 500.0], []], ids=str)
def test_axis_of_unordered_or_missing_centres_is_refused(centres):
    with pytest.raises(SpectraError, match="increase from band to band"):
        SpectralAxis(np.array(centres))


def test_axis_with_another_number_of_widths_is_refused():
    with pytest.raises(SpectraError, match="2 band widths do not fit 5"):
        SpectralAxis(AXIS.centres_nm, np.array([1.0, 2.0]))


@given(st.floats(450, 700))
def test_interpolation_reproduces_a_straight_line(nm):
    i, j, w_i, w_j = interpolation_weights(AXIS, nm)
    assert w_i + w_j == pytest.approx(1.0)
    assert w_i * AXIS.centres_nm[i] + w_j * AXIS.centres_nm[j] == pytest.approx(nm)
    assert abs(j - i) <= 1


def test_interpolation_just_beyond_the_last_band_takes_that_band():
    assert interpolation_weights(AXIS, 740) == (4, 4, 1.0, 0.0)
    assert interpolation_weights(AXIS, 410) == (0, 0, 1.0, 0.0)


def test_interpolation_outside_the_axis_names_the_wavelength_and_the_span():
    with pytest.raises(SpectraError, match=r"no band at 390 nm.*nearest good band is at 450 nm.*450 to 700"):
        interpolation_weights(AXIS, 390)


def test_interpolation_across_a_wide_gap_is_refused():
    gap = SpectralAxis(np.array([400.0, 410.0, 800.0, 810.0]))
    with pytest.raises(SpectraError, match="no band at 655 nm"):
        interpolation_weights(gap, 655)


@pytest.mark.parametrize(
    ("word", "unit"),
    [
        ("Nanometers", "nm"), ("nm", "nm"), ("[nm]", "nm"), ("Micrometers", "µm"), ("um", "µm"), ("µm", "µm"),
        ("μm", "µm"), ("Microns", "µm"), ("m", "m"), ("Angstroms", "Å"), ("Unknown", ""), ("", ""), ("Index", ""),
    ],
)  # fmt: skip
def test_unit_words_are_understood(word, unit):
    assert unit_of(word) == unit


def test_unit_that_is_no_length_is_refused():
    with pytest.raises(SpectraError, match="'Wavenumber' is not known"):
        unit_of("Wavenumber")


def test_to_nm_converts_and_keeps_nan():
    assert to_nm([0.4, np.nan], "µm") == pytest.approx([400.0, np.nan], nan_ok=True)
    assert to_nm([5500.0], "Angstrom") == pytest.approx([550.0])


@pytest.mark.parametrize(
    ("values", "unit"), [([0.4, 2.5], "µm"), ([400, 2500], "nm"), ([99.9, np.nan], "µm"), ([100.0], "nm")], ids=str
)
def test_guess_unit_goes_by_the_largest_value(values, unit):
    assert guess_unit(values) == unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("418.2, 423.9 nm", [418.2, 423.9]),
        ("{0.4182, 0.4239} micrometers", [418.2, 423.9]),
        ("418.2nm 0.4239um", [418.2, 423.9]),
        ("418.2;\n423.9 nm", [418.2, 423.9]),
    ],
)
def test_typed_wavelengths_with_units_are_read_without_a_warning(text, expected):
    values, warning = parse_wavelengths(text)
    assert values == pytest.approx(expected)
    assert warning == ""


def test_typed_wavelengths_without_unit_warn_of_the_guess():
    values, warning = parse_wavelengths("0.4, 0.5")
    assert values == pytest.approx([400, 500])
    assert "µm was taken" in warning


@pytest.mark.parametrize("text", ["red, green", "400 .. 900", "", "400-900"], ids=repr)
def test_typed_wavelengths_that_are_no_numbers_are_refused(text):
    with pytest.raises(SpectraError, match="cannot be read"):
        parse_wavelengths(text)


def test_typed_wavelengths_with_a_unit_for_some_are_refused():
    with pytest.raises(SpectraError, match="others have none"):
        parse_wavelengths("400nm, 500, 600")


@given(st.text(max_size=60))
def test_any_typed_text_gives_wavelengths_or_an_engine_error(text):
    try:
        values, _ = parse_wavelengths(text)
    except EngineError:
        return
    assert values.dtype == np.float64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("band 1 (418.24 Nanometers)", (418.24, "Nanometers")),
        ("Band 1 (0.418 Micrometers)", (0.418, "Micrometers")),
        ("B8A, 865 nm", (865.0, "nm")),
        ("B01 - 0.443µm", (0.443, "µm")),
        ("418.24", (418.24, "")),
        ("X418.24", (418.24, "")),
        ("381.00558 (381.00558)", (381.00558, "")),
        ("850", (850.0, "")),
        ("12", None),
        ("Band 12", None),
        ("3.0", (3.0, "")),
        ("B1200 nmap", None),
        ("", None),
    ],
)
def test_band_description_gives_its_wavelength(text, expected):
    assert parse_band_description(text) == expected


@given(st.text(max_size=40))
def test_any_band_description_is_survived(text):
    found = parse_band_description(text)
    assert found is None or math.isfinite(found[0])


def test_band_list_mixes_numbers_ranges_and_wavelengths():
    centres = np.array([400.0, 1340.0, 1400.0, 1460.0, 1500.0, np.nan])
    assert parse_band_list("1, 5-6; 1340-1460nm", 6, centres) == {0, 1, 2, 3, 4, 5}
    assert parse_band_list("1.39–1.47 µm", 6, centres) == {2, 3}
    assert parse_band_list("", 6, centres) == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "numbered 1 to 6"),
        ("7", "numbered 1 to 6"),
        ("5-2", "numbered 1 to 6"),
        ("2-9", "numbered 1 to 6"),
        ("red", "neither a band number nor a range"),
        ("-3", "neither a band number nor a range"),
        ("1.5-2", "neither a band number nor a range"),
        ("900-800nm", "runs backwards"),
    ],
)
def test_band_list_that_makes_no_sense_is_refused(text, message):
    with pytest.raises(SpectraError, match=message):
        parse_band_list(text, 6, np.arange(400.0, 1000.0, 100.0))


@given(st.sets(st.integers(1, 300)))
def test_band_numbers_survive_being_written_and_read(numbers):
    assert parse_band_list(format_band_numbers(sorted(numbers)), 300) == {number - 1 for number in numbers}


@given(st.text(alphabet="0123456789-–,;. nmuµ", max_size=40))
def test_any_band_list_gives_bands_of_the_scene_or_an_engine_error(text):
    try:
        selected = parse_band_list(text, 50, np.linspace(400, 2500, 50))
    except EngineError:
        return
    assert selected <= set(range(50))
