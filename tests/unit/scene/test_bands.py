# SPDX-License-Identifier: GPL-2.0-or-later
"""The choice of good bands, apart from reading."""

from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.errors import SpectraError
from special_qgis.engine.scene.bands import (
    LISTED_BAD,
    NO_DATA,
    USER_BAD,
    WATER_VAPOUR,
    clean_centres,
    drop_before_reading,
    group_dropped,
    order_good_bands,
)
from special_qgis.engine.scene.wavelengths import BandSpectra


def spectra(centres, fwhm=None):
    return BandSpectra(np.array(centres, float), "test", None if fwhm is None else np.array(fwhm, float))


def test_each_dropped_band_has_its_first_reason():
    centres = np.array([450.0, 1400.0, 1800.0, 2451.0, 1500.0, 1450.0])
    dropped = drop_before_reading(centres, np.array([1, 1, 1, 1, 1, 0.0]), {0, 5}, True)
    assert dropped == {0: USER_BAD, 1: WATER_VAPOUR, 2: WATER_VAPOUR, 3: WATER_VAPOUR, 5: LISTED_BAD}
    assert group_dropped(dropped, (1, 2, 3, 4, 5, 6)) == {USER_BAD: "1", WATER_VAPOUR: "2-4", LISTED_BAD: "6"}


def test_water_vapour_bands_stay_when_asked():
    assert drop_before_reading(np.array([1400.0, 1800.0]), np.ones(2), set(), False) == {}


def test_bands_out_of_order_are_sorted_with_their_widths():
    order, axis = order_good_bands(spectra([700, 500, 600], [7, 5, 6]), (1, 2, 3), {})
    assert order == [1, 2, 0]
    assert axis.centres_nm.tolist() == [500, 600, 700]
    assert axis.fwhm_nm.tolist() == [5, 6, 7]


def test_widths_that_are_not_all_known_are_left_out():
    assert order_good_bands(spectra([500, 600], [5, np.nan]), (1, 2), {})[1].fwhm_nm is None


def test_duplicate_wavelengths_name_the_bands():
    with pytest.raises(SpectraError, match="Bands 1 and 3 have the same wavelength, 500 nm"):
        order_good_bands(spectra([500, 600, 500]), (1, 2, 3), {})


def test_bands_without_wavelength_are_named():
    with pytest.raises(SpectraError, match=r"no wavelength in the test: 2-3"):
        order_good_bands(spectra([500, np.nan, np.nan, 600]), (1, 2, 3, 4), {})


def test_duplicate_and_missing_wavelengths_of_dropped_bands_do_not_matter():
    order, _ = order_good_bands(spectra([500, 500, np.nan, 600]), (1, 2, 3, 4), {1: NO_DATA, 2: USER_BAD})
    assert order == [0, 3]


def test_too_few_good_bands_give_the_reasons():
    with pytest.raises(SpectraError, match=r"1 of the scene's 3 bands can be used \(no data: 1-2\)"):
        order_good_bands(spectra([500, 600, 700]), (1, 2, 3), {0: NO_DATA, 1: NO_DATA})


def test_zero_and_negative_centres_count_as_missing():
    assert clean_centres(np.array([0.0, -1.0, 500.0]), (1, 2, 3)) == pytest.approx([np.nan, np.nan, 500], nan_ok=True)


@pytest.mark.parametrize("nm", [1.0, 85.0, 450000.0])
def test_centre_outside_the_optical_range_is_refused(nm):
    with pytest.raises(SpectraError, match=r"Band 7 would have its centre at"):
        clean_centres(np.array([500.0, nm]), (6, 7))
