# SPDX-License-Identifier: GPL-2.0-or-later
"""Trees: woodland, river banks, hedges, park groups, avenues and gardens.

Each crown is a bumpy dome (or a cone) with its own species, size and vigour; crowns overhang roads and water.
"""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from .canvas import Canvas, Point, curve_through, smooth_noise
from .ground import FIELD_TRACK, RIVER_WALK, Streets
from .materials import MATERIAL_ID

WOOD: Tuple[Point, ...] = ((-5, -5), (160, -5), (168, 60), (148, 120), (96, 150), (40, 172), (-5, 178))
HEDGES: Tuple[Tuple[Point, ...], ...] = (
    ((166, 8), (178, 152)),
    ((60, 206), (58, 262)),
    ((380, 8), (382, 118)),
    ((92, 388), (88, 450)),
    ((636, 430), (650, 478)),
)
AVENUES: Tuple[Tuple[Point, ...], ...] = (
    ((436, 146), (500, 170), (575, 184), (660, 159), (735, 172), (796, 156)),
    ((440, 158), (504, 182), (572, 197)),
)


class Tree(NamedTuple):
    """One tree: place, size, and the two traits of the tree material."""

    x: float
    y: float
    radius_m: float
    height_m: float
    species: float
    density: float


def _grow(rng: np.random.Generator, x: float, y: float, radius_m: float, species: float) -> Tree:
    height = radius_m * rng.uniform(1.7, 2.5) + 2.0
    return Tree(x, y, radius_m, height, float(np.clip(species, 0, 1)), float(np.clip(rng.normal(0.6, 0.22), 0, 1)))


def plan_trees(
    canvas: Canvas, rng: np.random.Generator, edge: np.ndarray, streets: Streets, lots: Sequence[Tuple[float, ...]]
) -> List[Tree]:
    """All trees of the scene; those that would stand on a road, a roof or in deep water are left out."""
    trees = _wood(canvas, rng) + _banks(canvas, rng, edge) + _park(rng) + _rows(rng) + _gardens(rng, lots)
    trees += _street_trees(rng, streets) + _orchard(rng)
    soft = (MATERIAL_ID["grass"], MATERIAL_ID["gravel"], MATERIAL_ID["soil"])
    standing = []
    for tree in trees:
        cell = canvas.at(tree.x, tree.y)
        if cell is None or (int(canvas.material[cell]) in soft and canvas.height[cell] < 0.5):
            standing.append(tree)
    return standing


def _wood(canvas: Canvas, rng: np.random.Generator) -> List[Tree]:
    window, inside = canvas.polygon(list(WOOD))
    trees = []
    stands = smooth_noise(rng, canvas.n_cells, 35 / canvas.cell_m, 2)
    for _ in range(1500):
        px, py = rng.uniform(-4, 176, 2)
        row, col = int(py / canvas.cell_m) - window[0].start, int(px / canvas.cell_m) - window[1].start
        if 0 <= row < inside.shape[0] and 0 <= col < inside.shape[1] and inside[row, col]:
            stand = stands[row, col]
            conifer = rng.random() < (0.85 if stand > 0.9 else 0.03)
            species = rng.uniform(0.87, 1) if conifer else 0.42 + 0.2 * stand + rng.normal(0, 0.14)
            trees.append(_grow(rng, px, py, rng.uniform(2.2, 3.4) if conifer else rng.uniform(2.6, 5.6), species))
    return trees


def _banks(canvas: Canvas, rng: np.random.Generator, edge: np.ndarray) -> List[Tree]:
    trees = []
    clumps = smooth_noise(rng, canvas.n_cells, 45 / canvas.cell_m, 2)
    for _ in range(9000):
        x, y = rng.uniform(0, canvas.n_cells * canvas.cell_m, 2)
        cell = canvas.at(x, y)
        if cell is None or not 1.5 < edge[cell] < 17.0:
            continue
        if clumps[cell] > 0.07 * edge[cell] - 0.45 and rng.random() < 0.8:
            trees.append(_grow(rng, x, y, rng.uniform(1.6, 4.6), rng.beta(1.6, 3.4)))
    return trees


def _park(rng: np.random.Generator) -> List[Tree]:
    trees = []
    groups = (
        (470, 60, 24),
        (455, 235, 26),
        (560, 40, 16),
        (640, 40, 18),
        (660, 215, 26),
        (590, 250, 22),
        (560, 155, 12),
    )
    groups += (
        (610, 155, 22),
        (765, 215, 30),
        (490, 130, 14),
        (640, 130, 12),
        (785, 30, 18),
        (500, 300, 18),
        (720, 140, 12),
    )
    for gx, gy, spread in groups:
        kind = rng.uniform(0, 0.8)
        for _ in range(int(spread * rng.uniform(0.7, 1.2))):
            x, y = gx + rng.normal(0, spread * 0.55), gy + rng.normal(0, spread * 0.45)
            if np.hypot((x - 606) / 34, (y - 118) / 21) > 1.25 and not (655 < x < 778 and 40 < y < 136):
                trees.append(_grow(rng, x, y, rng.uniform(2.4, 5.4), kind + rng.normal(0, 0.15)))
    return trees


