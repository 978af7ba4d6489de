# SPDX-License-Identifier: GPL-2.0-or-later
"""Entry points of the network stage: refine a cube in memory, or train on a scene on disk and map it tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..config import RefineConfig
from ..probabilities import sharpen
from ..progress import NullProgress, Progress, SubProgress
from ..windows import Window
from .first_pass import make_first_pass
from .first_stage import ArrayPixels, Pixels
from .fusion import fuse, richardson_lucy_unfolding
from .infer import predict_blended
from .inseparable import merge_inseparable
from .train import Build, TrainedNetwork, TrainingHistory, class_probabilities, train

TRAINED = 0.85  # fraction of a refinement at which training ends


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


def predict_tiles(
    trained: TrainedNetwork, pixels: Pixels, config: RefineConfig, progress: Progress
) -> Iterator[Tuple[Window, NDArray[np.float32]]]:
    """Map a scene with a trained network.

    Args:
        trained: The network.
        pixels: The scene.
        config: Sizes of windows.
        progress: Reports the share of windows done; asked for cancel before each.

    Yields:
        The tiles of the fixed grid, row by row, and their (outputs, rows, cols) float32 probabilities, 0 where invalid.
    """
    is_one_window = pixels.rows * pixels.cols <= config.tile_px * config.tile_px
    network = trained.network if is_one_window or not config.scene_norms else trained.with_scene_norms()

    def predict(window: Window) -> NDArray[np.float32]:
        values, valid = pixels.values(window)
        return class_probabilities(network, trained.scaling, values, valid)

    make_first_pass(trained.network, pixels.n_bands, False, SubProgress(progress, 0.0, 0.0))
    progress.report(0.0, "Mapping with the trained network")
    blended = predict_blended(
        pixels.rows, pixels.cols, trained.n_classes, config.tile_px, config.halo_px, predict, progress
    )
    transitions, evidence = trained.transitions.matrix(), trained.transitions.evidence()
    for window, probabilities in blended:
        first_stage, valid = pixels.first_stage(window)
        if config.fuse_stage_one:
            unfolded = richardson_lucy_unfolding(probabilities, transitions, config.error_rounds)
            probabilities = fuse(unfolded, sharpen(first_stage, config.target_power), evidence)
        yield window, probabilities * valid
