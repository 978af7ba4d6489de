# SPDX-License-Identifier: GPL-2.0-or-later
"""The spectral prior as a whole: fitted on a sample of a scene, then applied pixel by pixel.

Takes typed classes and a sample of spectra, gives per-pixel class probabilities. What a scene contributes (gain,
brightness ranks, shadow threshold, adaptation) is estimated once on the sample; ``predict`` looks at each pixel
alone, in chunks of one fixed size, so that tiles of any shape agree to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ..config import PriorConfig
from ..errors import InputError
from ..probabilities import normalise
from ..progress import Progress, check_cancelled
from .adaptation import Adaptation, fit_adaptation, fit_projection, log_values
from .bands import BandPlan, DoubleArray, FloatArray, IndexArray, plan_bands
from .indices import compute_indices
from .interpretation import Interpretation, interpret
from .quantity import Correction, choose_quantity, fit_correction, thin
from .rules import VEGETATION, RuleContext, class_likelihood, group_evidence
from .scene_thresholds import LOG_CANOPY_GREEN, canopy_threshold, mixed_ndvi, shadow_threshold
from .self_training import Discriminants, fit_discriminants

if TYPE_CHECKING:
    from ..classes.classes import LandCoverClass
    from ..scene.blocks import Sample
    from ..scene.spectra import SpectralAxis

CHUNK_PX = 8192  # a chunk of one band is 32 KiB and stays in the cache
_RANK_KNOTS = 513
SMALL_OBJECT_FACTOR = 0.1  # of the likelihood of classes such as cars


@dataclass(frozen=True)
class SceneStatistics:
    """What the rules need to know about the scene."""

    correction: Correction
    brightness_knots: FloatArray  # (m,) float32, ascending quantiles of the brightness
    log_shadow_threshold: float
    log_canopy_threshold: float = LOG_CANOPY_GREEN  # of the green light that parts canopy from low vegetation
    mixed_ndvi: float = 0.0  # what vegetation within built pixels adds to their NDVI


@dataclass(frozen=True)
class EvidenceSets:
    """Classes gathered by their materials: a set of names that spectra cannot separate has one row of evidence."""

    weights: Tuple[Dict[str, float], ...]  # per set, group -> weight
    set_of_class: Tuple[int, ...]  # per class, its set; -1 where the name is not known
    commonness: Tuple[float, ...]  # per set, factor of its likelihood


class SpectralPrior:
    """Class probabilities from spectra and names; made by ``fit``."""

    def __init__(
        self,
        interpretation: Interpretation,
        plan: BandPlan,
        statistics: SceneStatistics,
        config: PriorConfig,
        warnings: Sequence[str],
    ) -> None:
        self.interpretation = interpretation
        self.warnings = list(warnings)
        self._plan = plan
        self._statistics = statistics
        self._adaptation: Optional[Adaptation] = None
        self._discriminants: Optional[Discriminants] = None
        self._config = config
        self._sets = evidence_sets(interpretation)
        self._context = RuleContext(
            interpretation.group_names, statistics.log_shadow_threshold, statistics.log_canopy_threshold
        )

    @classmethod
    def fit(
        cls,
        sample: Sample,
        axis: SpectralAxis,
        names: Union[Sequence[LandCoverClass], Interpretation],
        config: PriorConfig,
        quantity: str,
        progress: Progress,
    ) -> SpectralPrior:
        """Estimate what the prior needs to know about a scene.

        Nothing is drawn at random: the sample carries the chance.

        Args:
            sample: Spectra of valid pixels.
            axis: The scene's bands.
            names: Classes as typed, or what was made of their names before.
            config: Options.
            quantity: "reflectance", "radiance" or "unknown", as the user or the file says.
            progress: Receives how far the fit is.

        Raises:
            InputError: The sample is empty.
            SpectraError: The scene has no red or near-infrared band.
        """
        if not len(sample.spectra):
            raise InputError("The scene has no valid pixel.", "Check its no-data value and the area of interest.")
        interpretation = names if isinstance(names, Interpretation) else interpret(names)
        choice = choose_quantity(sample.spectra, axis, quantity)
        plan = plan_bands(axis, drop_absorption=choice.quantity == "radiance")
        correction = fit_correction(sample.spectra, axis, choice.quantity)
        warnings = [*interpretation.warnings, *filter(None, [choice.warning])]
        progress.report(0.2, "Spectral prior: scene statistics")
        statistics = replace(fit_statistics(sample.spectra, plan, correction), mixed_ndvi=mixed_ndvi(sample.pixel_m))
        prior = cls(interpretation, plan, statistics, config, warnings)
        if config.adapt and len(prior._sets.weights) > 1:
            prior._learn(sample.spectra, progress)
        progress.report(1.0)
        return prior

    @property
    def band_indices(self) -> IndexArray:
        """(k,) intp, indices into the axis of the bands that ``predict`` needs, ascending."""
        return self._plan.needed

    @property
    def quantity(self) -> str:
        """ "reflectance" or "radiance", as the values were treated."""
        return self._statistics.correction.quantity

    def predict(self, values: FloatArray, valid: NDArray[np.bool_]) -> FloatArray:
        """Class probabilities of pixels.

        Args:
            values: (k, rows, cols) float32, raw values of ``band_indices``.
            valid: (rows, cols) bool.

        Returns:
            (classes, rows, cols) float32, sum 1 where valid, 0 elsewhere.
        """
        flat = values.reshape(values.shape[0], -1)
        flat_valid = valid.ravel()
        result = np.zeros((len(self._sets.set_of_class), flat.shape[1]), dtype=np.float32)
        for start in range(0, flat.shape[1], CHUNK_PX):
            stop = min(start + CHUNK_PX, flat.shape[1])
            chunk_valid = flat_valid[start:stop]
            if chunk_valid.any():
                probabilities = self._chunk_probabilities(padded_chunk(flat, start, stop))
                np.multiply(probabilities[:, : stop - start], chunk_valid, out=result[:, start:stop])
        return result.reshape((-1, *valid.shape))

    def features(self, spectra: FloatArray, progress: Progress) -> DoubleArray:
        """The features that the adaptation sees, of a sample: principal components of log spectra, and brightness.

        Args:
            spectra: (n, bands) float32, raw values of all bands of the axis.
            progress: Checked for cancel at every chunk.

        Returns:
            (features, n) float64.
        """
        chunks = self._sample_chunks(spectra, progress)
        logs = np.concatenate([self._logs(chunk)[:, :n_px] for chunk, n_px in chunks], axis=1)
        return fit_projection(logs).apply(logs)

    def _logs(self, raw: FloatArray) -> FloatArray:
        """(anchors + 1, CHUNK_PX) logarithms of one chunk; its values are overwritten."""
        self._statistics.correction.apply(raw, self._plan.needed)
        return log_values(raw, compute_indices(raw, self._plan)["brightness"], self._plan)

    def to_json(self) -> Dict[str, Any]:
        """Numbers that describe how the prior was fitted, for provenance."""
        statistics = self._statistics
        adapted = self._adaptation.adapted if self._adaptation else ()
        learnt = self._discriminants.learnt if self._discriminants else ()
        return {
            "quantity": self.quantity,
            "n_bands_used": len(self._plan.needed),
            "brightness_median": float(statistics.brightness_knots[_RANK_KNOTS // 2]),
            "log_shadow_threshold": statistics.log_shadow_threshold,
            "log_canopy_threshold": statistics.log_canopy_threshold,
            "mixed_ndvi": statistics.mixed_ndvi,
            "adapted_class_ids": [
                one.class_id
                for one, index in zip(self.interpretation.classes, self._sets.set_of_class)
                if index in adapted
            ],
            "learnt_class_ids": [
                one.class_id
                for one, index in zip(self.interpretation.classes, self._sets.set_of_class)
                if index in learnt
            ],
            "interpretation": {
                str(one.class_id): {"known": one.known, "groups": dict(one.groups), "text": one.text}
                for one in self.interpretation.classes
            },
            "inseparable": [list(ids) for ids in self.interpretation.inseparable],
        }

    def _chunk_probabilities(self, raw: FloatArray) -> FloatArray:
        """(classes, CHUNK_PX) probabilities of one chunk; its values are overwritten."""
        if not self._sets.weights:
            n_classes = len(self._sets.set_of_class)
            return np.full((n_classes, CHUNK_PX), 1.0 / n_classes, dtype=np.float32)
        probabilities, brightness = self._rule_probabilities(raw)
        if self._adaptation is not None and self._discriminants is not None:
            logs = log_values(raw, brightness, self._plan)
            if self._adaptation.adapted:
                probabilities = self._adaptation.apply(probabilities, logs)
            probabilities = self._discriminants.apply(probabilities, logs)
        return self._spread(probabilities)

    def _rule_probabilities(self, raw: FloatArray) -> Tuple[FloatArray, FloatArray]:
        """Rules on one chunk, corrected in place: (sets, CHUNK_PX) probabilities and (CHUNK_PX,) brightness."""
        self._statistics.correction.apply(raw, self._plan.needed)
        indices = compute_indices(raw, self._plan)
        indices["built_ndvi"] = indices["ndvi"] - np.float32(self._statistics.mixed_ndvi)
        indices["rank"] = brightness_rank(indices["brightness"], self._statistics.brightness_knots)
        likelihood = class_likelihood(group_evidence(indices, self._context), self._sets.weights)
        for row, factor in zip(likelihood, self._sets.commonness):
            row *= np.float32(factor)
        return normalise(likelihood), indices["brightness"]

    def _learn(self, spectra: FloatArray, progress: Progress) -> None:
        """Fit adaptation and self-training on a sample."""
        found: List[Tuple[FloatArray, FloatArray]] = []
        for chunk, n_px in self._sample_chunks(spectra, progress):
            probabilities, brightness = self._rule_probabilities(chunk)
            found.append((probabilities[:, :n_px], log_values(chunk, brightness, self._plan)[:, :n_px]))
        progress.report(0.5, "Spectral prior: adapting to the scene")
        probabilities, logs = (np.concatenate(parts, axis=1) for parts in zip(*found))
        self._adaptation = fit_adaptation(probabilities, logs, self._config.n_rounds)
        if self._adaptation.adapted:
            probabilities = self._adaptation.apply(probabilities, logs)
        self._discriminants = fit_discriminants(probabilities, logs)

    def _sample_chunks(self, spectra: FloatArray, progress: Progress) -> Iterator[Tuple[FloatArray, int]]:
        """(bands, CHUNK_PX) raw values of a sample, chunk by chunk, and how many pixels of each are real."""
        for start in range(0, len(spectra), CHUNK_PX):
            check_cancelled(progress)
            block = spectra[start:][:CHUNK_PX, self._plan.needed].T
            yield padded_chunk(block, 0, block.shape[1]), block.shape[1]

    def _spread(self, probabilities: FloatArray) -> FloatArray:
        """From sets to classes: members of a set share its evidence, names not known get 1 / classes."""
        rows = [index for index in self._sets.set_of_class if index >= 0]
        is_known = [index >= 0 for index in self._sets.set_of_class]
        n_classes = len(is_known)
        known = normalise(probabilities[rows])
        known *= np.float32(len(rows) / n_classes)
        result = np.full((n_classes, probabilities.shape[1]), 1.0 / n_classes, dtype=np.float32)
        result[is_known] = known
        np.power(result, np.float32(self._config.exponent), out=result)
        return normalise(result)


def evidence_sets(interpretation: Interpretation) -> EvidenceSets:
    """Gather classes that stand for the same materials.

    A set of nothing but small objects is less common than its materials: few bright pixels of a town are cars.
    """
    weights: List[Dict[str, float]] = []
    sets: List[int] = []
    commonness: List[float] = []
    for one in interpretation.classes:
        groups = dict(one.groups)
        if not groups:
            sets.append(-1)
            continue
        if groups not in weights:
            weights.append(groups)
            commonness.append(SMALL_OBJECT_FACTOR)
        sets.append(weights.index(groups))
        if not one.is_small_object:
            commonness[sets[-1]] = 1.0
    return EvidenceSets(tuple(weights), tuple(sets), tuple(commonness))


def fit_statistics(spectra: FloatArray, plan: BandPlan, correction: Correction) -> SceneStatistics:
    """Quantiles of the brightness and the shadow threshold.

    Args:
        spectra: (n, bands) float32, raw values.
        plan: Bands of the brightness.
        correction: To something like reflectance.
    """
    bands = plan.needed[plan.brightness]
    values = np.ascontiguousarray(spectra[:, bands].T)
    correction.apply(values, bands)
    brightness = values.mean(axis=0)
    knots = np.quantile(brightness, np.linspace(0.0, 1.0, _RANK_KNOTS)).astype(np.float32)
    shadow = shadow_threshold(brightness)
    return SceneStatistics(correction, knots, shadow, _canopy_threshold(spectra, plan, correction, shadow))


def _canopy_threshold(spectra: FloatArray, plan: BandPlan, correction: Correction, shadow: float) -> float:
    """Green light that parts canopy from low vegetation in this scene."""
    values = np.ascontiguousarray(thin(spectra)[:, plan.needed].T)
    correction.apply(values, plan.needed)
    return canopy_threshold(compute_indices(values, plan), VEGETATION, shadow)


def brightness_rank(brightness: FloatArray, knots: FloatArray) -> FloatArray:
    """Share of the scene's pixels that are darker.

    Args:
        brightness: (n,) float32.
        knots: (m,) float32, quantiles of the brightness, ascending.

    Returns:
        (n,) float32 in [0, 1].
    """
    return np.interp(brightness, knots, np.linspace(0.0, 1.0, len(knots))).astype(np.float32)


def padded_chunk(flat: FloatArray, start: int, stop: int) -> FloatArray:
    """A contiguous copy of some pixels, always CHUNK_PX wide, the rest 0.

    Args:
        flat: (k, n) float32.
        start: First pixel.
        stop: One after the last.
    """
    chunk = np.zeros((flat.shape[0], CHUNK_PX), dtype=np.float32)
    chunk[:, : stop - start] = flat[:, start:stop]
    return chunk
