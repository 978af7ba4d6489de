# SPDX-License-Identifier: GPL-2.0-or-later
"""An open scene scored with a checkpoint: loads it, warns of words unknown to it, writes probabilities to a store."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

from ..classes.classes import LandCoverClass
from ..compute.devices import choose_device, device_name
from ..config import ClipConfig
from ..evidence.clip_options import ClipOptions
from ..evidence.tile_store import TileStore
from ..progress import Progress, SubProgress
from ..report.summary import ClipSummary
from ..scene.scene import Scene
from .loaded_clip import LoadedClip
from .loading import load_clip
from .prompts import class_queries
from .scoring_options import ChosenUpsampler, ScoringOptions, choose_upsampler
from .source import SceneColours
from .stage import score_scene
from .tensor_files import read_tensors
from .upsampling import read_weights
from .words import unknown_words

__all__ = ["score_open_scene"]

_LOADED, _LOOKED = 0.08, 0.15  # fractions of the stage


def score_open_scene(
    scene: Scene, classes: Sequence[LandCoverClass], options: ClipOptions, store: TileStore, progress: Progress
) -> ClipSummary:
    """Write a scene's class probabilities by an image–text model.

    Args:
        scene: Open scene.
        classes: Land-cover classes in the order of their ids.
        options: Checkpoints, device and options.
        store: Store of tiles, of the scene's size and number of classes; every tile is written.
        progress: Receives progress and warnings; checked for cancel.

    Returns:
        What the report shows of the stage.

    Raises:
        EngineError: The checkpoint cannot be used, or does not fit the options or the upsampler.
        SpectraError: The scene has no visible bands.
        Cancelled: The user cancelled.
    """
    device = choose_device(options.device)  # before anything slow
    model = options.model
    progress.report(0.0, f"Loading the model {model.name}")
    clip = load_clip(model.path, SubProgress(progress, 0.0, _LOADED))
    _warn_about_words(clip, classes, options.config, progress)
    upsampler = _upsampler(options)
    progress.report(_LOADED, "Reading the scene's colours")
    part = SubProgress(progress, _LOADED, _LOOKED)
    colours = SceneColours(scene, options.config, upsampler.uses_spectra, part)
    scoring = ScoringOptions(options.config, device, upsampler, options.cache_folder)
    summary = score_scene(colours, clip, classes, scoring, store, SubProgress(progress, _LOOKED, 1.0))
    return replace(
        summary,
        model=model.name,
        architecture=clip.architecture,
        sha256=clip.sha256,
        licence=model.shown_licence,
        is_demo=model.is_demo,
        upsampler_file=options.upsampler.path.name if options.upsampler and upsampler.weights else "",
        computed_on=device_name(device),
    )


def _upsampler(options: ClipOptions) -> ChosenUpsampler:
    """The upsampler; weights that the options pass over are not read."""
    wanted, weights = options.config.upsampler, None
    if options.upsampler is not None and wanted not in ("bilateral", "bilinear"):
        weights = read_weights(read_tensors(options.upsampler.path)[0])
    return choose_upsampler(wanted, weights)


def _warn_about_words(
    clip: LoadedClip, classes: Sequence[LandCoverClass], config: ClipConfig, progress: Progress
) -> None:
    """Name the words that a model of few words has never learnt."""
    if clip.known_words is None:
        return
    for one, words in zip(classes, class_queries(classes, config.use_aliases)):
        unknown = {word: unknown_words(word, clip.known_words) for word in words}
        if all(unknown.values()):
            listed = ", ".join(f"“{word}”" for word in dict.fromkeys(sum(unknown.values(), ())))
            progress.warn(
                f"The model {clip.name} has never learnt {listed}, so it cannot tell what “{one.name}” looks like. "
                "Add a word that it knows after a colon, or use another model."
            )
