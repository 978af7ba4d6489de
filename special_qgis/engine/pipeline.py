# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of the stages: jobs that take a configuration and a progress, write files and give plain values.

No maths and no pixel loops of its own: scene reading, the spectral prior, the decision, the tally and the outputs each
live in their module. Results are JSON values, because they cross the process boundary.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from .classes import LandCoverClass, class_file_of, parse_classes
from .config import ClassifyConfig, PriorConfig, PriorJobConfig, SceneConfig, used_prior
from .errors import ClassListError
from .evidence import SpectralEvidence, decided_tiles
from .map_run import MapRun, map_result, probability_writer, require_map, with_nodata
from .network_stage import NETWORK_NAME, NetworkOptions, map_with_network
from .outputs import OutputSet
from .progress import NullProgress, Progress, RecordingProgress, SubProgress
from .provenance import describe_run
from .run_summary import RunFacts, Stopwatch
from .scene import Sample, Scene, open_scene
from .spectral_prior import SpectralPrior, interpret

OPENED, FITTED, MAPPED = 0.03, 0.1, 0.95  # fractions of a job at which its stages end


def classify(config: ClassifyConfig, progress: Progress | None = None) -> Dict[str, Any]:
    """Map the land cover of a scene from class names alone.

    Args:
        config: Scene, class names, outputs and options.
        progress: Listener; None = nobody listens.

    Returns:
        Paths of the outputs, areas, mean confidence, class figures, status and warnings, as JSON values.

    Raises:
        EngineError: Anything wrong with the input, the options or the outputs; nothing has been written then.
        Cancelled: The user cancelled; nothing has been written.
    """
    listener = RecordingProgress(progress or NullProgress())
    watch = Stopwatch()
    classes = parse_classes(config.classes)
    _check_names(classes, listener)
    require_map(config.outputs)
    with OutputSet(inputs=_input_paths(config.scene, config.classes)) as outputs:
        with open_scene(config.scene, SubProgress(listener, 0.0, OPENED)) as scene:
            run = MapRun(outputs, scene, classes, config, listener, watch)
            watch.lap("Reading the scene's description")
            prior, sample = _fit_prior(scene, classes, config.used_prior, config.seed, listener)
            run.remember(sample)
            watch.lap("Fitting the spectral prior")
            learning = map_with_network(
                run, SpectralEvidence(prior), _network_options(config), SubProgress(listener, FITTED, MAPPED)
            )
            summary = run.finish(
                RunFacts(
                    title=f"Land cover of {Path(config.scene.source).name}",
                    parameters=config.to_json(),
                    estimates=prior.to_json(),
                    quantity=prior.quantity,
                    interpretation=prior.interpretation,
                    learning=learning,
                    stages=("spectral prior", *([NETWORK_NAME] if learning and learning.is_used else [])),
                )
            )
        listener.report(0.98, "Moving the outputs into place")
        outputs.commit()
    listener.report(1.0, "Done")
    return map_result(config.outputs, summary)


def _network_options(config: ClassifyConfig) -> Optional[NetworkOptions]:
    if not config.wants_network:
        return None
    return NetworkOptions(config.used_network, config.device, config.seed, describe_run(config.to_json(), {}))


def spectral_prior(config: PriorJobConfig, progress: Progress | None = None) -> Dict[str, Any]:
    """Write the spectral prior's probabilities, one band a class.

    Args:
        config: Scene, class names, output and options.
        progress: Listener; None = nobody listens.

    Returns:
        Path of the raster, interpretation of each name, warnings and status, as JSON values.

    Raises:
        EngineError: Anything wrong with the input, the options or the output; nothing has been written then.
        Cancelled: The user cancelled; nothing has been written.
    """
    listener = RecordingProgress(progress or NullProgress())
    classes = parse_classes(config.classes)
    _check_names(classes, listener)
    with OutputSet(inputs=_input_paths(config.scene, config.classes)) as outputs:
        with open_scene(config.scene, SubProgress(listener, 0.0, OPENED)) as scene:
            writer = probability_writer(outputs, config.probabilities, scene, classes)
            prior, _ = _fit_prior(scene, classes, used_prior(config.prior, config.preset), config.seed, listener)
            tiles = decided_tiles(scene, SpectralEvidence(prior), None, SubProgress(listener, FITTED, MAPPED))
            for tile in tiles:
                writer.write(tile.window, with_nodata(tile.probabilities, tile.valid))
            writer.set_metadata(describe_run(config.to_json(), prior.to_json()))
        outputs.commit()
    listener.report(1.0, "Done")
    return {
        "probabilities": config.probabilities,
        "classes": {one.name: one.text for one in prior.interpretation.classes},
        "class_count": len(classes),
        "warnings": listener.warnings,
        "status": listener.status,
    }


def inspect_scene(config: SceneConfig, progress: Progress | None = None) -> Dict[str, Any]:
    """Tell what is read from a scene: bands, wavelengths, bad bands, value range, warnings.

    Raises:
        EngineError: The scene cannot be read.
        Cancelled: The user cancelled.
    """
    with open_scene(config, SubProgress(progress or NullProgress(), 0.0, 0.5)) as scene:
        return scene.summary()


def _check_names(classes: Sequence[LandCoverClass], progress: Progress) -> None:
    """Tell doubts about the names, and refuse names that say nothing, before the scene is opened."""
    interpretation = interpret(classes)
    if interpretation.n_known == 0:
        raise ClassListError(
            "None of the class names is known to the spectral prior: " + ", ".join(c.name for c in classes) + ".",
            "Use plain land-cover words (water, tree, grass, bare soil, road, roof …), or add one as another word "
            "of the class: “maquis: shrub”.",
        )
    for warning in interpretation.warnings:
        progress.warn(warning)


def _input_paths(scene: SceneConfig, classes: str) -> list[str]:
    class_file = class_file_of(classes)
    return [*scene.files, *([str(class_file)] if class_file else [])]


def _fit_prior(
    scene: Scene, classes: Sequence[LandCoverClass], prior: PriorConfig, seed: int, progress: Progress
) -> tuple[SpectralPrior, Sample]:
    for warning in scene.warnings:
        progress.warn(warning)
    part = SubProgress(progress, OPENED, FITTED)
    part.report(0.0, "Sampling the scene")
    sample = scene.sample(prior.sample_px, seed)
    part.report(0.5, "Fitting the spectral prior")
    fitted = SpectralPrior.fit(sample, scene.axis, classes, prior, scene.quantity, SubProgress(part, 0.5, 1.0))
    for warning in fitted.warnings:
        progress.warn(warning)
    return fitted, sample
