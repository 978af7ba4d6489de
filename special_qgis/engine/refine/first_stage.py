# SPDX-License-Identifier: GPL-2.0-or-later
"""What the network stage sees of a scene: values, valid pixels and probabilities of any window, nothing else.

The network stage reads windows and a sample from a ``Pixels``; a reference cannot be passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Protocol, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..probabilities import decide_known
from ..windows import Window


@dataclass(frozen=True)
class FirstStageTile:
    """The first stage in a window."""

    probabilities: NDArray[np.float32]  # (classes, rows, cols) float32, sum 1 where valid, 0 elsewhere
    valid: NDArray[np.bool_]  # (rows, cols) bool
    labels: NDArray[np.uint8]  # (rows, cols) uint8, 1…K; 0 = no data
    confidence: NDArray[np.float32]  # (rows, cols) float32, best minus second best; 0 = no data

    @classmethod
    def of(
        cls,
        probabilities: NDArray[np.float32],
        valid: NDArray[np.bool_],
        precedence: Optional[Sequence[int]] = None,
    ) -> FirstStageTile:
        """Decide the pixels of a window as the first stage's map shows them.

        Args:
            probabilities: (classes, rows, cols) float32, sum 1; all 0 = no label.
            valid: (rows, cols) bool, pixels with data.
            precedence: Row indices of all classes in the order in which they win ties; None = the order of the rows.
        """
        return cls(probabilities, valid, *decide_known(probabilities, valid, precedence))


class Pixels(Protocol):
    """Windows of a scene and its first-stage probabilities."""

    rows: int
    cols: int
    n_bands: int
    n_classes: int
    class_names: Tuple[str, ...]  # in the order of the ids, for messages
    precedence: Optional[Sequence[int]]  # row indices of all classes in the order in which they win ties; None = as is

    def values(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(bands, rows, cols) float32 values, anything where invalid, and (rows, cols) bool valid pixels."""

    def first_stage(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(classes, rows, cols) float32 probabilities and (rows, cols) bool valid pixels."""

    def sample(self, n_px: int, seed: int) -> NDArray[np.float32]:
        """(n, bands) float32 spectra of valid pixels spread over the scene, at most ``n_px``."""
