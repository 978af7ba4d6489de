# SPDX-License-Identifier: GPL-2.0-or-later
"""What the network stage sees of a scene: values, valid pixels and probabilities of any window, nothing else.

The network stage asks a ``Pixels`` for windows and for a sample, so that a cube in memory and a scene on disk are
learnt by the same code. There is no way in for a reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Protocol, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
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
            probabilities: (classes, rows, cols) float32; all 0 = no label.
            valid: (rows, cols) bool.
            precedence: All classes in the order in which equals win; None = as they are.
        """
        return cls(probabilities, valid, *decide_known(probabilities, valid, precedence))


class Pixels(Protocol):
    """Windows of a scene and its first-stage probabilities."""

    rows: int
    cols: int
    n_bands: int
    n_classes: int
    precedence: Optional[Sequence[int]]  # all classes in the order in which equals win; None = as they are

    def values(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(bands, rows, cols) float32 values, anything where invalid, and (rows, cols) bool valid pixels."""

    def first_stage(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(classes, rows, cols) float32 probabilities and (rows, cols) bool valid pixels."""

    def sample(self, n_px: int, seed: int) -> NDArray[np.float32]:
        """(n, bands) float32 spectra of valid pixels spread over the scene, at most ``n_px``."""


class ArrayPixels:
    """A scene in memory.

    Args:
        cube: (bands, rows, cols) float32, any unit; anything where invalid.
        valid: (rows, cols) bool.
        probabilities: (classes, rows, cols) float32, the first stage's; sum 1 where valid, all 0 = no label there.
        precedence: All classes in the order in which equals win; None = as they are.

    Raises:
        InputError: Shapes do not fit, no pixel is valid, or a value or probability is not a number.
    """

    def __init__(
        self,
        cube: NDArray[np.float32],
        valid: NDArray[np.bool_],
        probabilities: NDArray[np.float32],
        precedence: Optional[Sequence[int]] = None,
    ) -> None:
        if cube.ndim != 3 or probabilities.ndim != 3 or not cube.shape[1:] == valid.shape == probabilities.shape[1:]:
            raise InputError(
                f"Cube {cube.shape}, valid pixels {valid.shape} and probabilities {probabilities.shape} do not fit; "
                "(bands, rows, cols), (rows, cols) and (classes, rows, cols) are accepted."
            )
        if not valid.any():
            raise InputError("There is no valid pixel to learn from.", "Check the nodata value and the mask.")
        if not np.isfinite(probabilities[:, valid]).all() or (probabilities[:, valid] < 0.0).any():
            raise InputError("A first-stage probability is negative or not a number; 0 to 1 is accepted.")
        spoiled = sum(int(np.count_nonzero(~np.isfinite(band[valid]))) for band in cube)
        if spoiled:
            raise InputError(
                f"{spoiled} values of valid pixels are infinite or not numbers; numbers are accepted.",
                "Mark these pixels as invalid.",
            )
        self._cube, self._valid, self._probabilities = cube, valid, probabilities
        self.n_bands, self.rows, self.cols = cube.shape
        self.n_classes = probabilities.shape[0]
        self.precedence = precedence

    def values(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Values and valid pixels of a window."""
        rows, cols = window.slices()
        return self._cube[:, rows, cols], self._valid[rows, cols]

    def first_stage(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Probabilities and valid pixels of a window; probabilities are 0 where invalid."""
        rows, cols = window.slices()
        valid = self._valid[rows, cols]
        return np.where(valid, self._probabilities[:, rows, cols], np.float32(0.0)), valid

    def sample(self, n_px: int, seed: int) -> NDArray[np.float32]:
        """Spectra of valid pixels drawn by seed, in the order of rows and columns."""
        rows, cols = np.nonzero(self._valid)
        if rows.size > n_px:
            chosen = np.sort(np.random.default_rng(seed).choice(rows.size, n_px, replace=False))
            rows, cols = rows[chosen], cols[chosen]
        return np.ascontiguousarray(self._cube[:, rows, cols].T)
