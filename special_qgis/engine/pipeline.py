# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of the stages: jobs that take a configuration and a progress, write files and give plain values.

No maths and no pixel loops of its own: scene reading, the spectral prior, the decision, the tally and the outputs each
live in their module. Results are JSON values, because they cross the process boundary.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from .class_metadata import write_class_legend, write_class_table
from .classes import LandCoverClass, class_file_of, parse_classes
from .confidence import decide
from .config import ClassifyConfig, OutputConfig, PriorConfig, PriorJobConfig, SceneConfig
from .errors import ClassListError, ConfigError, SpectraError
from .images import THUMBNAIL_PX
from .outputs import OutputSet, RasterWriter
from .parallel import map_ordered
from .progress import NullProgress, Progress, RecordingProgress, SubProgress
from .provenance import describe_run
from .run_summary import RunFacts, Stopwatch, classify_result, reserve_run_report, summarise, write_run_report
from .scene import Block, Sample, Scene, open_scene
from .spectral_prior import SpectralPrior, interpret
from .style import confidence_qml
from .tally import MapTally
from .true_colour import TrueColourThumbnail
from .windows import Window

_OPENED, _FITTED, _MAPPED = 0.03, 0.15, 0.95  # fractions of a job at which its stages end
_NO_DATA_CONFIDENCE = -1.0  # of the confidence and probability rasters; 0 is a confidence


class _Tile(NamedTuple):
    """Result of one tile."""

    window: Window
    valid: NDArray[np.bool_]  # (rows, cols)
    probabilities: NDArray[np.float32]  # (classes, rows, cols)
    labels: NDArray[np.uint8]  # (rows, cols), 0 = no data or unclassified
    confidence: NDArray[np.float32]  # (rows, cols)


class _Writers(NamedTuple):
    """Rasters of the main job; None = not asked for."""

    map: RasterWriter
    confidence: RasterWriter | None
    probabilities: RasterWriter | None


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
    _check_outputs(config.outputs)
    with OutputSet(inputs=_input_paths(config.scene, config.classes)) as outputs:
        with open_scene(config.scene, SubProgress(listener, 0.0, _OPENED)) as scene:
            writers = _open_writers(outputs, scene, classes, config.outputs)
            if config.outputs.report:
                reserve_run_report(outputs, config.outputs.report)
            watch.lap("Reading the scene's description")
            prior, sample = _fit_prior(scene, classes, _preset(config.prior, config.preset), config.seed, listener)
            watch.lap("Fitting the spectral prior")
            tally = MapTally(len(classes), scene.area)
            picture = _begin_picture(scene, listener)
            for tile in _tiles(scene, prior, config.min_confidence, picture, SubProgress(listener, _FITTED, _MAPPED)):
                tally.add(tile.window, tile.labels, tile.confidence, tile.valid)
                _write_tile(writers, tile)
            watch.lap("Mapping")
            facts = RunFacts(config, classes, prior, scene, sample, tally, picture, listener, watch)
            _finish_map(writers, facts)
            summary = summarise(facts)
            if config.outputs.report:
                write_run_report(outputs, config.outputs.report, summary)
        listener.report(0.98, "Moving the outputs into place")
        outputs.commit()
    listener.report(1.0, "Done")
    return classify_result(config, summary)


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
        with open_scene(config.scene, SubProgress(listener, 0.0, _OPENED)) as scene:
            writer = _probability_writer(outputs, config.probabilities, scene, classes)
            prior, _ = _fit_prior(scene, classes, _preset(config.prior, config.preset), config.seed, listener)
            for tile in _tiles(scene, prior, 0.0, None, SubProgress(listener, _FITTED, _MAPPED)):
                writer.write(tile.window, _with_nodata(tile.probabilities, tile.valid))
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


def _preset(prior: PriorConfig, preset: str) -> PriorConfig:
    return replace(prior, adapt=False) if preset == "fast" else prior


