# SPDX-License-Identifier: GPL-2.0-or-later
"""Buildings: houses with tiled gable and hip roofs along the streets, halls and blocks with flat roofs.

Takes the canvas with roads drawn; a house is placed only where its lot is free of roads and other houses.
"""

from __future__ import annotations

from typing import List, Tuple

import numpy as np

from .canvas import Canvas, Point
from .ground import Streets, Textures, draw_yard, park_cars, place_car
from .materials import MATERIAL_ID

ROOF_SLOPE = np.tan(np.deg2rad(36.0))
SETBACK_M = 6.0
# x, y, angle, length, width, height in metres; roof material
HALLS: Tuple[Tuple[float, float, float, float, float, float, str], ...] = (
    (640, 588, 0.03, 78, 42, 9.0, "membrane"),
    (735, 600, 0.03, 62, 50, 8.0, "concrete"),
    (628, 668, 0.03, 52, 34, 7.5, "concrete"),
    (702, 682, 0.03, 44, 58, 10.0, "bitumen"),
    (764, 690, 0.03, 40, 36, 7.0, "concrete"),
    (642, 748, 0.03, 76, 30, 8.5, "concrete"),
    (744, 762, 0.03, 70, 34, 9.0, "membrane"),
    (497, 520, 0.06, 66, 36, 11.0, "concrete"),
    (478, 592, 0.06, 34, 46, 13.0, "bitumen"),
    (527, 583, 0.06, 36, 20, 10.0, "concrete"),
    (478, 668, 0.06, 54, 16, 15.0, "concrete"),
    (478, 738, 0.06, 54, 16, 15.0, "concrete"),
    (534, 668, 0.06, 16, 44, 12.0, "concrete"),
    (534, 740, 0.06, 16, 44, 12.0, "concrete"),
    (366, 510, 0.06, 48, 26, 9.0, "bitumen"),
)


def _is_free(canvas: Canvas, x: float, y: float, angle: float, length: float, width: float, on_asphalt: bool) -> bool:
    window, u, v = canvas.box(x, y, angle, length, width)
    mask = (np.abs(u) < length / 2) & (np.abs(v) < width / 2)
    if mask.sum() * canvas.cell_m**2 < 0.9 * length * width or (canvas.height[window][mask] > 0.5).any():
        return False
    allowed = [MATERIAL_ID["grass"]] + ([MATERIAL_ID["asphalt"]] if on_asphalt else [])
    return bool(np.isin(canvas.material[window][mask], allowed).all())


def draw_houses(
    canvas: Canvas, textures: Textures, rng: np.random.Generator, streets: Streets
) -> List[Tuple[float, ...]]:
    """Houses on both sides of the residential streets.

    Returns:
        Lots as (x, y, angle, side): middle of the house, direction of the street, side of it, for planting gardens.
    """
    lots = []
    for line in streets.residential:
        step = np.hypot(*np.diff(line, axis=0).T)
        walked = np.concatenate([[0.0], np.cumsum(step)])
        for side in (-1.0, 1.0):
            place = rng.uniform(4, 16)
            while place < walked[-1]:
                length, width = rng.uniform(10.5, 15.5), rng.uniform(8.5, 10.5)
                lot = _place_house(canvas, textures, rng, line, walked, place, side, (length, width))
                if lot is not None:
                    lots.append(lot)
                place += length + rng.uniform(6.0, 11.0)
    return lots


def _place_house(
    canvas: Canvas,
    textures: Textures,
    rng: np.random.Generator,
    line: np.ndarray,
    walked: np.ndarray,
    place: float,
    side: float,
    size: Tuple[float, float],
) -> Tuple[float, ...] | None:
    """Lay out one lot and build on it; None where there is no room."""
    i = min(int(np.searchsorted(walked, place)), len(line) - 1)
    tangent = line[i] - line[max(0, i - 1)]
    angle = float(np.arctan2(tangent[1], tangent[0]))
    normal = np.array([-np.sin(angle), np.cos(angle)]) * side
    x, y = line[i] + normal * (4.8 + SETBACK_M + size[1] / 2 + rng.uniform(-1, 2))
    if rng.random() < 0.04 or not _is_free(canvas, x, y, angle, size[0] + 4, size[1] + 4, False):
        return None
    _draw_lot(canvas, textures, rng, x, y, angle, side, size)
    if rng.random() < 0.09:
        draw_flat_roof(canvas, textures, rng, x, y, angle, (*size, rng.uniform(3.5, 6.5)), "bitumen")
    else:
        turned = angle + (np.pi / 2 if rng.random() < 0.25 else 0.0)
        draw_tiled_roof(canvas, textures, rng, x, y, turned, (*size, rng.uniform(3.2, 6.0)))
    return float(x), float(y), angle, side


