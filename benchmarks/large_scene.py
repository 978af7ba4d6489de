# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory and time of the main job on a large scene and on a quarter of it.

Makes a compressed int16 scene by tiling mixed material spectra, runs ``classify`` through the worker as QGIS does, and
prints seconds, pixel-bands per second and peak resident memory, with and without the pages of mapped files. Time should
be four times that of the quarter, memory the same.

    python3 benchmarks/large_scene.py [--rows 10000] [--cols 2000] [--bands 200] [--layout tiled|striped|envi] [--clip]

With ``--clip`` the pixels are scored by a small image-text model of random weights, whose windows of 224 pixels are
those of ViT-B/16, with JBU one, at the scales {1, 2}; it takes the runtime with PyTorch.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal

REPOSITORY = Path(__file__).resolve().parent.parent
LAYOUTS = {
    "tiled": (
        "GTiff",
        ["TILED=YES", "INTERLEAVE=BAND", "COMPRESS=DEFLATE", "ZLEVEL=1", "BIGTIFF=YES", "NUM_THREADS=2"],
    ),
    "striped": ("GTiff", ["INTERLEAVE=BAND", "COMPRESS=DEFLATE", "ZLEVEL=1", "BIGTIFF=YES", "NUM_THREADS=2"]),
    "pixel": ("GTiff", ["TILED=YES", "INTERLEAVE=PIXEL", "COMPRESS=DEFLATE", "ZLEVEL=1", "BIGTIFF=YES"]),
    "envi": ("ENVI", ["INTERLEAVE=BIL"]),
}
CLASSES = "water; tree; bare soil; asphalt road"
PATCH_PX = 512  # the scene repeats a patch of this size


def main() -> int:
    """Make the scenes, run the job on each, print one line a run and the ratios."""
    options = _options()
    gdal.UseExceptions()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        runs = []
        for rows in (options.rows // 4, options.rows):
            path = Path(folder) / f"scene_{rows}.tif"
            # In a process of its own: a child's peak memory begins with that of the process it was forked from.
            writer = multiprocessing.get_context("spawn").Process(
                target=write_scene, args=(path, rows, options.cols, options.bands, options.layout)
            )
            writer.start()
            writer.join()
            runs.append(_run(path, rows * options.cols * options.bands, Path(folder), options.clip))
            sys.stdout.write(f"{rows} x {options.cols} x {options.bands} {options.layout}: {json.dumps(runs[-1])}\n")
            path.unlink()
    time_ratio = runs[1]["seconds"] / runs[0]["seconds"]
    memory_ratio = runs[1]["peak_mib"] / runs[0]["peak_mib"]
    sys.stdout.write(f"whole / quarter: time {time_ratio:.2f}, peak memory {memory_ratio:.2f}\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--cols", type=int, default=2_000)
    parser.add_argument("--bands", type=int, default=200)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), default="tiled")
    parser.add_argument("--clip", action="store_true", help="score by a small CLIP model of random weights")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the scenes are made and removed")
    return parser.parse_args()


def write_scene(path: Path, rows: int, cols: int, bands: int, layout: str) -> None:
    """Write a scene of repeated patches of four materials with light and noise."""
    centres_nm = np.linspace(400.0, 1000.0 if bands < 50 else 2450.0, bands)
    edge = 1 / (1 + np.exp(-(centres_nm - 715) / 12))
    materials = np.stack(
        [
            0.05 * np.exp(-(((centres_nm - 520) / 110) ** 2)) + 0.005,
            (0.03 + 0.4 * edge) * np.where(centres_nm > 1350, 0.55, 1.0),
            0.4 / (1 + np.exp(-(centres_nm - 650) / 180)),
            0.12 + 0.05 * (centres_nm - 400) / 2000,
        ]
    )
    generator = np.random.default_rng(3)
    labels = np.kron(generator.integers(0, 4, (16, 16)), np.ones((PATCH_PX // 16, PATCH_PX // 16), dtype=int))
    light = generator.normal(1.0, 0.08, labels.shape)
    noise = generator.normal(0.0, 30.0, labels.shape)
    driver, creation = LAYOUTS[layout]
    dataset = gdal.GetDriverByName(driver).Create(str(path), cols, rows, bands, gdal.GDT_Int16, options=creation)
    dataset.SetGeoTransform((500_000.0, 5.0, 0.0, 5_800_000.0, 0.0, -5.0))
    for number, centre_nm in enumerate(centres_nm, start=1):
        dataset.GetRasterBand(number).SetMetadataItem("wavelength", f"{centre_nm:.2f}")
        dataset.GetRasterBand(number).SetMetadataItem("wavelength_units", "Nanometers")
    patch = np.empty((bands, PATCH_PX, PATCH_PX), dtype=np.int16)
    for index in range(bands):
        patch[index] = np.rint(materials[labels, index] * light * 10_000 + np.roll(noise, index))
    wide = np.tile(patch, (1, 1, -(-cols // PATCH_PX)))[:, :, :cols]
    for row in range(0, rows, PATCH_PX):
        dataset.WriteArray(wide[:, : min(PATCH_PX, rows - row)], 0, row)
    dataset.FlushCache()


def _clip_options(folder: Path) -> dict[str, Any]:
    """Options of a run with CLIP, its checkpoints written."""
    from safetensors.torch import save_file

    from tests.helpers.clip_models import jbu_state
    from tests.helpers.tiny_clip import make_tiny_clip, tiny_config

    model, upsampler = folder / "small.safetensors", folder / "jbu_one.safetensors"
    make_tiny_clip(model, config=tiny_config(patch_px=16, image_px=224))
    save_file({name: value.float() for name, value in jbu_state(dimensions=48).items()}, upsampler)
    clip = {"scales": [1.0, 2.0], "window_px": 224, "stride_px": 112, "upsampler": "jbu_one"}
    return {"source": "clip", "model": str(model), "upsampler": str(upsampler), "clip": clip, "refine": False}


class _Memory(threading.Thread):
    """Watches a process's memory but for the pages of files it has mapped, which the system may take back; on Linux."""

    def __init__(self, process_id: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{process_id}/status")
        self.peak_kib = 0

    def run(self) -> None:
        """Look five times a second until the process ends."""
        while True:
            try:
                fields = dict(line.split(":", 1) for line in self._status.read_text().splitlines())
                self.peak_kib = max(self.peak_kib, int(fields["RssAnon"].split()[0]))
            except (OSError, KeyError):  # it has ended, or this is no Linux
                return
            time.sleep(0.2)


def _run(path: Path, n_values: int, folder: Path, clip: bool) -> dict[str, float]:
    job = {
        "job": "classify",
        "config": {
            "scene": {"source": str(path)},
            "classes": CLASSES,
            "outputs": {
                "map": str(folder / "map.tif"),
                "confidence": str(folder / "confidence.tif"),
                "report": str(folder / "report.html"),
            },
            **(_clip_options(folder) if clip else {}),
        },
    }
    started = time.perf_counter()
    worker = subprocess.Popen(
        [sys.executable, "-m", "special_qgis.engine.worker"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        text=True,
    )
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(job) + "\n")
    worker.stdin.flush()
    memory = _Memory(worker.pid)
    memory.start()
    _, status, usage = os.wait4(worker.pid, 0)
    memory.join()
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"the job ended with status {status}")
    return {
        "seconds": round(seconds, 1),
        "million_values_per_s": round(n_values / seconds / 1e6, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024, 0),
        "peak_without_files_mib": round(memory.peak_kib / 1024, 0),
        "file_mib": round(path.stat().st_size / 2**20),
    }


if __name__ == "__main__":
    raise SystemExit(main())
