# SPDX-License-Identifier: GPL-2.0-or-later
"""Open country: woods, savanna, meadows, fields, bare ground, mountains, wetlands, and water and roads across."""

from __future__ import annotations

from typing import Callable, Dict

import numpy as np

from .canvas import Canvas
from .fields import Table, curve_offset, split_axis

GROUNDS = ("bare soil", "dry grass", "grass", "sand", "bare soil", "dry grass")


def plant_trees(canvas: Canvas, mask: np.ndarray, density: float, size_m: float, kind: str = "deciduous tree") -> None:
    """Scatter round crowns.

    Args:
        canvas: Where to paint.
        mask: (side, side) bool, where crowns may stand.
        density: Share of cells that hold a crown, in [0, 1].
        size_m: Distance between crowns, m.
        kind: Material.
    """
    distance, number, cell_m = canvas.cells(size_m)
    radius = 0.35 + 0.3 * (number * 7 % 1)
    crowns = mask & (number < density) & (distance < radius)
    bump = np.clip(1 - (distance / radius) ** 2, 0, 1)
    height = (0.5 * cell_m + 2 + 3 * number) * (0.4 + 0.6 * bump)
    if kind == "shrub":
        height = 0.15 * height
    canvas.put(crowns, kind, number * 13 % 1, height, 0.75 + 0.35 * bump)


def paint_forest(canvas: Canvas, mask: np.ndarray) -> None:
    """Closed canopy with gaps."""
    rng = canvas.rng
    kind = "conifer" if rng.random() < 0.35 else "deciduous tree"
    canvas.put(mask, rng.choice(["shrub", "grass", kind, kind]), shade=0.6)
    size_m = rng.uniform(4, 14)
    distance, number, cell_m = canvas.cells(size_m)
    gaps = canvas.share(canvas.noise(2), rng.choice([0.0, 0.05, 0.25]))
    crowns = mask & (distance < rng.uniform(0.55, 0.9)) & ~gaps
    bump = np.clip(1 - distance**2, 0, 1)
    depth = rng.uniform(0.2, 0.6)
    height = (cell_m * 0.6 + 6 + rng.uniform(2, 10) * number) * (0.4 + 0.6 * bump)
    canvas.put(crowns, kind, number * 13 % 1, height, 1 - depth + depth * bump * (0.7 + 0.6 * number))
    if rng.random() < 0.3:
        other = "deciduous tree" if kind == "conifer" else "conifer"
        canvas.put(crowns & canvas.share(canvas.noise(3), 0.35), other, number * 13 % 1, height, 0.7 + 0.4 * bump)


def paint_savanna(canvas: Canvas, mask: np.ndarray) -> None:
    """Ground with single trees, bushes and clumps."""
    rng = canvas.rng
    canvas.put(mask, rng.choice(GROUNDS))
    if rng.random() < 0.5:
        canvas.put(mask & canvas.share(canvas.noise(2), rng.uniform(0.1, 0.5)), rng.choice(GROUNDS))
    clumps = mask & canvas.share(canvas.noise(int(rng.integers(1, 4))), rng.uniform(0.2, 0.9))
    if rng.random() < 0.5:
        plant_trees(canvas, clumps, rng.uniform(0.2, 0.8), rng.uniform(2, 5), "shrub")
    plant_trees(
        canvas, clumps, rng.uniform(0.1, 0.8), rng.uniform(5, 16), rng.choice(["deciduous tree"] * 3 + ["conifer"])
    )


def paint_meadow(canvas: Canvas, mask: np.ndarray) -> None:
    """Grass, green or dry, with patches of the other, of soil and of shrubs."""
    rng = canvas.rng
    first, second = ("grass", "dry grass") if rng.random() < 0.65 else ("dry grass", "grass")
    canvas.put(mask, first)
    if rng.random() < 0.5:
        canvas.put(mask & canvas.share(canvas.noise(2), rng.uniform(0.05, 0.4)), second)
    if rng.random() < 0.3:
        canvas.put(mask & canvas.share(canvas.noise(2), rng.uniform(0.02, 0.15)), "bare soil")
    if rng.random() < 0.3:
        canvas.put(mask & canvas.share(canvas.noise(1), rng.uniform(0.05, 0.3)), "shrub", height=1.0)
    if rng.random() < 0.5:
        plant_trees(canvas, mask, rng.uniform(0.02, 0.15), rng.uniform(5, 14))


