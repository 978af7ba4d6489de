# SPDX-License-Identifier: GPL-2.0-or-later
"""Image–text model and spectral prior as one source of evidence.

``log P = r log((1 − ε) P_clip^(1/t) + ε/K) + a log((1 − ε) P_spec + ε/K)``, renormalised: no source alone can rule a
class out. Both numbers are told without labels: ``t`` makes the two equally sure on average, and ``r`` is how far the
image–text model's classes are borne out by the scene's spectra, beside the prior's. Names that stand for the same
materials have equal spectral evidence, so the image alone ranks them, whatever ``r`` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict

import numpy as np
from numpy.typing import NDArray

from ..probabilities import normalise

FLOOR = 0.1  # ε: probability that each source spreads over all classes
HIGHEST_WEIGHT = 0.25  # r of a model whose classes part the spectra as well as the prior's; docs/method.md
LOWEST_T, HIGHEST_T = 0.1, 10.0  # of the exponent 1 / t
_STEPS = 40  # of the search for t


@dataclass(frozen=True)
class Fusion:
    """How the two are weighed in a scene."""

    temperature: float  # t; above 1 makes the image–text model less sure
    clip_weight: float  # r
    spectral_weight: float  # a: 1, or 0 where the prior understands no name

    def combine_tempered(self, clip: NDArray[np.float32], spectral: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fuse probabilities, each pixel by itself.

        Args:
            clip: (classes, …) float32, sum 1, brought to the fusion's temperature; all 0 where it says nothing.
            spectral: (classes, …) float32, sum 1; all 0 where invalid.

        Returns:
            (classes, …) float32, sum 1; all 0 where ``spectral`` is.
        """
        n_classes = len(clip)
        floor, rest = np.float32(FLOOR / n_classes), np.float32(1.0 - FLOOR)
        product = np.power(rest * clip + floor, np.float32(self.clip_weight))
        if self.spectral_weight:
            product *= np.power(rest * spectral + floor, np.float32(self.spectral_weight))
        return np.where(spectral.max(axis=0) > 0.0, normalise(product), np.float32(0.0))

    def to_json(self) -> Dict[str, Any]:
        """The numbers, for provenance."""
        return {
            "temperature": self.temperature,
            "clip_weight": self.clip_weight,
            "spectral_weight": self.spectral_weight,
        }


def fit_fusion(
    clip: NDArray[np.float32],
    spectral: NDArray[np.float32],
    features: NDArray[np.float64],
    n_known_names: int,
) -> Fusion:
    """Weigh the two on a sample.

    Args:
        clip: (classes, n) float32, sum 1.
        spectral: (classes, n) float32, sum 1.
        features: (features, n) float64 of the spectra, of comparable spread.
        n_known_names: Class names that the spectral prior understands; without any it counts nothing.
    """
    if not n_known_names:
        return Fusion(1.0, 1.0, 0.0)
    share = explained_variance(clip, features) / max(explained_variance(spectral, features), 1e-9)
    return Fusion(
        match_temperature(clip, mean_entropy(spectral)),
        round(HIGHEST_WEIGHT * min(1.0, share) ** 2, 3),
        1.0,
    )


def explained_variance(probabilities: NDArray[np.float32], features: NDArray[np.float64]) -> float:
    """Share of the features' variance that lies between the classes: how far they part the scene's spectra.

    Args:
        probabilities: (classes, n) float32, sum 1.
        features: (features, n) float64.

    Returns:
        0 = all classes have the same mean, 1 = each class is one spectrum.
    """
    weights = probabilities.astype(np.float64)
    sizes = np.maximum(weights.sum(axis=1), 1e-9)
    means = weights @ features.T / sizes[:, None]
    between = ((means - features.mean(axis=1)) ** 2 * (sizes / sizes.sum())[:, None]).sum()
    return float(between / max(float(features.var(axis=1).sum()), 1e-12))


def match_temperature(probabilities: NDArray[np.float32], entropy: float) -> float:
    """The t at which ``P^(1/t)`` has a mean entropy, by bisection; entropy grows with t.

    Args:
        probabilities: (classes, n) float32, sum 1.
        entropy: Wanted, in nats.

    Returns:
        From ``LOWEST_T`` to ``HIGHEST_T``, rounded to three digits.
    """
    low, high = LOWEST_T, HIGHEST_T
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        if mean_entropy(tempered(probabilities, middle)) < entropy:
            low = middle
        else:
            high = middle
    return round(float(np.sqrt(low * high)), 3)


def mean_entropy(probabilities: NDArray[np.float32]) -> float:
    """Mean entropy of pixels in nats.

    Args:
        probabilities: (classes, n) float32, sum 1.
    """
    safe = np.maximum(probabilities.astype(np.float64), 1e-12)
    return float(-(safe * np.log(safe)).sum(axis=0).mean())


def tempered(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """``P^(1/t)``, renormalised; all equal where all are 0.

    Args:
        probabilities: (classes, …) float32.
        temperature: t.
    """
    largest = probabilities.max(axis=0)
    scaled = probabilities / np.maximum(largest, np.float32(1e-12))
    powers: NDArray[np.float32] = np.power(scaled, np.float32(1.0 / temperature))
    powers[:, largest <= 0.0] = 1.0
    return normalise(powers)


def agreement(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far two sources agree: the probability that both share, ``Σ min(P, Q)``.

    Args:
        one: (classes, …) float32, sum 1.
        other: (classes, …) float32, sum 1.

    Returns:
        (…) float32 in [0, 1]; 1 = the same, 0 = each rules out what the other says.
    """
    shared = np.zeros(one.shape[1:], np.float32)
    for row, twin in zip(one, other):
        shared += np.minimum(row, twin)
    limited: NDArray[np.float32] = np.clip(shared, 0.0, 1.0)
    return limited
