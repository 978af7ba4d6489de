# SPDX-License-Identifier: GPL-2.0-or-later
"""An open scene scored with a checkpoint: loads it, tells what it does not know, writes probabilities to a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional, Sequence

from ..classes.classes import LandCoverClass
from ..compute.devices import choose_device, device_name
from ..config import ClipConfig
from ..evidence.tile_store import TileStore
from ..models.library import InstalledModel
from ..progress import Progress, SubProgress
from ..report.summary import ClipSummary
from ..scene.scene import Scene
from .loading import LoadedClip, load_clip
from .prompts import class_queries
from .scorer import choose_upsampler
from .source import SceneColours
from .stage import score_scene
from .tensor_files import read_tensors
from .upsampling import read_weights
from .words import unknown_words

__all__ = ["score_open_scene"]

_LOADED, _LOOKED = 0.08, 0.15  # fractions of the stage


def score_open_scene(
    scene: Scene,
    classes: Sequence[LandCoverClass],
    model: InstalledModel,
    upsampler: Optional[InstalledModel],
    config: ClipConfig,
    device: str,
    store: TileStore,
    cache_folder: Path,
    progress: Progress,
) -> ClipSummary:
    """Write a scene's class probabilities by an image–text model.

    Args:
        scene: Open scene.
        classes: In the order of their ids.
        model: The checkpoint.
        upsampler: Checkpoint of a learned upsampler; None = there is none.
        config: Options.
        device: One of ``config.DEVICES``.
        store: Of the scene's size and number of classes; every tile is written.
        cache_folder: Where text embeddings are kept.
        progress: Hears of doubts; asked for cancel.

    Returns:
        What the report tells of the stage.

    Raises:
        EngineError: The checkpoint cannot be used, or does not fit the options or the upsampler.
        SpectraError: The scene has no visible bands.
        Cancelled: The user cancelled.
    """
    choose_device(device)  # before anything slow
    progress.report(0.0, f"Loading the model {model.name}")
    loaded = load_clip(model.path, progress=SubProgress(progress, 0.0, _LOADED))
    loaded.model.visual.image_mean, loaded.model.visual.image_std = loaded.image_mean, loaded.image_std
    _warn_about_words(loaded, classes, config, progress)
    weights = None
    if upsampler is not None and config.upsampler not in ("bilateral", "bilinear"):
        weights = read_weights(read_tensors(upsampler.path)[0])
    kind = choose_upsampler(config.upsampler, weights)
    progress.report(_LOADED, "Reading the scene's colours")
    colours = SceneColours(scene, config, kind == "bilateral", SubProgress(progress, _LOADED, _LOOKED))
    summary = score_scene(
        colours,
        loaded.model,
        loaded.tokenizer,
        classes,
        config,
        store,
        device,
        SubProgress(progress, _LOOKED, 1.0),
        upsampler=weights,
        cache_folder=cache_folder,
        checkpoint_hash=loaded.sha256,
    )
    return replace(
        summary,
        model=model.name,
        architecture=loaded.architecture,
        sha256=loaded.sha256,
        licence=model.shown_licence,
        is_demo=model.is_demo,
        upsampler_file=upsampler.path.name if weights is not None and upsampler is not None else "",
        computed_on=device_name(choose_device(device)),
    )


def _warn_about_words(
    loaded: LoadedClip, classes: Sequence[LandCoverClass], config: ClipConfig, progress: Progress
) -> None:
    """Name the words that a model of few words has never learnt."""
    if loaded.known_words is None:
        return
    for one, words in zip(classes, class_queries(classes, config.use_aliases)):
        unknown = {word: unknown_words(word, loaded.known_words) for word in words}
        if all(unknown.values()):
            listed = ", ".join(f"“{word}”" for word in dict.fromkeys(sum(unknown.values(), ())))
            progress.warn(
                f"The model {loaded.name} has never learnt {listed}, so it cannot tell what “{one.name}” looks like. "
                "Add a word that it knows after a colon, or use another model."
            )
