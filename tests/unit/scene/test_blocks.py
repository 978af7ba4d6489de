# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocks: validity in the file's own type, conversion of the bands asked for, zeros where nothing is valid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from special_qgis.engine.scene.blocks import Block, Calibration
from special_qgis.engine.scene.no_data import find_valid, stored_nodata
from special_qgis.engine.windows import Window


@pytest.mark.parametrize(
    ("nodata", "dtype", "expected"),
    [
        (-9999.0, np.int16, -9999), (-9999.0, np.uint16, None), (0.5, np.int16, None), (None, np.int16, None),
        (float("nan"), np.float32, None), (-9999.0, np.float32, -9999.0),
        (-1.7976931348623157e308, np.float32, -3.4028235e38),
        (65535.0, np.uint16, 65535), (255.0, np.uint8, 255), (70000.0, np.uint16, None),
    ],
    ids=str,
)  # fmt: skip
def test_nodata_is_taken_in_the_type_of_the_band(nodata, dtype, expected):
    stored = stored_nodata(nodata, dtype)
    assert stored == (None if expected is None else np.dtype(dtype).type(expected))


def test_pixel_is_invalid_where_any_band_has_nodata():
    raw = np.array([[[1, -9, 3]], [[4, 5, -9]]], np.int16)
    assert find_valid(raw, [-9.0, -9.0], None).tolist() == [[True, False, False]]


def test_nodata_of_one_band_says_nothing_of_another():
    raw = np.array([[[1, 7, 3]], [[7, 5, 6]]], np.int16)
    assert find_valid(raw, [7.0, 5.0], None).tolist() == [[True, False, True]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_are_no_numbers_are_invalid(bad, dtype):
    raw = np.array([[[1, 2]], [[bad, 4]]], dtype)
    assert find_valid(raw, [None, None], None).tolist() == [[False, True]]


def test_double_beyond_float32_is_invalid():
    raw = np.array([[[1e300, 2]], [[3, 4]]], np.float64)
    assert find_valid(raw, [None, None], None).tolist() == [[False, True]]


def test_pixel_that_is_zero_in_every_band_is_invalid():
    raw = np.array([[[0, 0, 5]], [[0, 4, 0]]], np.uint16)
    assert find_valid(raw, [None, None], None).tolist() == [[False, True, True]]


def test_pixels_outside_the_area_are_invalid_and_the_area_is_left_alone():
    raw = np.ones((2, 1, 3), np.uint8)
    inside = np.array([[True, False, True]])
    assert find_valid(raw, [None, 1.0], inside).tolist() == [[False, False, False]]
    assert inside.tolist() == [[True, False, True]]


@given(
    hnp.arrays(
        st.sampled_from([np.int16, np.uint16, np.float32]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
        elements=st.integers(0, 3),
    ),
    st.sampled_from([None, 1.0, 3.0]),
)
def test_validity_equals_the_plain_definition(raw, nodata):
    expected = np.array(
        [
            [all(v != nodata for v in raw[:, r, c]) and any(v != 0 for v in raw[:, r, c]) for c in range(raw.shape[2])]
            for r in range(raw.shape[1])
        ]
    )
    assert np.array_equal(find_valid(raw, [nodata] * raw.shape[0], None), expected)


def test_values_convert_only_the_bands_asked_for_in_that_order():
    raw = np.arange(12, dtype=np.int16).reshape(3, 2, 2)
    block = Block(raw, np.ones((2, 2), bool))
    values = block.values([2, 0])
    assert values.dtype == np.float32
    assert values.tolist() == [[[8, 9], [10, 11]], [[0, 1], [2, 3]]]
    assert block.values().shape == (3, 2, 2)


def test_values_apply_scale_and_offset_and_are_zero_where_invalid():
    raw = np.array([[[10, 20]], [[30, np.nan]]], np.float32)
    calibration = Calibration(np.array([0.1, 2.0], np.float32), np.array([1.0, -3.0], np.float32))
    block = Block(raw, np.array([[True, False]]), calibration)
    assert block.values() == pytest.approx(np.array([[[2.0, 0.0]], [[57.0, 0.0]]], np.float32))
    assert block.values([1]) == pytest.approx(np.array([[[57.0, 0.0]]], np.float32))


def test_spectra_of_pixels_equal_the_values_there():
    raw = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    calibration = Calibration(np.array([0.5, 2.0], np.float32), np.array([1.0, 0.0], np.float32))
    block = Block(raw, np.ones((3, 4), bool), calibration)
    rows, cols = np.array([0, 2]), np.array([3, 1])
    assert np.array_equal(block.spectra(rows, cols), block.values()[:, rows, cols].T)


def test_part_of_a_block_shares_no_memory_with_it():
    block = Block(np.arange(48, dtype=np.int16).reshape(3, 4, 4), np.eye(4, dtype=bool))
    part = block.part(Window(101, 202, 2, 2), Window(100, 200, 4, 4))
    assert part.raw[0].tolist() == [[6, 7], [10, 11]]
    assert part.valid.tolist() == [[False, False], [True, False]]
    assert not np.shares_memory(part.raw, block.raw)
