# SPDX-License-Identifier: GPL-2.0-or-later
"""From cells to pixels: mixed reflectance of each pixel, and which class holds most of it.

A pixel's apparent reflectance is the sum over its materials of share x reflectance x (direct sun + open sky + light
from the surroundings). All three are linear, so shares are added up per spectrum first and multiplied once.
"""

from __future__ import annotations

from typing import List, Tuple

import numpy as np

from .canvas import Canvas
from .materials import MATERIALS


def _corners(canvas: Canvas, spectra: List[np.ndarray]) -> List[Tuple[np.ndarray, np.ndarray]]:
    """Four (row of the spectral table, weight) pairs per cell that blend a material's trait grid, flattened."""
    counts = np.array([s.shape[:2] for s in spectra])
    first = np.concatenate([[0], np.cumsum(counts.prod(axis=1))[:-1]])
    material = canvas.material.ravel()
    n_a, n_b = counts[:, 0][material], counts[:, 1][material]
    place_a, place_b = canvas.trait_a.ravel() * (n_a - 1), canvas.trait_b.ravel() * (n_b - 1)
    i, j = np.minimum(place_a.astype(np.int64), n_a - 2), np.minimum(place_b.astype(np.int64), n_b - 2)
    t, s = place_a - i, place_b - j
    base = first[material]
    corners = []
    for di, wi in ((0, 1 - t), (1, t)):
        for dj, wj in ((0, 1 - s), (1, s)):
            corners.append((base + (i + di) * n_b + j + dj, wi * wj))
    return corners


def _pixel_of_cell(n_cells: int, n_px: int) -> np.ndarray:
    index = np.arange(n_cells) * n_px // n_cells
    return (index[:, None] * n_px + index[None, :]).ravel()


def mix(
    canvas: Canvas, spectra: List[np.ndarray], direct: np.ndarray, sky: np.ndarray, sky_share: np.ndarray, n_px: int
) -> np.ndarray:
    """Apparent reflectance of every pixel.

    Args:
        canvas: Materials, traits and gains.
        spectra: Per material (a, b, bands) float64 reflectance.
        direct: (cells, cells) float32, sunlight, 1 = flat and open.
        sky: (cells, cells) float32, open share of the sky, 0..1.
        sky_share: (bands,) float64, share of skylight in the light on open ground.
        n_px: Pixels a side.

    Returns:
        (n_px, n_px, bands) float32.
    """
    table = np.concatenate([s.reshape(-1, s.shape[2]) for s in spectra])
    n_spectra, n_cells_px = len(table), (canvas.n_cells // n_px) ** 2
    pixel = _pixel_of_cell(canvas.n_cells, n_px) * n_spectra
    gain = canvas.gain.ravel() / n_cells_px
    open_sky = sky.ravel()
    lights = (gain * direct.ravel(), gain * open_sky, gain * (1.0 - open_sky))
    shares = np.zeros((3, n_px * n_px * n_spectra), np.float32)
    for row, weight in _corners(canvas, spectra):
        for k, light in enumerate(lights):
            shares[k] += np.bincount(pixel + row, weights=weight * light, minlength=shares.shape[1])
    around = _surroundings(shares[0].reshape(-1, n_spectra), table)
    colours = (1.0 - sky_share, sky_share, around)
    cube = np.zeros((n_px * n_px, table.shape[1]), np.float32)
    for share, colour in zip(shares, colours):
        cube += share.reshape(-1, n_spectra) @ (table * colour).astype(np.float32)
    return cube.reshape(n_px, n_px, -1)


def _surroundings(shares: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(bands,) light that what stands around throws back, relative to open ground: the scene's mean reflectance."""
    return shares.mean(axis=0) @ table


def majority(canvas: Canvas, n_px: int) -> np.ndarray:
    """(n_px, n_px) uint8: class that covers most of each pixel, shadow or not; 0 where that is no class of the list."""
    truth = np.array([material.truth for material in MATERIALS])
    n_classes = int(truth.max()) + 1
    pixel = _pixel_of_cell(canvas.n_cells, n_px)
    votes = np.bincount(pixel * n_classes + truth[canvas.material.ravel()], minlength=n_px * n_px * n_classes)
    return votes.reshape(n_px, n_px, n_classes).argmax(axis=2).astype(np.uint8)
