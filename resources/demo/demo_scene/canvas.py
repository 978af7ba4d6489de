# SPDX-License-Identifier: GPL-2.0-or-later
"""The drawing board: materials, heights and slopes on a square of ground, four cells to a pixel's side.

Coordinates are metres from the upper left corner, x to the right and y down. Whatever is drawn later covers what is
below it.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import numpy as np

from .materials import MATERIAL_ID

Point = Tuple[float, float]
Window = Tuple[slice, slice]


def smooth_noise(rng: np.random.Generator, n_cells: int, feature_cells: float, octaves: int = 1) -> np.ndarray:
    """(n_cells, n_cells) float32 value noise, mean about 0 and standard deviation 1, blobs of the size asked for."""
    total = np.zeros((n_cells, n_cells), np.float32)
    for octave in range(octaves):
        n_knots = max(2, int(np.ceil(n_cells / feature_cells * 2**octave))) + 3
        knots = rng.standard_normal((n_knots, n_knots)).astype(np.float32)
        weights = _spline_weights(n_cells, n_knots)
        total += (weights @ knots @ weights.T) * np.float32(0.55**octave)
    return (total - total.mean()) / total.std()


def _spline_weights(n_cells: int, n_knots: int) -> np.ndarray:
    """(n_cells, n_knots) float32 weights of a uniform cubic B-spline."""
    position = np.linspace(1.0, n_knots - 2.001, n_cells)
    base = position.astype(int)
    t = position - base
    weights = np.zeros((n_cells, n_knots), np.float32)
    rows = np.arange(n_cells)
    for offset, value in ((-1, (1 - t) ** 3), (0, 3 * t**3 - 6 * t**2 + 4), (1, -3 * t**3 + 3 * t**2 + 3 * t + 1)):
        weights[rows, base + offset] = value / 6
    weights[rows, base + 2] = t**3 / 6
    return weights


def curve_through(points: Sequence[Point], step_m: float = 6.0) -> np.ndarray:
    """(n, 2) float64 points of a Catmull-Rom curve through the points given, about ``step_m`` apart."""
    p = np.asarray(points, np.float64)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    pieces = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:]):
        t = np.arange(0.0, 1.0, 1.0 / max(1, round(float(np.hypot(*(c - b))) / step_m)))[:, None]
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*pieces, p[-2]])


class Canvas:
    """Layers of the scene under construction, each (cells, cells).

    ``material`` uint8 index into MATERIALS; ``trait_a``, ``trait_b`` float32 in 0..1; ``gain`` float32 about 1;
    ``height`` float32 metres above ground; ``leafy`` bool where light shines through; ``slope_x``, ``slope_y`` float32
    rise of the surface to the right and downwards.
    """

    def __init__(self, size_m: float, cell_m: float) -> None:
        self.cell_m = cell_m
        self.n_cells = round(size_m / cell_m)
        shape = (self.n_cells, self.n_cells)
        self.material = np.full(shape, MATERIAL_ID["grass"], np.uint8)
        self.trait_a, self.trait_b = np.full(shape, 0.5, np.float32), np.full(shape, 0.5, np.float32)
        self.gain = np.ones(shape, np.float32)
        self.height = np.zeros(shape, np.float32)
        self.leafy = np.zeros(shape, bool)
        self.slope_x, self.slope_y = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def window(self, x0: float, y0: float, x1: float, y1: float) -> Window:
        """Cells that a box in metres touches, clipped to the board (may be empty)."""
        bounds = [int(np.clip(np.floor(v / self.cell_m), 0, self.n_cells)) for v in (x0, y0)]
        ends = [int(np.clip(np.ceil(v / self.cell_m), 0, self.n_cells)) for v in (x1, y1)]
        return slice(bounds[1], max(bounds[1], ends[1])), slice(bounds[0], max(bounds[0], ends[0]))

    def coordinates(self, window: Window) -> Tuple[np.ndarray, np.ndarray]:
        """x as (1, n) and y as (n, 1) float32 of the window's cell centres, in metres."""
        rows, cols = window
        x = (np.arange(cols.start, cols.stop, dtype=np.float32) + 0.5) * self.cell_m
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * self.cell_m
        return x[None, :], y[:, None]

    def everywhere(self) -> Window:
        """The whole board as a window."""
        return slice(0, self.n_cells), slice(0, self.n_cells)

    def at(self, x: float, y: float) -> Optional[Tuple[int, int]]:
        """Row and column of the cell at a place, None off the board."""
        row, col = int(np.floor(y / self.cell_m)), int(np.floor(x / self.cell_m))
        return (row, col) if 0 <= row < self.n_cells and 0 <= col < self.n_cells else None

    def material_at(self, x: float, y: float) -> int:
        """Material at a place, -1 off the board."""
        cell = self.at(x, y)
        return -1 if cell is None else int(self.material[cell])

    def paint(
        self,
        window: Window,
        mask: np.ndarray,
        material: str,
        trait_a: float | np.ndarray = 0.5,
        trait_b: float | np.ndarray = 0.5,
        gain: float | np.ndarray = 1.0,
    ) -> None:
        """Cover the masked cells of a window with flat ground of one material."""
        self.material[window][mask] = MATERIAL_ID[material]
        for layer, value in ((self.trait_a, trait_a), (self.trait_b, trait_b), (self.gain, gain)):
            layer[window][mask] = value if np.isscalar(value) else np.broadcast_to(value, mask.shape)[mask]
        self.height[window][mask] = 0.0
        self.leafy[window][mask] = False
        self.slope_x[window][mask] = 0.0
        self.slope_y[window][mask] = 0.0

    def raise_to(
        self,
        window: Window,
        mask: np.ndarray,
        height: float | np.ndarray,
        slope_x: float | np.ndarray = 0.0,
        slope_y: float | np.ndarray = 0.0,
    ) -> None:
        """Give the masked cells of a window a height in metres and a slope."""
        for layer, value in ((self.height, height), (self.slope_x, slope_x), (self.slope_y, slope_y)):
            layer[window][mask] = value if np.isscalar(value) else np.broadcast_to(value, mask.shape)[mask]

    def distance_to(self, line: np.ndarray, reach_m: float) -> Tuple[np.ndarray, np.ndarray]:
        """Distance to a line and the way along it, exact up to ``reach_m``.

        Returns:
            distance: (cells, cells) float32 in metres, inf beyond reach.
            along: (cells, cells) float32, metres along the line at the nearest point; 0 beyond reach.
        """
        distance = np.full((self.n_cells, self.n_cells), np.inf, np.float32)
        along = np.zeros_like(distance)
        walked = 0.0
        for start, end in zip(line[:-1], line[1:]):
            low, high = np.minimum(start, end) - reach_m, np.maximum(start, end) + reach_m
            window = self.window(low[0], low[1], high[0], high[1])
            length = float(np.hypot(*(end - start)))
            x, y = self.coordinates(window)
            u = ((x - start[0]) * (end[0] - start[0]) + (y - start[1]) * (end[1] - start[1])) / np.float32(length)
            u = np.clip(u, 0.0, length)
            ux, uy = (end - start) / length
            d = np.hypot(x - start[0] - u * np.float32(ux), y - start[1] - u * np.float32(uy))
            nearer = (d < distance[window]) & (d <= reach_m)
            distance[window][nearer] = d[nearer]
            along[window][nearer] = walked + u[nearer]
            walked += length
        return distance, along

    def polygon(self, corners: Sequence[Point]) -> Tuple[Window, np.ndarray]:
        """Window around a polygon and the mask of its cells (even-odd rule)."""
        p = np.asarray(corners, np.float64)
        window = self.window(p[:, 0].min(), p[:, 1].min(), p[:, 0].max(), p[:, 1].max())
        x, y = self.coordinates(window)
        inside = np.zeros((y.shape[0], x.shape[1]), bool)
        for (x0, y0), (x1, y1) in zip(p, np.roll(p, -1, axis=0)):
            if y0 != y1:
                inside ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
        return window, inside

    def box(
        self, x: float, y: float, angle: float, length: float, width: float
    ) -> Tuple[Window, np.ndarray, np.ndarray]:
        """Window around a turned rectangle, and its cells' metres along and across it from its middle."""
        reach = 0.5 * float(np.hypot(length, width)) + self.cell_m
        window = self.window(x - reach, y - reach, x + reach, y + reach)
        px, py = self.coordinates(window)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return window, (px - x) * cos + (py - y) * sin, (py - y) * cos - (px - x) * sin