def _check_outputs(outputs: OutputConfig) -> None:
    if not outputs.map.strip():
        raise ConfigError("outputs.map must be the path of a GeoTIFF; got ''.", "Name the class raster to write.")


def _input_paths(scene: SceneConfig, classes: str) -> list[str]:
    class_file = class_file_of(classes)
    return [*scene.files, *([str(class_file)] if class_file else [])]


def _fit_prior(
    scene: Scene, classes: Sequence[LandCoverClass], prior: PriorConfig, seed: int, progress: Progress
) -> tuple[SpectralPrior, Sample]:
    for warning in scene.warnings:
        progress.warn(warning)
    part = SubProgress(progress, _OPENED, _FITTED)
    part.report(0.0, "Sampling the scene")
    sample = scene.sample(prior.sample_px, seed)
    part.report(0.5, "Fitting the spectral prior")
    fitted = SpectralPrior.fit(sample, scene.axis, classes, prior, scene.quantity, SubProgress(part, 0.5, 1.0))
    for warning in fitted.warnings:
        progress.warn(warning)
    return fitted, sample


def _begin_picture(scene: Scene, progress: Progress) -> Optional[TrueColourThumbnail]:
    try:
        return TrueColourThumbnail(scene, THUMBNAIL_PX)
    except SpectraError as error:
        progress.info(f"The report has no true-colour picture. {error}")
        return None


def _tiles(
    scene: Scene,
    prior: SpectralPrior,
    min_confidence: float,
    picture: Optional[TrueColourThumbnail],
    progress: Progress,
) -> Iterator[_Tile]:
    """Compute the tiles of the fixed grid in threads and yield them in order; the picture is gathered on the way."""

    def compute(read: tuple[Window, Block]) -> _Tile:
        window, block = read
        if picture is not None:
            picture.add(window, block)
        probabilities = prior.predict(block.values(prior.band_indices), block.valid)
        labels, confidence = decide(probabilities, block.valid, min_confidence, prior.interpretation.precedence)
        return _Tile(window, block.valid, probabilities, labels, confidence)

    progress.report(0.0, "Mapping")
    return map_ordered(compute, scene.tiles(progress))


def _open_writers(
    outputs: OutputSet, scene: Scene, classes: Sequence[LandCoverClass], targets: OutputConfig
) -> _Writers:
    confidence = probabilities = None
    class_map = outputs.raster(targets.map, scene.grid, 1, "uint8", 0, ["land cover"])
    write_class_legend(class_map, classes)
    if targets.confidence:
        confidence = outputs.raster(
            targets.confidence, scene.grid, 1, "float32", _NO_DATA_CONFIDENCE, ["confidence (best − second best)"]
        )
        confidence.write_style(confidence_qml())
    if targets.probabilities:
        probabilities = _probability_writer(outputs, targets.probabilities, scene, classes)
    return _Writers(class_map, confidence, probabilities)


def _probability_writer(outputs: OutputSet, path: str, scene: Scene, classes: Sequence[LandCoverClass]) -> RasterWriter:
    return outputs.raster(path, scene.grid, len(classes), "float32", _NO_DATA_CONFIDENCE, [c.name for c in classes])


def _write_tile(writers: _Writers, tile: _Tile) -> None:
    writers.map.write(tile.window, tile.labels)
    if writers.confidence is not None:
        writers.confidence.write(tile.window, _with_nodata(tile.confidence, tile.valid))
    if writers.probabilities is not None:
        writers.probabilities.write(tile.window, _with_nodata(tile.probabilities, tile.valid))


def _with_nodata(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(valid, values, np.float32(_NO_DATA_CONFIDENCE))


def _finish_map(writers: _Writers, facts: RunFacts) -> None:
    write_class_table(writers.map, facts.classes, facts.tally.counts, facts.scene.grid.pixel_area_m2)
    for writer in writers:
        if writer is not None:
            writer.set_metadata(facts.provenance)
