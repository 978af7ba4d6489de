# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from special_qgis.engine.accuracy.confusion import (
    Confusion,
    average_accuracy,
    class_accuracies,
    classified_accuracy,
    kappa,
    normal_quantile,
    overall_accuracy,
    wilson_interval,
)

SIZES = st.integers(1, 6)


def _confusion(counts: np.ndarray, unclassified: object = None) -> Confusion:
    k = len(counts)
    extra = np.zeros(k, np.int64) if unclassified is None else np.asarray(unclassified, np.int64)
    return Confusion(tuple(f"c{i}" for i in range(k)), np.asarray(counts, np.int64), extra)


@st.composite
def confusions(draw: st.DrawFn) -> Confusion:
    k = draw(SIZES)
    counts = draw(arrays(np.int64, (k, k), elements=st.integers(0, 500)))
    return _confusion(counts, draw(arrays(np.int64, k, elements=st.integers(0, 50))))


def test_figures_of_matrix_worked_by_hand() -> None:
    # rows = map: 20 px of c0, 10 of c1; columns: 18 and 12 in the reference, 2 more of c1 unclassified
    confusion = _confusion(np.array([[15, 5], [3, 7]]), [0, 2])
    assert overall_accuracy(confusion) == pytest.approx(22 / 32)
    assert classified_accuracy(confusion) == pytest.approx(22 / 30)
    assert average_accuracy(confusion) == pytest.approx((15 / 18 + 7 / 14) / 2)
    expected = (20 * 18 + 10 * 14) / 32**2
    assert kappa(confusion) == pytest.approx((22 / 32 - expected) / (1 - expected))
    first, second = class_accuracies(confusion)
    assert (first.precision, first.recall) == (15 / 20, 15 / 18)
    assert (second.precision, second.recall) == (7 / 10, 7 / 14)
    assert second.f1 == pytest.approx(2 * 0.7 * 0.5 / (0.7 + 0.5))
    assert second.iou == pytest.approx(7 / (10 + 14 - 7))
    assert (second.n_reference, second.n_map, second.n_correct) == (14, 10, 7)


def test_kappa_of_published_example() -> None:
    # Cohen 1960, table 1, in percent: agreement 0.29 over chance, kappa .492 by the definition
    counts = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    rows, cols, n = counts.sum(1), counts.sum(0), counts.sum()
    by_sums = (n * np.trace(counts) - (rows * cols).sum()) / (n**2 - (rows * cols).sum())
    assert kappa(_confusion(counts)) == pytest.approx(by_sums)
    assert kappa(_confusion(counts)) == pytest.approx(0.492, abs=0.001)


def test_matrix_by_pixel_loop_gives_same_figures() -> None:
    rng = np.random.default_rng(3)
    mapped, reference = rng.integers(0, 4, 4000), rng.integers(1, 4, 4000)
    counts = np.array([[((mapped == i) & (reference == j)).sum() for j in (1, 2, 3)] for i in (1, 2, 3)])
    confusion = _confusion(counts, [((mapped == 0) & (reference == j)).sum() for j in (1, 2, 3)])
    assert overall_accuracy(confusion) == np.mean(mapped == reference)
    recalls = [np.mean(mapped[reference == j] == j) for j in (1, 2, 3)]
    assert average_accuracy(confusion) == pytest.approx(np.mean(recalls))


@given(confusions(), st.randoms(use_true_random=False))
def test_permuting_classes_changes_no_overall_figure(confusion: Confusion, random: object) -> None:
    order = list(range(len(confusion.names)))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = _confusion(confusion.counts[np.ix_(order, order)], confusion.unclassified[order])
    for measure in (overall_accuracy, classified_accuracy, average_accuracy, kappa):
        before, after = measure(confusion), measure(moved)
        assert (before is None) == (after is None)
        assert before is None or after == pytest.approx(before, abs=1e-9)
    ious = [c.iou for c in class_accuracies(confusion)]
    assert [c.iou for c in class_accuracies(moved)] == [ious[i] for i in order]


@given(confusions())
def test_figures_lie_in_their_ranges_and_intervals_hold_them(confusion: Confusion) -> None:
    overall = overall_accuracy(confusion)
    assert (overall is None) == (confusion.n_px == 0)
    assert overall is None or 0 <= overall <= 1
    agreement = kappa(confusion)
    assert agreement is None or agreement <= 1 + 1e-9
    for c in class_accuracies(confusion):
        for value, interval in ((c.precision, c.precision_interval), (c.recall, c.recall_interval)):
            assert (value is None) == (interval is None)
            assert (
                value is None
                or interval is None
                or 0 <= interval[0] <= value + 1e-12 <= interval[1] + 2e-12 <= 1 + 3e-12
            )
        assert c.iou is None or c.f1 is None or c.iou <= c.f1


@given(arrays(np.int64, st.integers(2, 6), elements=st.integers(1, 1000)))
def test_perfect_map_has_full_marks(diagonal: np.ndarray) -> None:
    confusion = _confusion(np.diag(diagonal))
    assert overall_accuracy(confusion) == average_accuracy(confusion) == 1
    assert kappa(confusion) == pytest.approx(1)


def test_kappa_of_one_class_is_unknown() -> None:
    assert kappa(_confusion(np.array([[9]]))) is None


def test_class_that_the_reference_lacks_has_no_recall_and_does_not_enter_the_average() -> None:
    confusion = _confusion(np.array([[8, 0], [2, 0]]))
    assert class_accuracies(confusion)[1].recall is None
    assert average_accuracy(confusion) == 0.8


def test_empty_matrix_has_no_figures() -> None:
    confusion = _confusion(np.zeros((2, 2)))
    assert [m(confusion) for m in (overall_accuracy, classified_accuracy, average_accuracy, kappa)] == [None] * 4


def test_confusion_of_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="2 classes need counts"):
        Confusion(("a", "b"), np.zeros((3, 3), np.int64), np.zeros(2, np.int64))


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    # Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I, method 3
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
    ids=["81/263", "15/148", "0/20", "1/29"],
)
def test_wilson_interval_equals_published_values(hits: int, n: int, expected: tuple) -> None:
    assert wilson_interval(hits, n) == pytest.approx(expected, abs=5e-5)


def test_wilson_interval_ends_solve_the_score_equation() -> None:
    low, high = wilson_interval(37, 50, 0.9)
    for p in (low, high):
        assert abs(37 / 50 - p) / math.sqrt(p * (1 - p) / 50) == pytest.approx(normal_quantile(0.9))


def test_wilson_interval_of_nothing_is_unknown() -> None:
    assert wilson_interval(0, 0) is None