def paint_fields(canvas: Canvas, mask: np.ndarray) -> None:
    """Parcels in two directions, each of one kind, with rows, hedges and tracks."""
    rng = canvas.rng
    along, across = canvas.turned(rng.uniform(0, np.pi))
    warp = canvas.noise(4) * rng.choice([0.0, 4.0, 12.0])
    size_m = rng.choice([40.0, 90.0, 200.0, 400.0])
    i, at_u, length_u = split_axis(rng, along + warp, 0.6 * size_m, 2.0 * size_m)
    table = Table.draw(rng)
    j, at_v, length_v = split_axis(rng, across + warp + 0.5 * size_m * table(i, i), 0.4 * size_m, 1.6 * size_m)
    number, tone = table(i, j), table(i + 17, j + 5)
    kinds = list(
        rng.permutation(["crops", "crops", "bare soil", "bare soil", "ripe crops", "grass", "dry grass", "crops"])
    )
    share = 1.0 / len(kinds)
    period_m = rng.uniform(1.0, 6.0)
    rows = np.where(number * 29 % 1 < 0.5, along, across)
    stripes = 1 + rng.uniform(0.0, 0.15) * np.sin(rows * np.float32(2 * np.pi / period_m))
    if period_m < 2.5 * canvas.pixel_m:
        stripes = np.ones_like(stripes)
    for index, kind in enumerate(kinds):
        canvas.put(mask & (number >= index * share) & (number < (index + 1) * share), kind, tone, shade=stripes)
    edge_m = np.minimum(np.minimum(at_u, length_u - at_u), np.minimum(at_v, length_v - at_v))
    if rng.random() < 0.5:
        canvas.put(mask & (edge_m < rng.uniform(1.0, 3.0)), rng.choice(["dirt road", "grass", "dry grass"]))
    if rng.random() < 0.5:
        hedges = mask & (edge_m < rng.uniform(3.0, 6.0)) & canvas.share(canvas.noise(3), rng.uniform(0.2, 0.7))
        plant_trees(canvas, hedges, 0.9, rng.uniform(4, 8))
    if rng.random() < 0.2:
        orchard = mask & (number > 0.85)
        plant_trees(canvas, orchard, 0.95, rng.uniform(4, 7))


def paint_bare(canvas: Canvas, mask: np.ndarray) -> None:
    """Soil, sand or rock in patches."""
    rng = canvas.rng
    first, second = rng.choice(["bare soil", "bare soil", "sand", "rock"], 2)
    canvas.put(mask, first)
    canvas.put(mask & canvas.share(canvas.noise(int(rng.integers(1, 4))), rng.uniform(0.0, 0.5)), second)
    if rng.random() < 0.4:
        plant_trees(canvas, mask, rng.uniform(0.02, 0.2), rng.uniform(2, 8), rng.choice(["shrub", "deciduous tree"]))


def paint_mountain(canvas: Canvas, mask: np.ndarray) -> None:
    """Rough rock, with snow above or meadows below."""
    rng = canvas.rng
    canvas.put(mask, "rock", height=canvas.noise(2) * rng.uniform(0, 8))
    cover = rng.choice(["snow", "dry grass", "grass", "conifer", "bare soil"])
    canvas.put(mask & canvas.share(canvas.noise(int(rng.integers(1, 4))), rng.uniform(0.1, 0.7)), cover)


def paint_snow(canvas: Canvas, mask: np.ndarray) -> None:
    """Snow with rock or trees showing through."""
    rng = canvas.rng
    canvas.put(mask, "snow")
    through = mask & canvas.share(canvas.noise(1), rng.uniform(0.0, 0.3))
    canvas.put(through, rng.choice(["rock", "conifer", "bare soil"]), height=2.0)


def paint_wetland(canvas: Canvas, mask: np.ndarray) -> None:
    """Reeds with open water between."""
    rng = canvas.rng
    canvas.put(mask, "wetland")
    canvas.put(mask & canvas.share(canvas.noise(2), rng.uniform(0.05, 0.4)), "water")


ZONES: Dict[str, Callable[[Canvas, np.ndarray], None]] = {
    "forest": paint_forest,
    "savanna": paint_savanna,
    "meadow": paint_meadow,
    "fields": paint_fields,
    "bare": paint_bare,
    "mountain": paint_mountain,
    "snow": paint_snow,
    "wetland": paint_wetland,
}


