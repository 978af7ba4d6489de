# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules: how well a pixel's indices fit each material group, as clipped log-probabilities.

Takes indices, brightness and its rank, gives one array of log-evidence a group. A rule is a sum of soft thresholds;
a threshold on an index that the scene lacks contributes 0. Constants are fixed once for all scenes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Dict, Mapping, Sequence, Tuple

import numpy as np

from .bands import FloatArray
from .scene_thresholds import LOG_CANOPY_GREEN
from .thresholds import CANOPY_CLIP, Threshold, above, apply_threshold, below, log_sigmoid

# Green leaves are bright in the near infrared, also against blue: water in shadow has their NDVI but not their light.
# Their edge lies at 715 nm: that of green paint and plastic lies beyond.
VEGETATION = (
    above("ndvi", 0.40, 0.05),
    above("nb", 0.30, 0.06),
    above("nir", 0.07, 0.015),
    above("re", 0.10, 0.03),
)

# docs/method.md, section 3; groups of green vegetation and shadow get a term of their own in ``_SPECIAL``
RULES: Mapping[str, Tuple[Threshold, ...]] = {
    "water": (
        above("ndwi", 0.0, 0.07),
        below("ndvi", 0.10, 0.07),
        above("mndwi", 0.2, 0.1),
        below("rank", 0.6, 0.12),
    ),
    "tree": VEGETATION,
    "grass": (*VEGETATION, above("gr", -0.08, 0.05)),  # yellow where it is dry
    "crop": (*VEGETATION, above("ndvi", 0.5, 0.06)),
    "dry": (
        above("ndvi", 0.12, 0.04),
        below("ndvi", 0.50, 0.06),
        above("rb", 0.14, 0.04),
        above("cai", 0.0, 0.05),
        above("nbr", 0.05, 0.06),
    ),
    "soil": (
        below("ndvi", 0.36, 0.06),
        above("rb", 0.17, 0.035),
        above("ndbi", -0.04, 0.05),
        above("yg", 0.01, 0.02),
        below("yg", 0.15, 0.025),  # redder than soils are: fired clay
    ),
    "sand": (below("ndvi", 0.25, 0.05), above("rb", 0.15, 0.035), above("rank", 0.8, 0.08)),
    "rock": (
        below("ndvi", 0.25, 0.05),
        above("rb", 0.08, 0.04),
        above("rank", 0.5, 0.15),
        below("brightness", 0.36, 0.05),
    ),
    "asphalt": (
        below("built_ndvi", 0.24, 0.06),
        below("rb", 0.19, 0.03),
        above("nb", 0.07, 0.03),
        below("mndwi", 0.15, 0.08),
        below("rank", 0.85, 0.1, 0.6),
    ),
    "concrete": (
        below("built_ndvi", 0.24, 0.06),
        below("rb", 0.22, 0.03),
        above("nb", 0.07, 0.03),
        below("mndwi", 0.2, 0.08),
        above("rank", 0.55, 0.12),
    ),
    "bitumen": (
        below("built_ndvi", 0.24, 0.06),
        below("rb", 0.19, 0.03),
        above("nb", -0.05, 0.05),
        below("nb", 0.09, 0.03),
        below("mndwi", 0.15, 0.08),
        below("rank", 0.4, 0.12),
    ),
    "slate": (
        below("built_ndvi", 0.24, 0.06),
        below("rb", 0.20, 0.04),
        above("nb", -0.05, 0.05),
        below("nb", 0.09, 0.03),
        below("mndwi", 0.15, 0.08),
        below("rank", 0.5, 0.12),
    ),
    "tile": (
        below("ndvi", 0.30, 0.05),
        above("rb", 0.22, 0.05),
        above("yg", 0.07, 0.025),
        above("ndbi", -0.02, 0.06),
    ),
    # snow is white, too, but dark in the short-wave infrared
    "white": (
        below("ndvi", 0.18, 0.05),
        below("rb", 0.15, 0.04),
        above("rank", 0.85, 0.08),
        below("mndwi", 0.35, 0.08),
        below("nb", 0.09, 0.03),
    ),
    "metal": (
        below("ndvi", 0.18, 0.05),
        below("rb", 0.12, 0.04),
        above("rank", 0.75, 0.1),
        below("mndwi", 0.35, 0.08),
        below("nb", 0.09, 0.03),
    ),
    "turf": (above("ndvi", 0.1, 0.08), below("re", 0.28, 0.06), above("gr", 0.08, 0.05), above("nir", 0.1, 0.02)),
    "snow": (above("mndwi", 0.4, 0.1), below("nb", 0.05, 0.05), above("rank", 0.9, 0.05)),
    "burnt": (
        below("ndvi", 0.25, 0.05),
        below("rank", 0.35, 0.1),
        below("nbr", 0.05, 0.06),
        above("rb", 0.05, 0.05),
        above("nb", 0.05, 0.06),
    ),
    "shadow": (below("rb", 0.25, 0.08), below("ndwi", 0.35, 0.10)),
}

