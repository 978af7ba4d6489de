# SPDX-License-Identifier: GPL-2.0-or-later
"""Random set of a training step: pixels of each class of the first stage, drawn in one of two ways.

"confident", as published: as many of each class, with probability proportional to the first stage's confidence, and its
class as target. That leaves out the pixels of low confidence of every class, and the border between two classes settles
where none was drawn. "even", ours: all pixels of a class alike, with the first stage's probabilities as target, so that
borders stay where the first stage is undecided. Probabilities are raised to a power first: a class that leads by little
would else be lost to the second best. Classes are weighted between their shares of the image and all alike, so that a
small class is learnt too.

A class that wins nowhere in the scene would never be learnt, not even as a second choice: it is drawn from the pixels
where its probability is highest, with the first stage's own probabilities as target.
"""

from __future__ import annotations

from typing import List

import numpy as np
from numpy.typing import NDArray

from ..config import RefineConfig
from ..probabilities import sharpen
from .first_stage import FirstStageTile
from .losses import PixelSet

NEAR_HIGHEST = 0.9  # an absent class is drawn where its probability is at least this share of its highest


def draw_even_set(
    tile: FirstStageTile,
    n_px: int,
    absent: NDArray[np.float32],
    rng: np.random.Generator,
    target_power: float = 1.0,
    class_balance: float = 0.0,
) -> PixelSet:
    """Draw without replacement, all pixels of a class alike.

    Args:
        tile: Probabilities, labels and confidence of the first stage in the image.
        n_px: Largest number of pixels drawn for a class, 1 or more.
        absent: (classes,) float32, highest probability of each class that wins nowhere in the scene; NaN for others.
        rng: Random generator of the draws.
        target_power: Power that the first stage's probabilities are raised to, above 0; they then are scaled to sum 1.
        class_balance: Balance of the classes' weights in [0, 1]: 0 = a class weighs as many pixels as the image has of
            it, 1 = all classes weigh alike; between them the weights' logarithms are interpolated.

    Returns:
        The pixels drawn, with the first stage's probabilities, raised to the power, as target.
    """
    n_classes = tile.probabilities.shape[0]
    labels = tile.labels.ravel()
    index: List[NDArray[np.int64]] = []
    weights: List[NDArray[np.float32]] = []
    for k in range(n_classes):
        members = np.flatnonzero(labels == k + 1) if np.isnan(absent[k]) else _near_highest(tile, k, float(absent[k]))
        if members.size:
            index.append(rng.choice(members, min(n_px, members.size), replace=False))
            weights.append(np.full(index[-1].size, members.size ** (1.0 - class_balance) / index[-1].size, np.float32))
    soft = tile.probabilities.reshape(n_classes, -1)
    return _merge(index, [sharpen(soft[:, one], target_power).T for one in index], weights, n_classes)


def draw_confident_set(
    tile: FirstStageTile, n_px: int, absent: NDArray[np.float32], rng: np.random.Generator
) -> PixelSet:
    """Draw with replacement, in each class with probability proportional to the first stage's confidence.

    Args:
        tile: Probabilities, labels and confidence of the first stage in the image.
        n_px: Number of draws for each class, 1 or more.
        absent: (classes,) float32, highest probability of each class that wins nowhere in the scene; NaN for others.
        rng: Random generator of the draws.

    Returns:
        The pixels drawn; one-hot targets, the first stage's probabilities for absent classes.
    """
    n_classes = tile.probabilities.shape[0]
    labels, confidence = tile.labels.ravel(), tile.confidence.ravel()
    one_hot = np.eye(n_classes, dtype=np.float32)
    index: List[NDArray[np.int64]] = []
    targets: List[NDArray[np.float32]] = []
    weights: List[NDArray[np.float32]] = []
    for k in range(n_classes):
        if np.isnan(absent[k]):
            members = np.flatnonzero(labels == k + 1)
            soft = np.broadcast_to(one_hot[k], (members.size, n_classes))
            chances = confidence[members].astype(np.float64)
        else:
            members = _near_highest(tile, k, float(absent[k]))
            soft = tile.probabilities.reshape(n_classes, -1)[:, members].T
            chances = np.ones(members.size)
        if members.size:
            counts = _draw(chances, n_px, rng)
            drawn = counts > 0
            index.append(members[drawn])
            targets.append(soft[drawn])
            weights.append(counts[drawn])
    return _merge(index, targets, weights, n_classes)


def draw_random_set(
    tile: FirstStageTile, config: RefineConfig, absent: NDArray[np.float32], rng: np.random.Generator
) -> PixelSet:
    """Draw with the method that the options name: ``draw_even_set`` or ``draw_confident_set``."""
    if config.random_set == "confident":
        return draw_confident_set(tile, config.random_px, absent, rng)
    return draw_even_set(tile, config.random_px, absent, rng, config.target_power, config.class_balance)


def _near_highest(tile: FirstStageTile, k: int, highest: float) -> NDArray[np.int64]:
    least = max(NEAR_HIGHEST * highest, np.finfo(np.float32).tiny)
    return np.flatnonzero((tile.probabilities[k] >= least).ravel() & tile.valid.ravel())


def _draw(chances: NDArray[np.float64], n_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """How often each pixel is drawn; uniform where all chances are zero."""
    total = chances.sum()
    shares = chances / total if total > 0.0 else np.full(chances.size, 1.0 / chances.size)
    ends = np.cumsum(shares)
    drawn = np.searchsorted(ends, rng.random(n_px) * ends[-1], side="right")
    return np.bincount(np.minimum(drawn, chances.size - 1), minlength=chances.size).astype(np.float32)


def _merge(
    index: List[NDArray[np.int64]],
    targets: List[NDArray[np.float32]],
    weights: List[NDArray[np.float32]],
    n_classes: int,
) -> PixelSet:
    """One set; a pixel drawn for two classes gets the weighted mean of its targets."""
    if not index:
        return PixelSet(np.zeros(0, np.int64), np.zeros((0, n_classes), np.float32), np.zeros(0, np.float32))
    pixels, place = np.unique(np.concatenate(index), return_inverse=True)
    every_weight = np.concatenate(weights)
    total = np.bincount(place, every_weight, pixels.size).astype(np.float32)
    merged = np.zeros((pixels.size, n_classes), np.float32)
    np.add.at(merged, place, np.concatenate(targets) * every_weight[:, None])
    return PixelSet(pixels, merged / total[:, None], total)
