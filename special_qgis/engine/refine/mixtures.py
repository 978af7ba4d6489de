# SPDX-License-Identifier: GPL-2.0-or-later
"""Confident and hard pixels of each class, and soft labels from their spectra: Gaussian mixtures, twice.

First a mixture on the network's own confidence splits the pixels of each class into confident, middling and hard
ones. Then a mixture on the spectra of each class's pixels gives soft labels to confident and hard ones.
Densities stay logarithms throughout, so that an outlier far from every class still gets labels that sum to 1.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from ..config import RefineConfig
from ..progress import Progress, check_cancelled

PX_PER_CONFIDENCE_COMPONENT = 10  # fewer do not determine a mean and a variance
PX_PER_DIMENSION = 6  # that a component with full covariance is fitted on, for each dimension and one more
VARIANCE_FLOOR = 1e-4  # added to variances, as a share of the features' mean variance over all candidates
FIT_PX = 5000  # of one mixture, drawn by seed: plenty for its hundred numbers, and a fit ends well within a second
CONFIDENCE_FLOOR = 1e-6  # added to the variance of confidences, which lie in [0, 1]


@dataclass(frozen=True)
class Projection:
    """Principal components of scaled spectra."""

    mean: NDArray[np.float64]  # (bands,) float64
    axes: NDArray[np.float64]  # (bands, dimensions) float64, orthonormal

    @classmethod
    def fit(cls, spectra: NDArray[np.float32], n_dimensions: int) -> Projection:
        """Find the components of largest variance; fewer where there are fewer bands.

        Args:
            spectra: (n, bands) float32, scaled to [0, 1].
            n_dimensions: Number of principal components wanted, 1 or more.
        """
        mean = spectra.mean(axis=0, dtype=np.float64)
        centred = spectra - mean
        _, vectors = np.linalg.eigh(centred.T @ centred / max(1, len(spectra) - 1))
        return cls(mean, vectors[:, ::-1][:, :n_dimensions])

    def apply(self, spectra: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, dimensions) float64 features of (n, bands) spectra."""
        features: NDArray[np.float64] = (spectra - self.mean) @ self.axes
        return features


class Division(NamedTuple):
    """Candidates that are learnt with soft labels; both (n,) bool over all candidates."""

    confident: NDArray[np.bool_]
    hard: NDArray[np.bool_]


def divide(
    labels: NDArray[np.uint8],
    confidence: NDArray[np.float32],
    class_names: Sequence[str],
    config: RefineConfig,
    seed: int,
    progress: Progress,
) -> Division:
    """Split the pixels of each class by a mixture on the network's confidence.

    A class with too few pixels for two components, or whose pixels all have the same confidence, is left out.

    Args:
        labels: (n,) uint8, the network's class of each candidate, 1…K.
        confidence: (n,) float32 in [0, 1], the network's best minus second-best probability of each candidate.
        class_names: Name of each class in the order of the ids, for messages.
        config: Number of components and share of confident pixels.
        seed: Seed of the mixtures and of the draw of confident pixels.
        progress: Receives which classes are left out; checked for cancel at every class.
    """
    confident, hard = np.zeros(labels.size, bool), np.zeros(labels.size, bool)
    rng = np.random.default_rng((seed, 2))
    for class_id in np.unique(labels):
        check_cancelled(progress)
        members = np.flatnonzero(labels == class_id)
        values = confidence[members].astype(np.float64)[:, None]
        n_components = min(
            config.confidence_components, members.size // PX_PER_CONFIDENCE_COMPONENT, np.unique(values).size
        )
        mixture = _fit(values, n_components, CONFIDENCE_FLOOR, seed) if n_components >= 2 else None
        if mixture is None:
            name = class_names[class_id - 1]
            progress.info(f"“{name}”: in some epochs its pixels do not split into confident and hard ones.")
            continue
        component = mixture.predict(values)
        used = np.unique(component)  # a component may have lost all its pixels
        means = mixture.means_[used, 0]
        best = members[component == used[means.argmax()]]
        n_confident = max(1, round(config.confident_share * best.size))
        confident[rng.choice(best, n_confident, replace=False)] = True
        if used.size > 1:
            hard[members[component == used[means.argmin()]]] = True
    return Division(confident, hard)


class SpectralModel:
    """Gaussian mixture of each class's spectra.

    Args:
        mixtures: One Gaussian mixture for each class in the order of the ids; None for a class with too few pixels.
    """

    def __init__(self, mixtures: List[Optional[GaussianMixture]]) -> None:
        self._mixtures = mixtures

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float64],
        labels: NDArray[np.uint8],
        class_names: Sequence[str],
        config: RefineConfig,
        floor: float,
        seed: int,
        progress: Progress,
    ) -> SpectralModel:
        """Fit the mixtures; too few pixels mean fewer components, or none at all.

        Args:
            features: (n, dimensions) float64 principal components of the pixels to fit on.
            labels: (n,) uint8, the network's class of each pixel, 1…K.
            class_names: Name of each class in the order of the ids, for messages.
            config: Number of components of a mixture.
            floor: Added to every variance, in squared units of ``features``, 0 or more.
            seed: Seed of the random generators of the mixtures.
            progress: Receives which classes have no mixture; checked for cancel at every class.
        """
        least_px = PX_PER_DIMENSION * (features.shape[1] + 1)
        mixtures: List[Optional[GaussianMixture]] = []
        for class_id, name in enumerate(class_names, 1):
            check_cancelled(progress)
            members = features[labels == class_id]
            n_components = min(config.spectral_components, len(members) // least_px)
            mixture = _fit(members, n_components, floor, seed) if n_components >= 1 else None
            if mixture is None and len(members):
                progress.info(f"“{name}”: in some epochs its pixels are too few for a spectral model.")
            mixtures.append(mixture)
        return cls(mixtures)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(classes,) bool, classes that have a mixture."""
        return np.array([mixture is not None for mixture in self._mixtures])

    def log_densities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, classes) float64, logarithm of each class's density; minus infinity for a class without mixture."""
        found = np.full((len(features), len(self._mixtures)), -np.inf)
        for k, mixture in enumerate(self._mixtures):
            if mixture is not None and len(features):
                found[:, k] = mixture.score_samples(features)
        return found

    def soft_labels(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """(n, classes) float32, densities normalised over the classes; all 0 where no class has a mixture."""
        return normalise_log(self.log_densities(features))


def normalise_log(log_densities: NDArray[np.float64]) -> NDArray[np.float32]:
    """Shares of densities that are given as logarithms.

    Args:
        log_densities: (n, classes) float64, natural logarithms of densities; minus infinity = density 0.

    Returns:
        (n, classes) float32, each row sums to 1, however small the densities are; all 0 where all are minus infinity.
    """
    highest = log_densities.max(axis=1, keepdims=True)
    shares = np.exp(log_densities - np.where(np.isfinite(highest), highest, 0.0))
    normalised: NDArray[np.float32] = (shares / np.maximum(shares.sum(axis=1, keepdims=True), 1.0)).astype(np.float32)
    return normalised


def _fit(values: NDArray[np.float64], n_components: int, floor: float, seed: int) -> Optional[GaussianMixture]:
    """A mixture fitted on up to ``FIT_PX`` values; None where they are too much alike for as many components."""
    if len(values) > FIT_PX:
        values = values[np.random.default_rng((seed, 6)).choice(len(values), FIT_PX, replace=False)]
    mixture = GaussianMixture(n_components, covariance_type="full", reg_covar=floor, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 rounds do, and alike values give fewer clusters
        try:
            return mixture.fit(values)
        except ValueError:  # a covariance that is not positive definite
            return None
