# SPDX-License-Identifier: GPL-2.0-or-later
"""A CLIP model as a source of evidence: chooses a checkpoint and an upsampler, has the whole scene scored once.

The scores need PyTorch, so the package ``clip`` is loaded on demand; they lie in a temporary file while the run goes
on.
"""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..config import ClassifyConfig
from ..errors import RuntimeMissingError
from ..files.data_folder import data_folder
from ..heavy_stages import StageMissing, load_stage
from ..models.library import InstalledModel, choose_default_model, choose_default_upsampler, find_model, models_folder
from ..models.registry import REGISTRY
from ..progress import Progress
from ..report.clip_section import clip_section
from ..report.summary import ClipSummary, SourceReport
from ..scene.sampling import SampleTiles
from ..scene.scene import Block, Sample, Scene
from ..source_kinds import source_kind
from ..windows import Window
from .clip_options import ClipOptions
from .source import RunRequest, SceneSample
from .tile_store import TileStore

__all__ = ["ClipSource", "FittedClip", "StoredProbabilities", "plan"]

NAME = "clip"
_STAGE = ".clip.scene_scores"


def plan(request: RunRequest, progress: Progress) -> Optional[ClipSource]:
    """The model that is named, or the best installed; None where there is none, or this Python cannot run it.

    Raises:
        ModelError: The model that is named, or any where one is demanded, is not there.
        RuntimeMissingError: A model is demanded and this Python cannot run it.
    """
    model = _choose_model(request)
    if model is not None:
        model = _runnable(model, request, progress)
    return None if model is None else ClipSource(request, model, _choose_upsampler(request.config))


class ClipSource:
    """A CLIP model of a run.

    Args:
        request: Classes, their spectral interpretation and options of the run.
        model: Checkpoint of the model.
        upsampler: Checkpoint of a learned upsampler; None = none is installed.
    """

    name = NAME
    cost = 8.5

    def __init__(self, request: RunRequest, model: InstalledModel, upsampler: Optional[InstalledModel]) -> None:
        self._request, self.model, self.upsampler = request, model, upsampler

    @property
    def files(self) -> List[str]:
        """Checkpoints, which no output may replace."""
        return [str(used.path) for used in (self.model, self.upsampler) if used is not None]

    def check_names(self, is_alone: bool, progress: Progress) -> None:
        """Warn of the demo model; which words a model knows is found when it is loaded."""
        if self.model.is_demo:
            progress.warn(
                "The demo model is used. It is small, was trained on painted scenes and knows few words; for real work "
                "install a CLIP model with 'Install model'."
            )

    def fit(self, given: SceneSample, progress: Progress) -> FittedClip:
        """Score the whole scene."""
        scene, request = given.scene, self._request
        store = given.resources.enter_context(TileStore(scene.rows, scene.cols, len(request.classes)))
        stage = load_stage(_STAGE, source_kind(NAME).packages)
        cache_folder = data_folder() / "text_embeddings"
        config = request.config
        options = ClipOptions(self.model, self.upsampler, config.used_clip, config.device, cache_folder)
        summary: ClipSummary = stage.score_open_scene(scene, request.classes, options, store, progress)
        return FittedClip(f"CLIP {self.model.name}", summary, StoredProbabilities(scene, store))


class FittedClip:
    """Scores of a scene.

    Args:
        title: Name of the stage for people, such as "CLIP (ViT-B-16)".
        summary: What the image–text model did, for the report.
        stored: Probabilities of the whole scene, tile by tile.
    """

    name = NAME
    is_informed = True
    precedence: Optional[Sequence[int]] = None
    own_weight: Optional[float] = None

    def __init__(self, title: str, summary: ClipSummary, stored: StoredProbabilities) -> None:
        self._title, self._summary, self._stored = title, summary, stored

    def predict(self, window: Window, block: Block) -> NDArray[np.float32]:
        """(classes, rows, cols) float32 probabilities of a tile."""
        return self._stored.predict(window, block)

    def predict_sample(self, sample: Sample) -> NDArray[np.float32]:
        """(classes, n) float32 probabilities of the sample's pixels."""
        return self._stored.predict_sample(sample)

    def features(self, sample: Sample, progress: Progress) -> Optional[NDArray[np.float64]]:
        """None: the model reads colours, not spectra."""
        return None

    def report(self) -> SourceReport:
        """Its stage and the report's section on the model."""
        return SourceReport(NAME, self._title, section=clip_section(self._summary), facts=self._summary)

    def estimates(self, is_alone: bool) -> Dict[str, Any]:
        """The model and how it was applied to the scene."""
        return {"clip": self._summary.to_json()}


class StoredProbabilities:
    """Probabilities that were computed before, from a tile store.

    Args:
        scene: Open scene that the probabilities belong to.
        store: Probabilities of the scene; all tiles have been written.
    """

    def __init__(self, scene: Scene, store: TileStore) -> None:
        self._scene, self._store = scene, store
        self._lock = threading.Lock()  # the store has one place in its file

    def predict(self, window: Window, block: Block) -> NDArray[np.float32]:
        """(classes, rows, cols) float32 probabilities of a tile, 0 where invalid."""
        with self._lock:
            probabilities, _ = self._store.read(window)
        probabilities *= block.valid
        return probabilities

    def predict_sample(self, sample: Sample) -> NDArray[np.float32]:
        """(classes, n) float32 probabilities of the sample's pixels."""
        found = np.zeros((self._store.n_classes, sample.n_px), np.float32)
        for window, index, rows, cols in SampleTiles(sample).inside(self._scene.plan_tiles()):
            with self._lock:
                probabilities, _ = self._store.read(window)
            found[:, index] = probabilities[:, rows, cols]
        return found


def _choose_model(request: RunRequest) -> Optional[InstalledModel]:
    config = request.config
    folder = models_folder(config.models_folder)
    if config.model:
        return find_model(config.model, folder)
    found = choose_default_model(folder)
    if found is None and request.demands(NAME):
        return find_model(REGISTRY[0].name, folder)  # is not there: the error says which file to bring, and where to
    return found


def _choose_upsampler(config: ClassifyConfig) -> Optional[InstalledModel]:
    folder = models_folder(config.models_folder)
    if config.upsampler:
        return find_model(config.upsampler, folder)
    return choose_default_upsampler(folder)


def _runnable(model: InstalledModel, request: RunRequest, progress: Progress) -> Optional[InstalledModel]:
    """The model; None where this Python cannot run it and it is not demanded."""
    progress.report(0.0, "Loading PyTorch")
    try:
        load_stage(_STAGE, source_kind(NAME).packages)
    except StageMissing as error:
        if request.config.model or request.demands(NAME):
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
