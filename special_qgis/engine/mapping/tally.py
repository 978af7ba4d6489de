# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures gathered while a map is made, tile by tile: counts, confidence, a thumbnail, mean spectra.

Takes the labels and confidence of each tile once, keeps arrays whose size does not grow with the scene, and gives the
numbers of the report and of the raster attribute table.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np
from numpy.typing import NDArray

from ..report.images import LabelThumbnail
from ..report.summary import MeanSpectrum
from ..scene.blocks import Sample
from ..scene.sampling import SampleTiles
from ..windows import Window

N_CONFIDENCE_BINS = 20  # bars of the report's histogram


class MapTally:
    """Running figures of a class map.

    Args:
        n_classes: Number of classes K.
        area: Window that the map covers, in pixels.
    """

    def __init__(self, n_classes: int, area: Window) -> None:
        self.n_px = area.n_px
        self.n_valid = 0
        self.counts = np.zeros(n_classes, dtype=np.int64)
        self.confidence_sums = np.zeros(n_classes, dtype=np.float64)
        self.histogram = np.zeros((n_classes, N_CONFIDENCE_BINS), dtype=np.int64)
        self.thumbnail = LabelThumbnail(area.rows, area.cols)

    def add(
        self, window: Window, labels: NDArray[np.uint8], confidence: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> None:
        """Count one tile; every tile of the map is given once, in any order.

        Args:
            window: Place of the tile in the map, in pixels.
            labels: (rows, cols) uint8, class ids 1…K; 0 = no data or unclassified.
            confidence: (rows, cols) float32 in [0, 1]; not read where ``labels`` is 0.
            valid: (rows, cols) bool, pixels with data.
        """
        n_classes = len(self.counts)
        classified = labels > 0
        index = labels[classified].astype(np.int64) - 1
        values = confidence[classified].astype(np.float64)
        bins = np.minimum((values * N_CONFIDENCE_BINS).astype(np.int64), N_CONFIDENCE_BINS - 1)
        self.n_valid += int(np.count_nonzero(valid))
        self.counts += np.bincount(index, minlength=n_classes)
        self.confidence_sums += np.bincount(index, weights=values, minlength=n_classes)
        joint = np.bincount(index * N_CONFIDENCE_BINS + bins, minlength=n_classes * N_CONFIDENCE_BINS)
        self.histogram += joint.reshape(n_classes, N_CONFIDENCE_BINS)
        self.thumbnail.add(window, labels)

    @property
    def n_classified(self) -> int:
        """Number of pixels with a class."""
        return int(self.counts.sum())

    @property
    def mean_confidence(self) -> float:
        """Mean confidence of the classified pixels; 0 where there are none."""
        return float(self.confidence_sums.sum() / max(1, self.n_classified))

    def class_confidence(self) -> NDArray[np.float64]:
        """(K,) float64, mean confidence of each class; NaN for a class without pixels."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.counts > 0, self.confidence_sums / self.counts, np.nan)


class SampleLabels:
    """Labels of a sample's pixels in the map.

    Args:
        sample: Pixels of the sample, in the order of rows.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.labels = np.zeros(sample.n_px, np.uint8)  # 0 = unclassified
        self._tiles = SampleTiles(sample)

    def add(self, window: Window, labels: NDArray[np.uint8]) -> None:
        """Add a tile; every tile of the map is given once, in any order."""
        index, rows, cols = self._tiles.find(window)
        self.labels[index] = labels[rows, cols]


def class_spectra(
    spectra: NDArray[np.float32], labels: NDArray[np.uint8], centres_nm: NDArray[np.float64], n_classes: int
) -> Tuple[MeanSpectrum, ...]:
    """Mean and standard deviation of the sample's spectra, class by class.

    Args:
        spectra: (pixels, bands) float32, in the scene's units.
        labels: (pixels,) uint8, class ids 1…K; 0 = unclassified.
        centres_nm: (bands,) float64, band centres, ascending.
        n_classes: Number of classes K.

    Returns:
        One entry for each class that has at least one pixel, in the order of the ids.
    """
    wavelengths = tuple(float(nm) for nm in centres_nm)
    found = []
    for class_id in range(1, n_classes + 1):
        members = spectra[labels == class_id]
        if len(members):
            mean, sd = members.mean(axis=0, dtype=np.float64), members.std(axis=0, dtype=np.float64)
            found.append(MeanSpectrum(class_id, wavelengths, tuple(mean.tolist()), tuple(sd.tolist()), len(members)))
    return tuple(found)
