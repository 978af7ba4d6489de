# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenes, options and processes of campaigns for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from special_qgis.engine.config import ClassifyConfig, SceneConfig, ScenesConfig
from tests.helpers.small_scene import CLASSES, WAVELENGTHS_NM, cube, write_raster, write_scene

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
LOCK = ".special-campaign.lock"


def write_scenes(folder: Path, n_scenes: int) -> List[Path]:
    """Small scenes called line0, line1, …"""
    folder.mkdir(parents=True, exist_ok=True)
    return [write_scene(folder / f"line{number}.tif", seed=number) for number in range(n_scenes)]


def write_large_scene(path: Path, n_repeats: int = 16) -> Path:
    """The small scene side by side: one that takes some seconds to map."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_raster(path, np.tile(cube(), (1, n_repeats, n_repeats)), WAVELENGTHS_NM)


def options(scenes: Path, folder: Path, **others: Any) -> ScenesConfig:
    """Options of a campaign of the first stage by spectra alone."""
    classify = others.pop("classify", ClassifyConfig(SceneConfig("*"), CLASSES, source="spectral", refine=False))
    return ScenesConfig((str(scenes),), str(folder), classify, **others)


def rasters(folder: Path) -> Dict[str, bytes]:
    """Content of all rasters, attribute tables and styles below a folder, by their path in it."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".tif", ".xml", ".qml"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def left_over(folder: Path) -> List[Path]:
    """Hidden files and folders that a campaign left below a folder, but for its lock."""
    return [path for path in folder.rglob(".*") if path.name != LOCK]


def start_campaign(scenes: Path, folder: Path, *words: str) -> subprocess.Popen[str]:
    """A campaign on the command line, in a process of its own."""
    command = [PYTHON, "-m", "special_qgis.engine", "scenes", str(scenes), "--output-folder", str(folder)]
    command += ["--classes", CLASSES, "--no-refine", "--source", "spectral", *words]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=env, cwd=REPOSITORY, stdout=pipe, stderr=pipe, encoding="utf-8")


def children(pid: int) -> List[int]:
    """Numbers of the processes that a process has started, on Linux."""
    tasks = Path(f"/proc/{pid}/task")
    if sys.platform != "linux" or not tasks.is_dir():
        return []
    return [int(word) for task in tasks.iterdir() for word in (task / "children").read_text().split()]
