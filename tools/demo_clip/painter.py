# SPDX-License-Identifier: GPL-2.0-or-later
"""Paints one scene: a random place at a random scale, lit, blurred and mixed into pixels, with each pixel's material.

Works in linear reflectance of red, green and blue. What a sensor and a stretch do to the colours is left to training,
which does it anew each time the scene is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from .canvas import Canvas
from .country import ZONES, paint_road, paint_water
from .fields import Atlas
from .materials import N_VARIANTS, SHADOW_BIT, draw_palette, grain_table, variety_table
from .town import paint_town

SIDE_PX = 160
FINE = 2  # fine pixels to a pixel, along one side
ATLAS_SEED = 20_011
CANOPY = ("deciduous tree", "conifer", "shrub", "wetland", "crops")
ZONE_WEIGHTS = {
    "town": 0.44,
    "forest": 0.14,
    "savanna": 0.12,
    "meadow": 0.08,
    "fields": 0.09,
    "bare": 0.06,
    "mountain": 0.03,
    "snow": 0.015,
    "wetland": 0.025,
}


@dataclass(frozen=True)
class Scene:
    """A painted scene.

    Attributes:
        reflectance: (side, side, 3) float32, linear, red, green, blue.
        labels: (side, side) uint8, index into materials.NAMES, with SHADOW_BIT where a shadow falls.
        pixel_m: Size of a pixel, m.
    """

    reflectance: np.ndarray
    labels: np.ndarray
    pixel_m: float


def paint_scene(seed: int, atlas: Atlas, side_px: int = SIDE_PX) -> Scene:
    """Paint the scene of a seed.

    Args:
        seed: The same seed gives the same scene.
        atlas: Atlas.make(ATLAS_SEED).
        side_px: Side of the picture.
    """
    rng = np.random.default_rng(seed)
    pixel_m = float(np.exp(rng.uniform(np.log(0.5), np.log(30.0))))
    canvas = Canvas(rng, atlas, side_px * FINE, pixel_m / FINE)
    _lay_out(canvas)
    light, shadow = _light(canvas)
    fine = _colour(canvas) * light
    fine = _blur(fine, rng.choice([0.0, 0.5, 1.0, 1.6]))
    labels = canvas.material | np.where(shadow & ~canvas.is_one_of(*CANOPY), SHADOW_BIT, 0).astype(np.uint8)
    return Scene(_mean_of_blocks(fine), _commonest_of_blocks(labels), pixel_m)


def _lay_out(canvas: Canvas) -> None:
    rng = canvas.rng
    n_zones = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.35, 0.2, 0.15]))
    names = rng.choice(list(ZONE_WEIGHTS), n_zones, p=_zone_chances(2 * canvas.pixel_m))
    order = canvas.noise(int(rng.integers(2, 6)))
    edges = np.quantile(order[::4, ::4], np.sort(rng.random(n_zones - 1)))
    zone = np.searchsorted(edges, order)
    has_water = rng.random() < 0.42
    town_over_water = rng.random() < 0.5
    for index, name in enumerate(names):
        if name != "town":
            ZONES[str(name)](canvas, zone == index)
    if has_water and town_over_water:
        paint_water(canvas)
    for index, name in enumerate(names):
        if name == "town":
            paint_town(canvas, zone == index)
    if has_water and not town_over_water:
        paint_water(canvas)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))):
        paint_road(canvas)


def _zone_chances(pixel_m: float) -> np.ndarray:
    """Chance of each zone: towns are rarer in coarse scenes, which see more of the country."""
    weights = np.array(list(ZONE_WEIGHTS.values()))
    weights[list(ZONE_WEIGHTS).index("town")] *= np.interp(np.log(pixel_m), np.log([2.0, 15.0]), [1.0, 0.4])
    return weights / weights.sum()


def _light(canvas: Canvas) -> Tuple[np.ndarray, np.ndarray]:
    """Light on every fine pixel and whether it lies in a cast shadow.

    Returns:
        (side, side, 3) float32 factor; (side, side) bool.
    """
    rng = canvas.rng
    angle = rng.uniform(0, 2 * np.pi)
    rise = np.tan(np.radians(rng.uniform(25, 75)))
    shadow = _cast_shadows(canvas, np.cos(angle), np.sin(angle), rise)
    light = canvas.shade.copy()
    if rng.random() < 0.4:  # slopes of the land
        land = canvas.noise(4)
        slope = np.gradient(land, axis=0) * np.sin(angle) + np.gradient(land, axis=1) * np.cos(angle)
        relief = 1 + rng.uniform(0.05, 0.3) * slope / (slope.std() + 1e-6)
        light = np.where(canvas.is_one_of("water"), light, light * np.clip(relief, 0.3, 1.7))
    sky = rng.uniform(0.12, 0.5)
    tint = np.array([0.9, 1.0, 1.25], np.float32) ** np.float32(rng.uniform(0, 1.5))
    lit = np.repeat(np.clip(light, 0.05, 3.0)[..., None], 3, axis=2).astype(np.float32)
    lit[shadow] *= np.float32(sky) * tint
    return lit, shadow


def _cast_shadows(canvas: Canvas, right: float, down: float, rise: float) -> np.ndarray:
    """Pixels that something higher hides from the sun: (side, side) bool."""
    height, top = canvas.height, float(canvas.height.max())
    shadow = np.zeros(height.shape, bool)
    reach_px = min(top / rise / canvas.pixel_m, 60.0)
    if reach_px < 0.7:
        return shadow
    n_steps = int(np.clip(np.ceil(reach_px), 1, 16))
    for step_px in np.linspace(reach_px / n_steps, reach_px, n_steps):
        shifted = _shift(height, round(down * step_px), round(right * step_px))
        shadow |= shifted - np.float32(step_px * canvas.pixel_m * rise) > height + 0.3
    return shadow


def _shift(array: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move an array's content; what comes in at the borders is zero."""
    moved = np.zeros_like(array)
    rows, cols = array.shape
    moved[max(down, 0) : rows + min(down, 0), max(right, 0) : cols + min(right, 0)] = array[
        max(-down, 0) : rows + min(-down, 0), max(-right, 0) : cols + min(-right, 0)
    ]
    return moved


