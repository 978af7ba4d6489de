# SPDX-License-Identifier: GPL-2.0-or-later
"""The network stage on a scene: keeps the first stage's probabilities aside, learns them, writes the network's map.

Nothing of the map is written before the training has succeeded, so that a failed one leaves the first stage's result
to be written instead.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple

import torch

from ..compute.devices import choose_device, device_name, is_out_of_memory
from ..config import RefineConfig
from ..evidence.evidence import Evidence, MappedTile, decide_tile, decided_tiles
from ..evidence.tile_store import TileStore
from ..mamba import MambaHSI
from ..mapping.map_run import MapRun
from ..mapping.network_stage import NetworkOptions
from ..progress import Progress, SubProgress
from ..report.summary import LearningSummary
from ..scene.scene import Scene
from .changes import ChangeTally
from .classifier_file import ClassifierCard, encode_classifier
from .inseparable import MergedPixels, merge_inseparable, shared
from .network import network_builder
from .refinement import predict_tiles
from .scene_pixels import ScenePixels
from .train import TrainedNetwork, train

_FIRST_STAGE, _TRAINED = 0.1, 0.85  # fractions of the stage at which its parts end


def learn_and_map(run: MapRun, evidence: Evidence, options: NetworkOptions, progress: Progress) -> LearningSummary:
    """Learn a scene from its first stage and write the map.

    Args:
        run: Receives the tiles of the map and the classifier.
        evidence: Class probabilities of the first stage.
        options: Options, device and seed of the network.
        progress: Receives progress, messages and warnings; checked for cancel at every step.

    Returns:
        How it went.

    Raises:
        RefinementError: The training diverged or gave a degenerate map; no tile was taken.
        ConfigError: The chosen device is not there.
        Cancelled: The user cancelled.
    """
    scene = run.scene
    with TileStore(scene.rows, scene.cols, len(run.classes)) as store:
        for tile in decided_tiles(scene, evidence, run.look, SubProgress(progress, 0.0, _FIRST_STAGE)):
            store.write(tile.window, tile.probabilities, tile.valid)
            run.take_first_stage(tile)
        run.watch.lap("First stage")
        names = [c.name for c in run.classes]
        pixels = merge_inseparable(ScenePixels(scene, store, names, evidence.precedence), progress)
        trained = _train_somewhere(pixels, options, SubProgress(progress, _FIRST_STAGE, _TRAINED))
        run.watch.lap("Learning the scene")
        changes = ChangeTally(len(run.classes))
        for tile in _map(trained, pixels, options.config, evidence, changes, progress):
            run.take(tile)
        run.watch.lap("Mapping with the network")
    run.write_classifier(encode_classifier(trained, _card(run, trained, pixels.outputs, options)))
    return _summarise(trained, changes)


def _train_somewhere(pixels: MergedPixels, options: NetworkOptions, progress: Progress) -> TrainedNetwork:
    """Train on the chosen device; on the processor where the graphics card's memory runs out."""
    device = choose_device(options.device)
    progress.info(f"The network learns on {device_name(device)}.")
    build = network_builder(options.config)
    try:
        return train(pixels, build, options.config, options.seed, device, progress)
    except RuntimeError as error:
        if device.type != "cuda" or not is_out_of_memory(error):
            raise
    progress.warn("The graphics card has too little memory for the network, so the processor is used, which is slower.")
    torch.cuda.empty_cache()
    return train(pixels, build, options.config, options.seed, torch.device("cpu"), progress)


def _map(
    trained: TrainedNetwork,
    pixels: MergedPixels,
    config: RefineConfig,
    evidence: Evidence,
    changes: ChangeTally,
    progress: Progress,
) -> Iterator[MappedTile]:
    """The tiles of the map; what they change is counted on the way."""
    for window, by_output in predict_tiles(trained, pixels, config, SubProgress(progress, _TRAINED, 1.0)):
        before, valid = pixels.by_class(window)
        tile = decide_tile(window, valid, shared(by_output, pixels.outputs, before), evidence.precedence)
        changes.add(decide_tile(window, valid, before, evidence.precedence).labels, tile.labels)
        yield tile


def _card(run: MapRun, trained: TrainedNetwork, outputs: Tuple[int, ...], options: NetworkOptions) -> ClassifierCard:
    scene: Scene = run.scene
    return ClassifierCard(
        classes=run.classes,
        centres_nm=tuple(scene.axis.centres_nm.tolist()),
        quantity=scene.quantity,
        low=trained.scaling.low,
        high=trained.scaling.high,
        uneven_sides=options.config.uneven_sides,
        window_px=options.config.tile_px,
        halo_px=options.config.halo_px,
        learnt_px=tuple(run.tally.counts.tolist()),
        provenance=options.provenance,
        outputs=outputs,
    )


def _summarise(trained: TrainedNetwork, changes: ChangeTally) -> LearningSummary:
    history, device = trained.history, next(trained.network.parameters()).device
    return LearningSummary(
        is_used=True,
        losses=_rounded(history.losses),
        agreements=_rounded(history.agreements),
        final_agreement=round(history.final_agreement, 6),
        confident_px=tuple(history.confident_px),
        hard_px=tuple(history.hard_px),
        changed_px=changes.changed_px,
        compared_px=changes.compared_px,
        transitions=changes.transitions(),
        device=device_name(device),
        backend=trained.network.backend_in_use() if isinstance(trained.network, MambaHSI) else "",
    )


def _rounded(values: List[float]) -> Tuple[float, ...]:
    return tuple(round(value, 6) for value in values)
