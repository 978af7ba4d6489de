# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stage of a classification: chooses its sources, fits them to the scene, gives one evidence.

The spectral prior speaks unless the image–text model alone is asked for. The model joins it where one is named or
installed and this Python has PyTorch; then both are fused. A source that does not speak is not fitted.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..classes.classes import LandCoverClass
from ..config import ClassifyConfig, PriorConfig
from ..data_folder import data_folder
from ..errors import ClassListError, ConfigError, RuntimeMissingError
from ..heavy_stages import StageMissing, load_stage
from ..models.library import InstalledModel, choose_default_model, choose_default_upsampler, find_model, models_folder
from ..models.registry import REGISTRY
from ..progress import Progress, SubProgress
from ..report.summary import ClipSummary
from ..scene.sampling import SampleTiles
from ..scene.scene import Sample, Scene
from ..spectral_prior import Interpretation, SpectralPrior, interpret
from .clip_options import ClipOptions
from .evidence import Evidence, FusedEvidence, SpectralEvidence, StoredEvidence
from .fusion import Fusion, fit_fusion
from .tile_store import TileStore

PRIOR_NAME, FUSION_NAME = "spectral prior", "fusion"
CLIP_PACKAGES = ("torch", "open_clip", "safetensors")
_PRIOR_FITTED, _SCORED = 0.1, 0.95  # fractions of the stage where an image–text model is used


@dataclass(frozen=True)
class Sources:
    """Where a run's evidence comes from: the prior, a model, or both."""

    uses_prior: bool
    model: Optional[InstalledModel] = None  # None = no image–text model
    upsampler: Optional[InstalledModel] = None  # None = none installed

    @property
    def files(self) -> List[str]:
        """Checkpoints of the run, which no output may replace."""
        return [str(used.path) for used in (self.model, self.upsampler) if used is not None]


@dataclass(frozen=True)
class StageOne:
    """What the first stage gives."""

    evidence: Evidence
    stages: Tuple[str, ...]  # in words and in order
    estimates: Dict[str, Any]  # JSON values
    quantity: str  # "reflectance" or "radiance", as the prior treated the values; Scene.quantity without a prior
    interpretation: Optional[Interpretation] = None  # of the names, by the prior; None = not used
    clip: Optional[ClipSummary] = None  # what the image–text model tells; None = not used


def choose_sources(config: ClassifyConfig, classes: Sequence[LandCoverClass], progress: Progress) -> Sources:
    """Decide what is used, before the scene is opened, and tell doubts about the names.

    Args:
        config: Options of the run.
        classes: Classes as typed.
        progress: Hears of warnings.

    Raises:
        ModelError: The model that is named, or any where one is demanded, is not there.
        ClassListError: The names say nothing to any source.
        RuntimeMissingError: A model is demanded and this Python cannot run it.
    """
    model = _choose_model(config)
    if model is not None:
        model = _runnable(model, config, progress)
    uses_prior = config.source != "clip"
    if config.outputs.agreement and not (uses_prior and model is not None):
        raise ConfigError(
            "outputs.agreement needs two sources, and there is one; the agreement is that of spectral prior and CLIP.",
            "Install a CLIP model and choose the source automatic, or leave the output out.",
        )
    if uses_prior:
        check_names(classes, progress, must_be_known=model is None)
    if model is not None and model.is_demo:
        progress.warn(
            "The demo model is used. It is small, was trained on painted scenes and knows few words; for real work "
            "install a CLIP model with 'Install model'."
        )
    return Sources(uses_prior, model, _choose_upsampler(config) if model is not None else None)


def check_names(classes: Sequence[LandCoverClass], progress: Progress, must_be_known: bool = True) -> None:
    """Tell doubts of the spectral prior about the names, before the scene is opened.

    Args:
        classes: Classes as typed.
        progress: Hears of warnings.
        must_be_known: Whether there is no other source that may know them.

    Raises:
        ClassListError: No name is known, and one must be.
    """
    interpretation = interpret(classes)
    if must_be_known and interpretation.n_known == 0:
        raise ClassListError(
            "None of the class names is known to the spectral prior: " + ", ".join(c.name for c in classes) + ".",
            "Use plain land-cover words (water, tree, grass, bare soil, road, roof …), or add one as another word "
            "of the class: “maquis: shrub”.",
        )
    for warning in interpretation.warnings:
        progress.warn(warning)


def _choose_model(config: ClassifyConfig) -> Optional[InstalledModel]:
    folder = models_folder(config.models_folder)
    if config.source == "spectral":
        if config.model:
            raise ConfigError(
                f"model must be empty where source is spectral; got {config.model!r}.",
                "Choose clip or automatic, or leave the model out.",
            )
        return None
    if config.model:
        return find_model(config.model, folder)
    found = choose_default_model(folder)
    if found is None and config.source == "clip":
        return find_model(REGISTRY[0].name, folder)  # is not there: the error says which file to bring, and where to
    return found


