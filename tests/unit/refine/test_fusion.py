# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")

from special_qgis.engine.config import RefineConfig
from special_qgis.engine.refine.fusion import (
    NoiseTransitions,
    fuse,
    network_share,
    richardson_lucy_unfolding,
    weighted_mean,
)


def one_hot(labels: np.ndarray, n_classes: int, lead: float = 0.9) -> np.ndarray:
    """(classes, n) probabilities that favour the labels."""
    return (np.eye(n_classes)[:, labels - 1] * lead + (1.0 - lead) / n_classes).astype(np.float32)


def test_stage_one_that_the_network_bears_out_decides_where_the_network_is_undecided() -> None:
    labels = np.random.default_rng(0).integers(1, 3, 5000).astype(np.uint8)
    transitions = NoiseTransitions(2)
    transitions.add(one_hot(labels, 2, 0.98), one_hot(labels, 2, 1.0))
    network = np.array([0.55, 0.45], np.float32)[:, None, None]
    fused = fuse(network, np.array([0.3, 0.7], np.float32)[:, None, None], transitions.evidence())
    assert fused.argmax() == 1


def test_stage_one_that_the_network_contradicts_at_random_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    transitions = NoiseTransitions(3)
    transitions.add(one_hot(rng.integers(1, 4, 200_000), 3), one_hot(rng.integers(1, 4, 200_000), 3, 1.0))
    np.testing.assert_allclose(transitions.evidence(), 1.0, atol=0.03)
    network = np.array([0.5, 0.3, 0.2], np.float32)[:, None, None]
    np.testing.assert_allclose(fuse(network, network[::-1].copy(), transitions.evidence()), network, atol=0.01)


def test_evidence_is_the_joint_share_over_the_product_of_the_shares() -> None:
    transitions = NoiseTransitions(2)
    labels = np.repeat(np.array([1, 2], np.uint8), [700, 300])
    network = np.concatenate([one_hot(np.repeat([1, 2], [600, 100]), 2, 1.0), one_hot(np.full(300, 2), 2, 1.0)], axis=1)
    transitions.add(network, one_hot(labels, 2, 1.0))
    assert transitions.evidence()[0, 0] == pytest.approx(0.6 / (0.6 * 0.7), rel=0.01)
    assert transitions.evidence()[1, 0] == pytest.approx(0.1 / (0.4 * 0.7), rel=0.03)


def test_fusion_where_stage_one_is_silent_gives_the_network() -> None:
    rng = np.random.default_rng(0)
    network = rng.dirichlet(np.ones(3), (4, 5)).astype(np.float32).transpose(2, 0, 1)
    first_stage = network[::-1].copy()
    first_stage[:, 1:3] = 0.0
    transitions = NoiseTransitions(3)
    transitions.add(network.reshape(3, -1), first_stage.reshape(3, -1))
    fused = fuse(network, first_stage, transitions.evidence())
    np.testing.assert_allclose(fused[:, 1:3], network[:, 1:3], rtol=1e-5)
    np.testing.assert_allclose(fused.sum(axis=0), 1.0, rtol=1e-5)


def test_fusion_of_certain_contradictions_is_finite() -> None:
    network = np.array([1.0, 0.0], np.float32)[:, None, None]
    transitions = NoiseTransitions(2)
    labels = np.repeat(np.array([1, 2], np.uint8), 1_000_000)
    transitions.add(one_hot(labels, 2, 1.0), one_hot(labels, 2, 1.0))
    assert np.isfinite(fuse(network, network[::-1].copy(), transitions.evidence())).all()


def test_pixels_without_stage_one_label_do_not_count() -> None:
    first, second = NoiseTransitions(2), NoiseTransitions(2)
    network = one_hot(np.array([1, 2, 2]), 2)
    first_stage = one_hot(np.array([1, 2, 2]), 2, 1.0)
    first_stage[:, 2] = 0.0
    first.add(network, first_stage)
    second.add(network[:, :2], first_stage[:, :2])
    np.testing.assert_array_equal(first.evidence(), second.evidence())


