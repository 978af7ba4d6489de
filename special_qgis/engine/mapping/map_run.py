# SPDX-License-Identifier: GPL-2.0-or-later
"""What every job that maps a scene keeps while it runs: rasters being written, running figures, the report's picture.

Tiles are taken once each, in any order; at the end the figures become a summary, the report and the job's result.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ..classes.classes import LandCoverClass
from ..config import ApplyConfig, ClassifyConfig, OutputConfig, RefineJobConfig
from ..errors import ConfigError, SpectraError
from ..evidence.evidence import MappedTile
from ..outputs.class_metadata import write_class_legend, write_class_table
from ..outputs.output_set import OutputSet, RasterWriter
from ..outputs.style import confidence_qml
from ..progress import RecordingProgress
from ..report.images import THUMBNAIL_PX
from ..report.summary import RunSummary
from ..scene.rgb import TrueColourThumbnail
from ..scene.scene import Block, Sample, Scene
from ..windows import Window
from .run_summary import RunFacts, Stopwatch, reserve_run_report, summarise, write_run_report
from .tally import MapTally, SampleLabels

MapConfig = Union[ClassifyConfig, RefineJobConfig, ApplyConfig]
NO_DATA_CONFIDENCE = -1.0  # of the confidence and probability rasters; 0 is a confidence


class _Writers(NamedTuple):
    """Rasters of a map; None = not asked for."""

    map: RasterWriter
    confidence: Optional[RasterWriter]
    probabilities: Optional[RasterWriter]
    agreement: Optional[RasterWriter]
    pseudo_labels: Optional[RasterWriter]


class MapRun:
    """One job that maps a scene.

    Args:
        outputs: Where files grow.
        scene: Open scene.
        classes: In the order of their ids.
        config: The job's options: paths of outputs, and the confidence below which pixels stay unclassified.
        listener: Hears of everything.
        watch: Of the whole job.

    Raises:
        ConfigError: A path is not accepted.
        RasterWriteError: A folder cannot be written to.
    """

    def __init__(
        self,
        outputs: OutputSet,
        scene: Scene,
        classes: Tuple[LandCoverClass, ...],
        config: MapConfig,
        listener: RecordingProgress,
        watch: Stopwatch,
    ) -> None:
        targets = config.outputs
        self.scene, self.classes, self.config, self.targets = scene, classes, config, targets
        self.listener, self.watch = listener, watch
        self.tally = MapTally(len(classes), scene.area)
        self.sample_labels: Optional[SampleLabels] = None
        self.picture = _begin_picture(scene, listener)
        self._outputs = outputs
        self._writers = _open_writers(outputs, scene, classes, targets)
        self._pseudo_counts = np.zeros(len(classes) + 1, np.int64)
        if targets.report:
            reserve_run_report(outputs, targets.report)
        if targets.classifier:
            outputs.reserve(targets.classifier)

    def remember(self, sample: Sample) -> None:
        """Keep a sample of the scene, whose pixels' labels give the report's mean spectra."""
        self.sample_labels = SampleLabels(sample)

    def look(self, window: Window, block: Block) -> None:
        """Gather the report's picture; from any thread."""
        if self.picture is not None:
            self.picture.add(window, block)

    def take_first_stage(self, tile: MappedTile) -> None:
        """Write a tile of the first stage's classes and of its sources' agreement, where they were asked for."""
        if self._writers.agreement is not None and tile.agreement is not None:
            self._writers.agreement.write(tile.window, with_nodata(tile.agreement, tile.valid))
        if self._writers.pseudo_labels is not None:
            self._writers.pseudo_labels.write(tile.window, tile.labels)
            self._pseudo_counts += np.bincount(tile.labels.ravel(), minlength=self._pseudo_counts.size)

    def take(self, tile: MappedTile) -> None:
        """Count and write a tile of the map."""
        tile = tile.above(self.config.min_confidence)
        self.tally.add(tile.window, tile.labels, tile.confidence, tile.valid)
        if self.sample_labels is not None:
            self.sample_labels.add(tile.window, tile.labels)
        self._write(tile)

    def write_classifier(self, content: bytes) -> None:
        """Write the classifier file, where it was asked for."""
        if self.targets.classifier:
            self._outputs.binary(self.targets.classifier, content)

    def finish(self, facts: RunFacts) -> RunSummary:
        """Finish the rasters' descriptions and write the report.

        Args:
            facts: What the stages found out.
        """
        pixel_area_m2 = self.scene.grid.pixel_area_m2
        write_class_table(self._writers.map, self.classes, self.tally.counts, pixel_area_m2)
        if self._writers.pseudo_labels is not None:
            write_class_table(self._writers.pseudo_labels, self.classes, self._pseudo_counts[1:], pixel_area_m2)
        for writer in self._writers:
            if writer is not None:
                writer.set_metadata(facts.provenance)
        summary = summarise(facts, self)
        if self.targets.report:
            write_run_report(self._outputs, self.targets.report, summary)
        return summary

    def _write(self, tile: MappedTile) -> None:
        self._writers.map.write(tile.window, tile.labels)
        if self._writers.confidence is not None:
            self._writers.confidence.write(tile.window, with_nodata(tile.confidence, tile.valid))
        if self._writers.probabilities is not None:
            self._writers.probabilities.write(tile.window, with_nodata(tile.probabilities, tile.valid))


