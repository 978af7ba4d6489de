# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.mapping.tally import N_CONFIDENCE_BINS, MapTally, class_spectra
from special_qgis.engine.windows import Window, plan_tiles


def _map(rows: int, cols: int, n_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    labels = generator.integers(0, n_classes + 1, (rows, cols)).astype(np.uint8)
    confidence = generator.random((rows, cols)).astype(np.float32)
    valid = (labels > 0) | (generator.random((rows, cols)) > 0.5)
    return labels, confidence, valid


@pytest.mark.parametrize("tile_px", [7, 64, 10_000], ids=["odd tiles", "tiles", "one tile"])
def test_tally_any_tiling_equals_whole_map(tile_px: int) -> None:
    labels, confidence, valid = _map(150, 83, 5)
    area = Window(0, 0, 150, 83)
    tally = MapTally(5, area)
    for window in plan_tiles(area, tile_px):
        part = window.slices()
        tally.add(window, labels[part], confidence[part], valid[part])
    assert tally.counts.tolist() == [int((labels == k).sum()) for k in range(1, 6)]
    assert tally.n_valid == valid.sum()
    assert tally.mean_confidence == pytest.approx(confidence[labels > 0].mean(dtype=np.float64))
    assert tally.class_confidence()[2] == pytest.approx(confidence[labels == 3].mean(dtype=np.float64))
    expected, _ = np.histogram(confidence[labels == 2].astype(np.float64), bins=N_CONFIDENCE_BINS, range=(0, 1))
    assert tally.histogram[1].tolist() == expected.tolist()
    assert np.array_equal(tally.thumbnail.labels, labels)


def test_tally_class_without_pixels_has_nan_confidence_and_no_spectrum() -> None:
    tally = MapTally(3, Window(0, 0, 1, 2))
    labels = np.array([[1, 3]], dtype=np.uint8)
    tally.add(Window(0, 0, 1, 2), labels, np.array([[0.5, 1.0]], dtype=np.float32), labels > 0)
    assert np.isnan(tally.class_confidence()).tolist() == [False, True, False]
    spectra = class_spectra(
        np.array([[1.0, 3.0], [5.0, 7.0]], dtype=np.float32), labels[0], np.array([450.0, 650.0]), 3
    )
    assert [(s.class_id, s.n_px) for s in spectra] == [(1, 1), (3, 1)]
    assert spectra[1].mean == (5.0, 7.0)
    assert spectra[1].wavelengths_nm == (450.0, 650.0)
