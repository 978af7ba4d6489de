# SPDX-License-Identifier: GPL-2.0-or-later
"""Light on every cell of the canvas: sun on slopes, cast shadows, and how much of the sky is open.

Spectral colour of sun and sky is left to ``mixing``; here are only geometry and shares.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple

import numpy as np

from .canvas import Canvas, smooth_noise

LEAF_GAP_SHARE = 0.16  # of direct light that comes through a crown


class Sun(NamedTuple):
    """Where the sun stands."""

    azimuth_deg: float = 148.0  # clockwise from north
    elevation_deg: float = 47.0

    def towards(self) -> Tuple[float, float, float]:
        """Unit vector to the sun in canvas axes (right, down, up)."""
        azimuth, elevation = np.deg2rad(self.azimuth_deg), np.deg2rad(self.elevation_deg)
        flat = np.cos(elevation)
        return float(flat * np.sin(azimuth)), float(-flat * np.cos(azimuth)), float(np.sin(elevation))


def _shifted(values: np.ndarray, right: int, down: int) -> np.ndarray:
    """``out[r, c] = values[r + down, c + right]``, edges repeated."""
    n_rows, n_cols = values.shape
    rows = np.clip(np.arange(n_rows) + down, 0, n_rows - 1)
    cols = np.clip(np.arange(n_cols) + right, 0, n_cols - 1)
    return values[rows][:, cols]


def direct_light(canvas: Canvas, rng: np.random.Generator, sun: Sun) -> np.ndarray:
    """(cells, cells) float32: sunlight received, 1 = open flat ground, 0 = full shadow."""
    sx, sy, sz = sun.towards()
    terrain_y, terrain_x = np.gradient(2.6 * smooth_noise(rng, canvas.n_cells, 170 / canvas.cell_m), canvas.cell_m)
    soft = (canvas.height < 0.5) | canvas.leafy
    slope_x, slope_y = canvas.slope_x + soft * terrain_x, canvas.slope_y + soft * terrain_y
    facing = (sz - sx * slope_x - sy * slope_y) / np.sqrt(1.0 + slope_x**2 + slope_y**2)
    lit = np.clip(facing / sz, 0.0, None).astype(np.float32)
    return lit * _open_to_sun(canvas, sun)


def _open_to_sun(canvas: Canvas, sun: Sun) -> np.ndarray:
    """Share of the sun's disc that is not hidden by something higher, marching towards the sun."""
    sx, sy, _ = sun.towards()
    norm = float(np.hypot(sx, sy))
    rise = np.tan(np.deg2rad(sun.elevation_deg))
    hard, leafy = np.zeros_like(canvas.leafy), np.zeros_like(canvas.leafy)
    solid_height = np.where(canvas.leafy, 0.0, canvas.height).astype(np.float32)
    leaf_height = np.where(canvas.leafy, canvas.height, 0.0).astype(np.float32)
    n_steps = int(canvas.height.max() / rise / canvas.cell_m) + 1
    for step in range(1, n_steps + 1):
        right, down = round(step * sx / norm), round(step * sy / norm)
        climbed = canvas.height + np.float32(step * canvas.cell_m * rise)
        hard |= _shifted(solid_height, right, down) > climbed
        leafy |= _shifted(leaf_height, right, down) > climbed + np.float32(0.35)
    return np.where(hard, 0.0, np.where(leafy, LEAF_GAP_SHARE, 1.0)).astype(np.float32)


def sky_view(canvas: Canvas) -> np.ndarray:
    """(cells, cells) float32: share of the sky's light that arrives, from the horizon in eight directions."""
    total = np.zeros_like(canvas.height)
    for angle in np.arange(8) * np.pi / 4:
        steepest = np.zeros_like(canvas.height)
        for distance_m in (1.0, 2.5, 5.0, 9.0, 16.0):
            step = distance_m / canvas.cell_m
            other = _shifted(canvas.height, round(step * np.cos(angle)), round(step * np.sin(angle)))
            np.maximum(steepest, (other - canvas.height) / np.float32(distance_m), out=steepest)
        total += 1.0 / (1.0 + steepest**2)
    return total / 8.0
