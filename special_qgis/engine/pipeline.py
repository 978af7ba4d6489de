# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of the stages: jobs that take a configuration and a progress, write files and give plain values.

No maths and no pixel loops of its own: scene reading, the first stage, the network stage, the decision, the tally and
the outputs each live in their module. Results are JSON values, because they cross the process boundary.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from .classes.classes import LandCoverClass, class_file_of, parse_classes
from .config import ClassifyConfig, PriorConfig, PriorJobConfig, SceneConfig, used_prior
from .evidence.evidence import SpectralEvidence, decided_tiles
from .evidence.first_stage import check_names, choose_sources, fit_prior, fit_stage_one
from .mapping.map_run import MapRun, map_result, probability_writer, require_map, with_nodata
from .mapping.network_stage import NETWORK_NAME, NetworkOptions, map_with_network
from .mapping.provenance import describe_run
from .mapping.run_summary import RunFacts, Stopwatch
from .outputs.output_set import OutputSet
from .progress import NullProgress, Progress, RecordingProgress, SubProgress
from .scene.scene import Scene, open_scene
from .spectral_prior import SpectralPrior

OPENED, MAPPED = 0.03, 0.95  # fractions of a job at which its stages end
FITTED, SCORED = 0.07, 0.4  # shares of the first stage's fit, without and with an image-text model


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
    require_map(config.outputs)
    sources = choose_sources(config, classes, listener)
    with OutputSet(inputs=[*_input_paths(config.scene, config.classes), *sources.files]) as outputs:
        with open_scene(config.scene, SubProgress(listener, 0.0, OPENED)) as scene:
            run = MapRun(outputs, scene, classes, config, listener, watch)
            watch.lap("Reading the scene's description")
            scene.pass_on_warnings(listener)
            sample = scene.sample(config.used_prior.sample_px, config.seed, listener)
            run.remember(sample)
            watch.lap("Sampling the scene")
            with ExitStack() as resources:
                fitted = OPENED + (SCORED if sources.model else FITTED)
                part = SubProgress(listener, OPENED, fitted)
                first = fit_stage_one(scene, classes, sources, sample, config, resources, part)
                watch.lap("Fitting the first stage")
                learning = map_with_network(
                    run, first.evidence, _network_options(config), SubProgress(listener, fitted, MAPPED)
                )
            summary = run.finish(
                RunFacts(
                    title=f"Land cover of {Path(config.scene.source).name}",
                    parameters=config.to_json(),
                    estimates=first.estimates,
                    quantity=first.quantity,
                    interpretation=first.interpretation,
                    clip=first.clip,
                    learning=learning,
                    stages=(*first.stages, *([NETWORK_NAME] if learning and learning.is_used else [])),
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
    check_names(classes, listener)
    with OutputSet(inputs=_input_paths(config.scene, config.classes)) as outputs:
        with open_scene(config.scene, SubProgress(listener, 0.0, OPENED)) as scene:
            writer = probability_writer(outputs, config.probabilities, scene, classes)
            prior = _fit_prior(scene, classes, used_prior(config.prior, config.preset), config.seed, listener)
            tiles = decided_tiles(scene, SpectralEvidence(prior), None, SubProgress(listener, OPENED + FITTED, MAPPED))
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


def _input_paths(scene: SceneConfig, classes: str) -> list[str]:
    class_file = class_file_of(classes)
    return [*scene.files, *([str(class_file)] if class_file else [])]


def _fit_prior(
    scene: Scene, classes: Sequence[LandCoverClass], prior: PriorConfig, seed: int, progress: Progress
) -> SpectralPrior:
    scene.pass_on_warnings(progress)
    part = SubProgress(progress, OPENED, OPENED + FITTED)
    part.report(0.0, "Sampling the scene")
    sample = scene.sample(prior.sample_px, seed)
    return fit_prior(scene, classes, sample, prior, SubProgress(part, 0.5, 1.0))