def _colour(canvas: Canvas) -> np.ndarray:
    """Reflectance of every fine pixel before light: (side, side, 3) float32."""
    rng = canvas.rng
    palette = draw_palette(rng)
    variant = np.minimum((canvas.tone * N_VARIANTS).astype(np.uint8), N_VARIANTS - 1)
    colour = palette.reshape(-1, 3)[canvas.material.astype(np.intp) * N_VARIANTS + variant]
    noises = [canvas.noise(0), canvas.noise(1), canvas.noise(2), canvas.noise(4)]
    grain = grain_table(rng)
    texture = np.ones(canvas.material.shape, np.float32)
    for index, noise in enumerate(noises):
        texture += grain[:, index][canvas.material] * noise
    texture += variety_table()[canvas.material] * (canvas.tone * 23 % 1 - 0.5) * 1.5
    streaks = canvas.is_one_of("water")
    if streaks.any() and rng.random() < 0.3:  # waves, wind and glint
        texture[streaks] += rng.choice([0.05, 0.2]) * np.clip(canvas.noise(1)[streaks], -1, 3)
    hue = 1 + rng.uniform(0.0, 0.05) * canvas.noise(3)
    colour = colour * np.clip(texture, 0.15, 3.0)[..., None]
    colour[..., 0] *= hue
    return np.clip(colour, 0.001, 1.0)


def _blur(picture: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur along both sides."""
    if sigma_px == 0:
        return picture
    radius = int(np.ceil(2.5 * sigma_px))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2).astype(np.float32)
    weights /= weights.sum()
    for axis in (0, 1):
        padding = [(0, 0)] * 3
        padding[axis] = (radius, radius)
        padded = np.pad(picture, padding, mode="edge")
        n = picture.shape[axis]
        pieces = [padded[k : k + n] if axis == 0 else padded[:, k : k + n] for k in range(2 * radius + 1)]
        picture = sum(weight * piece for weight, piece in zip(weights, pieces))
    return picture


def _mean_of_blocks(fine: np.ndarray) -> np.ndarray:
    side = fine.shape[0] // FINE
    return fine.reshape(side, FINE, side, FINE, 3).mean(axis=(1, 3))


def _commonest_of_blocks(labels: np.ndarray) -> np.ndarray:
    """The label that most fine pixels of a pixel have; the first of them on a tie."""
    side = labels.shape[0] // FINE
    parts = labels.reshape(side, FINE, side, FINE).transpose(0, 2, 1, 3).reshape(side, side, FINE * FINE)
    votes = (parts[..., :, None] == parts[..., None, :]).sum(axis=-1)
    return np.take_along_axis(parts, votes.argmax(axis=-1)[..., None], axis=-1)[..., 0]
