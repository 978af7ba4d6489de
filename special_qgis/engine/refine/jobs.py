# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs of the network stage by itself: refine any class raster of a scene, or map a scene with a saved classifier.

Like ``pipeline``, these give the order of the stages and have no maths.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

import numpy as np
from numpy.typing import NDArray

from ..compute.devices import choose_device
from ..config import ApplyConfig, RefineJobConfig
from ..evidence.evidence import MappedTile, decide_tile
from ..evidence.labels import LabelEvidence
from ..mapping.envelope import MAPPED, OPENED, Envelope
from ..mapping.map_run import MapRun, map_result, require_map
from ..mapping.network_stage import NETWORK_NAME, NetworkOptions, map_with_network
from ..mapping.provenance import describe_run
from ..mapping.run_summary import RunFacts
from ..progress import Progress, RecordingProgress
from ..scene.scene import Sample
from ..windows import Window
from .band_matching import BandMatch, match_bands
from .classifier_file import SavedClassifier, read_classifier
from .first_pass import make_first_pass
from .infer import predict_blended
from .inseparable import shared
from .train import class_probabilities

__all__ = ["apply_classifier", "refine_labels"]

_LOOKED = 0.08  # fraction of a job at which the inputs are known
SPECTRA_SAMPLE_PX = 50_000  # pixels that the report's mean spectra are computed from
RARE_SHARE = 0.002  # of a training scene's pixels; a class of fewer has not been learnt
UNIT_DECADES = 1.5  # values that differ by more powers of ten than this are in another unit, not of another brightness