# water so dark that only its darkness tells it; needs the short-wave infrared, as shadow is as dark in the visible
DARK_WATER = (below("nir", 0.05, 0.012), below("brightness", 0.10, 0.02), below("swir", 0.035, 0.01))
DARK_WATER_HANDICAP = 0.3

# darkness fits every shadow and some materials; a dark material that fits as well, water above all, goes first
SHADOW_HANDICAP = np.float32(-1.0)
POWER = 2.0  # of the mean over a name's groups; 1 is the plain mean, a large one takes the best group

_LEAST_POWER = np.float32(1e-30)
_DARK_IN_LIGHT = frozenset({"water", "burnt"})  # whole scenes of them lie in the sun and are as dark as shadow
LOW_VEGETATION = frozenset({"grass", "crop"})
CANOPY = frozenset({"tree"})


@dataclass(frozen=True)
class RuleContext:
    """What the rules need to know beside a pixel's own indices."""

    groups: Tuple[str, ...]  # material groups of the typed classes
    log_shadow_threshold: float  # brightness below which a pixel counts as shadow
    log_canopy_threshold: float = LOG_CANOPY_GREEN  # green light below which vegetation counts as canopy

    @property
    def has_low_vegetation(self) -> bool:
        """Whether low vegetation competes with trees."""
        return bool(LOW_VEGETATION & set(self.groups))

    @property
    def has_canopy(self) -> bool:
        """Whether trees compete with low vegetation."""
        return bool(CANOPY & set(self.groups))


def group_evidence(indices: Mapping[str, FloatArray], context: RuleContext) -> Dict[str, FloatArray]:
    """Log-evidence of each material group.

    Args:
        indices: Index name -> (n,) float32, with ``brightness`` and ``rank``.
        context: Groups wanted and the scene's shadow threshold.

    Returns:
        Group -> (n,) float32, <= 0.
    """
    known: Dict[Threshold, FloatArray] = {}  # thresholds that several rules share are computed once
    evidence = {group: _evidence_of(group, indices, context, known) for group in context.groups}
    if "shadow" in evidence:
        _split_by_light(evidence, indices, context)
    return evidence


def _split_by_light(evidence: Dict[str, FloatArray], indices: Mapping[str, FloatArray], context: RuleContext) -> None:
    """A pixel is lit or shaded first, and only then of some material; what is black in the light is exempt."""
    darkness = _darkness(indices, context)
    lit = log_sigmoid(-darkness, CANOPY_CLIP)
    for group, values in evidence.items():
        if group not in _DARK_IN_LIGHT and group != "shadow":
            values += lit


def _darkness(indices: Mapping[str, FloatArray], context: RuleContext) -> FloatArray:
    darkness = np.log(indices["brightness"] + np.float32(1e-6))
    np.subtract(np.float32(context.log_shadow_threshold), darkness, out=darkness)
    return np.asarray(darkness / np.float32(0.12))


def _evidence_of(
    group: str, indices: Mapping[str, FloatArray], context: RuleContext, known: Dict[Threshold, FloatArray]
) -> FloatArray:
    total = np.zeros_like(indices["brightness"])
    for threshold in RULES[group]:
        if threshold.index in indices:
            if threshold not in known:
                known[threshold] = apply_threshold(threshold, indices[threshold.index])
            total += known[threshold]
    if group in _SPECIAL:
        total += _SPECIAL[group](indices, context)
    if group == "water" and "swir" in indices:
        np.maximum(total, _dark_water(indices), out=total)
    return total


