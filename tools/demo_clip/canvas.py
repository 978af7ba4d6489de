# SPDX-License-Identifier: GPL-2.0-or-later
"""The grid that layouts paint on: what each fine pixel is made of, how high it stands, and how it is lit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple, Union

import numpy as np

from .fields import Atlas
from .materials import IDS

Value = Union[float, np.ndarray]


@dataclass
class Canvas:
    """A square of ground.

    Attributes:
        rng: Source of chance of this scene.
        atlas: Tiles to cut noise from.
        side_px: Side of the square, fine pixels.
        pixel_m: Size of a fine pixel, m.
    """

    rng: np.random.Generator
    atlas: Atlas
    side_px: int
    pixel_m: float
    x_m: np.ndarray = field(init=False)  # (side, side) float32
    y_m: np.ndarray = field(init=False)
    material: np.ndarray = field(init=False)  # (side, side) uint8, index into materials.NAMES
    tone: np.ndarray = field(init=False)  # (side, side) float32 in [0, 1), the object's own number
    height: np.ndarray = field(init=False)  # (side, side) float32, m above ground
    shade: np.ndarray = field(init=False)  # (side, side) float32, factor on brightness

    def __post_init__(self) -> None:
        at = np.arange(self.side_px, dtype=np.float32) * np.float32(self.pixel_m)
        self.y_m, self.x_m = (np.ascontiguousarray(grid) for grid in np.meshgrid(at, at, indexing="ij"))
        shape = (self.side_px, self.side_px)
        self.material = np.zeros(shape, np.uint8)
        self.tone = np.full(shape, 0.5, np.float32)
        self.height = np.zeros(shape, np.float32)
        self.shade = np.ones(shape, np.float32)

    @property
    def extent_m(self) -> float:
        """Side of the square, m."""
        return self.side_px * self.pixel_m

    def everywhere(self) -> np.ndarray:
        """(side, side) bool, all true."""
        return np.ones((self.side_px, self.side_px), bool)

    def noise(self, smoothness: int) -> np.ndarray:
        """(side, side) float32 noise; see Atlas.noise."""
        return self.atlas.noise(self.rng, smoothness, self.side_px)

    def cells(self, size_m: float) -> Tuple[np.ndarray, np.ndarray, float]:
        """Cell noise with cells of about a size: distance in cells, number, real size in m."""
        distance, number, cell_px = self.atlas.cell(self.rng, size_m / self.pixel_m, self.side_px)
        return distance, number, cell_px * self.pixel_m

    def turned(self, angle: float) -> Tuple[np.ndarray, np.ndarray]:
        """Coordinates turned by an angle: (side, side) float32 each, m."""
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return self.x_m * cos + self.y_m * sin, self.y_m * cos - self.x_m * sin

    def share(self, noise: np.ndarray, share: float) -> np.ndarray:
        """Mask of the given share of the square where a noise is lowest."""
        return noise < np.quantile(noise[::4, ::4], min(max(share, 0.0), 1.0))

    def put(
        self,
        mask: np.ndarray,
        material: str,
        tone: Optional[Value] = None,
        height: Value = 0.0,
        shade: Value = 1.0,
    ) -> None:
        """Paint a material.

        Args:
            mask: (side, side) bool.
            material: Name in materials.MATERIALS.
            tone: The object's number in [0, 1); None = one number for the whole mask.
            height: m above ground, a number or (side, side).
            shade: Factor on brightness, a number or (side, side).
        """
        self.material[mask] = IDS[material]
        self.tone[mask] = self.rng.random() if tone is None else _of(tone, mask)
        self.height[mask] = _of(height, mask)
        self.shade[mask] = _of(shade, mask)

    def is_one_of(self, *names: str) -> np.ndarray:
        """Mask of the pixels made of any of the materials."""
        found = np.zeros(self.material.shape, bool)
        for name in names:
            found |= self.material == IDS[name]
        return found


def _of(value: Value, mask: np.ndarray) -> Value:
    return value[mask] if isinstance(value, np.ndarray) else value
