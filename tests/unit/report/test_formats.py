# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import numpy as np
import pytest

from special_qgis.engine.report import formats

THIN = "\u00a0"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0 %"),
        (0.1234, "12.3 %"),
        (1.0, "100.0 %"),
        (1e-6, "< 0.1 %"),
        (0.99999, "> 99.9 %"),
        (None, "–"),
        (float("nan"), "–"),
    ],
    ids=str,
)
def test_format_share_reads_as_percentage_and_rounds_to_neither_end(share: float, text: str) -> None:
    assert formats.format_share(share).replace(THIN, " ") == text


def test_format_count_groups_digits() -> None:
    assert formats.format_count(1234567) == f"1{THIN}234{THIN}567"


@pytest.mark.parametrize(
    ("areas", "sign"),
    [([500.0, None], "m²"), ([12345.0], "ha"), ([2e8, 5.0], "km²"), ([None], "m²"), ([float("nan")], "m²")],
    ids=["small", "field", "region", "none", "nan"],
)
def test_area_unit_follows_largest_area(areas: list, sign: str) -> None:
    assert formats.area_unit(areas)[1] == sign


def test_format_area_keeps_three_digits_or_all_whole_ones() -> None:
    hectare = (1e4, "ha")
    texts = [formats.format_area(value * 1e4, hectare) for value in (1.234, 12.34, 123.4, 12345.6)]
    assert texts == ["1.23", "12.3", "123.4", f"12{THIN}346"]
    assert formats.format_area(None, hectare) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.12346, "0.1235"), (30.0, "30"), (12345.0, "12 345"), (1e-9, "1e-09"), (float("inf"), "–")],
    ids=str,
)
def test_format_significant_is_short_and_without_needless_zeros(value: float, text: str) -> None:
    assert formats.format_significant(value).replace(THIN, " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.34, "2.3 s"), (75.0, "1 min 15 s"), (3720.0, "1 h 2 min")], ids=["s", "min", "h"]
)
def test_format_seconds_reads_as_spoken(seconds: float, text: str) -> None:
    assert formats.format_seconds(seconds).replace(THIN, " ") == text


def test_flatten_nested_options_gives_dotted_keys() -> None:
    pairs = formats.flatten({"scene": {"source": "a.tif", "extent": None, "flags": {}}, "seed": 3, "on": True})
    assert pairs == [
        ("scene.source", "a.tif"),
        ("scene.extent", "–"),
        ("scene.flags", "–"),
        ("seed", "3"),
        ("on", "yes"),
    ]


def test_to_json_value_leaves_nothing_that_json_refuses() -> None:
    value = {
        1: np.float32(0.5),
        "nan": float("nan"),
        "inf": np.inf,
        "array": np.array([[1, 2]], np.uint8),
        "flag": np.bool_(True),
        "count": np.int64(3),
        "pair": (1, None, "text"),
    }
    assert json.loads(json.dumps(formats.to_json_value(value), allow_nan=False)) == {
        "1": 0.5,
        "nan": None,
        "inf": None,
        "array": [[1, 2]],
        "flag": True,
        "count": 3,
        "pair": [1, None, "text"],
    }


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param("dropped_bands", "Dropped bands", id="underscore"),
        pytest.param("parameters.polygons_layer", "Parameters: polygons layer", id="nested"),
        pytest.param("wavelengths_nm", "Wavelengths (nm)", id="unit"),
        pytest.param("classified_area_m2", "Classified area (m²)", id="square-metres"),
        pytest.param("crs", "CRS", id="acronym"),
        pytest.param("m", "M", id="unit-alone-is-a-word"),
        pytest.param("", "", id="empty"),
    ],
)
def test_key_in_words_reads_as_a_reader_would_write_it(key: str, words: str) -> None:
    assert formats.key_in_words(key) == words