def paint_water(canvas: Canvas) -> None:
    """A lake, a river or a coast with its shore."""
    rng = canvas.rng
    kind = rng.choice(["lake", "river", "coast", "ponds"], p=[0.3, 0.35, 0.25, 0.1])
    pixels_m = canvas.pixel_m
    if kind == "river":
        width_m = np.exp(rng.uniform(np.log(3 * pixels_m), np.log(0.6 * canvas.extent_m)))
        shore = np.abs(curve_offset(rng, canvas.x_m, canvas.y_m, rng.uniform(0, 1))) - 0.5 * width_m
    elif kind == "coast":
        shore = curve_offset(rng, canvas.x_m, canvas.y_m, rng.uniform(0, 0.7))
    else:
        noise = canvas.noise(5 if kind == "lake" else 3)
        share = rng.uniform(0.05, 0.7) if kind == "lake" else rng.uniform(0.02, 0.15)
        shore = (noise - np.quantile(noise, share)) * 0.15 * canvas.extent_m
    rough = rng.choice([0.5, 1.5, 4.0]) * pixels_m
    shore = shore + canvas.noise(2) * rough + canvas.noise(4) * rough * 2
    if rng.random() < 0.5:
        strip = (shore > 0) & (shore < rng.uniform(1.0, 8.0) * pixels_m * (1 + 0.7 * canvas.noise(3)))
        canvas.put(strip, rng.choice(["sand", "sand", "bare soil", "rock", "wetland", "concrete", "dry grass"]))
    depth = 1 - np.exp(np.minimum(shore, 0) / (rng.uniform(2, 25) * pixels_m))
    paler = rng.choice([0.0, 0.3, 0.8])
    canvas.put(shore < 0, "water", shade=1 + paler * (1 - depth) + rng.choice([0.0, 0.03, 0.1]) * canvas.noise(4))


def paint_road(canvas: Canvas) -> None:
    """A road across everything; over water it is a bridge."""
    rng = canvas.rng
    kind = rng.choice(["asphalt road", "asphalt road", "concrete road", "dirt road", "railway"])
    width_m = {"dirt road": rng.uniform(2.5, 5), "railway": rng.uniform(4, 12)}.get(kind, rng.uniform(6, 14))
    width_m = max(width_m, rng.uniform(1.5, 6.0) * canvas.pixel_m)
    offset = curve_offset(rng, canvas.x_m, canvas.y_m, rng.choice([0.0, 0.3, 1.0]))
    if rng.random() < 0.35 and kind in ("asphalt road", "concrete road"):  # two carriageways
        gap_m = rng.uniform(1.2, 3.0) * width_m
        canvas.put(np.abs(offset) < 0.5 * gap_m, rng.choice(["grass", "dry grass", "bare soil", "concrete"]))
        offset = np.abs(offset) - 0.5 * gap_m
    elif rng.random() < 0.5:
        verge = np.abs(offset) < width_m * rng.uniform(0.6, 1.2)
        canvas.put(verge & ~canvas.is_one_of("water"), rng.choice(["grass", "dry grass", "bare soil"]))
    lay_road(canvas, offset, width_m, kind)


def lay_road(canvas: Canvas, offset: np.ndarray, width_m: float, kind: str) -> None:
    """Paint a road along the zero of an offset, with markings and cars where they can be seen."""
    rng = canvas.rng
    road = np.abs(offset) < 0.5 * width_m
    over_water = road & canvas.is_one_of("water")
    canvas.put(road, kind, tone=rng.random())
    canvas.put(over_water, "bridge", tone=rng.random(), height=rng.uniform(3, 10))
    if kind.startswith(("asphalt", "concrete")) and canvas.pixel_m < 1.2 and rng.random() < 0.6:
        line = np.abs(np.abs(offset) - rng.choice([0.0, 0.45 * width_m])) < max(0.15, 0.5 * canvas.pixel_m)
        canvas.shade[line & road] *= rng.uniform(1.3, 2.5)
    if kind != "railway" and canvas.pixel_m < 2.5 and rng.random() < 0.6:
        distance, number, cell_m = canvas.cells(rng.uniform(9, 25))
        cars = road & (number < rng.uniform(0.1, 0.6)) & (distance * cell_m < 2.0)
        canvas.put(cars, "car", number * 31 % 1, 1.5)
