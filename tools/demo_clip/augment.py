# SPDX-License-Identifier: GPL-2.0-or-later
"""Shows painted scenes as sensors and stretches would: other scales and turns, haze, casts, blur, noise, stretch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from .bank import Bank

OVERSAMPLE = 2  # samples to a pixel along one side, so that shrinking does not alias
ZOOM = (0.5, 4.0)  # pixels shown to a painted pixel


@dataclass(frozen=True)
class Batch:
    """What the network sees.

    Attributes:
        pictures: (n, 3, side, side) float32 in [0, 1].
        labels: (n, side · OVERSAMPLE, side · OVERSAMPLE) uint8, see painter.Scene.
    """

    pictures: torch.Tensor
    labels: torch.Tensor


def draw_batch(bank: Bank, rng: np.random.Generator, n: int, side_px: int, device: torch.device) -> Batch:
    """Draw scenes and show each in its own way."""
    chosen = rng.integers(len(bank.labels), size=n)
    pictures = torch.from_numpy(bank.pictures[chosen]).to(device).permute(0, 3, 1, 2).float()
    labels = torch.from_numpy(bank.labels[chosen]).to(device)
    limits = torch.from_numpy(bank.limits[chosen]).to(device)
    pictures, labels = _place(pictures, labels, _draw_places(rng, n, side_px, labels.shape[-1]).to(device))
    pictures = (pictures.clamp(0, 255) / 255) ** 2
    pictures, labels = _mix(rng, pictures, labels, 0.2)
    pictures = _blur(rng, pictures)
    pictures = F.avg_pool2d(pictures, OVERSAMPLE)
    return Batch(_render(rng, pictures, limits), labels)


def _draw_places(rng: np.random.Generator, n: int, side_px: int, source_px: int) -> torch.Tensor:
    """Where each sample comes from: (n, 2, 3) affine maps of the unit square."""
    zoom = np.exp(rng.uniform(np.log(ZOOM[0]), np.log(ZOOM[1]), n))
    share = side_px / zoom / source_px  # of the source's side that is seen
    angle = rng.integers(4, size=n) * np.pi / 2 + np.radians(rng.uniform(-8, 8, n))
    flip = rng.choice([-1.0, 1.0], n)
    stretch = np.exp(rng.uniform(-0.12, 0.12, n))
    centre = rng.uniform(-1, 1, (n, 2)) * np.maximum(1 - share, 0)[:, None]
    maps = np.empty((n, 2, 3), np.float32)
    maps[:, 0, 0], maps[:, 0, 1] = share * np.cos(angle) * flip * stretch, -share * np.sin(angle)
    maps[:, 1, 0], maps[:, 1, 1] = share * np.sin(angle) * flip * stretch, share * np.cos(angle)
    maps[:, :, 2] = centre
    sides = torch.full((n, 1, 1), side_px * OVERSAMPLE)
    return torch.cat([torch.from_numpy(maps).flatten(1), sides.flatten(1).float()], dim=1)


def _place(pictures: torch.Tensor, labels: torch.Tensor, places: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    side = int(places[0, -1])
    maps = places[:, :6].reshape(-1, 2, 3)
    grid = F.affine_grid(maps, [len(maps), 1, side, side], align_corners=False)
    shown = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    known = F.grid_sample(labels[:, None].float(), grid, mode="nearest", padding_mode="reflection", align_corners=False)
    return shown, known[:, 0].to(torch.uint8)


def _mix(
    rng: np.random.Generator, pictures: torch.Tensor, labels: torch.Tensor, chance: float
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Lay a winding part of another scene over some scenes."""
    n, side = len(labels), labels.shape[-1]
    coarse = torch.from_numpy(rng.standard_normal((n, 1, 5, 5)).astype(np.float32)).to(pictures.device)
    field = F.interpolate(coarse, (side, side), mode="bilinear", align_corners=False)[:, 0]
    above = torch.from_numpy(rng.uniform(-0.5, 0.8, n).astype(np.float32)).to(field.device)
    above[torch.from_numpy(rng.random(n) >= chance).to(field.device)] = np.inf
    other = torch.from_numpy(rng.permutation(n)).to(field.device)
    replaced = field > above[:, None, None]
    pictures = torch.where(replaced[:, None], pictures[other], pictures)
    return pictures, torch.where(replaced, labels[other], labels)


def _blur(rng: np.random.Generator, pictures: torch.Tensor) -> torch.Tensor:
    """Blur a random half, each scene by its own Gaussian."""
    n = len(pictures)
    sigma = torch.from_numpy(rng.uniform(0.0, 2.2, n).astype(np.float32) * (rng.random(n) < 0.5)).to(pictures.device)
    at = torch.arange(-4, 5, device=pictures.device)
    weights = torch.exp(-0.5 * (at[None, :] / (sigma[:, None] + 0.15)) ** 2)
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(3, dim=0)
    flat = pictures.reshape(1, n * 3, *pictures.shape[-2:])
    flat = F.conv2d(F.pad(flat, (4, 4, 0, 0), mode="reflect"), weights[:, None, None, :], groups=n * 3)
    flat = F.conv2d(F.pad(flat, (0, 0, 4, 4), mode="reflect"), weights[:, None, :, None], groups=n * 3)
    return flat.reshape(pictures.shape)


def _render(rng: np.random.Generator, pictures: torch.Tensor, limits: torch.Tensor) -> torch.Tensor:
    """Cast, haze, one stretch for the three channels, gamma, saturation, noise."""
    n, device = len(pictures), pictures.device

    def column(values: np.ndarray) -> torch.Tensor:
        values = np.asarray(values, np.float32)
        return torch.from_numpy(values.reshape(n, -1, 1, 1)).to(device)

    gain = np.exp(rng.normal(0, (0.14, 0.08, 0.18), (n, 3)) * rng.uniform(0, 1.5, (n, 1)))
    # Radiance and rough calibration make whole scenes warmer or colder.
    gain *= np.exp(rng.normal(0.05, 0.22, (n, 1)) * (1.0, 0.0, -1.0))
    haze = rng.uniform(0, 0.08, (n, 1)) * (rng.random((n, 1)) < 0.5) * np.array([0.5, 0.75, 1.0])
    haze = haze * np.exp(rng.normal(0, 0.3, (n, 3)))
    pictures = pictures * column(gain) + column(haze)
    # The stretch comes from a whole scene, which may hold darker and brighter things than this part of it.
    low = column(limits[:, 0].cpu().numpy() * rng.uniform(0, 1, n)) + column(haze.min(axis=1) * rng.uniform(0, 1, n))
    high = column(limits[:, 1].cpu().numpy() * np.exp(rng.normal(0.1, 0.4, n)))
    pictures = (pictures - low) / (high - low).clamp(min=0.02)
    gamma = np.where(rng.random(n) < 0.35, rng.uniform(0.45, 1.3, n), 1.0)
    pictures = pictures.clamp(1e-4, 1) ** column(gamma)
    grey = pictures.mean(1, keepdim=True)
    saturation = column(np.where(rng.random(n) < 0.3, rng.uniform(0.5, 1.6, n), 1.0))
    pictures = grey + (pictures - grey) * saturation
    noise = column(rng.uniform(0, 0.03, n) * (rng.random(n) < 0.5))
    pictures = pictures + noise * torch.from_numpy(rng.standard_normal(pictures.shape, np.float32)).to(device)
    return pictures.clamp(0, 1)