def map_result(targets: OutputConfig, summary: RunSummary) -> Dict[str, Any]:
    """What a job that maps hands back to its caller, as JSON values."""
    learnt = summary.learning is None or summary.learning.is_used
    return {
        **targets.to_json(),
        "classifier": targets.classifier if learnt else "",
        "classified_px": summary.classified_px,
        "classified_area_m2": summary.classified_area_m2,
        "mean_confidence": summary.mean_confidence,
        "class_areas": {
            c.name: {"id": c.id, "count": c.count_px, "share": c.share, "area_m2": c.area_m2} for c in summary.classes
        },
        "class_count": len(summary.classes),
        "changed_share": None if summary.learning is None else summary.learning.changed_share,
        "status": summary.status,
        "warnings": list(summary.warnings),
    }


def require_map(targets: OutputConfig) -> None:
    """Refuse outputs without a map.

    Raises:
        ConfigError: No map is asked for.
    """
    if not targets.map.strip():
        raise ConfigError("outputs.map must be the path of a GeoTIFF; got ''.", "Name the class raster to write.")


def probability_writer(outputs: OutputSet, path: str, scene: Scene, classes: Sequence[LandCoverClass]) -> RasterWriter:
    """Begin a raster with one band a class."""
    return outputs.raster(path, scene.grid, len(classes), "float32", NO_DATA_CONFIDENCE, [c.name for c in classes])


def with_nodata(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values, or the no-data value where pixels are invalid."""
    return np.where(valid, values, np.float32(NO_DATA_CONFIDENCE))


def _begin_picture(scene: Scene, progress: RecordingProgress) -> Optional[TrueColourThumbnail]:
    try:
        return TrueColourThumbnail(scene, THUMBNAIL_PX)
    except SpectraError as error:
        progress.info(f"The report has no true-colour picture. {error}")
        return None


def _open_writers(
    outputs: OutputSet, scene: Scene, classes: Sequence[LandCoverClass], targets: OutputConfig
) -> _Writers:
    confidence = probabilities = agreement = pseudo_labels = None
    class_map = _class_writer(outputs, targets.map, scene, classes, "land cover")
    if targets.confidence:
        confidence = outputs.raster(
            targets.confidence, scene.grid, 1, "float32", NO_DATA_CONFIDENCE, ["confidence (best − second best)"]
        )
        confidence.write_style(confidence_qml())
    if targets.probabilities:
        probabilities = probability_writer(outputs, targets.probabilities, scene, classes)
    if targets.agreement:
        agreement = outputs.raster(
            targets.agreement, scene.grid, 1, "float32", NO_DATA_CONFIDENCE, ["agreement of the sources"]
        )
        agreement.write_style(confidence_qml())
    if targets.pseudo_labels:
        pseudo_labels = _class_writer(outputs, targets.pseudo_labels, scene, classes, "pseudo-labels")
    return _Writers(class_map, confidence, probabilities, agreement, pseudo_labels)


def _class_writer(
    outputs: OutputSet, path: str, scene: Scene, classes: Sequence[LandCoverClass], name: str
) -> RasterWriter:
    writer = outputs.raster(path, scene.grid, 1, "uint8", 0, [name])
    write_class_legend(writer, classes)
    return writer
