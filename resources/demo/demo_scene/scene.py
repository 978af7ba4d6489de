# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts the scene together: draw, light, mix, record, write."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Tuple

import numpy as np

from .buildings import draw_houses, draw_quarter, drive_cars
from .canvas import Canvas
from .files import write_classes, write_cube, write_heights, write_truth
from .ground import Textures, draw_fields, draw_meadow, draw_park, draw_river, draw_roads
from .light import Sun, direct_light, sky_view
from .materials import spectra_of
from .mixing import majority, mix
from .optics import sky_fraction
from .sensor import band_set, beyond_strip, record, through_bands
from .trees import draw_trees, plan_trees

N_PX = 400
PIXEL_M = 2.0
CELLS_PER_PX = 4
DEFAULT_SEED = 7


class SceneFiles(NamedTuple):
    """Paths of a scene that was written."""

    cube: Path
    truth: Path
    classes: Path


def draw(seed: int) -> Tuple[Canvas, np.random.Generator]:
    """The finished drawing of a scene, and the generator for what comes after."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(N_PX * PIXEL_M, PIXEL_M / CELLS_PER_PX)
    textures = Textures.make(canvas, rng)
    draw_meadow(canvas, textures)
    draw_fields(canvas, textures)
    draw_park(canvas, textures)
    edge = draw_river(canvas, textures, rng)
    streets = draw_roads(canvas, textures, rng, edge)
    draw_quarter(canvas, textures, rng)
    lots = draw_houses(canvas, textures, rng, streets)
    drive_cars(canvas, rng, streets)
    draw_trees(canvas, rng, plan_trees(canvas, rng, edge, streets, lots))
    return canvas, rng


def render(seed: int) -> Tuple[np.ndarray, np.ndarray]:
    """Recorded numbers (bands, rows, cols) int16 and truth (rows, cols) uint8 of the scene with this seed."""
    canvas, rng = draw(seed)
    bands, sun = band_set(), Sun()
    nm = np.arange(380.0, 2541.0, 2.0)
    spectra = [through_bands(nm, s, bands) for s in spectra_of(nm)]
    sky_share = sky_fraction(bands.centres_nm, sun.elevation_deg)
    cube = mix(canvas, spectra, direct_light(canvas, rng, sun), sky_view(canvas), sky_share, N_PX)
    truth = majority(canvas, N_PX)
    truth[beyond_strip(*truth.shape)] = 0
    return record(cube, bands, rng), truth


def make_scene(folder: Path, seed: int = DEFAULT_SEED) -> SceneFiles:
    """Write ``scene.dat`` with ``scene.hdr``, ``truth.tif`` and ``classes.txt`` into a folder, made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    files = SceneFiles(folder / "scene.dat", folder / "truth.tif", folder / "classes.txt")
    numbers, truth = render(seed)
    write_cube(files.cube, numbers, band_set(), PIXEL_M)
    write_truth(files.truth, truth, PIXEL_M)
    write_classes(files.classes)
    return files


def heights(seed: int = DEFAULT_SEED) -> np.ndarray:
    """(rows, cols) float32 metres above ground of the scene with this seed, the mean of what lies in each pixel."""
    canvas, _ = draw(seed)
    cells: np.ndarray = canvas.height.reshape(N_PX, CELLS_PER_PX, N_PX, CELLS_PER_PX)
    return cells.mean(axis=(1, 3), dtype=np.float32)


def make_heights(path: Path, seed: int = DEFAULT_SEED) -> Path:
    """Write the heights of the scene with this seed as a GeoTIFF on the scene's grid."""
    write_heights(path, heights(seed), PIXEL_M)
    return path