def _choose_upsampler(config: ClassifyConfig) -> Optional[InstalledModel]:
    folder = models_folder(config.models_folder)
    if config.upsampler:
        return find_model(config.upsampler, folder)
    return choose_default_upsampler(folder)


def _runnable(model: InstalledModel, config: ClassifyConfig, progress: Progress) -> Optional[InstalledModel]:
    """The model; None where this Python cannot run it and nobody demands it."""
    try:
        load_stage(".clip.scene_scores", CLIP_PACKAGES)
    except StageMissing as error:
        if config.model or config.source == "clip":
            raise RuntimeMissingError(
                f"The model {model.name} cannot be used, because {error.reason}.",
                "Run 'Install runtime', or choose the source spectral.",
            ) from error
        progress.warn(
            f"The model {model.name} was left out, because {error.reason}. Run 'Install runtime' to have it, or choose "
            "the source spectral."
        )
        return None
    return model


def fit_stage_one(
    scene: Scene,
    classes: Sequence[LandCoverClass],
    sources: Sources,
    sample: Sample,
    config: ClassifyConfig,
    resources: ExitStack,
    progress: Progress,
) -> StageOne:
    """Fit the sources to a scene.

    Args:
        scene: Open scene.
        classes: In the order of their ids.
        sources: From ``choose_sources``.
        sample: Of the scene.
        config: Options of the run.
        resources: Closes what the evidence needs while it is used.
        progress: Hears of everything; asked for cancel.

    Raises:
        EngineError: A source does not fit the scene.
        Cancelled: The user cancelled.
    """
    if sources.model is None:
        return _prior_alone(fit_prior(scene, classes, sample, config.used_prior, progress))
    fitted = _PRIOR_FITTED if sources.uses_prior else 0.0
    prior = None
    if sources.uses_prior:
        prior = fit_prior(scene, classes, sample, config.used_prior, SubProgress(progress, 0.0, fitted))
    store = resources.enter_context(TileStore(scene.rows, scene.cols, len(classes)))
    stage = load_stage(".clip.scene_scores", CLIP_PACKAGES)
    cache_folder = data_folder() / "text_embeddings"
    options = ClipOptions(sources.model, sources.upsampler, config.used_clip, config.device, cache_folder)
    part = SubProgress(progress, fitted, _SCORED)
    summary: ClipSummary = stage.score_open_scene(scene, classes, options, store, part)
    name = f"CLIP {sources.model.name}"
    clip = StoredEvidence(store)
    if prior is None:
        return StageOne(clip, (name,), {"clip": summary.to_json()}, scene.quantity, clip=summary)
    progress.report(_SCORED, "Fusing both sources")
    fusion = _fit_fusion(scene, store, prior, sample, progress)
    estimates = {"clip": summary.to_json(), "spectral_prior": prior.to_json(), "fusion": fusion.to_json()}
    return StageOne(
        FusedEvidence(clip, prior, fusion),
        (name, PRIOR_NAME, FUSION_NAME),
        estimates,
        prior.quantity,
        prior.interpretation,
        summary,
    )


def fit_prior(
    scene: Scene, classes: Sequence[LandCoverClass], sample: Sample, config: PriorConfig, progress: Progress
) -> SpectralPrior:
    """Fit the spectral prior to a scene and pass its warnings on.

    Args:
        scene: Open scene.
        classes: In the order of their ids.
        sample: Of the scene.
        config: Options.
        progress: Hears of everything; asked for cancel.

    Raises:
        SpectraError: The scene has no red or near-infrared band.
        Cancelled: The user cancelled.
    """
    progress.report(0.0, "Fitting the spectral prior")
    prior = SpectralPrior.fit(sample, scene.axis, classes, config, scene.quantity, progress)
    for warning in prior.warnings:
        progress.warn(warning)
    return prior


def _prior_alone(prior: SpectralPrior) -> StageOne:
    return StageOne(SpectralEvidence(prior), (PRIOR_NAME,), prior.to_json(), prior.quantity, prior.interpretation)


def _fit_fusion(scene: Scene, store: TileStore, prior: SpectralPrior, sample: Sample, progress: Progress) -> Fusion:
    """Weigh the two on the sample."""
    values = np.ascontiguousarray(sample.spectra.T[list(prior.band_indices)])[:, np.newaxis, :]
    spectral = prior.predict(values, np.ones(values.shape[1:], bool))[:, 0]
    features = prior.features(sample.spectra, progress)
    return fit_fusion(_at_sample(scene, store, sample), spectral, features, prior.interpretation.n_known)


def _at_sample(scene: Scene, store: TileStore, sample: Sample) -> NDArray[np.float32]:
    """(classes, n) float32 stored probabilities of the sample's pixels."""
    found = np.zeros((store.n_classes, sample.n_px), np.float32)
    for window, index, rows, cols in SampleTiles(sample).inside(scene.plan_tiles()):
        probabilities, _ = store.read(window)
        found[:, index] = probabilities[:, rows, cols]
    return found
