# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from special_qgis.engine.accuracy.stratified import adjust

# Olofsson et al. 2014, section 5, tables 8 and 9: deforestation, forest gain, stable forest, stable non-forest;
# 640 sample pixels of 30 m in a map of ten million.
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED_PX = np.array([200_000, 150_000, 3_200_000, 6_450_000])
HECTARES_PER_PX = 0.09


def test_adjust_reproduces_the_published_areas() -> None:
    found = adjust(COUNTS, MAPPED_PX)
    total = MAPPED_PX.sum() * HECTARES_PER_PX
    assert found.share * total == pytest.approx([21_158, 11_686, 285_770, 581_386], abs=0.6)
    assert 1.96 * found.share_se * total == pytest.approx([6_158, 3_756, 15_510, 16_282], abs=0.6)
    assert found.covered == 1.0


def test_adjust_reproduces_the_published_accuracies() -> None:
    found = adjust(COUNTS, MAPPED_PX)
    assert (found.overall, 1.96 * found.overall_se) == pytest.approx((0.95, 0.02), abs=0.005)
    assert found.precision == pytest.approx([0.88, 0.73, 0.93, 0.96], abs=0.005)
    assert 1.96 * found.precision_se == pytest.approx([0.07, 0.10, 0.04, 0.02], abs=0.005)
    assert found.recall == pytest.approx([0.75, 0.85, 0.93, 0.96], abs=0.005)
    assert 1.96 * found.recall_se[0] == pytest.approx(0.21, abs=0.005)


def test_standard_errors_agree_with_repeated_sampling() -> None:
    rng = np.random.default_rng(5)
    truth = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.02, 0.03, 0.95]])  # reference class given map class
    mapped_px, n_rows = np.array([2000, 3000, 15000]), np.array([80, 60, 200])
    draws = [adjust(np.array([rng.multinomial(n, p) for n, p in zip(n_rows, truth)]), mapped_px) for _ in range(1500)]
    weights = mapped_px / mapped_px.sum()
    shares = np.array([d.share for d in draws])
    recalls = np.array([d.recall for d in draws])
    overall = np.array([d.overall for d in draws])
    assert shares.mean(axis=0) == pytest.approx(weights @ truth, abs=0.003)
    assert np.mean([d.share_se for d in draws], axis=0) == pytest.approx(shares.std(axis=0), rel=0.06)
    assert np.mean([d.overall_se for d in draws]) == pytest.approx(overall.std(), rel=0.06)
    assert np.mean([d.recall_se for d in draws], axis=0) == pytest.approx(recalls.std(axis=0), rel=0.10)


@given(arrays(np.int64, (3, 3), elements=st.integers(1, 200)), arrays(np.int64, 3, elements=st.integers(1, 10_000)))
def test_shares_sum_to_one_and_figures_stay_in_range(counts: np.ndarray, mapped_px: np.ndarray) -> None:
    found = adjust(counts, mapped_px)
    assert found.share.sum() == pytest.approx(1)
    for values in (found.precision, found.recall, found.share):
        assert np.all((values >= 0) & (values <= 1 + 1e-12))
    assert 0 <= found.overall <= 1


@given(arrays(np.int64, (3, 3), elements=st.integers(1, 200)))
def test_sample_proportional_to_area_changes_no_accuracy(counts: np.ndarray) -> None:
    found = adjust(counts, counts.sum(axis=1) * 1000)
    assert found.overall == pytest.approx(np.trace(counts) / counts.sum())
    assert found.recall == pytest.approx(np.diagonal(counts) / counts.sum(axis=0))


def test_perfect_sample_leaves_mapped_areas_without_error() -> None:
    found = adjust(np.diag([10, 20]), np.array([300, 100]))
    assert found.share.tolist() == [0.75, 0.25]
    assert found.share_se.tolist() == [0.0, 0.0]
    assert found.overall == 1.0


def test_mapped_class_without_sample_is_left_out_and_told() -> None:
    found = adjust(np.array([[9, 1, 0], [2, 8, 0], [0, 0, 0]]), np.array([100, 100, 50]))
    assert found.covered == pytest.approx(200 / 250)
    assert np.isnan(found.precision[2])
    assert found.share.tolist() == pytest.approx([0.55, 0.45, 0.0])


def test_class_of_one_sample_pixel_has_no_standard_error() -> None:
    found = adjust(np.array([[1, 0], [1, 9]]), np.array([100, 100]))
    assert np.isnan(found.overall_se)
    assert found.overall == pytest.approx(0.95)


def test_sample_that_meets_no_mapped_class_gives_nothing() -> None:
    assert adjust(np.zeros((2, 2), np.int64), np.array([5, 5])) is None
