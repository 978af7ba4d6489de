# SPDX-License-Identifier: GPL-2.0-or-later
"""What the painter can paint: materials, their colours and how rough they look.

Colours are guesses of linear reflectance at red, green and blue, set by hand; every scene mixes and varies them anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

import numpy as np

Colour = Tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """Colours to mix and the strength of four kinds of texture.

    Attributes:
        colours: Linear reflectance of typical looks.
        grain: Relative contrast of white, fine, middling and broad noise.
        variety: Relative spread of brightness from object to object.
    """

    colours: Tuple[Colour, ...]
    grain: Tuple[float, float, float, float]
    variety: float = 0.1


WATER_COLOURS = (
    (0.02, 0.04, 0.03),
    (0.03, 0.07, 0.04),
    (0.05, 0.10, 0.05),
    (0.03, 0.06, 0.08),
    (0.10, 0.11, 0.07),
    (0.01, 0.015, 0.012),
    (0.05, 0.12, 0.08),
    (0.11, 0.115, 0.075),
    (0.02, 0.05, 0.015),
)
MATERIALS: Dict[str, Material] = {
    "water": Material(WATER_COLOURS, (0.01, 0.02, 0.05, 0.12), 0.1),
    "swimming pool": Material(((0.12, 0.38, 0.5), (0.2, 0.5, 0.6), (0.08, 0.28, 0.45)), (0.02, 0.05, 0.03, 0.0)),
    "deciduous tree": Material(
        ((0.03, 0.055, 0.022), (0.045, 0.08, 0.03), (0.06, 0.07, 0.03), (0.025, 0.04, 0.018), (0.1, 0.075, 0.035)),
        (0.1, 0.2, 0.15, 0.1),
        0.25,
    ),
    "conifer": Material(((0.02, 0.035, 0.018), (0.03, 0.045, 0.022), (0.04, 0.05, 0.028)), (0.1, 0.2, 0.12, 0.1), 0.2),
    "shrub": Material(((0.07, 0.075, 0.04), (0.1, 0.095, 0.055), (0.05, 0.07, 0.03)), (0.1, 0.2, 0.15, 0.1), 0.2),
    "grass": Material(
        ((0.05, 0.11, 0.035), (0.08, 0.13, 0.05), (0.06, 0.16, 0.04), (0.11, 0.14, 0.07), (0.04, 0.13, 0.03)),
        (0.03, 0.06, 0.08, 0.12),
        0.15,
    ),
    "dry grass": Material(
        ((0.2, 0.17, 0.1), (0.26, 0.22, 0.13), (0.15, 0.14, 0.08), (0.3, 0.25, 0.16), (0.18, 0.17, 0.08)),
        (0.03, 0.07, 0.1, 0.15),
        0.15,
    ),
    "crops": Material(((0.04, 0.09, 0.03), (0.06, 0.12, 0.04), (0.09, 0.12, 0.05)), (0.03, 0.05, 0.06, 0.1), 0.3),
    "ripe crops": Material(((0.28, 0.23, 0.12), (0.35, 0.28, 0.15), (0.22, 0.2, 0.1)), (0.02, 0.04, 0.05, 0.1), 0.2),
    "bare soil": Material(
        (
            (0.2, 0.15, 0.09),
            (0.3, 0.2, 0.11),
            (0.42, 0.27, 0.15),
            (0.14, 0.11, 0.08),
            (0.25, 0.2, 0.14),
            (0.35, 0.3, 0.22),
            (0.22, 0.18, 0.1),
            (0.17, 0.15, 0.1),
        ),
        (0.03, 0.06, 0.1, 0.15),
        0.2,
    ),
    "sand": Material(
        ((0.45, 0.38, 0.27), (0.55, 0.48, 0.36), (0.38, 0.33, 0.24), (0.6, 0.5, 0.3)), (0.02, 0.04, 0.06, 0.1)
    ),
    "rock": Material(
        ((0.2, 0.19, 0.17), (0.3, 0.28, 0.25), (0.25, 0.2, 0.16), (0.13, 0.13, 0.12)), (0.1, 0.25, 0.2, 0.15)
    ),
    "asphalt road": Material(
        ((0.08, 0.08, 0.08), (0.12, 0.115, 0.105), (0.17, 0.16, 0.15), (0.06, 0.06, 0.06), (0.23, 0.22, 0.2)),
        (0.03, 0.05, 0.05, 0.05),
    ),
    "concrete": Material(
        ((0.3, 0.28, 0.25), (0.4, 0.38, 0.34), (0.5, 0.47, 0.42), (0.25, 0.24, 0.22)), (0.03, 0.05, 0.06, 0.05)
    ),
    "concrete road": Material(
        ((0.3, 0.28, 0.24), (0.4, 0.37, 0.31), (0.5, 0.46, 0.38), (0.26, 0.25, 0.22)), (0.03, 0.04, 0.05, 0.05)
    ),
    "dirt road": Material(((0.35, 0.28, 0.2), (0.3, 0.23, 0.15), (0.42, 0.35, 0.25)), (0.04, 0.08, 0.08, 0.08)),
    "parking lot": Material(
        ((0.08, 0.08, 0.08), (0.13, 0.125, 0.115), (0.18, 0.17, 0.16), (0.24, 0.23, 0.21)), (0.03, 0.05, 0.06, 0.05)
    ),
    "bridge": Material(
        ((0.12, 0.115, 0.11), (0.2, 0.19, 0.17), (0.32, 0.3, 0.27), (0.42, 0.4, 0.35)), (0.03, 0.05, 0.05, 0.03)
    ),
    "railway": Material(((0.13, 0.115, 0.1), (0.17, 0.14, 0.115), (0.1, 0.09, 0.08)), (0.08, 0.1, 0.05, 0.05)),
    "tiled roof": Material(
        ((0.3, 0.14, 0.08), (0.38, 0.2, 0.12), (0.22, 0.1, 0.07), (0.28, 0.18, 0.13), (0.2, 0.13, 0.1)),
        (0.04, 0.06, 0.04, 0.0),
        0.25,
    ),
    "flat roof": Material(
        ((0.1, 0.1, 0.1), (0.2, 0.2, 0.19), (0.35, 0.34, 0.32), (0.55, 0.54, 0.5), (0.26, 0.24, 0.2), (0.7, 0.7, 0.68)),
        (0.04, 0.06, 0.05, 0.0),
        0.3,
    ),
    "metal roof": Material(
        (
            (0.4, 0.42, 0.44),
            (0.55, 0.56, 0.57),
            (0.3, 0.35, 0.42),
            (0.2, 0.28, 0.24),
            (0.65, 0.66, 0.68),
            (0.2, 0.3, 0.45),
        ),
        (0.03, 0.04, 0.04, 0.0),
        0.25,
    ),
    "car": Material(
        ((0.05, 0.05, 0.05), (0.6, 0.6, 0.6), (0.3, 0.3, 0.32), (0.35, 0.05, 0.04), (0.06, 0.1, 0.25), (0.8, 0.8, 0.8)),
        (0.1, 0.1, 0.0, 0.0),
        0.3,
    ),
    "artificial turf": Material(((0.04, 0.13, 0.05), (0.05, 0.18, 0.07), (0.03, 0.1, 0.045)), (0.02, 0.02, 0.02, 0.02)),
    "running track": Material(((0.35, 0.13, 0.09), (0.28, 0.11, 0.08), (0.1, 0.16, 0.28)), (0.02, 0.03, 0.02, 0.02)),
    "snow": Material(((0.8, 0.82, 0.85), (0.9, 0.92, 0.93), (0.7, 0.75, 0.82)), (0.02, 0.04, 0.06, 0.08)),
    "wetland": Material(((0.06, 0.08, 0.04), (0.1, 0.1, 0.055), (0.07, 0.09, 0.05)), (0.06, 0.15, 0.2, 0.2)),
}
NAMES: Tuple[str, ...] = tuple(MATERIALS)
IDS: Dict[str, int] = {name: index for index, name in enumerate(NAMES)}
SHADOW_BIT = 0x80  # set in a label where the pixel lies in a cast shadow
N_VARIANTS = 6


def draw_palette(rng: np.random.Generator) -> np.ndarray:
    """Colours of one scene.

    Returns:
        (materials, variants, 3) float32 linear reflectance.
    """
    palette = np.empty((len(NAMES), N_VARIANTS, 3), np.float32)
    for index, material in enumerate(MATERIALS.values()):
        anchors = np.asarray(material.colours, np.float32)
        # A scene has one or two typical looks of a material, not all of them.
        looks = anchors[rng.integers(len(anchors), size=2)]
        mix = rng.random((N_VARIANTS, 1))
        if material.variety > 0.22:  # roofs, cars and crowns differ within a scene
            looks_of = anchors[rng.integers(len(anchors), size=N_VARIANTS)]
        else:
            looks_of = mix * looks[0] + (1 - mix) * looks[1]
        tint = np.exp(rng.normal(0.0, 0.05, 3)) * np.exp(rng.normal(0.0, 0.2))
        each = np.exp(rng.normal(0.0, 0.04, (N_VARIANTS, 3)))
        palette[index] = looks_of * tint * each
    return np.clip(palette, 0.002, 0.98)


def grain_table(rng: np.random.Generator) -> np.ndarray:
    """Strength of the four noises for every material of one scene: (materials, 4) float32."""
    table = np.array([material.grain for material in MATERIALS.values()], np.float32)
    return table * np.exp(rng.normal(0.0, 0.45, table.shape)).astype(np.float32) * np.float32(rng.uniform(0.5, 1.5))


def variety_table() -> np.ndarray:
    """Spread of brightness between objects: (materials,) float32."""
    return np.array([material.variety for material in MATERIALS.values()], np.float32)
