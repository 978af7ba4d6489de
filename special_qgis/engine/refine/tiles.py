# SPDX-License-Identifier: GPL-2.0-or-later
"""Which windows a scene is learnt from: all of a small one as one window, else seeded windows around samples.

A census of small cells, one pass over stage 1, tells where each class is sure; windows are put around cells drawn for
each class in turn, so that a rare class is seen as often as a common one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress, check_cancelled
from ..windows import Window, plan_tiles
from .stage_one import Pixels, StageOneTile

CELLS_PER_SIDE = 4  # of a window: a window around the middle of a cell holds all of it
LARGEST_CELL_PX = 64  # divides the side of a compute tile


@dataclass(frozen=True)
class Census:
    """Stage 1 of a whole scene in few numbers."""

    cells: List[Window]
    mass: NDArray[np.float64]  # (cells, classes) float64, summed confidence of the pixels that the class wins
    counts: NDArray[np.int64]  # (classes,) int64, pixels that each class wins
    highest: NDArray[np.float32]  # (cells, classes) float32, highest probability of each class
    n_valid: int

    @property
    def absent(self) -> NDArray[np.float32]:
        """(classes,) float32, highest probability of each class that wins nowhere; NaN for classes that win."""
        return np.where(self.counts > 0, np.float32(np.nan), self.highest.max(axis=0))


def take_census(pixels: Pixels, tile_px: int, progress: Progress) -> Census:
    """Count stage 1 cell by cell.

    Args:
        pixels: The scene.
        tile_px: Side of the windows to be planned, which cells must fit into.
        progress: Reports the share of the scene counted; asked for cancel at every tile.

    Raises:
        InputError: Stage 1 gives no class anywhere.
    """
    area = Window(0, 0, pixels.rows, pixels.cols)
    cell_px = min(LARGEST_CELL_PX, tile_px // CELLS_PER_SIDE)
    cells: List[Window] = []
    mass: List[NDArray[np.float64]] = []
    highest: List[NDArray[np.float32]] = []
    counts = np.zeros(pixels.n_classes + 1, np.int64)
    n_valid = done_px = 0
    for window in plan_tiles(area):
        check_cancelled(progress)
        tile = StageOneTile.of(*pixels.stage_one(window))
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
            "Stage 1 labels none of the valid pixels; there is nothing to learn from.",
            "Check that the labels lie on the scene and that their class numbers are those of the class list.",
        )
    return Census(cells, np.array(mass), counts[1:], np.array(highest), n_valid)


def plan_training(pixels: Pixels, census: Census, tile_px: int, n_tiles: int, seed: int) -> List[Window]:
    """Windows to learn from.

    Args:
        pixels: The scene, for its size.
        census: Where classes are.
        tile_px: Side of a window; a scene of no more than ``tile_px``² pixels is one window.
        n_tiles: Windows of a larger scene.
        seed: Of the draw.

    Returns:
        Windows inside the scene; they may overlap. Each class that stage 1 gives anywhere is met in turn.
    """
    if pixels.rows * pixels.cols <= tile_px * tile_px:
        return [Window(0, 0, pixels.rows, pixels.cols)]
    rng = np.random.default_rng((seed, 3))
    wanted = np.where(census.mass.sum(axis=0) > 0.0, census.mass, census.highest)
    chances = wanted.astype(np.float64)
    classes = [k for k in rng.permutation(pixels.n_classes) if chances[:, k].sum() > 0.0]
    windows = []
    for turn in range(n_tiles):
        k = classes[turn % len(classes)]
        cell = census.cells[int(rng.choice(len(census.cells), p=chances[:, k] / chances[:, k].sum()))]
        windows.append(_around(cell, pixels, tile_px, rng))
        chances[:, k] *= _far_from(census.cells, windows[-1])
        if chances[:, k].sum() <= 0.0:
            chances[:, k] = wanted[:, k]  # all its places are covered: begin again
    return windows


def _around(cell: Window, pixels: Pixels, tile_px: int, rng: np.random.Generator) -> Window:
    """A window that holds the cell at a place drawn at random, inside the scene."""
    rows, cols = min(tile_px, pixels.rows), min(tile_px, pixels.cols)
    row = cell.row_off + cell.rows // 2 - int(rng.integers(rows // 4, rows - rows // 4))
    col = cell.col_off + cell.cols // 2 - int(rng.integers(cols // 4, cols - cols // 4))
    return Window(min(max(row, 0), pixels.rows - rows), min(max(col, 0), pixels.cols - cols), rows, cols)


def _far_from(cells: List[Window], window: Window) -> NDArray[np.float64]:
    """(cells,) float64, 0 for cells whose middle a window covers, so that the next one goes elsewhere; 1 for others."""
    middle = np.array([(c.row_off + c.rows // 2, c.col_off + c.cols // 2) for c in cells])
    inside = (middle >= (window.row_off, window.col_off)) & (
        middle < (window.row_off + window.rows, window.col_off + window.cols)
    )
    far: NDArray[np.float64] = 1.0 - inside.all(axis=1)
    return far
