# SPDX-License-Identifier: GPL-2.0-or-later
"""Paints scenes in parallel and keeps them in a folder: one array of pictures, one of labels, one of brightness limits.

A bank is whole or not there: the arrays are written under temporary names and ``bank.json`` comes last.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

import numpy as np

from .fields import Atlas
from .materials import NAMES
from .painter import ATLAS_SEED, SIDE_PX, paint_scene

LIMITS = (0.001, 0.999)  # quantiles of all channels together, as the plugin stretches a scene
Painted = Tuple[np.ndarray, np.ndarray, np.ndarray]

_atlas = None


@dataclass(frozen=True)
class Bank:
    """Painted scenes.

    Attributes:
        pictures: (n, side, side, 3) uint8, 255 times the square root of reflectance, which keeps dark scenes fine.
        labels: (n, side, side) uint8, see painter.Scene.
        limits: (n, 2) float32, reflectance at the quantiles LIMITS.
    """

    pictures: np.ndarray
    labels: np.ndarray
    limits: np.ndarray


def _start() -> None:
    global _atlas
    _atlas = Atlas.make(ATLAS_SEED)


def _paint(seed: int) -> Painted:
    scene = paint_scene(seed, _atlas)
    picture = np.rint(255 * np.sqrt(np.clip(scene.reflectance, 0, 1))).astype(np.uint8)
    return picture, scene.labels, np.quantile(scene.reflectance[::2, ::2], LIMITS).astype(np.float32)


def paint_bank(folder: Path, n_scenes: int, first_seed: int, n_processes: int) -> None:
    """Paint scenes into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = (n_scenes, SIDE_PX, SIDE_PX)
    pictures = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, (*shape, 3))
    labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.uint8, shape)
    limits = np.empty((n_scenes, 2), np.float32)
    with multiprocessing.Pool(n_processes, _start) as pool:
        painted = pool.imap(_paint, range(first_seed, first_seed + n_scenes), chunksize=16)
        for index, (picture, label, limit) in enumerate(painted):
            pictures[index], labels[index], limits[index] = picture, label, limit
            if index % 500 == 499:
                print(f"{index + 1} of {n_scenes} scenes", flush=True)
    pictures.flush()
    labels.flush()
    np.save(folder / "limits.npy", limits)
    about = {"scenes": n_scenes, "first_seed": first_seed, "materials": NAMES}
    (folder / "bank.json").write_text(json.dumps(about), encoding="utf-8")


def load_bank(folder: Path) -> Bank:
    """Open a bank that has been painted.

    Raises:
        SystemExit: The bank is not whole, or was painted with other materials.
    """
    about = folder / "bank.json"
    if not about.exists():
        raise SystemExit(f"{folder} holds no whole bank of scenes. Paint one with: python -m demo_clip.bank {folder}")
    if tuple(json.loads(about.read_text(encoding="utf-8"))["materials"]) != NAMES:
        raise SystemExit(f"The bank in {folder} was painted with other materials. Paint it again.")
    pictures = np.load(folder / "pictures.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy", mmap_mode="r")
    return Bank(pictures, labels, np.load(folder / "limits.npy"))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--first-seed", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    paint_bank(options.folder, options.scenes, options.first_seed, options.processes)


if __name__ == "__main__":
    main()
