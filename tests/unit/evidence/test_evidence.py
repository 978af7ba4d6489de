# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.evidence.evidence import MappedTile, decide_tile
from special_qgis.engine.windows import Window


def _tile(*pixels: tuple[float, ...]) -> MappedTile:
    probabilities = np.array(pixels, np.float32).T[:, None, :]
    return decide_tile(Window(0, 0, 1, len(pixels)), np.ones((1, len(pixels)), bool), probabilities)


@pytest.mark.parametrize(("least", "label"), [(0.0, 1), (0.2, 1), (0.3, 0)], ids=["off", "below", "above"])
def test_pixel_below_the_least_confidence_stays_unclassified_and_keeps_its_confidence(least: float, label: int) -> None:
    tile = _tile((0.625, 0.375)).above(least)
    assert tile.labels[0, 0] == label
    assert tile.confidence[0, 0] == pytest.approx(0.25)


def test_pixel_of_which_nothing_is_known_stays_unclassified() -> None:
    tile = _tile((0.0, 0.0), (0.1, 0.9))
    assert tile.labels.tolist() == [[0, 2]]
    assert tile.confidence[0, 0] == 0.0
