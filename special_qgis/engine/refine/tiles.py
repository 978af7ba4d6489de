# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixels a scene is learnt from: all of a small one as one image, else images of seeded patches.

The class statistics of small cells, counted in one pass over the first stage, hold where each class is confident;
patches are put around cells drawn for each class in turn, so that a rare class is learnt as often as a common one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import numpy as np
from numpy.typing import NDArray

from ..config import RefineConfig
from ..errors import InputError
from ..progress import Progress, check_cancelled
from ..windows import Window, plan_tiles
from .first_stage import FirstStageTile, Pixels
from .training_images import CACHE_BYTES, image_bytes

CELLS_PER_SIDE = 2  # of a patch: a patch around the middle of a cell holds all of it
LARGEST_CELL_PX = 64  # divides the side of a compute tile


@dataclass(frozen=True)
class ClassStatistics:
    """Class statistics of the first stage of a whole scene, cell by cell."""

    cells: List[Window]
    mass: NDArray[np.float64]  # (cells, classes) float64, summed confidence of the pixels that the class wins
    counts: NDArray[np.int64]  # (classes,) int64, pixels that each class wins
    highest: NDArray[np.float32]  # (cells, classes) float32, highest probability of each class
    n_valid: int

    @property
    def absent(self) -> NDArray[np.float32]:
        """(classes,) float32, highest probability of each class that wins nowhere; NaN for classes that win."""
        return np.where(self.counts > 0, np.float32(np.nan), self.highest.max(axis=0))


def class_statistics(pixels: Pixels, config: RefineConfig, progress: Progress) -> ClassStatistics:
    """Class statistics of the first stage, cell by cell.

    Args:
        pixels: Values and first-stage probabilities of the scene.
        config: Options of the network stage; the sizes of patches, which cells must fit into, are used.
        progress: Receives the share of the scene counted; checked for cancel at every tile.

    Raises:
        InputError: The first stage gives no class anywhere.
    """
    area = Window(0, 0, pixels.rows, pixels.cols)
    cell_px = min(LARGEST_CELL_PX, patch_px(config) // CELLS_PER_SIDE)
    cells: List[Window] = []
    mass: List[NDArray[np.float64]] = []
    highest: List[NDArray[np.float32]] = []
    counts = np.zeros(pixels.n_classes + 1, np.int64)
    n_valid = done_px = 0
    for window in plan_tiles(area):
        check_cancelled(progress)
        tile = FirstStageTile.of(*pixels.first_stage(window), pixels.precedence)
        counts += np.bincount(tile.labels.ravel(), minlength=pixels.n_classes + 1)
        n_valid += int(np.count_nonzero(tile.valid))
        for cell in plan_tiles(window, cell_px):
            rows, cols = cell.slices(window)
            labels, confidence = tile.labels[rows, cols].ravel(), tile.confidence[rows, cols].ravel()
            cells.append(cell)
            mass.append(np.bincount(labels, confidence, pixels.n_classes + 1)[1:].astype(np.float64))
            highest.append(tile.probabilities[:, rows, cols].max(axis=(1, 2)))
        done_px += window.n_px
        progress.report(done_px / area.n_px)
    if not max(values.max() for values in highest) > 0.0:
        raise InputError(
            "The first stage labels none of the valid pixels; there is nothing to learn from.",
            "Check that the labels lie on the scene and that their class numbers are those of the class list.",
        )
    return ClassStatistics(cells, np.array(mass), counts[1:], np.array(highest), n_valid)


def patch_px(config: RefineConfig) -> int:
    """Side of a patch of a training image."""
    return config.tile_px // config.patches_per_side


def plan_images(pixels: Pixels, statistics: ClassStatistics, config: RefineConfig, seed: int) -> List[List[Window]]:
    """Images to learn from.

    Args:
        pixels: The scene; only its size and its number of bands and classes are read.
        statistics: Class statistics of the scene, from ``class_statistics``.
        config: Number and sizes of images and patches; a scene of no more than ``tile_px``² pixels is one image.
        seed: Seed of the random generator that draws the patches.

    Returns:
        Patches of each image, row by row; no more images than a fixed budget of memory holds.
    """
    if pixels.rows * pixels.cols <= config.tile_px * config.tile_px:
        return [[Window(0, 0, pixels.rows, pixels.cols)]]
    per_image = config.patches_per_side**2
    budget = CACHE_BYTES // image_bytes(pixels.n_bands, pixels.n_classes, config.tile_px**2)
    n_images = max(1, min(config.training_tiles, budget))
    patches = plan_patches(pixels, statistics, patch_px(config), n_images * per_image, seed)
    return [[patches[i * per_image + k] for k in range(per_image)] for i in range(n_images)]


def plan_patches(pixels: Pixels, statistics: ClassStatistics, side_px: int, n_patches: int, seed: int) -> List[Window]:
    """Patches to learn from.

    Args:
        pixels: The scene; only its size and its number of classes are read.
        statistics: Class statistics of the scene, from ``class_statistics``.
        side_px: Side of a patch in pixels; where the scene is narrower, the scene's side is used.
        n_patches: Number of patches, 1 or more.
        seed: Seed of the random generator that draws the patches.

    Returns:
        Windows inside the scene; they may overlap. Each class that the first stage gives anywhere is met in turn.
    """
    rng = np.random.default_rng((seed, 3))
    wanted = np.where(statistics.mass.sum(axis=0) > 0.0, statistics.mass, statistics.highest)
    chances = wanted.astype(np.float64)
    classes = [k for k in rng.permutation(pixels.n_classes) if chances[:, k].sum() > 0.0]
    middles = np.array([(c.row_off + c.rows // 2, c.col_off + c.cols // 2) for c in statistics.cells])
    windows = []
    for turn in range(n_patches):
        k = classes[turn % len(classes)]
        chosen = int(rng.choice(len(middles), p=chances[:, k] / chances[:, k].sum()))
        windows.append(_around(middles[chosen], pixels, side_px, rng))
        chances[:, k] *= _far_from(middles, windows[-1])
        if chances[:, k].sum() <= 0.0:
            chances[:, k] = wanted[:, k]  # all its places are covered: begin again
    return windows


def _around(middle: NDArray[np.int64], pixels: Pixels, side_px: int, rng: np.random.Generator) -> Window:
    """A window that holds a cell, given by its middle, at a place drawn at random, inside the scene."""
    rows, cols = min(side_px, pixels.rows), min(side_px, pixels.cols)
    row = int(middle[0]) - int(rng.integers(rows // 4, rows - rows // 4))
    col = int(middle[1]) - int(rng.integers(cols // 4, cols - cols // 4))
    return Window(min(max(row, 0), pixels.rows - rows), min(max(col, 0), pixels.cols - cols), rows, cols)


def _far_from(middles: NDArray[np.int64], window: Window) -> NDArray[np.float64]:
    """(cells,) float64, 0 for cells whose middle a window covers, so that the next one goes elsewhere; 1 for others."""
    first = (window.row_off, window.col_off)
    inside = (middles >= first) & (middles < (first[0] + window.rows, first[1] + window.cols))
    far: NDArray[np.float64] = 1.0 - inside.all(axis=1)
    return far
