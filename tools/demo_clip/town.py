# SPDX-License-Identifier: GPL-2.0-or-later
"""Built-up land: a street grid whose blocks hold houses, halls, slabs, parking, parks, sports grounds and squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Tuple

import numpy as np

from .canvas import Canvas, Value
from .country import plant_trees
from .fields import Table, split_axis

BLOCK_KINDS = ("houses", "halls", "slabs", "old town", "park", "sports", "parking", "square", "vacant")
STYLES: Dict[str, Tuple[float, ...]] = {  # how often each kind of block occurs
    "suburb": (0.66, 0.04, 0.06, 0.0, 0.08, 0.08, 0.02, 0.0, 0.06),
    "centre": (0.05, 0.15, 0.2, 0.35, 0.08, 0.02, 0.08, 0.05, 0.02),
    "business": (0.0, 0.5, 0.1, 0.0, 0.06, 0.02, 0.2, 0.04, 0.08),
    "campus": (0.05, 0.15, 0.35, 0.0, 0.2, 0.1, 0.1, 0.05, 0.0),
    "mixed": (0.28, 0.15, 0.15, 0.08, 0.1, 0.07, 0.08, 0.03, 0.06),
}
STREET_SURFACES = ("asphalt road", "asphalt road", "asphalt road", "concrete road")


@dataclass(frozen=True)
class Blocks:
    """Where each pixel lies in its block.

    Attributes:
        number: (side, side) float32, the block's own number.
        u_m: (side, side) float32, position from the block's corner, m.
        v_m: (side, side) float32.
        length_u_m: (side, side) float32, sides of the block, m.
        length_v_m: (side, side) float32.
        index: Block numbers along u and v.
        table: Numbers for lots.
    """

    number: np.ndarray
    u_m: np.ndarray
    v_m: np.ndarray
    length_u_m: np.ndarray
    length_v_m: np.ndarray
    index: Tuple[np.ndarray, np.ndarray]
    table: Table

    @property
    def edge_m(self) -> np.ndarray:
        """Distance to the block's nearest side, m."""
        return np.minimum(
            np.minimum(self.u_m, self.length_u_m - self.u_m), np.minimum(self.v_m, self.length_v_m - self.v_m)
        )


def paint_town(canvas: Canvas, mask: np.ndarray) -> None:
    """Fill a mask with a town of a random style."""
    rng = canvas.rng
    angle = rng.uniform(0, np.pi)
    u_m, v_m = canvas.turned(angle)
    if rng.random() < 0.4 or canvas.pixel_m > 2.0:
        bend_m = rng.uniform(5, 40) + 4 * canvas.pixel_m
        u_m, v_m = u_m + bend_m * canvas.noise(5), v_m + bend_m * canvas.noise(5)
    blocks = _split(canvas, u_m, v_m)
    street_m = rng.uniform(6, 16)
    walk_m = rng.choice([0.0, 1.5, 2.5, 4.0])
    surface = rng.choice(STREET_SURFACES)
    canvas.put(mask, surface, tone=rng.random())
    canvas.put(mask & (blocks.edge_m > 0.5 * street_m), rng.choice(["concrete", "grass", "concrete"]))
    inside = mask & (blocks.edge_m > 0.5 * street_m + walk_m)
    margin_m = 0.5 * street_m + walk_m
    inner = _shrunk(blocks, margin_m)
    weights = STYLES[str(rng.choice(list(STYLES)))]
    upper = np.cumsum(np.asarray(weights) / sum(weights))
    for kind, low, high in zip(BLOCK_KINDS, np.append(0.0, upper[:-1]), upper):
        here = inside & (inner.number >= low) & (inner.number < high)
        if here.any():
            PAINTERS[kind](canvas, here, inner)
    _furnish_streets(canvas, mask, blocks, street_m)


