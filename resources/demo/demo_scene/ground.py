# SPDX-License-Identifier: GPL-2.0-or-later
"""Ground of the scene: meadows, fields, park, river, pond, roads, bridge and parked cars.

Takes the canvas and a generator, draws flat surfaces; buildings and trees come later and on top.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Tuple

import numpy as np

from .canvas import Canvas, Point, curve_through, smooth_noise
from .materials import MATERIAL_ID

RIVER_COURSE = (
    (-60, 235),
    (40, 285),
    (150, 312),
    (262, 252),
    (350, 240),
    (440, 300),
    (545, 372),
    (665, 340),
    (860, 215),
)
MAIN_ROAD = ((452, 860), (428, 640), (418, 470), (398, 330), (388, 255), (392, 130), (432, -60))
FIELD_TRACK = ((394, 128), (300, 132), (180, 166), (80, 196), (-30, 190))
RIVER_WALK = ((-30, 348), (90, 372), (190, 350), (275, 318), (350, 312), (402, 345), (500, 432), (600, 440), (830, 322))
BRIDGE_HEIGHT_M = 5.0


@dataclass
class Streets:
    """Road centre lines that later steps build along."""

    main: np.ndarray  # (n, 2) metres
    residential: List[np.ndarray] = field(default_factory=list)


@dataclass
class Textures:
    """Noise fields shared by all surfaces, each (cells, cells) float32, mean 0, standard deviation 1."""

    fine: np.ndarray  # about 1 m
    patches: np.ndarray  # about 9 m
    broad: np.ndarray  # about 70 m

    @classmethod
    def make(cls, canvas: Canvas, rng: np.random.Generator) -> Textures:
        """Draw the three fields."""
        n, cell = canvas.n_cells, canvas.cell_m
        return cls(
            smooth_noise(rng, n, 1.2 / cell), smooth_noise(rng, n, 9 / cell, 2), smooth_noise(rng, n, 70 / cell, 2)
        )


def _clip01(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0.0, 1.0)


def draw_meadow(canvas: Canvas, textures: Textures) -> None:
    """Uneven grassland of a dry July everywhere, the bottom layer."""
    window = canvas.everywhere()
    vigour = _clip01(0.36 + 0.17 * textures.broad + 0.10 * textures.patches + 0.04 * textures.fine)
    pigment = _clip01(0.45 + 0.2 * textures.broad - 0.1 * textures.patches)
    canvas.paint(window, np.ones_like(canvas.leafy), "grass", vigour, pigment, 1.0 + 0.035 * textures.fine)


def _tilled(canvas: Canvas, textures: Textures, corners: List[Point], angle: float, kind: float, wet: float) -> None:
    """A bare field with damp patches, rows and the wheel tracks of machines."""
    window, inside = canvas.polygon(corners)
    x, y = canvas.coordinates(window)
    across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    rows = np.sin(across * np.float32(2 * np.pi / 3.3))
    tracks = (np.abs((across % 21.0) - 10.5) < 0.5) | (np.abs((across % 21.0) - 8.7) < 0.5)
    broad, patches, fine = textures.broad[window], textures.patches[window], textures.fine[window]
    moisture = _clip01(wet + 0.16 * broad + 0.08 * patches + 0.02 * rows)
    kinds = _clip01(kind + 0.10 * broad - 0.05 * patches)
    gain = 1.0 + 0.02 * rows + 0.035 * fine - 0.09 * tracks
    canvas.paint(window, inside, "soil", moisture, kinds, gain)
    weeds = inside & (patches + 0.6 * fine > 2.6)
    canvas.paint(window, weeds, "grass", 0.25, 0.3, gain)


def _strips(canvas: Canvas, textures: Textures, corners: List[Point], vigour: float, pigment: float) -> None:
    """A mown or sown grass field, one tone with faint swaths."""
    window, inside = canvas.polygon(corners)
    x, y = canvas.coordinates(window)
    swath = np.sin((x * 0.28 + y) * np.float32(2 * np.pi / 14.0))
    trait = _clip01(vigour + 0.05 * swath + 0.06 * textures.patches[window])
    canvas.paint(window, inside, "grass", trait, pigment, 1.0 + 0.03 * textures.fine[window])


def draw_fields(canvas: Canvas, textures: Textures) -> None:
    """Arable land on the north-west and two plots south of the river."""
    _tilled(canvas, textures, [(172, 14), (372, 6), (377, 116), (296, 120), (186, 150)], 0.12, 0.15, 0.22)
    _strips(canvas, textures, [(70, 204), (176, 176), (200, 240), (150, 285), (60, 255)], 0.74, 0.75)
    _tilled(
        canvas, textures, [(186, 174), (296, 141), (378, 137), (372, 205), (262, 214), (214, 236)], -0.18, 0.65, 0.40
    )
    _tilled(canvas, textures, [(6, 388), (88, 394), (84, 448), (4, 442)], 0.05, 0.95, 0.55)
    _strips(canvas, textures, [(96, 392), (196, 372), (206, 430), (94, 446)], 0.10, 0.2)
    _strips(canvas, textures, [(6, 262), (52, 268), (120, 296), (60, 285), (4, 270)], 0.2, 0.3)
    _tilled(canvas, textures, [(424, 372), (470, 404), (520, 444), (560, 458), (436, 446)], 0.6, 0.25, 0.5)
    _tilled(canvas, textures, [(640, 432), (792, 384), (797, 448), (652, 474)], -0.28, 0.4, 0.3)


def draw_park(canvas: Canvas, textures: Textures) -> None:
    """Lawns, a football pitch, gravel paths and a pond on the north-east."""
    window, inside = canvas.polygon([(428, 12), (796, 12), (796, 200), (690, 290), (560, 325), (470, 268), (420, 180)])
    lawn = _clip01(0.56 + 0.12 * textures.broad[window] + 0.07 * textures.patches[window])
    canvas.paint(window, inside, "grass", lawn, 0.5, 1.0 + 0.03 * textures.fine[window])
    _draw_pitch(canvas, textures, 716.0, 88.0, 0.22)
    paths = [
        ((430, 150), (500, 176), (575, 190), (660, 165), (735, 178), (840, 150)),
        ((590, -20), (596, 60), (545, 110)),
    ]
    paths += [
        ((545, 110), (520, 176), (530, 262), (486, 262), (424, 205)),
        ((575, 190), (640, 240), (700, 262), (840, 172)),
    ]
    for path in paths:
        _draw_path(canvas, textures, curve_through(path), 1.7, 0.9)
    x, y = canvas.coordinates(canvas.everywhere())
    wobble = 0.10 * textures.patches
    pond = np.hypot((x - 606) / 34, (y - 118) / 21) + wobble
    canvas.paint(canvas.everywhere(), pond < 1.12, "gravel", 0.8, 0.1, 0.9)
    canvas.paint(canvas.everywhere(), pond < 1.04, "water", _clip01((1.04 - pond) * 2.4), 0.75)


def _draw_pitch(canvas: Canvas, textures: Textures, x: float, y: float, angle: float) -> None:
    window, u, v = canvas.box(x, y, angle, 105.0, 68.0)
    inside = (np.abs(u) < 52.5) & (np.abs(v) < 34.0)
    mowing = np.sign(np.sin(u * np.float32(2 * np.pi / 15.0)))
    worn = np.exp(-((u / 5.0) ** 2 + (v / 5.0) ** 2)) + np.exp(-(((np.abs(u) - 48) / 4) ** 2 + (v / 5.5) ** 2))
    vigour = _clip01(0.92 + 0.05 * mowing - 0.55 * worn + 0.02 * textures.patches[window])
    canvas.paint(
        window, inside, "grass", vigour, 0.55 + 0.3 * mowing, 1.0 + 0.045 * mowing + 0.02 * textures.fine[window]
    )


def _draw_path(canvas: Canvas, textures: Textures, line: np.ndarray, half_m: float, kind: float) -> None:
    distance, _ = canvas.distance_to(line, half_m + 2.0)
    mask = distance < half_m + 0.25 * textures.patches
    canvas.paint(canvas.everywhere(), mask, "gravel", 0.12, kind, 0.95 + 0.04 * textures.fine)


def draw_river(canvas: Canvas, textures: Textures, rng: np.random.Generator) -> np.ndarray:
    """River with sand bars and a shallow margin.

    Returns:
        (cells, cells) float32, distance from the water's edge in metres, negative in the water, inf far away.
    """
    course = [(x, y + rng.uniform(-9, 9)) for x, y in RIVER_COURSE]
    distance, along = canvas.distance_to(curve_through(course, 8.0), 95.0)
    phase = rng.uniform(0, 2 * np.pi)
    half = 17.0 + 3.0 * np.sin(along / 43.0 + phase) + 1.3 * textures.patches
    edge = distance - half
    everywhere = canvas.everywhere()
    shore = 1.2 + 3.2 * np.clip(textures.broad + 0.5 * textures.patches, 0.0, 2.2)
    moist = _clip01(0.9 - edge / 4.0)
    canvas.paint(
        everywhere, edge < shore, "gravel", moist, _clip01(0.15 + 0.1 * textures.patches), 1.0 + 0.05 * textures.fine
    )
    canvas.paint(everywhere, (edge < shore + 2.5) & (edge > shore - 0.4) & (textures.fine > 0.2), "grass", 0.35, 0.6)
    depth = _clip01(-edge / 11.0) * _clip01(0.86 + 0.12 * textures.broad)
    turbid = _clip01(0.62 + 0.10 * textures.broad + 0.02 * textures.patches)
    canvas.paint(everywhere, edge < 0, "water", depth, turbid, 1.0 + 0.012 * textures.fine)
    return edge


def _street_lines(rng: np.random.Generator) -> Streets:
    """Centre lines: one main road, a bent grid of residential streets."""
    phase = rng.uniform(0, 2 * np.pi)

    def bend(x: float, y: float) -> Point:
        return x + 10 * np.sin(y / 95 + phase), y + 13 * np.sin(x / 120 + phase) + 0.03 * (x - 420)

    streets = Streets(curve_through(MAIN_ROAD))
    for y in (476.0, 552.0, 628.0, 704.0, 780.0):
        end = 562.0 if y > 560 else 830.0
        streets.residential.append(curve_through([bend(x, y) for x in np.linspace(-30.0, end, 12)]))
    for x in (62.0, 205.0, 318.0):
        streets.residential.append(curve_through([bend(x, y) for y in np.linspace(476.0, 830.0, 8)]))
    streets.residential.append(curve_through([bend(566.0, y) for y in np.linspace(476.0, 830.0, 8)]))
    return streets


def draw_roads(canvas: Canvas, textures: Textures, rng: np.random.Generator, edge: np.ndarray) -> Streets:
    """All roads, the car parks and the bridge; returns the centre lines."""
    streets = _street_lines(rng)
    _draw_path(canvas, textures, curve_through(FIELD_TRACK), 1.8, 0.35)
    _draw_path(canvas, textures, curve_through(RIVER_WALK), 1.5, 0.8)
    for line in streets.residential:
        _draw_asphalt(canvas, textures, line, rng.uniform(2.8, 3.6), rng.uniform(0.45, 0.95), 1.6)
    distance, along = canvas.distance_to(streets.main, 12.0)
    _draw_asphalt(canvas, textures, streets.main, 5.2, 0.42, 2.2)
    deck = (distance < 6.6) & (edge < 9.0)
    canvas.paint(canvas.everywhere(), deck, "parapet", 0.4, 0.7)
    lane = deck & (distance < 5.0)
    canvas.paint(canvas.everywhere(), lane, "asphalt", 0.38, 0.5, 1.0 + 0.03 * textures.fine)
    canvas.raise_to(canvas.everywhere(), deck, BRIDGE_HEIGHT_M)
    dashes = (distance < 0.22) & ((along % 9.0) < 4.5)
    canvas.gain[dashes] = 3.2
    return streets


def _draw_asphalt(
    canvas: Canvas, textures: Textures, line: np.ndarray, half_m: float, age: float, walk_m: float
) -> None:
    """A carriageway with worn wheel paths and a paved, paler walk on both sides."""
    distance, _ = canvas.distance_to(line, half_m + walk_m + 1.0)
    everywhere = canvas.everywhere()
    ages = _clip01(age + 0.08 * textures.broad + 0.06 * textures.patches)
    walk = (distance < half_m + walk_m) & (canvas.material != MATERIAL_ID["asphalt"])
    canvas.paint(everywhere, walk, "asphalt", _clip01(ages + 0.35), 0.9, 1.08 + 0.03 * textures.fine)
    wear = 0.5 + 0.4 * np.cos(np.minimum(distance, half_m) / half_m * 2 * np.pi)
    canvas.paint(everywhere, distance < half_m, "asphalt", ages, wear, 1.0 + 0.03 * textures.fine)


def draw_yard(canvas: Canvas, textures: Textures, corners: List[Point], age: float) -> None:
    """A paved yard or car park."""
    window, inside = canvas.polygon(corners)
    ages = _clip01(age + 0.1 * textures.broad[window] + 0.1 * textures.patches[window])
    canvas.paint(window, inside, "asphalt", ages, 0.5, 1.0 + 0.03 * textures.fine[window])


def park_cars(
    canvas: Canvas, rng: np.random.Generator, x: float, y: float, angle: float, n_stalls: int, share: float
) -> None:
    """A row of stalls, some taken, along a direction."""
    for i in range(n_stalls):
        along = (i - n_stalls / 2) * 2.7
        if rng.random() < share:
            cx, cy = x + along * np.cos(angle), y + along * np.sin(angle)
            place_car(canvas, rng, cx, cy, angle + np.pi / 2)


def place_car(canvas: Canvas, rng: np.random.Generator, x: float, y: float, angle: float) -> None:
    """One car, 4.4 m by 1.8 m, on asphalt only."""
    if canvas.material_at(x, y) != MATERIAL_ID["asphalt"]:
        return
    paint: Dict[int, Tuple[float, float]] = {0: (0.0, 0.0), 1: (0.5, 0.0), 2: (1.0, 0.0), 3: (0.0, 1.0), 4: (0.5, 1.0)}
    colour = paint[int(rng.choice(5, p=[0.32, 0.28, 0.24, 0.09, 0.07]))]
    window, u, v = canvas.box(x, y, angle, 4.4, 1.8)
    body = (np.abs(u) < 2.2) & (np.abs(v) < 0.9)
    base = float(canvas.height[window].max()) if canvas.height[window].size else 0.0
    canvas.paint(window, body, "car", colour[0], colour[1], rng.uniform(0.8, 1.1))
    glass = body & (u > 0.3) & (u < 1.1)
    canvas.paint(window, glass, "car", 0.0, 0.0)
    canvas.raise_to(window, body, base + 1.4)
