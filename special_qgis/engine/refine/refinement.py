# SPDX-License-Identifier: GPL-2.0-or-later
"""The last step of the network stage: maps a scene tile by tile with the network that was trained on it."""

from __future__ import annotations

from typing import Iterator, Tuple

import numpy as np
from numpy.typing import NDArray

from ..config import RefineConfig
from ..probabilities import sharpen
from ..progress import Progress, SubProgress
from ..windows import Window
from .first_pass import make_first_pass
from .first_stage import Pixels
from .fusion import fuse, network_share, richardson_lucy_unfolding, weighted_mean
from .infer import predict_blended
from .train import TrainedNetwork, class_probabilities


def predict_tiles(
    trained: TrainedNetwork, pixels: Pixels, config: RefineConfig, progress: Progress
) -> Iterator[Tuple[Window, NDArray[np.float32]]]:
    """Map a scene with a trained network.

    Args:
        trained: Trained network with its scaling.
        pixels: Values and first-stage probabilities of the scene.
        config: Options of the network stage; the sizes of windows are used.
        progress: Receives the share of windows done; checked for cancel before each.

    Yields:
        The tiles of the fixed grid, row by row, and their (outputs, rows, cols) float32 probabilities, 0 where invalid.
    """
    is_one_window = pixels.rows * pixels.cols <= config.tile_px * config.tile_px
    network = trained.network if is_one_window or not config.scene_norms else trained.with_scene_norms()

    def predict(window: Window) -> NDArray[np.float32]:
        values, valid = pixels.values(window)
        return class_probabilities(network, trained.scaling, values, valid)

    make_first_pass(trained.network, pixels.n_bands, False, SubProgress(progress, 0.0, 0.0))
    progress.report(0.0, "Network: mapping")
    blended = predict_blended(
        pixels.rows, pixels.cols, trained.n_classes, config.tile_px, config.halo_px, predict, progress
    )
    transitions, evidence = trained.transitions.matrix(), trained.transitions.evidence()
    share = network_share(trained.history.final_agreement, config.least_share)
    for window, probabilities in blended:
        first_stage, valid = pixels.first_stage(window)
        if config.fuse_stage_one:
            unfolded = richardson_lucy_unfolding(probabilities, transitions, config.error_rounds)
            fused = fuse(unfolded, sharpen(first_stage, config.target_power), evidence)
            probabilities = weighted_mean(fused, first_stage, share)
        yield window, probabilities * valid