def _draw_lot(
    canvas: Canvas,
    textures: Textures,
    rng: np.random.Generator,
    x: float,
    y: float,
    angle: float,
    side: float,
    size: Tuple[float, float],
) -> None:
    """Lawn of the house's own green, a drive to the street, often a bed of bare earth."""
    window, u, v = canvas.box(x, y, angle, size[0] + 8, 44.0)
    v = v * side
    lawn = (np.abs(u) < size[0] / 2 + 3.6) & (v > -12) & (v < 21) & (canvas.material[window] == MATERIAL_ID["grass"])
    vigour = np.clip(rng.normal(0.55, 0.18) + 0.07 * textures.patches[window], 0, 1)
    canvas.paint(window, lawn, "grass", vigour, rng.uniform(0.2, 0.8), 1.0 + 0.035 * textures.fine[window])
    at = rng.choice([-1.0, 1.0]) * (size[0] / 2 - 1.6)
    drive = lawn & (np.abs(u - at) < 1.7) & (v < -size[1] / 2 + 1)
    canvas.paint(window, drive, "asphalt", rng.uniform(0.5, 1.0), 0.8, 1.05)
    if rng.random() < 0.45:
        bed_at, bed_half = rng.uniform(-4, 4), rng.uniform(1.5, 3.0)
        bed = lawn & (np.abs(u - bed_at) < bed_half) & (np.abs(v - 15.5) < 2.6)
        canvas.paint(
            window, bed, "soil", rng.uniform(0.4, 0.9), rng.uniform(0, 0.7), 1.0 + 0.05 * textures.fine[window]
        )
    if rng.random() < 0.5:
        street = -size[1] / 2 - 3.5
        cx = x + at * np.cos(angle) - street * side * np.sin(angle)
        place_car(canvas, rng, cx, y + at * np.sin(angle) + street * side * np.cos(angle), angle + np.pi / 2)


def draw_tiled_roof(
    canvas: Canvas,
    textures: Textures,
    rng: np.random.Generator,
    x: float,
    y: float,
    angle: float,
    size: Tuple[float, float, float],
) -> None:
    """A gable or hip roof of clay tiles; ``size`` is length, width, height of the eaves."""
    length, width, eaves = size
    window, u, v = canvas.box(x, y, angle, length, width)
    inside = (np.abs(u) <= length / 2) & (np.abs(v) <= width / 2)
    to_side, to_end = width / 2 - np.abs(v), length / 2 - np.abs(u)
    on_end = (to_end < to_side) if rng.random() < 0.4 else np.zeros_like(inside)
    climb = np.where(on_end, to_end, to_side)
    rise_u = np.where(on_end, -np.sign(u), 0.0) * ROOF_SLOPE
    rise_v = np.where(on_end, 0.0, -np.sign(v)) * ROOF_SLOPE
    cos, sin = np.cos(angle), np.sin(angle)
    age, dark = rng.beta(1.3, 2.2), rng.uniform(0, 1)
    trait_a = np.clip(age + 0.12 * textures.patches[window] + 0.06 * textures.fine[window], 0, 1)
    canvas.paint(window, inside, "tile", trait_a, dark, rng.uniform(0.92, 1.06) * (1 + 0.04 * textures.fine[window]))
    canvas.raise_to(
        window, inside, eaves + climb * ROOF_SLOPE, rise_u * cos - rise_v * sin, rise_u * sin + rise_v * cos
    )
    _draw_chimney(canvas, rng, x, y, angle, eaves + width / 2 * ROOF_SLOPE)


def _draw_chimney(canvas: Canvas, rng: np.random.Generator, x: float, y: float, angle: float, ridge: float) -> None:
    along = rng.uniform(-3, 3)
    window, u, v = canvas.box(x + along * np.cos(angle), y + along * np.sin(angle), angle, 1.0, 1.0)
    stack = (np.abs(u) < 0.5) & (np.abs(v) < 0.5)
    canvas.paint(window, stack, "parapet", 0.8, 0.2, 0.8)
    canvas.raise_to(window, stack, ridge + 0.9)


