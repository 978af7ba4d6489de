# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels and confidence from probabilities."""

from __future__ import annotations

import numpy as np

from special_qgis.engine.probabilities import decide


def test_decide_labels_are_the_best_and_confidence_its_lead():
    probabilities = np.array([[0.2, 0.6, 0.4], [0.5, 0.3, 0.4], [0.3, 0.1, 0.2]], np.float32)[:, None, :]
    labels, confidence = decide(probabilities, np.ones((1, 3), bool))
    assert labels.tolist() == [[2, 1, 1]]
    np.testing.assert_allclose(confidence, [[0.2, 0.3, 0.0]], atol=1e-6)
    assert labels.dtype == np.uint8
    assert confidence.dtype == np.float32


def test_decide_many_classes_agrees_with_sorting():
    probabilities = np.random.default_rng(1).dirichlet(np.ones(40), (7, 9)).astype(np.float32).transpose(2, 0, 1)
    labels, confidence = decide(probabilities, np.ones((7, 9), bool))
    ordered = np.sort(probabilities, axis=0)
    np.testing.assert_array_equal(labels, probabilities.argmax(axis=0) + 1)
    np.testing.assert_array_equal(confidence, ordered[-1] - ordered[-2])


def test_decide_invalid_pixel_has_no_label_and_no_confidence():
    labels, confidence = decide(np.full((2, 1, 2), 0.5, np.float32), np.array([[True, False]]))
    assert labels.tolist() == [[1, 0]]
    assert confidence.tolist() == [[0.0, 0.0]]


def test_decide_equals_are_won_by_the_first_in_precedence():
    probabilities = np.array([[0.4, 0.5], [0.4, 0.1], [0.2, 0.4]], np.float32)[:, None, :]
    labels, confidence = decide(probabilities, np.ones((1, 2), bool), precedence=(2, 1, 0))
    assert labels.tolist() == [[2, 1]]
    np.testing.assert_allclose(confidence, [[0.0, 0.1]], atol=1e-6)
