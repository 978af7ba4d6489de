# SPDX-License-Identifier: GPL-2.0-or-later
"""Red, green and blue interpolated from a scene's bands by wavelength and stretched together.

One pair of quantiles for the three channels keeps the colour balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..config import TrueColourConfig
from ..windows import Window
from .blocks import Block, Calibration
from .scene import Scene
from .spectra import SpectralAxis, interpolation_weights

RGB_NM = (TrueColourConfig.red_nm, TrueColourConfig.green_nm, TrueColourConfig.blue_nm)  # the defaults
QUANTILES = (TrueColourConfig.low_quantile, TrueColourConfig.high_quantile)
SAMPLE_PX = 50_000  # for the quantiles: the 0.999 quantile of 150 000 values is good to a few per cent of its rank


@dataclass(frozen=True)
class Mixer:
    """Makes three channels from the bands that they need."""

    band_indices: Tuple[int, ...]  # indices of the scene's axis
    weights: NDArray[np.float32]  # (3, k) float32, rows sum to 1

    def mix(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Channels from values.

        Args:
            values: (k, ...) float32, the bands of ``band_indices``.

        Returns:
            (3, ...) float32.
        """
        return np.tensordot(self.weights, values, axes=1)


def plan_mixer(axis: SpectralAxis, rgb_nm: Sequence[float] = RGB_NM) -> Mixer:
    """Linear interpolation between the two nearest bands of each wavelength.

    Raises:
        SpectraError: The bands do not cover a wavelength; the message names it.
    """
    pairs = [interpolation_weights(axis, nm) for nm in rgb_nm]
    needed = sorted({band for pair in pairs for band in pair[:2]})
    weights = np.zeros((len(pairs), len(needed)), np.float32)
    for channel, (lower, upper, lower_weight, upper_weight) in enumerate(pairs):
        weights[channel, needed.index(lower)] += lower_weight
        weights[channel, needed.index(upper)] += upper_weight
    return Mixer(tuple(needed), weights)


def find_stretch(channels: NDArray[np.float32], low_quantile: float, high_quantile: float) -> Tuple[float, float]:
    """Values that become black and white.

    Args:
        channels: (3, n) float32, valid pixels.
        low_quantile: Quantile of all channels together that becomes black, in [0, 1].
        high_quantile: Quantile of all channels together that becomes white, in [0, 1].

    Returns:
        Two values, the second the larger one.
    """
    if channels.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.quantile(channels, [low_quantile, high_quantile]))
    return (low, high) if high > low else (low, low + max(abs(low), 1.0) * 1e-6)


def to_rgba(channels: NDArray[np.float32], valid: NDArray[np.bool_], low: float, high: float) -> NDArray[np.uint8]:
    """Stretch channels to bytes and add transparency.

    Args:
        channels: (3, rows, cols) float32.
        valid: (rows, cols) bool.
        low: Value that becomes 0.
        high: Value that becomes 255.

    Returns:
        (4, rows, cols) uint8: red, green, blue, alpha; all 0 where not valid.
    """
    rgba = np.zeros((4, *valid.shape), np.uint8)
    scaled = (channels - np.float32(low)) * np.float32(255.0 / (high - low))
    rgba[:3] = np.rint(np.clip(scaled, 0.0, 255.0)) * valid
    rgba[3] = np.where(valid, 255, 0)
    return rgba


class TrueColourThumbnail:
    """A small true-colour picture gathered tile by tile, for a job that reads all tiles anyway.

    Tiles may be added in any order and from several threads, as long as each is added once.

    Args:
        scene: Open scene.
        max_px: Longer side of the picture.

    Raises:
        SpectraError: The scene has no visible bands.
    """

    def __init__(self, scene: Scene, max_px: int) -> None:
        self._mixer = plan_mixer(scene.axis)
        rows, cols = _thumbnail_shape(scene, max_px)
        self._at_rows, self._at_cols = _spread_positions(scene.rows, rows), _spread_positions(scene.cols, cols)
        self._channels = np.zeros((3, rows, cols), np.float32)
        self._valid = np.zeros((rows, cols), bool)

    def add(self, window: Window, block: Block) -> None:
        """Take the pixels of a tile that fall on the picture's grid."""
        rows = _between(self._at_rows, window.row_off, window.rows)
        cols = _between(self._at_cols, window.col_off, window.cols)
        picked = np.ix_(self._at_rows[rows] - window.row_off, self._at_cols[cols] - window.col_off)
        raw = np.stack([block.raw[band][picked] for band in self._mixer.band_indices])
        small = Block(raw, block.valid[picked], _calibration_of(block, self._mixer.band_indices))
        self._channels[:, rows, cols] = self._mixer.mix(small.values())
        self._valid[rows, cols] = small.valid

    def rgba(self) -> NDArray[np.uint8]:
        """The picture: (rows, cols, 4) uint8, red, green, blue, alpha."""
        return _stretched(self._channels, self._valid)


def _thumbnail_shape(scene: Scene, max_px: int) -> Tuple[int, int]:
    factor = max(1.0, max(scene.rows, scene.cols) / max_px)
    return max(1, round(scene.rows / factor)), max(1, round(scene.cols / factor))


def _spread_positions(n: int, n_wanted: int) -> NDArray[np.intp]:
    """Centres of ``n_wanted`` equal parts of ``n`` pixels."""
    return np.minimum(((np.arange(n_wanted) + 0.5) * n / n_wanted).astype(np.intp), n - 1)


def _between(positions: NDArray[np.intp], first: int, n: int) -> slice:
    low, high = np.searchsorted(positions, [first, first + n])
    return slice(int(low), int(high))


def _calibration_of(block: Block, bands: Sequence[int]) -> Optional[Calibration]:
    if block.calibration is None:
        return None
    return Calibration(block.calibration.scale[list(bands)], block.calibration.offset[list(bands)])


def _stretched(channels: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    low, high = find_stretch(channels[:, valid], *QUANTILES)
    return np.ascontiguousarray(np.moveaxis(to_rgba(channels, valid, low, high), 0, -1))
