# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of the stages: jobs that take a configuration and a progress, write files and give plain values.

No maths and no pixel loops of its own: scene reading, the first stage, the network stage, the decision, the tally and
the outputs each live in their module. Results are JSON values, because they cross the process boundary.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Optional

from .classes.classes import class_file_of, parse_classes
from .config import ClassifyConfig, PriorJobConfig, SceneConfig, used_prior
from .evidence.evidence import SourceEvidence, decided_tiles
from .evidence.first_stage import fit_first_stage, plan_sources
from .evidence.spectral_source import FittedPrior, check_names, fit_prior
from .mapping.envelope import MAPPED, OPENED, Envelope
from .mapping.map_run import MapRun, map_result, require_map
from .mapping.map_writers import probability_writer, with_nodata
from .mapping.network_stage import NETWORK_NAME, NetworkOptions, map_with_network
from .mapping.provenance import describe_run
from .mapping.run_summary import RunFacts
from .progress import NullProgress, Progress, SubProgress
from .scene.opening import open_scene
from .spectral_prior import interpret

CHEAP, DEAR = (
    0.07,
    0.4,
)  # shares of the job that fitting the first stage takes: spectra alone, scores of the whole scene
CHEAP_COST = 2.0  # of the sources, beside the spectral prior; above, they count as dear


def classify(config: ClassifyConfig, progress: Progress | None = None) -> Dict[str, Any]:
    """Map the land cover of a scene from class names alone.

    Args:
        config: Scene, class names, outputs and options of the job.
        progress: Receives progress, messages and warnings; None = nothing receives them.

    Returns:
        Paths of the outputs, areas, mean confidence, class figures, status and warnings, as JSON values.

    Raises:
        EngineError: Anything wrong with the input, the options or the outputs; nothing has been written then.
        Cancelled: The user cancelled; nothing has been written.
    """
    job = Envelope(progress)
    classes = parse_classes(config.classes)
    require_map(config.outputs)
    sources = plan_sources(config, classes, job.listener)
    with job.files(config.scene, [_class_file(config.classes), *sources.files]) as files:
        scene = files.scene
        run = MapRun(files, classes, config, job)
        job.watch.lap("Reading the scene's description")
        scene.pass_on_warnings(job.listener)
        sample = scene.sample(config.used_prior.sample_px, config.seed, job.listener)
        run.remember(sample)
        job.watch.lap("Sampling the scene")
        with ExitStack() as resources:
            fitted = OPENED + (CHEAP if sources.cost <= CHEAP_COST else DEAR)
            first = fit_first_stage(scene, sample, sources, resources, job.part(OPENED, fitted))
            job.watch.lap("Fitting the first stage")
            learning = map_with_network(run, first.evidence, _network_options(config), job.part(fitted, MAPPED))
        summary = run.finish(
            RunFacts(
                title=f"Land cover of {Path(config.scene.source).name}",
                parameters=config.to_json(),
                estimates=first.estimates,
                quantity=first.quantity or scene.quantity,
                interpretation=first.interpretation,
                sources=first.reports,
                learning=learning,
                stages=(*first.stages, *([NETWORK_NAME] if learning and learning.is_used else [])),
            )
        )
    return map_result(config.outputs, summary)


def _network_options(config: ClassifyConfig) -> Optional[NetworkOptions]:
    if not config.wants_network:
        return None
    return NetworkOptions(config.used_network, config.device, config.seed, describe_run(config.to_json(), {}))


def spectral_prior(config: PriorJobConfig, progress: Progress | None = None) -> Dict[str, Any]:
    """Write the spectral prior's probabilities, one band a class.

    Args:
        config: Scene, class names, output and options of the job.
        progress: Receives progress, messages and warnings; None = nothing receives them.

    Returns:
        Path of the raster, interpretation of each name, warnings and status, as JSON values.

    Raises:
        EngineError: Anything wrong with the input, the options or the output; nothing has been written then.
        Cancelled: The user cancelled; nothing has been written.
    """
    job = Envelope(progress)
    classes = parse_classes(config.classes)
    interpretation = interpret(classes)
    check_names(classes, interpretation, job.listener)
    options = used_prior(config.prior, config.preset)
    with job.files(config.scene, [_class_file(config.classes)]) as (scene, outputs):
        writer = probability_writer(outputs, config.probabilities, scene, classes)
        scene.pass_on_warnings(job.listener)
        part = job.part(OPENED, OPENED + CHEAP)
        part.report(0.0, "Sampling the scene")
        sample = scene.sample(options.sample_px, config.seed)
        prior = fit_prior(scene, interpretation, sample, options, SubProgress(part, 0.5, 1.0))
        evidence = SourceEvidence(FittedPrior(prior))
        for tile in decided_tiles(scene, evidence, None, job.part(OPENED + CHEAP, MAPPED)):
            writer.write(tile.window, with_nodata(tile.probabilities, tile.valid))
        writer.set_metadata(describe_run(config.to_json(), prior.to_json()))
    return {
        "probabilities": config.probabilities,
        "classes": {one.name: one.text for one in prior.interpretation.classes},
        "class_count": len(classes),
        "warnings": job.listener.warnings,
        "status": job.listener.status,
    }


def inspect_scene(config: SceneConfig, progress: Progress | None = None) -> Dict[str, Any]:
    """What is read from a scene: bands, wavelengths, bad bands, value range, warnings.

    Args:
        config: How to read the scene.
        progress: Receives progress, messages and warnings; None = nothing receives them.

    Raises:
        EngineError: The scene cannot be read.
        Cancelled: The user cancelled.
    """
    with open_scene(config, SubProgress(progress or NullProgress(), 0.0, 0.5)) as scene:
        return scene.summary()


def _class_file(classes: str) -> str:
    """Path of the class file that is given in place of a list; empty = a list is typed."""
    return str(class_file_of(classes) or "")
