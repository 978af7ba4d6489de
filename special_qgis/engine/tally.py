# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures gathered while a map is made, tile by tile: counts, confidence, a thumbnail, mean spectra.

Takes the labels and confidence of each tile once, keeps arrays whose size does not grow with the scene, and gives the
numbers of the report and of the raster attribute table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import numpy as np
from numpy.typing import NDArray

from .windows import Window

N_CONFIDENCE_BINS = 20  # bars of the report's histogram
THUMBNAIL_PX = 800  # longest side of the report's map


class MapTally:
    """Running figures of a class map.

    Args:
        n_classes: Number of classes K.
        area: Window that the map covers.
    """

    def __init__(self, n_classes: int, area: Window) -> None:
        self.n_px = area.n_px
        self.n_valid = 0
        self.counts = np.zeros(n_classes, dtype=np.int64)
        self.confidence_sums = np.zeros(n_classes, dtype=np.float64)
        self.histogram = np.zeros((n_classes, N_CONFIDENCE_BINS), dtype=np.int64)
        self.thumbnail_step = max(1, -(-max(area.rows, area.cols) // THUMBNAIL_PX))
        step = self.thumbnail_step
        self.thumbnail = np.zeros((-(-area.rows // step), -(-area.cols // step)), dtype=np.uint8)

    def add(
        self, window: Window, labels: NDArray[np.uint8], confidence: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> None:
        """Count one tile; every tile of the map is given once, in any order.

        Args:
            window: Where the tile lies in the map.
            labels: (rows, cols) uint8, class ids 1..K; 0 = no data or unclassified.
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
        self._add_thumbnail(window, labels)

    def _add_thumbnail(self, window: Window, labels: NDArray[np.uint8]) -> None:
        step = self.thumbnail_step
        part = labels[-window.row_off % step :: step, -window.col_off % step :: step]
        row, col = -(-window.row_off // step), -(-window.col_off // step)
        self.thumbnail[row : row + part.shape[0], col : col + part.shape[1]] = part

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


@dataclass(frozen=True)
class ClassSpectrum:
    """Mean spectrum of one class over the sample.

    Attributes:
        class_id: 1..K.
        n_px: Number of sample pixels behind it.
        mean: (bands,) float64, in the scene's units.
        sd: (bands,) float64, standard deviation over pixels, in the scene's units.
    """

    class_id: int
    n_px: int
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


def class_spectra(spectra: NDArray[np.float32], labels: NDArray[np.uint8], n_classes: int) -> List[ClassSpectrum]:
    """Mean and standard deviation of the sample's spectra, class by class.

    Args:
        spectra: (pixels, bands) float32, in the scene's units.
        labels: (pixels,) uint8, class ids 1..K; 0 = unclassified.
        n_classes: Number of classes K.

    Returns:
        One entry for each class that has at least one pixel, in the order of the ids.
    """
    found = []
    for class_id in range(1, n_classes + 1):
        members = spectra[labels == class_id]
        if len(members):
            mean, sd = members.mean(axis=0, dtype=np.float64), members.std(axis=0, dtype=np.float64)
            found.append(ClassSpectrum(class_id, len(members), mean, sd))
    return found
