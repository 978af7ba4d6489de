# SPDX-License-Identifier: GPL-2.0-or-later
"""Random fields on the painter's grid: smooth noise, cells, curves and tables that give objects their own numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np

TILE_PX = 512  # side of the periodic tiles that all scenes of a process cut their noise from
SLOPES = (0.0, 0.8, 1.4, 2.0, 2.6, 3.2)  # of the amplitude spectrum, from white to broad
CELL_PX = (4, 6, 9, 13, 19, 28)
TILES_EACH = 3


def spectral_noise(rng: np.random.Generator, slope: float, side_px: int = TILE_PX) -> np.ndarray:
    """Periodic Gaussian noise whose amplitude falls with frequency^-slope/2: (side, side) float32, mean 0, sd 1."""
    rows = np.fft.fftfreq(side_px)[:, None]
    cols = np.fft.rfftfreq(side_px)[None, :]
    radius = np.hypot(rows, cols)
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((side_px, side_px))) * radius ** (-slope)
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(side_px, side_px))
    return (noise / noise.std()).astype(np.float32)


def cell_noise(rng: np.random.Generator, cell_px: int, side_px: int = TILE_PX) -> Tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest of jittered points, one to a cell, and that point's number in [0, 1).

    Returns:
        (side, side) float32 distance in cell sizes; (side, side) float32 number.
    """
    n = side_px // cell_px
    jitter = rng.uniform(0.1, 0.9, (2, n, n)).astype(np.float32)
    numbers = rng.random((n, n)).astype(np.float32)
    at = np.arange(n * cell_px, dtype=np.float32) / cell_px
    rows, cols = np.meshgrid(at, at, indexing="ij")
    cell_rows, cell_cols = rows.astype(np.int64), cols.astype(np.int64)
    best = np.full(rows.shape, np.inf, np.float32)
    number = np.zeros(rows.shape, np.float32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            i, j = (cell_rows + down) % n, (cell_cols + right) % n
            distance = np.hypot(rows - cell_rows - down - jitter[0, i, j], cols - cell_cols - right - jitter[1, i, j])
            nearer = distance < best
            best[nearer] = distance[nearer]
            number[nearer] = numbers[i, j][nearer]
    return best, number


@dataclass
class Atlas:
    """Periodic tiles to cut from; made once, since a scene needs dozens of fields."""

    noises: List[List[np.ndarray]]
    cells: List[List[Tuple[np.ndarray, np.ndarray]]]

    @classmethod
    def make(cls, seed: int) -> Atlas:
        """All tiles, the same for the same seed."""
        rng = np.random.default_rng(seed)
        noises = [[spectral_noise(rng, slope) for _ in range(TILES_EACH)] for slope in SLOPES]
        return cls(noises, [[cell_noise(rng, cell) for _ in range(TILES_EACH)] for cell in CELL_PX])

    def noise(self, rng: np.random.Generator, smoothness: int, side_px: int) -> np.ndarray:
        """A piece of noise: (side, side) float32, mean about 0, sd about 1.

        Args:
            rng: Source of chance.
            smoothness: Index into SLOPES.
            side_px: Side of the piece, at most TILE_PX.
        """
        return _piece(rng, [self.noises[smoothness][rng.integers(TILES_EACH)]], side_px)[0]

    def cell(self, rng: np.random.Generator, cell_px: float, side_px: int) -> Tuple[np.ndarray, np.ndarray, int]:
        """A piece of cell noise with cells about as large as asked: distance, number, real cell size."""
        index = int(np.argmin([abs(np.log(size / max(cell_px, 1e-3))) for size in CELL_PX]))
        distance, number = _piece(rng, list(self.cells[index][rng.integers(TILES_EACH)]), side_px)
        return distance, number, CELL_PX[index]


def _piece(rng: np.random.Generator, tiles: List[np.ndarray], side_px: int) -> List[np.ndarray]:
    space = tiles[0].shape[0] - side_px
    top, left = rng.integers(space + 1, size=2)
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    pieces = [np.rot90(tile[top : top + side_px, left : left + side_px], turns) for tile in tiles]
    return [np.ascontiguousarray(piece[:, ::-1] if flip else piece) for piece in pieces]


@dataclass(frozen=True)
class Table:
    """Numbers in [0, 1) for integer pairs: the same pair always has the same number."""

    numbers: np.ndarray  # (64, 64) float32

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Table:
        """A new table."""
        return cls(rng.random((64, 64)).astype(np.float32))

    def __call__(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Numbers of the pairs (i, j)."""
        return self.numbers[i & 63, j & 63]


def split_axis(
    rng: np.random.Generator, at: np.ndarray, least: float, most: float
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut an axis into intervals of random lengths.

    Args:
        rng: Source of chance.
        at: Positions, m.
        least: Shortest interval, m.
        most: Longest interval, m.

    Returns:
        Number of each position's interval, distance from its beginning, its length.
    """
    low, high = float(at.min()), float(at.max())
    n = int((high - low) / least) + 3
    edges = low - rng.uniform(0.0, most) + np.concatenate([[0.0], np.cumsum(rng.uniform(least, most, n))])
    index = np.searchsorted(edges, at, side="right") - 1
    return (
        index,
        (at - edges[index]).astype(np.float32),
        np.diff(np.append(edges, edges[-1] + most))[index].astype(np.float32),
    )


def curve_offset(rng: np.random.Generator, x_m: np.ndarray, y_m: np.ndarray, bend: float) -> np.ndarray:
    """Signed distance from a random winding line through the picture.

    Args:
        rng: Source of chance.
        x_m: (side, side) positions, m.
        y_m: (side, side) positions, m.
        bend: 0 = straight, 1 = meanders.

    Returns:
        (side, side) float32, about m.
    """
    extent = float(x_m.max() - x_m.min())
    angle = rng.uniform(0, 2 * np.pi)
    along = x_m * np.cos(angle) + y_m * np.sin(angle)
    across = y_m * np.cos(angle) - x_m * np.sin(angle) - rng.uniform(-0.4, 0.4) * extent
    slope = np.zeros_like(along)
    for share in (1.0, 0.45, 0.2):
        length = extent * share * rng.uniform(0.6, 1.6)
        height = bend * length * rng.uniform(0.05, 0.2)
        phase = rng.uniform(0, 2 * np.pi)
        turn = along * (2 * np.pi / length) + phase
        across = across - height * np.sin(turn)
        slope = slope + height * (2 * np.pi / length) * np.cos(turn)
    return (across / np.sqrt(1.0 + slope**2)).astype(np.float32)
