# SPDX-License-Identifier: GPL-2.0-or-later
"""Spectra as input of the network: clipped at two quantiles of the whole scene and scaled to [0, 1].

One pair of quantiles for all bands keeps the shape of spectra. They come from a sample, so blocks cannot change them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


@dataclass(frozen=True)
class Scaling:
    """How values become network input."""

    low: float  # value that becomes 0
    high: float  # value that becomes 1
    fill: NDArray[np.float32]  # (bands,) float32, scaled mean spectrum: what invalid pixels are given
    spread: NDArray[np.float32]  # (bands,) float32, standard deviation of each scaled band

    @classmethod
    def fit(cls, spectra: NDArray[np.float32], low_quantile: float, high_quantile: float) -> Scaling:
        """Find the scaling of a scene.

        Args:
            spectra: (n, bands) float32, sample of valid pixels, any unit.
            low_quantile: Quantile of all values together that becomes 0, in [0, 1].
            high_quantile: Quantile of all values together that becomes 1, in [0, 1], above ``low_quantile``.

        Raises:
            InputError: All values are the same, or there are none.
        """
        if spectra.size == 0:
            raise InputError("There is no valid pixel to learn from.", "Check the nodata value and the mask.")
        low, high = (float(q) for q in np.quantile(spectra, (low_quantile, high_quantile)))
        if not high > low:
            raise InputError(
                f"All values of the scene are about {low:g}; spectra that differ are needed.",
                "Check the scene's bands.",
            )
        scaled = _scale(spectra, low, high)
        return cls(
            low,
            high,
            scaled.mean(axis=0, dtype=np.float64).astype(np.float32),
            scaled.std(axis=0, dtype=np.float64).astype(np.float32),
        )

    def spectra(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled copies of any values."""
        return _scale(values, self.low, self.high)

    def image(self, values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Network input of a window.

        Args:
            values: (bands, rows, cols) float32 in the scene's unit; anything where invalid.
            valid: (rows, cols) bool, pixels with data.

        Returns:
            (bands, rows, cols) float32 in [0, 1]; the mean spectrum where invalid.
        """
        scaled = _scale(values, self.low, self.high)
        if not valid.all():
            np.copyto(scaled, self.fill[:, None, None], where=~valid)
        return scaled


def _scale(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    scaled = np.clip(values, np.float32(low), np.float32(high))
    scaled -= np.float32(low)
    scaled /= np.float32(high - low)
    return scaled