def _split(canvas: Canvas, u_m: np.ndarray, v_m: np.ndarray) -> Blocks:
    rng = canvas.rng
    size_m = max(rng.choice([45.0, 70.0, 110.0]), rng.uniform(8, 20) * canvas.pixel_m)
    i, at_u, length_u = split_axis(rng, u_m, 0.8 * size_m, 2.0 * size_m)
    table = Table.draw(rng)
    j, at_v, length_v = split_axis(rng, v_m + size_m * table(i, i) * rng.integers(2), 0.7 * size_m, 1.4 * size_m)
    return Blocks(table(i, j), at_u, at_v, length_u, length_v, (i, j), Table.draw(rng))


def _shrunk(blocks: Blocks, margin_m: float) -> Blocks:
    return Blocks(
        blocks.number,
        blocks.u_m - margin_m,
        blocks.v_m - margin_m,
        blocks.length_u_m - 2 * margin_m,
        blocks.length_v_m - 2 * margin_m,
        blocks.index,
        blocks.table,
    )


def _lots(
    blocks: Blocks, width_m: float, depth_m: float
) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Divide blocks into equal lots of about a size: centred positions (m), half sizes (m), lot number arrays."""
    n_u = np.maximum(np.rint(blocks.length_u_m / width_m), 1)
    n_v = np.maximum(np.rint(blocks.length_v_m / depth_m), 1)
    step_u, step_v = blocks.length_u_m / n_u, blocks.length_v_m / n_v
    k, m = np.floor(blocks.u_m / step_u), np.floor(blocks.v_m / step_v)
    at_u, at_v = blocks.u_m - (k + 0.5) * step_u, blocks.v_m - (m + 0.5) * step_v
    key_u = (k.astype(np.int64) + 11 * blocks.index[0]).astype(np.int64)
    key_v = (m.astype(np.int64) + 7 * blocks.index[1]).astype(np.int64)
    return at_u, at_v, np.minimum(step_u, step_v) * 0.5, key_u, key_v


def put_roof(
    canvas: Canvas,
    mask: np.ndarray,
    across_m: np.ndarray,
    half_m: Value,
    number: np.ndarray,
    kind: str,
    height_m: Value,
) -> None:
    """Paint roofs: tiled ones have a ridge with a bright and a dark side, metal ones may have ribs."""
    rng = canvas.rng
    shade: Value = 1.0
    height: Value = height_m
    if kind == "tiled roof":
        side = np.sign(across_m) * rng.choice([-1.0, 1.0])
        shade = 1 + rng.uniform(0.05, 0.35) * side.astype(np.float32)
        height = height_m + 2.5 * np.clip(1 - np.abs(across_m) / np.maximum(half_m, 0.5), 0, 1)
    elif kind == "metal roof" and canvas.pixel_m < 1.0:
        shade = (1 + 0.08 * np.sign(np.sin(across_m * rng.uniform(2, 5)))).astype(np.float32)
    canvas.put(mask, kind, number, height, shade)


def _put_mixed_roofs(
    canvas: Canvas,
    roof: np.ndarray,
    across_m: np.ndarray,
    half_m: Value,
    number: np.ndarray,
    height_m: Value,
    shares: Tuple[float, float],
) -> None:
    """Tiled, flat and metal roofs by the lot's number; shares are those of tiled and flat roofs."""
    choice = number * 17 % 1
    put_roof(canvas, roof & (choice < shares[0]), across_m, half_m, number * 5 % 1, "tiled roof", height_m)
    flat = roof & (choice >= shares[0]) & (choice < sum(shares))
    put_roof(canvas, flat, across_m, half_m, number * 5 % 1, "flat roof", height_m)
    put_roof(canvas, roof & (choice >= sum(shares)), across_m, half_m, number * 5 % 1, "metal roof", height_m)