def _lushness(indices: Mapping[str, FloatArray], most: float) -> FloatArray:
    """How green and moist a pixel is, in soft steps around that of mixed vegetation, each step at most ``most``."""
    score: FloatArray = (indices["ndvi"] - np.float32(0.62)) / np.float32(0.12)
    np.minimum(score, np.float32(most), out=score)
    if "ndbi" in indices:
        score -= np.maximum((indices["ndbi"] + np.float32(0.20)) / np.float32(0.08), np.float32(-most))
    return score


def _brightness_step(indices: Mapping[str, FloatArray]) -> FloatArray:
    return (indices["rank"] - np.float32(0.6)) * np.float32(0.5 / 0.35)


def _canopy_score(indices: Mapping[str, FloatArray], context: RuleContext) -> FloatArray:
    """Positive for tree canopies, negative for low vegetation.

    Canopies are greener and moister, but a watered lawn is as lush as they are, so lushness saturates; what parts the
    two is the shadow inside a canopy, which makes it dark, most of all in the green.
    """
    score = _lushness(indices, 0.7) - _brightness_step(indices)
    if "green" in indices:
        above_edge = np.log(indices["green"] + np.float32(0.01)) - np.float32(context.log_canopy_threshold)
        score -= above_edge / np.float32(0.2)
    return score


def _tree_term(indices: Mapping[str, FloatArray], context: RuleContext) -> FloatArray:
    if context.has_low_vegetation:
        return log_sigmoid(_canopy_score(indices, context) / np.float32(0.7), CANOPY_CLIP)
    # nothing low competes, so that only dry and bare ground is kept apart
    return log_sigmoid(_lushness(indices, math.inf) - _brightness_step(indices) + np.float32(1.2), CANOPY_CLIP)


def _low_vegetation_term(indices: Mapping[str, FloatArray], context: RuleContext) -> FloatArray:
    if not context.has_canopy:
        return np.zeros_like(indices["brightness"])
    return log_sigmoid(_canopy_score(indices, context) / np.float32(-0.7), CANOPY_CLIP)


def _crop_term(indices: Mapping[str, FloatArray], context: RuleContext) -> FloatArray:
    return _low_vegetation_term(indices, context) * np.float32(0.5)


def _shadow_term(indices: Mapping[str, FloatArray], context: RuleContext) -> FloatArray:
    term = log_sigmoid(_darkness(indices, context), CANOPY_CLIP)
    return term + SHADOW_HANDICAP if _DARK_IN_LIGHT & set(context.groups) else term


def _dark_water(indices: Mapping[str, FloatArray]) -> FloatArray:
    """Evidence for clear, dark water, whose colour drowns in noise: black in the short-wave infrared, too."""
    total = np.full_like(indices["brightness"], -DARK_WATER_HANDICAP)
    for threshold in DARK_WATER:
        total += apply_threshold(threshold, indices[threshold.index])
    return total


_SPECIAL: Mapping[str, Callable[[Mapping[str, FloatArray], RuleContext], FloatArray]] = {
    "tree": _tree_term,
    "grass": _low_vegetation_term,
    "crop": _crop_term,
    "shadow": _shadow_term,
}


def class_likelihood(evidence: Mapping[str, FloatArray], weights: Sequence[Mapping[str, float]]) -> FloatArray:
    """Power mean over a class's groups of ``exp(evidence)``, weighted.

    A name with many groups gains nothing where all of them fit, and a group of little weight that fits alone counts
    more than in the plain mean. Evidence is clipped, so the exponential does not underflow.

    Args:
        evidence: Group -> (n,) float32, <= 0.
        weights: One mapping of group -> weight a class.

    Returns:
        (classes, n) float32, > 0.
    """
    factors = {group: np.exp(values * np.float32(POWER)) for group, values in evidence.items()}
    likelihood = np.zeros((len(weights), next(iter(factors.values())).size), dtype=np.float32)
    for row, groups in zip(likelihood, weights):
        for group, weight in groups.items():
            row += factors[group] * np.float32(weight)
    likelihood += _LEAST_POWER  # nothing is impossible
    return np.asarray(np.power(likelihood, np.float32(1.0 / POWER), out=likelihood))
