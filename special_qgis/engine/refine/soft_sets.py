# SPDX-License-Identifier: GPL-2.0-or-later
"""Confident and hard sets of an epoch: candidates of all training images, divided and given soft labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, NamedTuple, Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..config import RefineConfig
from ..progress import Progress
from .losses import PixelSet
from .mixtures import VARIANCE_FLOOR, Projection, SpectralModel, divide


@dataclass(frozen=True)
class Candidates:
    """Pixels of one training image that mixtures see, drawn once from all its valid pixels."""

    index: NDArray[np.int64]  # (n,) int64, row · cols + col in the image, ascending
    features: NDArray[np.float64]  # (n, dimensions) float64, principal components


class SoftSets(NamedTuple):
    """Sets of one training image."""

    confident: PixelSet
    hard: PixelSet


class CandidateLabels(NamedTuple):
    """The network's labels of an image's candidates."""

    labels: NDArray[np.uint8]  # (n,) uint8, 1…K
    confidence: NDArray[np.float32]  # (n,) float32, best minus second best


def draw_candidates(
    spectra: NDArray[np.float32], valid: NDArray[np.bool_], projection: Projection, n_px: int, seed: int
) -> Candidates:
    """Draw from all valid pixels of an image, never from labelled ones only.

    Args:
        spectra: (rows · cols, bands) float32 of the image, scaled to [0, 1].
        valid: (rows, cols) bool, pixels with data.
        projection: Principal components of the scene's spectra.
        n_px: Largest number of pixels drawn, 1 or more.
        seed: Seed of the random generator.
    """
    index = np.flatnonzero(valid)
    if index.size > n_px:
        index = np.sort(np.random.default_rng((seed, 4)).choice(index, n_px, replace=False))
    return Candidates(index, projection.apply(spectra[index]))


def make_soft_sets(
    candidates: Sequence[Candidates],
    predicted: Sequence[CandidateLabels],
    class_names: Sequence[str],
    config: RefineConfig,
    seed: int,
    progress: Progress,
) -> List[SoftSets]:
    """Divide the candidates of all images together and label them by spectral models.

    One thread computes: matrices are small, and sums then have the same order on every machine.

    Args:
        candidates: Candidates of each training image.
        predicted: Labels and confidence of the network for the candidates of each training image.
        class_names: Name of each class in the order of the ids, for messages.
        config: Numbers of components and share of confident pixels.
        seed: Seed of the mixtures and of the draw of confident pixels.
        progress: Receives which classes are left out; checked for cancel at every class.

    Returns:
        Sets of each image; empty ones where no class has enough pixels.
    """
    with threadpool_limits(1):
        features = np.concatenate([one.features for one in candidates])
        labels = np.concatenate([one.labels for one in predicted])
        confidence = np.concatenate([one.confidence for one in predicted])
        division = divide(labels, confidence, class_names, config, seed, progress)
        floor = VARIANCE_FLOOR * float(features.var(axis=0).mean())
        # confident pixels alone are the cores of the classes; densities fitted on cores misjudge what lies between them
        used = division.confident if config.spectral_px == "confident" else np.ones(labels.size, bool)
        model = SpectralModel.fit(features[used], labels[used], class_names, config, floor, seed, progress)
        # pixels of a class without a spectral model get no soft label: those of the other classes would mislead
        has_model = np.concatenate([[False], model.known])[labels]
        sets = []
        start = 0
        for one in candidates:
            here = slice(start, start + one.index.size)
            confident, hard = (
                _labelled(one, chosen[here] & has_model[here], model) for chosen in (division.confident, division.hard)
            )
            sets.append(SoftSets(confident, hard))
            start += one.index.size
        return sets


def _labelled(candidates: Candidates, chosen: NDArray[np.bool_], model: SpectralModel) -> PixelSet:
    targets = model.soft_labels(candidates.features[chosen])
    return PixelSet(candidates.index[chosen], targets, np.ones(len(targets), np.float32))
