# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs PyTorch")

from special_qgis.engine.errors import SpectraError
from special_qgis.engine.refine.band_matching import match_bands
from special_qgis.engine.scene.spectra import SpectralAxis

WANTED = tuple(np.arange(450.0, 900.0, 10.0))


def axis(centres_nm: np.ndarray) -> SpectralAxis:
    return SpectralAxis(np.asarray(centres_nm, float), None)


def curve(nm: np.ndarray) -> np.ndarray:
    """A straight line, which linear interpolation reproduces."""
    return (3.0 * nm + 7.0).astype(np.float32)


def test_same_bands_are_taken_as_they_are() -> None:
    match = match_bands(axis(np.array(WANTED)), WANTED)
    assert match.is_exact
    values = np.random.default_rng(0).random((len(WANTED), 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(match.apply(values[match.needed]), values)


def test_more_bands_and_another_order_of_gaps_take_the_right_ones() -> None:
    have = np.sort(np.concatenate([np.array(WANTED), np.array([445.0, 603.0, 902.0, 2200.0])]))
    match = match_bands(axis(have), WANTED)
    np.testing.assert_array_equal(have[match.needed], WANTED)
    assert match.is_exact


def test_shifted_bands_are_interpolated() -> None:
    have = np.arange(448.0, 905.0, 10.0)
    match = match_bands(axis(have), WANTED)
    assert not match.is_exact
    assert match.largest_shift_nm == pytest.approx(2.0)
    for values in (curve(have)[:, None], curve(have)[:, None, None]):
        found = match.apply(values[match.needed])
        np.testing.assert_allclose(found.reshape(-1), curve(np.array(WANTED)), rtol=1e-6)


def test_band_at_the_end_is_never_extrapolated() -> None:
    have = np.arange(453.0, 905.0, 10.0)
    match = match_bands(axis(have), WANTED)
    found = match.apply(curve(have)[match.needed, None])
    assert found[0, 0] == curve(have)[0]


def test_band_farther_than_half_a_spacing_is_refused_by_name() -> None:
    have = np.array([nm for nm in WANTED if nm not in (500.0, 510.0, 520.0)])
    with pytest.raises(SpectraError, match=r"3 of the classifier's 45 bands: 500 nm \(nearest 490\), 510 nm"):
        match_bands(axis(have), WANTED)


def test_scene_without_the_classifiers_range_is_refused() -> None:
    with pytest.raises(SpectraError, match="and 40 more"):
        match_bands(axis(np.array([1500.0, 1510.0])), WANTED)
