# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.areas.sums import NO_CONFIDENCE, Sums

VALUES = np.array([0, 3, 3, 7, 0, 7, 7, 65535])
AREAS = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0])
CONFIDENCE = np.array([NO_CONFIDENCE, 0.5, 0.0, 1.0, NO_CONFIDENCE, NO_CONFIDENCE, 0.25, NO_CONFIDENCE])


def summed(*parts: slice) -> Sums:
    sums = Sums()
    for part in parts:
        sums.add(VALUES[part], AREAS[part], CONFIDENCE[part])
    return sums


def test_sums_are_those_of_each_value() -> None:
    sums = summed(slice(None))
    assert (sums.values, sums.unclassified.n_px, sums.unclassified.area) == ([3, 7, 65535], 2, 8.0)
    three, seven, last = (sums.of((value,)) for value in (3, 7, 65535))
    assert (three.n_px, three.area, three.weighted_area, three.area_with_confidence) == (2, 5.0, 1.0, 5.0)
    assert (seven.n_px, seven.area, seven.weighted_area, seven.area_with_confidence) == (3, 29.0, 8.25, 18.0)
    assert (three.mean_confidence, seven.mean_confidence, last.mean_confidence) == (0.2, 8.25 / 18.0, None)
    assert (sums.classified.n_px, sums.classified.area) == (6, 51.0)


def test_sums_of_parts_are_those_of_the_whole() -> None:
    whole = summed(slice(None))
    assert summed(slice(0, 3), slice(3, 3), slice(3, 4), slice(4, None)) == whole


def test_several_values_together_are_one_sum() -> None:
    both = summed(slice(None)).of((3, 7, 99))
    assert (both.n_px, both.area) == (5, 34.0)


def test_sums_without_confidence_have_no_mean() -> None:
    sums = Sums()
    sums.add(VALUES, AREAS)
    assert sums.classified.mean_confidence is None
    assert sums.classified.weighted_area == pytest.approx(0.0)
