# SPDX-License-Identifier: GPL-2.0-or-later
"""Any class raster as the first stage: an old map, a rasterised vector map, another classification.

Takes the raster, optionally one of confidence, and gives class probabilities on the scene's pixels. Classes are the
typed ones, else those that the raster names, else its values; in the map they are numbered 1…K.
"""

from __future__ import annotations

import threading
from typing import List, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray

from ..classes.classes import MAX_CLASSES, LandCoverClass, parse_classes
from ..classes.text import comparison_key, format_entry, make_entry, nameless
from ..config import RefineJobConfig
from ..errors import ClassListError, InputError
from ..probabilities import probabilities_of_labels
from ..progress import Progress, check_cancelled
from ..rasters.aligned_raster import AlignedRaster
from ..rasters.class_raster import as_classes, open_class_raster, require_confidence
from ..rasters.legend import Legend, read_legend
from ..scene.scene import Block, Scene
from ..windows import Window
from .evidence import Prediction


class LabelEvidence:
    """Class probabilities from a class raster.

    Args:
        scene: Open scene.
        config: Paths of the rasters, typed classes, and the confidence of labels without one.
        progress: Receives warnings and progress; checked for cancel at every tile.

    Raises:
        InputError: The raster cannot be brought onto the scene, or labels no pixel of it.
        ClassListError: Typed classes do not fit the values, or there are fewer than two classes.
        RasterReadError: A raster cannot be read.
    """

    precedence: Optional[Sequence[int]] = None

    def __init__(self, scene: Scene, config: RefineJobConfig, progress: Progress) -> None:
        self._lock = threading.Lock()  # GDAL's datasets serve one thread at a time
        self._labels = _SceneRaster(scene, config.labels, "class raster", progress)
        self._confidence = None
        if config.label_confidence:
            self._confidence = _SceneRaster(scene, config.label_confidence, "confidence raster", progress)
        self._assumed = np.float32(config.assumed_confidence)
        found = self._count_values(scene, progress)
        self.values, self.classes = _choose_classes(config.classes, found, self._labels.legend)
        self._index = np.zeros(max(max(found), self.values[-1]) + 1, np.uint8)  # class id by value
        self._index[list(self.values)] = np.arange(1, len(self.values) + 1)

    def predict(self, window: Window, block: Block) -> Prediction:
        """Probabilities of a tile: the label's class leads by its confidence, all others are equal."""
        labels = self._index[self._read_labels(window)]
        labels[~block.valid] = 0
        return Prediction(probabilities_of_labels(labels, self._read_confidence(window), len(self.classes)))

    def _read_labels(self, window: Window) -> NDArray[np.int64]:
        with self._lock:
            return as_classes(self._labels.read(window), self._labels.path)

    def _read_confidence(self, window: Window) -> NDArray[np.float32]:
        if self._confidence is None:
            return np.full((window.rows, window.cols), self._assumed, np.float32)
        with self._lock:
            values = np.nan_to_num(self._confidence.read(window).astype(np.float32))
        require_confidence(values, self._confidence.path)
        return np.maximum(values, np.float32(0.0))

    def _count_values(self, scene: Scene, progress: Progress) -> List[int]:
        """Values above 0 in the scene's area, ascending."""
        found: Set[int] = set()
        tiles = scene.plan_tiles()
        for number, window in enumerate(tiles):
            check_cancelled(progress)
            found.update(np.unique(self._read_labels(window)).tolist())
            progress.report((number + 1) / len(tiles))
        found.discard(0)
        if not found:
            raise InputError(
                f"The class raster {self._labels.path} labels no pixel of the scene; class values above 0 are needed.",
                "Check that it covers the scene and that its nodata value is right.",
            )
        return sorted(found)


class _SceneRaster:
    """A raster at the pixels of a scene's area."""

    def __init__(self, scene: Scene, path: str, role: str, progress: Progress) -> None:
        dataset = open_class_raster(path, role)
        self.path = path
        self.legend: Legend = read_legend(dataset)
        fits_area = (dataset.RasterYSize, dataset.RasterXSize) == (scene.rows, scene.cols)
        self._origin = Window(0, 0, scene.rows, scene.cols) if fits_area else scene.file_window
        self._raster = AlignedRaster(scene.grid if fits_area else scene.file_grid, "scene", dataset, role)
        for warning in self._raster.warnings:
            progress.warn(warning)
        progress.info(f"The {role} is taken {self._raster.how}.")

    def read(self, window: Window) -> NDArray[np.generic]:
        """Values of a window of the area; 0 where there are none."""
        row, col = window.row_off + self._origin.row_off, window.col_off + self._origin.col_off
        return self._raster.read(Window(row, col, window.rows, window.cols))


def _choose_classes(typed: str, found: List[int], legend: Legend) -> Tuple[Tuple[int, ...], Tuple[LandCoverClass, ...]]:
    """Values of the raster, ascending, and the classes that they become."""
    if typed:
        classes = parse_classes(typed)
        if found[-1] > len(classes):
            raise ClassListError(
                f"The class raster holds the value {found[-1]} and {len(classes)} classes are typed; values from 1 to "
                f"{len(classes)} are accepted, in the order typed.",
                "Type a name for each value, or leave the classes out to use the raster's own.",
            )
        return tuple(range(1, len(classes) + 1)), classes
    numbered = list(range(1, len(legend.names) + 1))
    keeps_ids = sorted(legend.names) == numbered and found[-1] <= len(numbered)  # also for classes not met here
    values = tuple(numbered if keeps_ids else found)
    if not 2 <= len(values) <= MAX_CLASSES:
        raise ClassListError(
            f"The class raster has {len(values)} classes in the scene; from 2 to {MAX_CLASSES} are accepted.",
            "Give a raster of more classes." if len(values) < 2 else "Join similar classes first.",
        )
    names = _unique_names([legend.names.get(value) or nameless(value) for value in values], values)
    colours = _unique_colours([legend.colours.get(value) for value in values])
    entries = [make_entry(name, (), colour, value) for name, colour, value in zip(names, colours, values)]
    return values, parse_classes("\n".join(map(format_entry, entries)))


def _unique_names(names: List[str], values: Sequence[int]) -> List[str]:
    """Names, each with its value where it stands twice."""
    folded = [comparison_key(name) for name in names]
    return [f"{name} ({value})" if folded.count(key) > 1 else name for name, key, value in zip(names, folded, values)]


def _unique_colours(colours: List[Optional[str]]) -> List[Optional[str]]:
    """Colours, left out where they stand twice."""
    return [colour if colours.count(colour) == 1 else None for colour in colours]
