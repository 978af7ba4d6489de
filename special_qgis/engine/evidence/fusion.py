# SPDX-License-Identifier: GPL-2.0-or-later
"""Several sources of evidence as one.

``log P = Σ_s r_s log((1 − ε) P_s^(1/t_s) + ε/K)``, renormalised: no source alone can rule a class out. The first source
that understands the names is the anchor that others are weighed by: its ``r`` and ``t`` are 1. Those of the others are
estimated without labels: ``t`` gives a source the anchor's mean entropy, and ``r`` grows with the share of the
spectra's variance that its classes explain, relative to that of the anchor's. Names that stand for the same materials
have equal spectral evidence, so the image alone ranks them, whatever ``r`` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..probabilities import normalise
from ..progress import Progress
from ..scene.scene import Sample
from .source import FittedSource

FLOOR = 0.1  # ε: probability that each source spreads over all classes
HIGHEST_WEIGHT = 0.25  # r of a source whose classes separate the spectra as well as the anchor's; docs/method.md
LOWEST_T, HIGHEST_T = 0.1, 10.0  # of the exponent 1 / t
_STEPS = 40  # of the search for t


@dataclass(frozen=True)
class Weighing:
    """How a source is weighed in a scene."""

    name: str  # of the source
    weight: float  # r; 0 where it understands no name
    temperature: float = 1.0  # t; above 1 flattens the probabilities, 1 leaves them as they are
    is_partial: bool = False  # tells groups of classes only, so it has no part in the agreement

    def temper(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities at the weighing's temperature.

        Args:
            probabilities: (classes, …) float32, sum 1, or all 0 where nothing is known.
        """
        return probabilities if self.temperature == 1.0 else tempered(probabilities, self.temperature)


@dataclass(frozen=True)
class Fusion:
    """How the sources are weighed in a scene."""

    weighings: Tuple[Weighing, ...]  # in the order of the sources

    def combine_tempered(
        self, at_temperature: Sequence[NDArray[np.float32]], probabilities: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Fuse probabilities, each pixel by itself.

        Args:
            at_temperature: For each source (classes, …) float32, the probabilities at its temperature, from
                ``Weighing.temper``.
            probabilities: For each source (classes, …) float32, the probabilities before that, sum 1; all 0 where the
                source knows nothing.

        Returns:
            (classes, …) float32, sum 1; all 0 where no source says anything.
        """
        n_classes = len(probabilities[0])
        floor, rest = np.float32(FLOOR / n_classes), np.float32(1.0 - FLOOR)
        product = np.ones(probabilities[0].shape, np.float32)
        known = np.zeros(probabilities[0].shape[1:], bool)
        for one, tempered_, as_it_was in zip(self.weighings, at_temperature, probabilities):
            known |= as_it_was.max(axis=0) > 0.0
            if one.weight:
                product *= np.power(rest * tempered_ + floor, np.float32(one.weight))
        return np.where(known, normalise(product), np.float32(0.0))

    def to_json(self) -> Dict[str, Any]:
        """The numbers, for provenance."""
        found: Dict[str, Any] = {f"{one.name}_weight": one.weight for one in self.weighings}
        measured = [one for one in self.weighings if one.temperature != 1.0]
        if len(self.weighings) == 2:
            return {"temperature": measured[0].temperature if measured else 1.0, **found}
        return {**found, **{f"{one.name}_temperature": one.temperature for one in self.weighings}}


def fit_fusion(fitted: Sequence[FittedSource], sample: Sample, progress: Progress) -> Fusion:
    """Weigh sources on a sample of the scene.

    Args:
        fitted: Sources fitted to the scene, in the order of their table.
        sample: Sample of the scene's pixels.
        progress: Checked for cancel.
    """
    informed = [one for one in fitted if one.is_informed and one.own_weight is None]
    weighings = {one.name: Weighing(one.name, 1.0) for one in informed[:1]}
    for one in fitted:
        if one.own_weight is not None:
            weighings[one.name] = Weighing(one.name, one.own_weight if one.is_informed else 0.0, is_partial=True)
    if len(informed) > 1:
        weighings.update({one.name: one for one in _weigh_others(fitted, informed, sample, progress)})
    return Fusion(tuple(weighings.get(one.name, Weighing(one.name, 0.0)) for one in fitted))


def _weigh_others(
    fitted: Sequence[FittedSource], informed: Sequence[FittedSource], sample: Sample, progress: Progress
) -> List[Weighing]:
    """Weighings of all informed sources but the first, beside it."""
    anchor, *others = informed
    found = [one.features(sample, progress) for one in fitted]
    features = next((f for f in found if f is not None), None)
    if features is None:
        features = plain_features(sample.spectra)
    reference = anchor.predict_sample(sample)
    return [weigh(one.name, one.predict_sample(sample), reference, features) for one in others]


def weigh(
    name: str, probabilities: NDArray[np.float32], reference: NDArray[np.float32], features: NDArray[np.float64]
) -> Weighing:
    """Weigh one source relative to the anchor.

    Args:
        name: Name of the source, as in ``source_kinds``.
        probabilities: (classes, n) float32 of the source, sum 1.
        reference: (classes, n) float32 of the anchor, the source that others are weighed by, sum 1.
        features: (features, n) float64 of the same pixels' spectra, of comparable spread.
    """
    share = explained_variance(probabilities, features) / max(explained_variance(reference, features), 1e-9)
    temperature = match_temperature(probabilities, mean_entropy(reference))
    return Weighing(name, round(HIGHEST_WEIGHT * min(1.0, share) ** 2, 3), temperature)


def plain_features(spectra: NDArray[np.float32]) -> NDArray[np.float64]:
    """(bands, n) float64 spectra of unit spread in every band, for sources that bring no features of their own.

    Args:
        spectra: (n, bands) float32, in any unit.
    """
    bands = spectra.T.astype(np.float64)
    spread = bands.std(axis=1, keepdims=True)
    scaled: NDArray[np.float64] = (bands - bands.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-12)
    return scaled


def explained_variance(probabilities: NDArray[np.float32], features: NDArray[np.float64]) -> float:
    """Share of the features' variance that lies between the classes: how far they separate the scene's spectra.

    Args:
        probabilities: (classes, n) float32, sum 1.
        features: (features, n) float64 of the same pixels.

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
        entropy: Wanted mean entropy in nats, 0 to log(classes).

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
        probabilities: (classes, …) float32, 0 or more; need not sum to 1.
        temperature: Temperature t, above 0; above 1 flattens, below 1 sharpens.
    """
    largest = probabilities.max(axis=0)
    scaled = probabilities / np.maximum(largest, np.float32(1e-12))
    powers: NDArray[np.float32] = np.power(scaled, np.float32(1.0 / temperature))
    powers[:, largest <= 0.0] = 1.0
    return normalise(powers)


def source_agreement(probabilities: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Source agreement: the probability that all sources share, ``Σ_k min_s P_s``.

    Args:
        probabilities: For each source (classes, …) float32, sum 1.

    Returns:
        (…) float32 in [0, 1]; 1 = all sources give the same, 0 = every class is ruled out by some source.
    """
    shared = np.zeros(probabilities[0].shape[1:], np.float32)
    for rows in zip(*probabilities):
        shared += np.minimum.reduce(rows)
    limited: NDArray[np.float32] = np.clip(shared, 0.0, 1.0)
    return limited