def draw_flat_roof(
    canvas: Canvas,
    textures: Textures,
    rng: np.random.Generator,
    x: float,
    y: float,
    angle: float,
    size: Tuple[float, float, float],
    material: str,
) -> None:
    """A flat roof with a rim, seams, stains and, on large ones, plant; ``size`` is length, width, height."""
    length, width, height = size
    window, u, v = canvas.box(x, y, angle, length, width)
    inside = (np.abs(u) <= length / 2) & (np.abs(v) <= width / 2)
    seams = 1.0 - 0.05 * ((np.abs(u) % 6.0) < 0.5)
    stains = np.clip(rng.uniform(0.15, 0.7) + 0.10 * textures.patches[window] + 0.08 * textures.broad[window], 0, 1)
    gain = seams * (1.0 + 0.025 * textures.fine[window] + 0.03 * textures.patches[window])
    canvas.paint(window, inside, material, stains, rng.uniform(0.2, 0.8), gain)
    canvas.raise_to(window, inside, height)
    rim = inside & ((length / 2 - np.abs(u) < 0.5) | (width / 2 - np.abs(v) < 0.5))
    canvas.paint(window, rim, "parapet", 0.5, 0.5)
    canvas.raise_to(window, rim, height + 0.6)
    for _ in range(int(length * width / 260)):
        _draw_roof_plant(canvas, rng, x, y, angle, size)


def _draw_roof_plant(
    canvas: Canvas, rng: np.random.Generator, x: float, y: float, angle: float, size: Tuple[float, float, float]
) -> None:
    along, across = rng.uniform(-0.42, 0.42) * size[0], rng.uniform(-0.38, 0.38) * size[1]
    px = x + along * np.cos(angle) - across * np.sin(angle)
    py = y + along * np.sin(angle) + across * np.cos(angle)
    long_m, wide_m = rng.uniform(1.5, 4.5), rng.uniform(1.5, 3.0)
    window, u, v = canvas.box(px, py, angle, long_m, wide_m)
    body = (np.abs(u) <= long_m / 2) & (np.abs(v) <= wide_m / 2)
    canvas.paint(window, body, "parapet", rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.7, 1.3))
    canvas.raise_to(window, body, size[2] + rng.uniform(0.6, 2.4))


def draw_quarter(canvas: Canvas, textures: Textures, rng: np.random.Generator) -> None:
    """Yards, car parks, halls and blocks of the centre and the works, and one building site."""
    yards: List[List[Point]] = [
        [(584, 552), (792, 556), (792, 792), (592, 792)],
        [(440, 540), (556, 545), (556, 620), (445, 618)],
    ]
    for corners, age in zip(yards, (0.62, 0.5)):
        draw_yard(canvas, textures, corners, age)
    draw_yard(canvas, textures, [(446, 690), (556, 694), (556, 716), (448, 713)], 0.8)
    site, inside = canvas.polygon([(598, 694), (668, 696), (668, 726), (600, 724)])
    canvas.paint(site, inside, "soil", 0.2, 0.3, 1.0 + 0.05 * textures.fine[site])
    for x, y, angle, length, width, height, material in HALLS:
        draw_flat_roof(canvas, textures, rng, x, y, angle, (length, width, height), material)
    for x, y, n_stalls in (
        (498, 556, 30),
        (500, 612, 24),
        (688, 634, 40),
        (688, 640, 40),
        (500, 704, 30),
        (690, 722, 30),
    ):
        park_cars(canvas, rng, x, y, 0.04, n_stalls, 0.6)


def drive_cars(canvas: Canvas, rng: np.random.Generator, streets: Streets) -> None:
    """Traffic on the main road and cars along the kerbs."""
    for line, offset, gap in [(streets.main, 2.6, 45.0), *[(line, 2.2, 34.0) for line in streets.residential]]:
        for i in range(1, len(line)):
            if rng.random() < 6.0 / gap:
                tangent = line[i] - line[i - 1]
                angle = float(np.arctan2(tangent[1], tangent[0]))
                side = rng.choice([-1.0, 1.0]) * offset
                place_car(canvas, rng, line[i][0] - side * np.sin(angle), line[i][1] + side * np.cos(angle), angle)
