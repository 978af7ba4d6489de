# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from special_qgis.engine.report.summary import Histogram, MeanSpectrum
from tests.helpers.summaries import make_summary


def test_classified_area_is_pixels_times_pixel_area() -> None:
    assert make_summary().classified_area_m2 == 60000.0


def test_classified_area_without_ground_units_is_none() -> None:
    assert make_summary(pixel_area_m2=None).classified_area_m2 is None


def test_class_name_of_unlisted_id_is_its_number() -> None:
    summary = make_summary()
    assert (summary.class_name(2), summary.class_name(9)) == ("roof", "class 9")


def test_histogram_with_wrong_number_of_edges_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bins needs 4 edges"):
        Histogram((0.0, 0.5, 1.0), (1, 2, 3))


def test_mean_spectrum_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        MeanSpectrum(1, (450.0, 460.0), (0.1,), (0.1,), 1)