def _paint_houses(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    rng = canvas.rng
    canvas.put(here, rng.choice(["grass", "grass", "grass", "dry grass", "bare soil"]))
    at_u, at_v, half, key_u, key_v = _lots(blocks, rng.uniform(13, 26), rng.uniform(18, 32))
    number, other = blocks.table(key_u, key_v), blocks.table(key_u + 31, key_v + 13)
    if rng.random() < 0.4:
        canvas.put(here & (other < 0.3), rng.choice(["concrete", "dry grass", "bare soil"]))
    if rng.random() < 0.8:  # drives
        drive = here & (np.abs(at_u - 0.5 * half) < 1.6) & (at_v * np.sign(other - 0.5) > 0)
        canvas.put(drive, rng.choice(["concrete", "asphalt road"]), other)
    half_u, half_v = half * (0.4 + 0.35 * other), half * (0.4 + 0.35 * (other * 9 % 1))
    shift_u, shift_v = half * 0.25 * (number - 0.5), half * 0.5 * (other * 3 % 1 - 0.5)
    plant_trees(
        canvas, here, rng.uniform(0.05, 0.45), rng.uniform(5, 11), rng.choice(["deciduous tree"] * 3 + ["conifer"])
    )
    if canvas.pixel_m < 2.0 and rng.random() < 0.6:
        pool = (
            here
            & (np.abs(at_u + 0.45 * half) < 2.4)
            & (np.abs(at_v + 0.75 * half) < 4.0)
            & (other > rng.uniform(0.2, 0.9))
        )
        canvas.put(pool, "swimming pool", other)
    roof = here & (np.abs(at_u - shift_u) < half_u) & (np.abs(at_v - shift_v) < half_v)
    roof |= (
        here
        & (np.abs(at_u - shift_u - half_u) < 0.5 * half_u)
        & (np.abs(at_v - shift_v) < 0.4 * half_v)
        & (number < 0.4)
    )
    tiled = rng.choice([0.05, 0.5, 0.95])
    flat = (1 - tiled) * rng.choice([0.2, 0.8])
    _put_mixed_roofs(canvas, roof, at_v - shift_v, half_v, number, rng.uniform(3, 8), (tiled, flat))


def _paint_halls(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    rng = canvas.rng
    _paint_parking(canvas, here, blocks)
    number = blocks.number * 37 % 1
    offset_u = (number - 0.5) * 0.4 * blocks.length_u_m
    at_u = blocks.u_m - 0.5 * blocks.length_u_m - offset_u
    at_v = blocks.v_m - 0.5 * blocks.length_v_m
    size = 0.25 + 0.2 * (number * 7 % 1)
    roof = (
        here
        & (np.abs(at_u) < size * blocks.length_u_m)
        & (np.abs(at_v) < (0.5 - 0.3 * (number * 3 % 1)) * blocks.length_v_m)
    )
    _put_mixed_roofs(canvas, roof, at_v, 10.0, number, 5 + 8 * number, (0.03, rng.choice([0.3, 0.7, 0.95])))
    _put_roof_boxes(canvas, roof)


def _put_roof_boxes(canvas: Canvas, roof: np.ndarray) -> None:
    """Vents and skylights, the small squares on large roofs."""
    if canvas.pixel_m > 1.2 or canvas.rng.random() < 0.4:
        return
    distance, number, cell_m = canvas.cells(canvas.rng.uniform(5, 12))
    boxes = roof & (number < 0.25) & (distance * cell_m < 1.3)
    canvas.shade[boxes] *= canvas.rng.uniform(0.6, 1.7)
    canvas.height[boxes] += 1.5


def _paint_slabs(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    rng = canvas.rng
    canvas.put(here, rng.choice(["grass", "grass", "concrete", "dry grass"]))
    at_u, at_v, half, key_u, key_v = _lots(blocks, rng.uniform(30, 60), rng.uniform(30, 60))
    number = blocks.table(key_u, key_v)
    if rng.random() < 0.7:
        path = here & ((np.abs(np.abs(at_u) - 0.9 * half) < 1.5) | (np.abs(np.abs(at_v) - 0.9 * half) < 1.5))
        canvas.put(path, rng.choice(["concrete", "asphalt road"]))
    plant_trees(canvas, here, rng.uniform(0.1, 0.5), rng.uniform(6, 12))
    swap = number < 0.5
    long, short = np.where(swap, at_u, at_v), np.where(swap, at_v, at_u)
    width = rng.uniform(6, 12)
    roof = here & (np.abs(long) < 0.75 * half) & (np.abs(short) < np.minimum(width, 0.6 * half))
    if rng.random() < 0.5:  # a wing
        roof |= (
            here & (np.abs(long - 0.5 * half) < 0.25 * half) & (np.abs(short) < 0.75 * half) & (number * 5 % 1 < 0.5)
        )
    tiled = rng.choice([0.0, 0.2, 0.7])
    _put_mixed_roofs(canvas, roof, short, width, number, 8 + 20 * (number * 11 % 1), (tiled, (1 - tiled) * 0.85))
    _put_roof_boxes(canvas, roof)


def _paint_old_town(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    rng = canvas.rng
    canvas.put(here, rng.choice(["concrete", "asphalt road", "grass"]))
    at_u, at_v, half, key_u, key_v = _lots(blocks, rng.uniform(10, 18), rng.uniform(12, 22))
    number = blocks.table(key_u, key_v)
    ring = blocks.edge_m < rng.uniform(10, 16)
    plant_trees(canvas, here & ~ring, rng.uniform(0.0, 0.4), rng.uniform(4, 9))
    filled = here & (ring | (number < rng.uniform(0.1, 0.6)))
    gap = rng.uniform(0.0, 0.15) * half
    roof = filled & (np.abs(at_u) < half * 1.4 - gap) & (np.abs(at_v) < half * 1.4 - gap)
    tiled = rng.choice([0.3, 0.8, 1.0])
    _put_mixed_roofs(canvas, roof, at_v, half, number, 8 + 8 * number, (tiled, (1 - tiled) * 0.8))


def _paint_park(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    rng = canvas.rng
    canvas.put(here, rng.choice(["grass", "grass", "grass", "dry grass"]), blocks.number * 3 % 1)
    if rng.random() < 0.4:
        canvas.put(here & canvas.share(canvas.noise(4), rng.uniform(0.05, 0.3)), "water")
    if rng.random() < 0.6:
        bent = canvas.noise(4)
        canvas.put(
            here & (np.abs(bent) < 1.6 / max(0.12 * canvas.extent_m, 8.0)), rng.choice(["concrete", "dirt road"])
        )
    grove = here & canvas.share(canvas.noise(3), rng.uniform(0.2, 0.9)) & ~canvas.is_one_of("water")
    plant_trees(
        canvas, grove, rng.uniform(0.2, 0.9), rng.uniform(6, 13), rng.choice(["deciduous tree"] * 3 + ["conifer"])
    )


def _paint_sports(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    rng = canvas.rng
    canvas.put(here, rng.choice(["grass", "grass", "concrete", "dry grass"]))
    at_u, at_v = blocks.u_m - 0.5 * blocks.length_u_m, blocks.v_m - 0.5 * blocks.length_v_m
    half_u, half_v = 0.38 * blocks.length_u_m, 0.3 * blocks.length_v_m
    if rng.random() < 0.5:
        round_m = np.hypot(np.maximum(np.abs(at_u) - 0.6 * half_u, 0), at_v)
        canvas.put(here & (round_m < half_v * 1.35), "running track")
    pitch = here & (np.abs(at_u) < half_u * 0.95) & (np.abs(at_v) < half_v)
    surface = rng.choice(["artificial turf", "artificial turf", "grass", "bare soil", "running track", "swimming pool"])
    mown = (1 + rng.choice([0.0, 0.08]) * np.sign(np.sin(at_u * 0.6))).astype(np.float32)
    canvas.put(pitch, surface, blocks.number, shade=mown)
    if canvas.pixel_m < 1.0:
        line = pitch & (
            (np.abs(at_u) < 0.3)
            | (np.abs(np.hypot(at_u, at_v) - 9) < 0.3)
            | (np.abs(np.abs(at_v) - 0.93 * half_v) < 0.3)
        )
        canvas.shade[line] *= 2.5


def _paint_parking(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    rng = canvas.rng
    canvas.put(here, "parking lot", blocks.number * 5 % 1)
    if canvas.pixel_m > 2.5:
        canvas.put(here & (canvas.noise(0) > rng.uniform(0.3, 2.0)), "car", canvas.noise(0) % 1)
        return
    along, across = blocks.u_m, blocks.v_m % 16.0
    stall = np.floor(along / 2.7).astype(np.int64)
    row = np.floor(blocks.v_m / 16.0).astype(np.int64) * 2 + (across > 8)
    number = blocks.table(stall + 3 * blocks.index[0], row + 5 * blocks.index[1])
    in_row = (across < 5.2) | ((across > 5.6) & (across < 10.8))
    in_stall = (np.abs(along % 2.7 - 1.35) < 0.95) & (np.abs((across % 5.4) - 2.7) < 2.2)
    cars = here & in_row & in_stall & (number < rng.uniform(0.05, 0.95))
    if canvas.pixel_m < 0.6:
        canvas.shade[here & in_row & (along % 2.7 < 0.25)] *= rng.uniform(1.2, 2.0)
    canvas.put(cars, "car", number * 31 % 1, 1.5)
    if rng.random() < 0.5:
        plant_trees(canvas, here & (across > 10.8) & (across < 13.0), rng.uniform(0.1, 0.6), 6.0)


def _paint_square(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    canvas.put(here, canvas.rng.choice(["concrete", "concrete", "asphalt road"]), blocks.number * 5 % 1)
    plant_trees(canvas, here, canvas.rng.uniform(0.0, 0.3), canvas.rng.uniform(6, 10))


def _paint_vacant(canvas: Canvas, here: np.ndarray, blocks: Blocks) -> None:
    kind = canvas.rng.choice(["bare soil", "bare soil", "dry grass", "sand"])
    canvas.put(here, kind, blocks.number * 5 % 1)
    patch = here & canvas.share(canvas.noise(2), canvas.rng.uniform(0.0, 0.5))
    canvas.put(patch, canvas.rng.choice(["dry grass", "grass", "bare soil", "shrub"]))


PAINTERS: Dict[str, Callable[[Canvas, np.ndarray, Blocks], None]] = {
    "houses": _paint_houses,
    "halls": _paint_halls,
    "slabs": _paint_slabs,
    "old town": _paint_old_town,
    "park": _paint_park,
    "sports": _paint_sports,
    "parking": _paint_parking,
    "square": _paint_square,
    "vacant": _paint_vacant,
}


def _furnish_streets(canvas: Canvas, mask: np.ndarray, blocks: Blocks, street_m: float) -> None:
    """Cars along the kerb, markings in the middle, trees beside."""
    rng = canvas.rng
    street = mask & (blocks.edge_m < 0.5 * street_m)
    if canvas.pixel_m < 1.2 and rng.random() < 0.5:
        canvas.shade[street & (blocks.edge_m < max(0.15, 0.5 * canvas.pixel_m))] *= rng.uniform(1.3, 2.2)
    if canvas.pixel_m < 2.5 and rng.random() < 0.7:
        distance, number, cell_m = canvas.cells(rng.uniform(6, 14))
        cars = street & (number < rng.uniform(0.1, 0.7)) & (distance * cell_m < 1.9)
        canvas.put(cars, "car", number * 31 % 1, 1.5)
    if rng.random() < 0.6:
        verge = mask & (np.abs(blocks.edge_m - 0.5 * street_m - 1.0) < 1.5)
        plant_trees(canvas, verge, rng.uniform(0.1, 0.7), rng.uniform(6, 11))
