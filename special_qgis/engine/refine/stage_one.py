# SPDX-License-Identifier: GPL-2.0-or-later
"""What stage 2 sees of a scene: values, valid pixels and stage-1 probabilities of any window, nothing else.

Stage 2 asks a ``Pixels`` for windows and for a sample, so that a cube in memory and a scene on disk are learnt by the
same code. There is no way in for a reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..probabilities import decide
from ..windows import Window


@dataclass(frozen=True)
class StageOneTile:
    """Stage 1 in a window."""

    probabilities: NDArray[np.float32]  # (classes, rows, cols) float32, sum 1 where valid, 0 elsewhere
    valid: NDArray[np.bool_]  # (rows, cols) bool
    labels: NDArray[np.uint8]  # (rows, cols) uint8, 1…K; 0 = no data
    confidence: NDArray[np.float32]  # (rows, cols) float32, best minus second best; 0 = no data

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], valid: NDArray[np.bool_]) -> StageOneTile:
        """Decide the pixels of a window; pixels without any probability count as without label."""
        known = valid & (probabilities.max(axis=0) > 0.0)
        labels, confidence = decide(probabilities, known)
        return cls(probabilities, valid, labels, confidence)


class Pixels(Protocol):
    """Windows of a scene and its stage-1 probabilities."""

    rows: int
    cols: int
    n_bands: int
    n_classes: int

    def values(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(bands, rows, cols) float32 values, anything where invalid, and (rows, cols) bool valid pixels."""

    def stage_one(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(classes, rows, cols) float32 probabilities and (rows, cols) bool valid pixels."""

    def sample(self, n_px: int, seed: int) -> NDArray[np.float32]:
        """(n, bands) float32 spectra of valid pixels spread over the scene, at most ``n_px``."""