def _rows(rng: np.random.Generator) -> List[Tree]:
    trees = []
    for hedge in HEDGES:
        for x, y in curve_through(hedge, 2.6):
            trees.append(
                _grow(rng, x + rng.normal(0, 0.6), y + rng.normal(0, 0.6), rng.uniform(1.2, 2.5), rng.uniform(0.2, 0.8))
            )
    for avenue in AVENUES:
        for x, y in curve_through(avenue, 9.5):
            trees.append(_grow(rng, x, y, rng.uniform(2.8, 3.6), 0.35))
    for line, gap, offset in ((FIELD_TRACK, 17.0, 4.5), (RIVER_WALK, 13.0, 5.0)):
        for x, y in curve_through(line, gap):
            if rng.random() < 0.55:
                trees.append(_grow(rng, x + rng.normal(0, 1), y + offset, rng.uniform(2.0, 4.2), rng.beta(2, 3)))
    return trees


def _orchard(rng: np.random.Generator) -> List[Tree]:
    trees = []
    for row in range(8):
        for column in range(20):
            x, y = 224 + 8.5 * column + 0.8 * row, 378 - 0.7 * column + 8.0 * row
            if rng.random() < 0.93:
                trees.append(
                    _grow(
                        rng,
                        x + rng.normal(0, 0.4),
                        y + rng.normal(0, 0.4),
                        rng.uniform(1.7, 2.5),
                        rng.normal(0.3, 0.08),
                    )
                )
    return trees


def _street_trees(rng: np.random.Generator, streets: Streets) -> List[Tree]:
    trees = []
    for line, offset, share in [(streets.main, 10.0, 0.5), *[(line, 6.6, 0.16) for line in streets.residential]]:
        for start, end in zip(line[:-1:2], line[1::2]):
            angle = np.arctan2(end[1] - start[1], end[0] - start[0])
            for side in (-offset, offset):
                if rng.random() < share:
                    x, y = start[0] - side * np.sin(angle), start[1] + side * np.cos(angle)
                    trees.append(_grow(rng, x, y, rng.uniform(1.8, 3.2), 0.4 + rng.normal(0, 0.12)))
    return trees


def _gardens(rng: np.random.Generator, lots: Sequence[Tuple[float, ...]]) -> List[Tree]:
    trees = []
    for x, y, angle, side in lots:
        for _ in range(rng.poisson(3.2)):
            along = rng.uniform(-9, 9)
            across = side * (rng.uniform(9, 21) if rng.random() < 0.8 else rng.uniform(-10, -7))
            px, py = (
                x + along * np.cos(angle) - across * np.sin(angle),
                y + along * np.sin(angle) + across * np.cos(angle),
            )
            trees.append(_grow(rng, px, py, rng.uniform(1.0, 3.4), rng.beta(2, 2.2)))
    return trees


def draw_trees(canvas: Canvas, rng: np.random.Generator, trees: Sequence[Tree]) -> None:
    """Paint all crowns, the higher over the lower."""
    bumps = smooth_noise(rng, canvas.n_cells, 1.6 / canvas.cell_m)
    bump_y, bump_x = np.gradient(bumps)
    for tree in sorted(trees, key=lambda t: t.height_m):
        _draw_crown(canvas, rng, tree, bumps, bump_x, bump_y)


def _draw_crown(
    canvas: Canvas, rng: np.random.Generator, tree: Tree, bumps: np.ndarray, bump_x: np.ndarray, bump_y: np.ndarray
) -> None:
    reach = tree.radius_m * 1.25
    window = canvas.window(tree.x - reach, tree.y - reach, tree.x + reach, tree.y + reach)
    x, y = canvas.coordinates(window)
    dx, dy = x - np.float32(tree.x), y - np.float32(tree.y)
    turn, lobes = rng.uniform(0, 2 * np.pi), rng.integers(3, 6)
    outline = 1.0 + 0.10 * np.sin(lobes * np.arctan2(dy, dx) + turn)
    rho2 = (dx**2 + dy**2) / (tree.radius_m * outline) ** 2 + 0.10 * np.clip(bumps[window], -1.5, 1.5)
    base, top = 0.42 * tree.height_m, 0.58 * tree.height_m
    inside = rho2 < 1.0
    dome = np.sqrt(np.clip(1.0 - rho2, 0.04, 1.0))
    if tree.species > 0.86:
        radius = np.maximum(np.sqrt(np.maximum(rho2, 0.0)), 0.05)
        height, steep = base + 1.25 * top * (1.0 - radius), 1.25 * top / (tree.radius_m**2 * radius)
    else:
        height, steep = base + top * dome, top / (tree.radius_m**2 * dome)
    inside &= height > canvas.height[window]
    slope_x = np.clip(-steep * dx, -1.6, 1.6) + 0.9 * bump_x[window]
    slope_y = np.clip(-steep * dy, -1.6, 1.6) + 0.9 * bump_y[window]
    shade = np.clip(0.94 + 0.07 * bumps[window] + 0.10 * (dome - 0.7), 0.6, 1.2)
    canvas.paint(window, inside, "tree", tree.species, tree.density, shade)
    canvas.raise_to(window, inside, height, slope_x, slope_y)
    canvas.leafy[window][inside] = True
