# SPDX-License-Identifier: GPL-2.0-or-later
"""What the first stage sees of a scene: true colour in [0, 1], valid pixels, and principal components as a guide.

``RgbSource`` is all that the stage needs; ``SceneColours`` gives it from an open scene. Colours are computed
once, tile by tile, and kept in memory or, for a large scene, in a temporary file: every scale and every window reads
them again.

Source: the true colour of SPECIAL, arXiv 2501.16222: bands at 655, 553 and 451 nm, quantiles 0.001 and 0.999.
"""

from __future__ import annotations

import math
from typing import Any, Optional, Protocol, Tuple

import numpy as np
from numpy.typing import NDArray

from ..config import ClipConfig
from ..progress import Progress
from ..scene.blocks import Sample
from ..scene.rgb import SAMPLE_PX, find_stretch, plan_mixer
from ..scene.scene import Scene
from ..windows import Window
from .windows import allocate

__all__ = ["ArrayColours", "RgbSource", "SceneColours"]

N_COMPONENTS = 3  # of the spectra, that guide upsampling


class RgbSource(Protocol):
    """A scene's colours, window by window."""

    rows: int
    cols: int
    gsd_m: Optional[float]  # side of a pixel on the ground in metres; None = unknown

    def read(self, window: Window) -> Tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(3, rows, cols) float32 in [0, 1], any colour where invalid, and (rows, cols) bool valid pixels."""

    def guide(self, window: Window) -> Optional[NDArray[np.float32]]:
        """(components, rows, cols) float32 of about unit variance, 0 where invalid; None = there is none."""


class ArrayColours:
    """Colours in memory.

    Args:
        rgb: (3, rows, cols) float32 in [0, 1].
        valid: (rows, cols) bool; None = all.
        guide: (components, rows, cols) float32; None = none.
        gsd_m: Side of a pixel in metres; None = unknown.
    """

    def __init__(
        self,
        rgb: NDArray[np.float32],
        valid: Optional[NDArray[np.bool_]] = None,
        guide: Optional[NDArray[np.float32]] = None,
        gsd_m: Optional[float] = None,
    ) -> None:
        self._rgb, self._guide = rgb, guide
        self._valid = np.ones(rgb.shape[1:], bool) if valid is None else valid
        self.rows, self.cols = self._valid.shape
        self.gsd_m = gsd_m

    def read(self, window: Window) -> Tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Colours and valid pixels of a window."""
        rows, cols = window.slices()
        return np.asarray(self._rgb[:, rows, cols]), np.asarray(self._valid[rows, cols])

    def guide(self, window: Window) -> Optional[NDArray[np.float32]]:
        """Guide of a window."""
        rows, cols = window.slices()
        return None if self._guide is None else np.asarray(self._guide[:, rows, cols])


class SceneColours(ArrayColours):
    """Colours of an open scene; the scene is read once, here.

    Invalid pixels get the scene's mean colour, which disturbs what is around them least.

    Args:
        scene: Open scene.
        config: Quantiles and seed.
        with_guide: Whether principal components of the spectra are wanted.
        progress: Receives the share of pixels done; checked for cancel at every tile.

    Raises:
        SpectraError: The scene does not cover one of the wavelengths.
        RasterReadError: The file is damaged.
        RasterWriteError: There is no room for the colours of a large scene.
    """

    def __init__(self, scene: Scene, config: ClipConfig, with_guide: bool, progress: Progress) -> None:
        mixer = plan_mixer(scene.axis)
        sample = scene.sample(SAMPLE_PX, config.seed, progress)
        channels = mixer.mix(np.ascontiguousarray(sample.spectra[:, mixer.band_indices].T))
        low, high = find_stretch(channels, config.low_quantile, config.high_quantile)
        fill = _stretched(channels, low, high).mean(axis=1) if sample.n_px else np.full(3, 0.5, np.float32)
        principal = principal_axes(sample) if with_guide else None
        rgb = allocate((3, scene.rows, scene.cols), np.float32)
        valid = np.zeros((scene.rows, scene.cols), bool)
        guide = None if principal is None else allocate((len(principal[1]), scene.rows, scene.cols), np.float32)
        for tile, block in scene.tiles(progress):
            rows, cols = tile.slices()
            colours = _stretched(mixer.mix(block.values(mixer.band_indices)), low, high)
            rgb[:, rows, cols] = np.where(block.valid, colours, fill[:, None, None])
            valid[rows, cols] = block.valid
            if guide is not None and principal is not None:
                components = np.tensordot(principal[1], block.values() - principal[0][:, None, None], axes=1)
                guide[:, rows, cols] = np.where(block.valid, components, np.float32(0.0))
        area_m2 = scene.grid.pixel_area_m2
        super().__init__(rgb, valid, guide, math.sqrt(area_m2) if area_m2 else None)
        self.stretch = (low, high)


def _stretched(channels: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    scaled = (channels - np.float32(low)) * np.float32(1.0 / (high - low))
    return np.clip(scaled, np.float32(0.0), np.float32(1.0))


def principal_axes(sample: Sample) -> Tuple[Any, Any]:
    """Mean spectrum and first principal axes, scaled so that components have unit variance over the sample.

    Args:
        sample: Spectra of the scene.

    Returns:
        (bands,) float32 and (components, bands) float32; the largest loading of each axis is positive.
    """
    spectra = sample.spectra.astype(np.float64)
    mean = spectra.mean(axis=0) if sample.n_px else np.zeros(spectra.shape[1])
    covariance = np.atleast_2d((spectra - mean).T @ (spectra - mean)) / max(sample.n_px, 1)
    values, vectors = np.linalg.eigh(covariance)
    n = min(N_COMPONENTS, len(values))
    axes = vectors[:, ::-1][:, :n].T
    axes = axes * np.sign(axes[np.arange(n), np.abs(axes).argmax(axis=1)])[:, None]
    spread = np.sqrt(np.maximum(values[::-1][:n], 1e-12 * max(float(values[-1]), 1e-300)))
    return mean.astype(np.float32), (axes / spread[:, None]).astype(np.float32)
