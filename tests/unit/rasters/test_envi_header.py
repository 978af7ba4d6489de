# SPDX-License-Identifier: GPL-2.0-or-later
"""ENVI headers: what is written is read, and junk is survived."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.rasters.envi_header import expected_bytes, parse_envi_header
from special_qgis.engine.scene.number_lists import parse_number_list

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}( [a-z0-9]{1,8}){0,2}", fullmatch=True)
PLAIN = st.from_regex(r"[A-Za-z0-9_./:-]{1,20}", fullmatch=True)
NUMBERS = st.lists(st.floats(allow_infinity=False, allow_nan=False, width=32), min_size=1, max_size=40)


def test_header_with_lists_over_several_lines_is_read():
    text = "ENVI\n; made by hand\nsamples = 3\nWavelength  Units = Nanometers\nwavelength = {\n 400.5,\n 500.0 }\n"
    text += "bbl={1,0}\n"
    assert parse_envi_header(text) == {
        "samples": "3",
        "wavelength units": "Nanometers",
        "wavelength": "400.5, 500.0",
        "bbl": "1,0",
    }


def test_header_with_windows_line_ends_and_byte_order_mark_is_read():
    assert parse_envi_header("\ufeffENVI\r\nbands = 2\r\n") == {"bands": "2"}


def test_header_whose_brace_is_never_closed_keeps_what_is_there():
    assert parse_envi_header("ENVI\nwavelength = {1, 2\n3")["wavelength"] == "1, 2 3"


@given(st.dictionaries(NAMES, PLAIN | NUMBERS, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_header_that_is_written_is_read_back(entries, line_end):
    lines = ["ENVI"]
    for name, value in entries.items():
        written = "{" + f",{line_end} ".join(map(repr, value)) + "}" if isinstance(value, list) else value
        lines.append(f"{name} = {written}")
    found = parse_envi_header(line_end.join(lines))
    assert found.keys() == entries.keys()
    for name, value in entries.items():
        if isinstance(value, list):
            assert parse_number_list(found[name], name).values.tolist() == value
        else:
            assert found[name] == value


@given(st.text(max_size=300))
def test_junk_header_raises_nothing(text):
    sizes = expected_bytes(parse_envi_header(text))
    assert sizes is None or sizes["total"] > 0


def test_expected_bytes_counts_offset_samples_lines_bands_and_type():
    entries = {"samples": "10", "lines": "4", "bands": "3", "data type": "12", "header offset": "7"}
    assert expected_bytes(entries) == {"total": 7 + 10 * 4 * 3 * 2, "line": 60, "band": 80}


@pytest.mark.parametrize(
    "change",
    [{"file compression": "1"}, {"data type": "99"}, {"lines": "many"}, {"bands": "0"}, {"samples": None}],
    ids=str,
)
def test_expected_bytes_is_unknown_where_the_header_does_not_say(change):
    entries = {"samples": "10", "lines": "4", "bands": "3", "data type": "2", **change}
    assert expected_bytes({name: value for name, value in entries.items() if value is not None}) is None
