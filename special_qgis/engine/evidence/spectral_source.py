# SPDX-License-Identifier: GPL-2.0-or-later
"""The spectral prior as a source of evidence."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..classes.classes import LandCoverClass
from ..config.stages import PriorConfig
from ..errors import ClassListError
from ..progress import Progress
from ..report.summary import SourceReport
from ..scene.scene import Block, Sample, Scene
from ..spectral_prior import Interpretation, SpectralPrior
from ..windows import Window
from .source import RunRequest, SceneSample

__all__ = ["FittedPrior", "SpectralSource", "check_names", "fit_prior", "plan"]

NAME, TITLE = "spectral", "spectral prior"


def plan(request: RunRequest, progress: Progress) -> Optional[SpectralSource]:
    """The spectral prior, which serves every run."""
    return SpectralSource(request)


class SpectralSource:
    """The spectral prior of a run.

    Args:
        request: Classes, their spectral interpretation and options of the run.
    """

    name = NAME
    files: Sequence[str] = ()
    cost = 1.0

    def __init__(self, request: RunRequest) -> None:
        self._request = request

    def check_names(self, is_alone: bool, progress: Progress) -> None:
        """Warn of doubts about the names; refuse names of which none is known where there is no other source."""
        check_names(self._request.classes, self._request.interpretation, progress, must_be_known=is_alone)

    def fit(self, given: SceneSample, progress: Progress) -> FittedPrior:
        """Fit to a scene."""
        request = self._request
        return FittedPrior(
            fit_prior(given.scene, request.interpretation, given.sample, request.config.used_prior, progress)
        )


class FittedPrior:
    """The spectral prior of a scene, pixel by pixel.

    Args:
        prior: Spectral prior fitted to the scene.
    """

    name = NAME
    own_weight: Optional[float] = None

    def __init__(self, prior: SpectralPrior) -> None:
        self._prior = prior
        self.is_informed = prior.interpretation.n_known > 0
        self.precedence: Optional[Sequence[int]] = prior.interpretation.precedence

    def predict(self, window: Window, block: Block) -> NDArray[np.float32]:
        """(classes, rows, cols) float32 probabilities of a tile."""
        return self._prior.predict(block.values(self._prior.band_indices), block.valid)

    def predict_sample(self, sample: Sample) -> NDArray[np.float32]:
        """(classes, n) float32 probabilities of the sample's pixels."""
        values = np.ascontiguousarray(sample.spectra.T[list(self._prior.band_indices)])[:, np.newaxis, :]
        return self._prior.predict(values, np.ones(values.shape[1:], bool))[:, 0]

    def features(self, sample: Sample, progress: Progress) -> Optional[NDArray[np.float64]]:
        """(features, n) float64: principal components of log spectra, and brightness."""
        return self._prior.features(sample.spectra, progress)

    def report(self) -> SourceReport:
        """Its stage, and that it reads the names."""
        return SourceReport(NAME, TITLE, quantity=self._prior.quantity, reads_names=True)

    def estimates(self, is_alone: bool) -> Dict[str, Any]:
        """How the prior was fitted; under a key of its own beside other sources."""
        found = self._prior.to_json()
        return found if is_alone else {"spectral_prior": found}


def check_names(
    classes: Sequence[LandCoverClass], interpretation: Interpretation, progress: Progress, must_be_known: bool = True
) -> None:
    """Tell how the spectral prior reads the names, and warn of its doubts, before the scene is opened.

    Args:
        classes: Classes as typed, in the order of their ids.
        interpretation: Weights of the class names over the material groups, from ``spectral_prior.interpret``.
        progress: Receives what each name is read as, and warnings.
        must_be_known: Whether at least one name must be known, because no other source may know them.

    Raises:
        ClassListError: No name is known, and one must be.
    """
    if must_be_known and interpretation.n_known == 0:
        raise ClassListError(
            "None of the class names is known to the spectral prior: " + ", ".join(c.name for c in classes) + ".",
            "Use plain land-cover words (water, tree, grass, bare soil, road, roof …), or add one as another word "
            "of the class: “maquis: shrub”.",
        )
    for one in interpretation.classes:
        progress.info(f"Name read as: {one.text}")
    for warning in interpretation.warnings:
        progress.warn(warning)


def fit_prior(
    scene: Scene, interpretation: Interpretation, sample: Sample, config: PriorConfig, progress: Progress
) -> SpectralPrior:
    """Fit the spectral prior to a scene and pass its warnings on.

    Args:
        scene: Open scene.
        interpretation: Weights of the class names over the material groups, from ``spectral_prior.interpret``.
        sample: Sample of the scene's pixels.
        config: Options of the spectral prior.
        progress: Receives progress and warnings; checked for cancel.

    Raises:
        SpectraError: The scene has no red or near-infrared band.
        Cancelled: The user cancelled.
    """
    progress.report(0.0, "Fitting the spectral prior")
    prior = SpectralPrior.fit(sample, scene.axis, interpretation, config, scene.quantity, progress)
    for warning in prior.warnings:
        progress.warn(warning)
    return prior
