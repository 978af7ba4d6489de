# SPDX-License-Identifier: GPL-2.0-or-later
"""Rasters of a map while they are written: those of the map itself, and those of its first stage."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..classes.classes import LandCoverClass
from ..config import MapOutputConfig, OutputConfig, RefineOutputConfig
from ..evidence.evidence import MappedTile
from ..outputs.class_metadata import write_class_legend, write_class_table
from ..outputs.output_set import OutputSet, RasterWriter
from ..outputs.style import confidence_qml
from ..scene.scene import Scene

__all__ = ["NO_DATA_CONFIDENCE", "FirstStageWriters", "MapWriters", "probability_writer", "with_nodata"]

NO_DATA_CONFIDENCE = -1.0  # of the confidence and probability rasters; 0 is a confidence


class MapWriters:
    """Class raster, confidence and probabilities; the last two where they are wanted.

    Args:
        outputs: Set of outputs that the rasters are added to.
        scene: Open scene.
        classes: Classes in the order of their ids, 1…K.
        targets: Paths of the outputs; an empty path leaves an output out.

    Raises:
        ConfigError: A path is not accepted.
        RasterWriteError: A folder cannot be written to.
    """

    def __init__(
        self, outputs: OutputSet, scene: Scene, classes: Sequence[LandCoverClass], targets: MapOutputConfig
    ) -> None:
        self.map = _class_writer(outputs, targets.map, scene, classes, "land cover")
        self.confidence: Optional[RasterWriter] = None
        self.probabilities: Optional[RasterWriter] = None
        if targets.confidence:
            title = "confidence (best − second best)"
            self.confidence = _share_writer(outputs, targets.confidence, scene, title)
        if targets.probabilities:
            self.probabilities = probability_writer(outputs, targets.probabilities, scene, classes)

    def __iter__(self) -> Iterator[RasterWriter]:
        return iter([one for one in (self.map, self.confidence, self.probabilities) if one is not None])

    def write(self, tile: MappedTile) -> None:
        """Write a tile of the map."""
        self.map.write(tile.window, tile.labels)
        if self.confidence is not None:
            self.confidence.write(tile.window, with_nodata(tile.confidence, tile.valid))
        if self.probabilities is not None:
            self.probabilities.write(tile.window, with_nodata(tile.probabilities, tile.valid))


class FirstStageWriters:
    """Pseudo-labels and the agreement of the sources, where the job can make them and they are wanted.

    Args:
        outputs: Set of outputs that the rasters are added to.
        scene: Open scene.
        classes: Classes in the order of their ids, 1…K.
        targets: Paths of the outputs; an empty path leaves an output out.

    Raises:
        ConfigError: A path is not accepted.
        RasterWriteError: A folder cannot be written to.
    """

    def __init__(
        self, outputs: OutputSet, scene: Scene, classes: Sequence[LandCoverClass], targets: MapOutputConfig
    ) -> None:
        self._classes = classes
        self._counts = np.zeros(len(classes) + 1, np.int64)
        self.agreement: Optional[RasterWriter] = None
        self.pseudo_labels: Optional[RasterWriter] = None
        if isinstance(targets, OutputConfig) and targets.agreement:
            self.agreement = _share_writer(outputs, targets.agreement, scene, "agreement of the sources")
        if isinstance(targets, RefineOutputConfig) and targets.pseudo_labels:
            self.pseudo_labels = _class_writer(outputs, targets.pseudo_labels, scene, classes, "pseudo-labels")

    def __iter__(self) -> Iterator[RasterWriter]:
        return iter([one for one in (self.agreement, self.pseudo_labels) if one is not None])

    def write(self, tile: MappedTile) -> None:
        """Write a tile of the first stage."""
        if self.agreement is not None and tile.agreement is not None:
            self.agreement.write(tile.window, with_nodata(tile.agreement, tile.valid))
        if self.pseudo_labels is not None:
            self.pseudo_labels.write(tile.window, tile.labels)
            self._counts += np.bincount(tile.labels.ravel(), minlength=self._counts.size)

    def write_class_tables(self, pixel_area_m2: Optional[float]) -> None:
        """Write how many pixels each class has into the pseudo-labels."""
        if self.pseudo_labels is not None:
            write_class_table(self.pseudo_labels, self._classes, self._counts[1:], pixel_area_m2)


def probability_writer(outputs: OutputSet, path: str, scene: Scene, classes: Sequence[LandCoverClass]) -> RasterWriter:
    """Begin a raster with one band a class."""
    return outputs.raster(path, scene.grid, len(classes), "float32", NO_DATA_CONFIDENCE, [c.name for c in classes])


def with_nodata(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values, or the no-data value where pixels are invalid."""
    return np.where(valid, values, np.float32(NO_DATA_CONFIDENCE))


def _share_writer(outputs: OutputSet, path: str, scene: Scene, title: str) -> RasterWriter:
    writer = outputs.raster(path, scene.grid, 1, "float32", NO_DATA_CONFIDENCE, [title])
    writer.write_style(confidence_qml())
    return writer


def _class_writer(
    outputs: OutputSet, path: str, scene: Scene, classes: Sequence[LandCoverClass], name: str
) -> RasterWriter:
    writer = outputs.raster(path, scene.grid, 1, "uint8", 0, [name])
    write_class_legend(writer, classes)
    return writer
