# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces of a source of evidence: planned before the scene is opened, fitted to its sample, read tile by tile.

``source_kinds`` lists the sources; each has a module with a function ``plan`` (``PlanSource``) that decides whether it
can serve a run, and gives a ``Source``, which is fitted to the scene and gives a ``FittedSource``.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Dict, Optional, Protocol, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..classes.classes import LandCoverClass
from ..config import ClassifyConfig
from ..progress import Progress
from ..report.summary import SourceReport
from ..scene.scene import Block, Sample, Scene
from ..spectral_prior import Interpretation
from ..windows import Window

__all__ = ["FittedSource", "PlanSource", "RunRequest", "SceneSample", "Source"]


@dataclass(frozen=True)
class RunRequest:
    """Classes and options of a run, before its scene is opened."""

    classes: Tuple[LandCoverClass, ...]  # in the order of their ids
    config: ClassifyConfig
    interpretation: Interpretation  # of the class names, in spectral groups

    def demands(self, name: str) -> bool:
        """Whether a source is demanded by its name, so that it is an error where it cannot serve."""
        return self.config.source == name


@dataclass(frozen=True)
class SceneSample:
    """An open scene and a sample of it, which sources are fitted to."""

    scene: Scene
    sample: Sample
    resources: ExitStack  # closes what a source keeps open while the run lasts


class FittedSource(Protocol):
    """A source fitted to a scene; its methods are called from several threads."""

    name: str  # as in ``source_kinds``
    is_informed: bool  # whether it understands any class name; one that does not is not weighed
    precedence: Optional[Sequence[int]]  # row indices of all classes in the order in which they win ties; None = as is
    own_weight: Optional[float]  # in the fusion, of one that tells groups of classes only; None = beside the anchor's

    def predict(self, window: Window, block: Block) -> NDArray[np.float32]:
        """(classes, rows, cols) float32 probabilities of a tile, sum 1; all 0 where invalid or nothing is known."""

    def predict_sample(self, sample: Sample) -> NDArray[np.float32]:
        """(classes, n) float32 probabilities of the sample's pixels."""

    def features(self, sample: Sample, progress: Progress) -> Optional[NDArray[np.float64]]:
        """(features, n) float64 of the sample's spectra that sources are weighed by; None = it has none."""

    def report(self) -> SourceReport:
        """Its stage, and its section and facts in the report."""

    def estimates(self, is_alone: bool) -> Dict[str, Any]:
        """Numbers estimated from the scene, for provenance, as JSON values; ``is_alone``: there is no other source."""


class Source(Protocol):
    """A source that serves a run."""

    name: str  # as in ``source_kinds``
    files: Sequence[str]  # that the run reads for it, and no output may replace
    cost: float  # seconds of fitting, beside other sources

    def check_names(self, is_alone: bool, progress: Progress) -> None:
        """Warn of doubts about the names.

        Args:
            is_alone: Whether the run has no other source that may know the names.
            progress: Receives warnings.

        Raises:
            ClassListError: No name is known, and one must be.
        """

    def fit(self, given: SceneSample, progress: Progress) -> FittedSource:
        """Fit to a scene.

        Raises:
            EngineError: The source does not fit the scene.
            Cancelled: The user cancelled.
        """


class PlanSource(Protocol):
    """Decides whether a source serves a run."""

    def __call__(self, request: RunRequest, progress: Progress) -> Optional[Source]:
        """The source; None where it cannot serve and is not demanded.

        Raises:
            EngineError: It is demanded and cannot serve, or its options make no sense.
        """
