# SPDX-License-Identifier: GPL-2.0-or-later
"""The network stage on a cube in memory: the same code as on a scene on disk, without its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from special_qgis.engine.config import RefineConfig
from special_qgis.engine.errors import InputError
from special_qgis.engine.progress import NullProgress, Progress, SubProgress
from special_qgis.engine.refine.inseparable import merge_inseparable
from special_qgis.engine.refine.refinement import predict_tiles
from special_qgis.engine.refine.train import Build, TrainingHistory, train
from special_qgis.engine.windows import Window

TRAINED = 0.85  # fraction of a refinement at which training ends


class ArrayPixels:
    """A scene in memory.

    Args:
        cube: (bands, rows, cols) float32, any unit; anything where invalid.
        valid: (rows, cols) bool.
        probabilities: (classes, rows, cols) float32, the first stage's; sum 1 where valid, all 0 = no label there.
        precedence: All classes in the order in which equals win; None = as they are.
        class_names: Name of each class in the order of the ids; () = "class 1", "class 2", …

    Raises:
        InputError: Shapes do not fit, no pixel is valid, or a value or probability is not a number.
    """

    def __init__(
        self,
        cube: NDArray[np.float32],
        valid: NDArray[np.bool_],
        probabilities: NDArray[np.float32],
        precedence: Optional[Sequence[int]] = None,
        class_names: Sequence[str] = (),
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
        self.class_names = tuple(class_names) or tuple(f"class {k + 1}" for k in range(self.n_classes))
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


@dataclass(frozen=True)
class Refinement:
    """Result of the network stage on a cube."""

    probabilities: NDArray[np.float32]  # (classes, rows, cols) float32, sum 1 where valid, 0 elsewhere
    history: TrainingHistory


def refine(
    cube: NDArray[np.float32],
    valid: NDArray[np.bool_],
    probabilities: NDArray[np.float32],
    build: Build,
    config: Optional[RefineConfig] = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Optional[Progress] = None,
) -> Refinement:
    """Learn a cube from noisy class probabilities and classify it again.

    Args:
        cube: (bands, rows, cols) float32, any unit; anything where invalid.
        valid: (rows, cols) bool.
        probabilities: (classes, rows, cols) float32, the first stage's, sum 1 where valid; all 0 = no label there.
        build: Makes the network for a number of bands and classes.
        config: Constants; None = defaults.
        seed: Of everything random.
        device: Of torch, where to compute.
        progress: Listener; None = nobody listens.

    Raises:
        InputError: Arrays do not fit, or there is nothing to learn from.
        RefinementError: The training diverged or gave a degenerate map; use the first stage's result.
        Cancelled: The user cancelled.
    """
    config, listener = config or RefineConfig(), progress or NullProgress()
    pixels = merge_inseparable(ArrayPixels(cube, valid, probabilities), listener)
    trained = train(pixels, build, config, seed, torch.device(device), SubProgress(listener, 0.0, TRAINED))
    refined = np.zeros(probabilities.shape, np.float32)
    for window, part in predict_tiles(trained, pixels, config, SubProgress(listener, TRAINED, 1.0)):
        rows, cols = window.slices()
        refined[:, rows, cols] = pixels.share(window, part)
    return Refinement(refined, trained.history)