def test_undoing_errors_finds_the_classes_that_with_them_give_what_the_network_says() -> None:
    transitions = np.array([[0.8, 0.2, 0.0], [0.1, 0.7, 0.2], [0.0, 0.3, 0.7]])
    true = np.random.default_rng(0).dirichlet(np.full(3, 2.0), 50).astype(np.float32)
    learnt = (true @ transitions).astype(np.float32).T[:, :, None]
    errors = [
        np.abs(richardson_lucy_unfolding(learnt, transitions, n_rounds)[..., 0].T - true).max()
        for n_rounds in (0, 2, 20, 20_000)
    ]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 0.02
    np.testing.assert_allclose(richardson_lucy_unfolding(learnt, transitions, 5).sum(axis=0), 1.0, rtol=1e-5)


def test_undoing_errors_of_a_stage_one_without_errors_changes_nothing() -> None:
    network = np.random.default_rng(0).dirichlet(np.ones(3), 20).astype(np.float32).T[:, :, None]
    np.testing.assert_allclose(richardson_lucy_unfolding(network, np.eye(3), 3), network, rtol=1e-5)
    np.testing.assert_allclose(richardson_lucy_unfolding(network, np.full((3, 3), 1 / 3), 0), network, rtol=1e-5)


def test_label_that_is_wrong_at_random_loses_to_a_network_that_learnt_how_often_labels_are_wrong() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 4, 30_000).astype(np.uint8)
    wrong = rng.random(truth.size) < 0.3
    labels = np.where(wrong, truth % 3 + 1, truth).astype(np.uint8)
    network = np.full((3, truth.size), 0.05, np.float32)  # says how often the first stage says what, given the spectrum
    network[truth - 1, np.arange(truth.size)] = 0.65
    network[truth % 3, np.arange(truth.size)] = 0.3
    transitions = NoiseTransitions(3)
    first_stage = one_hot(labels, 3, 0.9)
    transitions.add(network, first_stage)
    evidence = transitions.evidence()
    counted_twice = fuse(network[:, :, None], first_stage[:, :, None], evidence)[..., 0].argmax(axis=0) + 1
    unfolded = richardson_lucy_unfolding(network[:, :, None], transitions.matrix(), 2)
    fused = fuse(unfolded, first_stage[:, :, None], transitions.evidence())[..., 0].argmax(axis=0) + 1
    assert (fused == truth).mean() >= (counted_twice == truth).mean()
    assert (fused == truth).mean() > 0.99


def test_undoing_errors_of_certain_contradictions_is_finite() -> None:
    network = np.array([1.0, 0.0], np.float32)[:, None, None]
    assert np.isfinite(richardson_lucy_unfolding(network, np.array([[0.0, 1.0], [1.0, 0.0]]), 5)).all()


@pytest.mark.parametrize(
    ("agreement", "share"),
    [
        (1.0, RefineConfig.least_share),
        (0.93, RefineConfig.least_share),
        (0.88, (1.0 + RefineConfig.least_share) / 2.0),
        (0.83, 1.0),
        (0.5, 1.0),
    ],
    ids=str,
)
def test_network_that_contradicts_the_first_stage_often_decides_alone(agreement: float, share: float) -> None:
    assert network_share(agreement, RefineConfig.least_share) == pytest.approx(share)


def test_weighted_mean_is_the_geometric_one_and_leaves_silent_pixels_to_the_network() -> None:
    fused = np.array([[[0.8, 0.8]], [[0.2, 0.2]]], np.float32)
    first_stage = np.array([[[0.2, 0.0]], [[0.8, 0.0]]], np.float32)
    found = weighted_mean(fused, first_stage, 0.25)
    logs = 0.25 * np.log([0.8, 0.2]) + 0.75 * np.log([0.2, 0.8])
    np.testing.assert_allclose(found[:, 0, 0], np.exp(logs) / np.exp(logs).sum(), atol=1e-3)
    np.testing.assert_array_equal(found[:, 0, 1], fused[:, 0, 1])
    np.testing.assert_allclose(weighted_mean(fused, first_stage, 1.0)[:, 0, 0], fused[:, 0, 0], atol=2e-4)