def refine_labels(config: RefineJobConfig, progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Learn a scene from any class raster, and map it again.

    Args:
        config: Scene, class raster, outputs and options of the job.
        progress: Receives progress, messages and warnings; None = nothing receives them.

    Returns:
        The paths of the outputs, areas by class, mean confidence, share of changed pixels, status and warnings.

    Raises:
        EngineError: Anything wrong with the input, the options or the outputs; nothing has been written then.
        Cancelled: The user cancelled; nothing has been written.
    """
    job = Envelope(progress)
    require_map(config.outputs)
    with job.files(config.scene, [config.labels, config.label_confidence]) as files:
        scene = files.scene
        scene.pass_on_warnings(job.listener)
        evidence = LabelEvidence(scene, config, job.part(OPENED, _LOOKED))
        run = MapRun(files, evidence.classes, config, job)
        run.remember(scene.sample(SPECTRA_SAMPLE_PX, config.seed, job.listener))
        job.watch.lap("Reading the scene's description")
        options = NetworkOptions(config.used_network, config.device, config.seed, describe_run(config.to_json(), {}))
        learning = map_with_network(run, evidence, options, job.part(_LOOKED, MAPPED))
        is_used = learning is not None and learning.is_used
        summary = run.finish(
            RunFacts(
                title=f"Refined land cover of {Path(config.scene.source).name}",
                parameters=config.to_json(),
                estimates={"class_values": {c.name: v for c, v in zip(evidence.classes, evidence.values)}},
                quantity=scene.quantity,
                learning=learning,
                stages=(f"class raster {Path(config.labels).name}", *([NETWORK_NAME] if is_used else [])),
            )
        )
    return map_result(config.outputs, summary)


def apply_classifier(config: ApplyConfig, progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Map a scene with a classifier that another scene of the sensor has trained.

    Args:
        config: Scene, classifier file, outputs and options of the job.
        progress: Receives progress, messages and warnings; None = nothing receives them.

    Returns:
        The paths of the outputs, areas by class, mean confidence, share of changed pixels, status and warnings.

    Raises:
        EngineError: Anything wrong with the input, the classifier or the outputs; nothing has been written then.
        Cancelled: The user cancelled; nothing has been written.
    """
    job = Envelope(progress)
    require_map(config.outputs)
    classifier = read_classifier(config.classifier)
    device = choose_device(config.device)
    with job.files(config.scene, [config.classifier]) as files:
        scene = files.scene
        scene.pass_on_warnings(job.listener)
        match = match_bands(scene.axis, classifier.card.centres_nm)
        _report_bands(match, classifier, job.listener)
        _warn_about_rare_classes(classifier, job.listener)
        run = MapRun(files, classifier.card.classes, config, job)
        sample = scene.sample(config.sample_px, 0, job.listener)
        run.remember(sample)
        factor = _unit_factor(match, sample, classifier, job.listener)
        job.watch.lap("Reading the scene's description")
        make_first_pass(classifier.network.to(device), len(classifier.card.centres_nm), False, job.listener)
        for tile in _apply(run, classifier, match, factor, job.part(_LOOKED, MAPPED)):
            run.take(tile)
        job.watch.lap("Mapping with the network")
        summary = run.finish(
            RunFacts(
                title=f"Land cover of {Path(config.scene.source).name}",
                parameters=config.to_json(),
                estimates={
                    "largest_band_shift_nm": match.largest_shift_nm,
                    "unit_factor": factor,
                    "classifier": dict(classifier.card.provenance),
                },
                quantity=scene.quantity,
                stages=(f"classifier {Path(config.classifier).name}", NETWORK_NAME),
            )
        )
    return map_result(config.outputs, summary)


def _report_bands(match: BandMatch, classifier: SavedClassifier, progress: Progress) -> None:
    n_bands = len(classifier.card.centres_nm)
    if match.is_exact:
        progress.info(f"The scene has all {n_bands} bands of the classifier.")
        return
    progress.info(
        f"The scene's bands are interpolated to the classifier's {n_bands}; the largest distance is "
        f"{match.largest_shift_nm:.2f} nm."
    )


def _warn_about_rare_classes(classifier: SavedClassifier, progress: Progress) -> None:
    counts = np.array(classifier.card.learnt_px)
    rare = [c.name for c, n in zip(classifier.card.classes, counts) if n < RARE_SHARE * counts.sum()]
    if rare:
        listed = ", ".join(f"“{name}”" for name in rare)
        progress.warn(
            f"The scene that the classifier was trained on has hardly any {listed}, so it will hardly find them here. "
            "Train it on a scene that has all classes."
        )


def _unit_factor(match: BandMatch, sample: Sample, classifier: SavedClassifier, listener: RecordingProgress) -> float:
    """Power of ten that brings the scene's values into the unit that the classifier was trained on; warns unless 1."""
    scaling = classifier.scaling
    trained = float(scaling.fill.mean()) * (scaling.high - scaling.low) + scaling.low
    here = float(np.median(match.apply(np.ascontiguousarray(sample.spectra[:, match.needed].T))))
    if trained <= 0.0 or here <= 0.0 or abs(math.log10(trained / here)) < UNIT_DECADES:
        return 1.0
    factor = 10.0 ** round(math.log10(trained / here))
    listener.warn(
        f"The scene's values are about {here:.3g} and those of the scene that the classifier was trained on about "
        f"{trained:.3g}; they are taken to be in another unit and multiplied by {factor:g}."
    )
    return factor


def _apply(
    run: MapRun, classifier: SavedClassifier, match: BandMatch, factor: float, progress: Progress
) -> Iterator[MappedTile]:
    """The tiles of the map."""
    card, scene = classifier.card, run.scene

    def predict(window: Window) -> NDArray[np.float32]:
        block = scene.read(window)
        run.look(window, block)
        values = match.apply(block.values(match.needed))
        if factor != 1.0:
            values *= np.float32(factor)
        return class_probabilities(classifier.network, classifier.scaling, values, block.valid) * block.valid

    progress.report(0.0, "Mapping with the classifier")
    blended = predict_blended(scene.rows, scene.cols, card.n_outputs, card.window_px, card.halo_px, predict, progress)
    for window, by_output in blended:
        nothing = np.zeros((len(card.classes), *by_output.shape[1:]), np.float32)
        probabilities = shared(by_output, card.outputs, nothing)
        yield decide_tile(window, probabilities.max(axis=0) > 0.0, probabilities)
