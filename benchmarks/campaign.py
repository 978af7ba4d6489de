# SPDX-License-Identifier: GPL-2.0-or-later
"""Overhead of a campaign on tiny scenes, and seconds per megapixel and stage on a larger one.

Usage: ``python -m benchmarks.campaign N_SCENES SIDE_PX WORKERS...``, the first stage by spectra alone. The overhead is
the campaign's wall time less the job's own time, per scene; the job is timed in the same workers.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import List

import numpy as np

from special_qgis.engine.config import ClassifyConfig, SceneConfig, ScenesConfig
from special_qgis.engine.jobs import run_job
from special_qgis.engine.progress import NullProgress
from tests.helpers.small_scene import CLASSES, SIDE_PX, WAVELENGTHS_NM, cube, write_raster, write_scene


def options(scenes: Path, folder: Path, n_workers: int) -> ScenesConfig:
    """A campaign of the first stage by spectra alone."""
    classify = ClassifyConfig(SceneConfig("*"), CLASSES, source="spectral", refine=False)
    return ScenesConfig((str(scenes),), str(folder), classify, workers=n_workers, resume=False)


def measure_tiny(n_scenes: int, crews: List[int], folder: Path) -> None:
    """Time campaigns of tiny scenes."""
    first = write_scene(folder / "tiny.tif").read_bytes()
    (folder / "in").mkdir()
    for number in range(n_scenes):
        (folder / "in" / f"scene{number:05d}.tif").write_bytes(first)
    for n_workers in crews:
        config = options(folder / "in", folder / f"out{n_workers}", n_workers)
        began = time.perf_counter()
        result = run_job("scenes", config.to_json(), NullProgress())
        wall = time.perf_counter() - began
        jobs = sum(scene["seconds"] for scene in result["scenes"])
        overhead = wall - jobs / n_workers
        print(f"{n_scenes} scenes of {SIDE_PX} px, {n_workers} workers: {wall:.1f} s, jobs {jobs:.1f} s,", end=" ")
        print(f"overhead {1000 * overhead / n_scenes:.1f} ms a scene")
        began = time.perf_counter()
        run_job("scenes", {**config.to_json(), "resume": True}, NullProgress())
        print(f"  all skipped: {1000 * (time.perf_counter() - began) / n_scenes:.1f} ms a scene")


def measure_stages(side_px: int, folder: Path) -> None:
    """Time the stages of one larger scene."""
    n_repeats = side_px // SIDE_PX
    scene = write_raster(folder / "large.tif", np.tile(cube(), (1, n_repeats, n_repeats)), WAVELENGTHS_NM)
    run_job("scenes", options(scene, folder / "large", 1).to_json(), NullProgress())
    report = json.loads((folder / "large" / "large" / "large_report.json").read_text(encoding="utf-8"))
    megapixels = (n_repeats * SIDE_PX) ** 2 / 1e6
    print(f"{megapixels:.2f} megapixels of {len(WAVELENGTHS_NM)} bands, seconds and seconds per megapixel:")
    for stage, seconds in report["timing_s"].items():
        print(f"  {stage:<40}{seconds:8.2f}{seconds / megapixels:8.2f}")
    n_bytes = sum(path.stat().st_size for path in (folder / "large" / "large").iterdir())
    print(f"  outputs: {n_bytes / megapixels / 1e6:.2f} MB per megapixel")


def main() -> None:
    """Measure what the command line asks for."""
    n_scenes, side_px, *crews = map(int, sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        measure_tiny(n_scenes, crews, Path(name))
        measure_stages(side_px, Path(name))


if __name__ == "__main__":
    main()
