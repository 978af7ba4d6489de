# SPDX-License-Identifier: GPL-2.0-or-later
"""Values that are no data: declared, compared as GDAL does, beyond measurement, and fill that nobody declared."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osgeo import gdal

from special_qgis.engine.scene.no_data import FillSearch, find_valid, has_data
from tests.helpers.scene_files import write_raster


def neighbours(value: float, steps: int) -> np.ndarray:
    """(2 × steps + 1,) float32: a value and the next ones below and above."""
    values = [np.float32(value)]
    for end in (np.float32(-np.inf), np.float32(np.inf)):
        step = np.float32(value)
        for _ in range(steps):
            step = np.nextafter(step, end)
            values.append(step)
    return np.sort(np.array(values, np.float32))


@pytest.mark.parametrize("nodata", [-9999.0, -9999.1, 0.1, -32768.00001, 1e-7, 12345.678, -1e20, 0.0], ids=str)
def test_float_nodata_is_compared_as_gdal_does(tmp_path, nodata: float) -> None:
    values = neighbours(nodata, 40)
    cube = np.tile(values, (2, 9, 1))
    path = write_raster(tmp_path / "a.tif", cube, None, nodata)
    dataset = gdal.OpenEx(str(path))
    band = dataset.GetRasterBand(1)
    by_gdal = band.GetMaskBand().ReadAsArray() != 0
    ours = has_data(band.ReadAsArray(), band.GetNoDataValue())
    differing = np.flatnonzero((by_gdal != ours)[0])
    border = np.flatnonzero(np.diff(by_gdal[0].astype(int)))
    assert not ours[0, 40]
    assert all(np.abs(border - position).min() <= 1 for position in differing)  # the last step may round either way


@pytest.mark.parametrize(
    ("value", "is_data"),
    [
        (1e29, True),
        (-1e29, True),
        (1.1e30, False),
        (-3.3e38, False),
        (np.nan, False),
        (np.inf, False),
        (-np.inf, False),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("nodata", [None, -9999.0, np.nan, 1e300])
def test_values_beyond_measurement_are_no_data(
    value: float, is_data: bool, dtype: Any, nodata: Optional[float]
) -> None:
    assert has_data(np.array([value, 1.0], dtype), nodata).tolist() == [is_data, True]


@given(
    st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]),
    st.none() | st.floats() | st.integers(-(2**40), 2**40).map(float),
)
def test_any_declared_nodata_is_survived(dtype: Any, nodata: Optional[float]) -> None:
    assert has_data(np.array([1, 2, 3], dtype), nodata).shape == (3,)


@pytest.mark.parametrize("fill", [-9999.0, -50.0, 65535.0], ids=str)
def test_fill_needs_all_bands(fill: float) -> None:
    raw = np.full((3, 1, 3), 7, np.int32)
    raw[:, 0, 0] = fill
    raw[:2, 0, 1] = fill
    assert find_valid(raw, [None] * 3, None, [fill]).tolist() == [[False, True, True]]
    assert find_valid(raw, [None] * 3, None).tolist() == [[True, True, True]]


@pytest.mark.parametrize(("n_bands", "is_data"), [(7, True), (8, False), (200, False)])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_single_pixel_of_one_negative_value_is_no_data_where_bands_are_many(n_bands, is_data, dtype) -> None:
    raw = np.full((n_bands, 2, 2), 7, dtype)
    raw[:, 0, 0] = -9999
    raw[:, 0, 1] = -np.arange(1, n_bands + 1)
    raw[1:, 1, 0] = -9999
    raw[:, 1, 1] = 32767
    assert find_valid(raw, [None] * n_bands, None).tolist() == [[is_data, True], [True, True]]


def searched(raw: np.ndarray, n_windows: int = 1, flags: Optional[np.ndarray] = None) -> FillSearch:
    search = FillSearch()
    flags = np.ones(raw.shape, bool) if flags is None else flags
    for part in np.array_split(np.arange(raw.shape[1]), n_windows):
        search.add(raw[:, part], flags[:, part])
    return search


@pytest.mark.parametrize(
    ("dtype", "fill", "is_fill"),
    [
        (np.int16, -9999, True),
        (np.int16, -50, True),
        (np.int16, -32768, True),
        (np.int16, 32767, True),
        (np.uint16, 65535, True),
        (np.uint16, 65534, False),
        (np.int16, 0, False),
        (np.int16, 10000, False),
        (np.uint8, 255, True),
        (np.float32, -9999, True),
        (np.float32, -0.125, True),
        (np.float32, 1.0, False),
        (np.float64, -1e29, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("n_windows", [1, 7])
def test_negative_or_extreme_value_in_all_bands_of_many_pixels_is_fill(dtype, fill, is_fill, n_windows) -> None:
    raw = np.random.default_rng(3).integers(1, 100, (4, 1000)).astype(dtype)
    raw[:, 100:120] = fill
    assert searched(raw, n_windows).fills(range(4)) == ((float(fill),) if is_fill else ())


def test_fill_in_one_per_cent_of_the_pixels_is_none() -> None:
    raw = np.ones((4, 1000), np.int16)
    raw[:, :10] = -9999
    assert searched(raw).fills(range(4)) == ()
    raw[:, :11] = -9999
    assert searched(raw).fills(range(4)) == (-9999.0,)


def test_fill_is_found_beside_dead_bands_once_these_are_left_out() -> None:
    raw = np.random.default_rng(3).integers(1, 100, (4, 1000)).astype(np.int16)
    raw[:, :50] = -9999
    raw[1] = 0
    assert searched(raw).fills(range(4)) == ()
    assert searched(raw).fills([0, 2, 3]) == (-9999.0,)


def test_two_fills_are_both_found() -> None:
    raw = np.random.default_rng(3).integers(1, 100, (4, 1000)).astype(np.int16)
    raw[:, :50], raw[:, 50:90] = -9999, -50
    assert searched(raw).fills(range(4)) == (-9999.0, -50.0)


def test_declared_nodata_is_no_undeclared_fill() -> None:
    raw = np.full((4, 100), -9999, np.int16)
    assert searched(raw, 1, np.zeros(raw.shape, bool)).fills(range(4)) == ()


def test_negative_values_that_differ_between_bands_are_no_fill() -> None:
    raw = np.random.default_rng(3).integers(-100, 0, (4, 1000)).astype(np.int16)
    assert searched(raw).fills(range(4)) == ()


def test_nothing_seen_gives_no_fill() -> None:
    assert searched(np.zeros((4, 0), np.int16)).fills(range(4)) == ()
    assert searched(np.full((4, 100), -9, np.int16)).fills([]) == ()
