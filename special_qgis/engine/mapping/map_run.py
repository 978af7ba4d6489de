# SPDX-License-Identifier: GPL-2.0-or-later
"""State of a job that maps a scene: rasters being written, running figures, the report's picture.

Tiles are taken once each, in any order; at the end the figures become a summary, the report and the job's result.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Union

from ..classes.classes import LandCoverClass
from ..config import ApplyConfig, ClassifyConfig, MapOutputConfig, RefineJobConfig, RefineOutputConfig
from ..errors import ConfigError, SpectraError
from ..evidence.evidence import MappedTile
from ..outputs.class_metadata import write_class_table
from ..progress import RecordingProgress
from ..report.images import THUMBNAIL_PX
from ..report.summary import RunSummary
from ..scene.rgb import TrueColourThumbnail
from ..scene.scene import Block, Sample, Scene
from ..windows import Window
from .envelope import Envelope, OpenFiles
from .map_writers import FirstStageWriters, MapWriters
from .run_summary import MapFigures, RunFacts, reserve_run_report, summarise, write_run_report
from .tally import MapTally, SampleLabels

MapConfig = Union[ClassifyConfig, RefineJobConfig, ApplyConfig]


class MapRun:
    """One job that maps a scene.

    Args:
        files: The open scene and the set of outputs.
        classes: Classes in the order of their ids, 1…K.
        config: The job's options: paths of outputs, and the confidence below which pixels stay unclassified.
        envelope: Listener, clock and outputs of the whole job.

    Raises:
        ConfigError: A path is not accepted.
        RasterWriteError: A folder cannot be written to.
    """

    def __init__(
        self, files: OpenFiles, classes: Tuple[LandCoverClass, ...], config: MapConfig, envelope: Envelope
    ) -> None:
        targets: MapOutputConfig = config.outputs
        self.scene, self.classes = files.scene, classes
        self.listener, self.watch = envelope.listener, envelope.watch
        self.classifier_path = targets.classifier if isinstance(targets, RefineOutputConfig) else ""
        self.tally = MapTally(len(classes), files.scene.area)
        self._sample_labels: Optional[SampleLabels] = None
        self._picture = _begin_picture(files.scene, envelope.listener)
        self._outputs, self._report_path = files.outputs, targets.report
        self._min_confidence = config.min_confidence
        self._writers = MapWriters(files.outputs, files.scene, classes, targets)
        self._first_stage = FirstStageWriters(files.outputs, files.scene, classes, targets)
        if self._report_path:
            reserve_run_report(files.outputs, self._report_path)
        if self.classifier_path:
            files.outputs.reserve(self.classifier_path)

    def remember(self, sample: Sample) -> None:
        """Keep a sample of the scene, whose pixels' labels give the report's mean spectra."""
        self._sample_labels = SampleLabels(sample)

    def look(self, window: Window, block: Block) -> None:
        """Gather the report's picture; from any thread."""
        if self._picture is not None:
            self._picture.add(window, block)

    def take_first_stage(self, tile: MappedTile) -> None:
        """Write a tile of the first stage's classes and of its sources' agreement, where they are wanted."""
        self._first_stage.write(tile)

    def take(self, tile: MappedTile) -> None:
        """Count and write a tile of the map."""
        tile = tile.above(self._min_confidence)
        self.tally.add(tile.window, tile.labels, tile.confidence, tile.valid)
        if self._sample_labels is not None:
            self._sample_labels.add(tile.window, tile.labels)
        self._writers.write(tile)

    def write_classifier(self, content: bytes) -> None:
        """Write the classifier file, where it is wanted."""
        if self.classifier_path:
            self._outputs.binary(self.classifier_path, content)

    def finish(self, facts: RunFacts) -> RunSummary:
        """Finish the rasters' descriptions and write the report.

        Args:
            facts: Stages, estimates and parameters of the run.
        """
        pixel_area_m2 = self.scene.grid.pixel_area_m2
        write_class_table(self._writers.map, self.classes, self.tally.counts, pixel_area_m2)
        self._first_stage.write_class_tables(pixel_area_m2)
        for writer in (*self._writers, *self._first_stage):
            writer.set_metadata(facts.provenance)
        rgba = None if self._picture is None else self._picture.rgba()
        figures = MapFigures(self.scene, self.classes, self.tally, self._sample_labels, rgba)
        summary = summarise(facts, figures, self.listener, self.watch)
        if self._report_path:
            write_run_report(self._outputs, self._report_path, summary)
        return summary


def map_result(targets: MapOutputConfig, summary: RunSummary) -> Dict[str, Any]:
    """Result of a job that maps, as JSON values."""
    paths = targets.to_json()
    if summary.learning is not None and not summary.learning.is_used and "classifier" in paths:
        paths["classifier"] = ""  # nothing was learnt
    return {
        **paths,
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


def require_map(targets: MapOutputConfig) -> None:
    """Refuse outputs without a map.

    Raises:
        ConfigError: The path of the map is empty.
    """
    if not targets.map.strip():
        raise ConfigError("outputs.map must be the path of a GeoTIFF; got ''.", "Name the class raster to write.")


def _begin_picture(scene: Scene, progress: RecordingProgress) -> Optional[TrueColourThumbnail]:
    try:
        return TrueColourThumbnail(scene, THUMBNAIL_PX)
    except SpectraError as error:
        progress.info(f"The report has no true-colour picture. {error}")
        return None
