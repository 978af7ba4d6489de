# SPDX-License-Identifier: GPL-2.0-or-later
"""Heights to probabilities: threshold, softness, classes, and their weight in the fusion."""

from __future__ import annotations

from typing import Optional

import numpy as np
import pytest

from special_qgis.engine.evidence.fusion import Weighing, fit_fusion
from special_qgis.engine.evidence.height_source import (
    HIGHEST_T_M,
    LOG_OFFSET_M,
    LOWEST_T_M,
    class_probabilities,
    find_threshold,
    upright_probability,
)
from special_qgis.engine.progress import NullProgress


def _town(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([np.abs(rng.normal(0.0, 0.2, 3000)), rng.uniform(2.5, 15.0, 1000)])


def test_threshold_parts_the_variance_as_no_other_cut_does() -> None:
    heights = _town()
    logs = np.sort(np.log(heights + LOG_OFFSET_M))
    within = [logs[:i].var() * i + logs[i:].var() * (logs.size - i) for i in range(1, logs.size)]
    best = int(np.argmin(within)) + 1
    low, high = (np.exp(logs[i]) - LOG_OFFSET_M for i in (best - 1, best))
    assert low - 0.05 <= find_threshold(heights) <= high + 0.05


@pytest.mark.parametrize(
    ("heights", "threshold"),
    [
        pytest.param(np.random.default_rng(0).normal(0.0, 0.1, 500), LOWEST_T_M, id="all flat"),
        pytest.param(np.random.default_rng(0).uniform(15.0, 30.0, 500), HIGHEST_T_M, id="all high"),
    ],
)
def test_threshold_of_a_scene_of_one_kind_stays_within_bounds(heights: np.ndarray, threshold: float) -> None:
    assert find_threshold(heights) == threshold


def test_upright_probability_is_half_at_the_threshold_and_unknown_without_height() -> None:
    found = upright_probability(np.array([-3.0, 0.0, 2.0, 10.0, np.nan]), 2.0)
    assert found[0] == found[1] < 0.01 and found[2] == pytest.approx(0.5) and found[3] > 0.99 and np.isnan(found[4])


def test_class_probabilities_follow_bayes_and_are_empty_where_unknown() -> None:
    found = class_probabilities(np.array([1.0, 0.0, 0.5, np.nan]), [1.0, -1.0, 0.0])
    np.testing.assert_allclose(found[:, 0], np.array([0.95, 0.05, 0.5]) / 1.5, atol=1e-6)
    np.testing.assert_allclose(found[:, 1], np.array([0.05, 0.95, 0.5]) / 1.5, atol=1e-6)
    np.testing.assert_allclose(found[:, 2], 1.0 / 3.0, atol=1e-6)
    assert not found[:, 3].any() and found.dtype == np.float32


class _Said:
    """A fitted source that says the same of every pixel."""

    precedence = None

    def __init__(self, name: str, own_weight: Optional[float], is_informed: bool = True) -> None:
        self.name, self.own_weight, self.is_informed = name, own_weight, is_informed

    def features(self, sample: object, progress: object) -> None:
        raise AssertionError("one source beside a partial one needs no features")


@pytest.mark.parametrize(("is_informed", "weight"), [(True, 0.7), (False, 0.0)])
def test_fusion_takes_the_weight_that_a_partial_source_states(is_informed: bool, weight: float) -> None:
    fitted = [_Said("spectral", None), _Said("height", 0.7, is_informed)]
    fusion = fit_fusion(fitted, None, NullProgress())  # type: ignore[arg-type]
    assert fusion.weighings == (Weighing("spectral", 1.0), Weighing("height", weight, is_partial=True))


def test_fusion_leaves_a_pixel_without_height_to_the_others() -> None:
    fitted = [_Said("spectral", None), _Said("height", 1.0)]
    fusion = fit_fusion(fitted, None, NullProgress())  # type: ignore[arg-type]
    alone = fit_fusion(fitted[:1], None, NullProgress())  # type: ignore[arg-type]
    spectral, silent = np.array([[0.7], [0.2], [0.1]], np.float32), np.zeros((3, 1), np.float32)
    both = fusion.combine_tempered([spectral, silent], [spectral, silent])
    np.testing.assert_allclose(both, alone.combine_tempered([spectral], [spectral]), rtol=1e-5)
