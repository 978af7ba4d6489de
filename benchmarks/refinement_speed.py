# SPDX-License-Identifier: GPL-2.0-or-later
"""Time and memory of a whole default refinement by scene size, in memory and on disk.

Run with ``python -m benchmarks.refinement_speed [--sizes 128x128 256x256 512x512 1096x715] [--threads 2] [--write]``.
The tests of the stage run first; while one fails, no figure is printed. Every size runs in a process of its own, so
that the peak of its memory is its own. ``--disk 1000 4000`` adds scenes on disk of so many pixels a side and 200 bands,
of which the training and the first two rows of windows are run with a short schedule: memory must not grow with them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import torch
from osgeo import gdal

from benchmarks.machine import describe_machine, show, stage_tests_pass
from special_qgis.engine.config import RefineConfig, SceneConfig
from special_qgis.engine.evidence.tile_store import TileStore
from special_qgis.engine.probabilities import probabilities_of_labels
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine.first_stage import Pixels
from special_qgis.engine.refine.network import network_builder
from special_qgis.engine.refine.refinement import predict_tiles
from special_qgis.engine.refine.scene_pixels import ScenePixels
from special_qgis.engine.refine.train import train
from special_qgis.engine.scene.opening import open_scene
from tests.helpers.refined_cube import ArrayPixels

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "refinement_speed.md"
N_BANDS, N_CLASSES = 102, 9
NAMES = [f"class {k + 1}" for k in range(N_CLASSES)]
DISK_BANDS, PATCH_PX = 200, 500  # a scene on disk repeats one patch, so that it needs little of it
FIELD_PX = 20  # side of the fields that materials cover
WRONG_SHARE = 0.2  # of the fields, in the first stage
DISK_CONFIG = RefineConfig(epochs=2, iterations_per_epoch=8, warm_up_epochs=1)
GOAL_S = {"1096x715": 300}  # of a whole refinement on two cores


def fields(rows: int, cols: int, n_bands: int) -> tuple[np.ndarray, np.ndarray]:
    """(bands, rows, cols) float32 values of noisy fields, and (classes, rows, cols) float32 of the first stage."""
    rng = np.random.default_rng(0)
    shape = (-(-rows // FIELD_PX), -(-cols // FIELD_PX))
    truth = rng.integers(0, N_CLASSES, shape)
    told = np.where(rng.random(shape) < WRONG_SHARE, (truth + 1) % N_CLASSES, truth)
    square = np.ones((FIELD_PX, FIELD_PX), np.uint8)
    materials = rng.uniform(0.05, 0.6, (N_CLASSES, n_bands)).astype(np.float32)
    values = np.moveaxis(materials[np.kron(truth, square)[:rows, :cols]], -1, 0).copy()
    values += rng.normal(0.0, 0.03, (1, rows, cols)).astype(np.float32)
    labels = (np.kron(told, square)[:rows, :cols] + 1).astype(np.uint8)
    return values, probabilities_of_labels(labels, np.full(labels.shape, 0.7, np.float32), N_CLASSES)


def write_scene(folder: Path, side: int) -> tuple[str, np.ndarray]:
    """A virtual raster that repeats one patch; the first stage of the patch."""
    values, first_stage = fields(PATCH_PX, PATCH_PX, DISK_BANDS)
    patch = str(folder / "patch.tif")
    options = ["TILED=YES", "INTERLEAVE=BAND"]
    made = gdal.GetDriverByName("GTiff").Create(patch, PATCH_PX, PATCH_PX, DISK_BANDS, gdal.GDT_Int16, options=options)
    made.WriteArray(np.rint(values * 10_000).astype(np.int16))
    made.FlushCache()
    offsets = [(row, col) for row in range(0, side, PATCH_PX) for col in range(0, side, PATCH_PX)]
    bands = []
    for number, centre_nm in enumerate(np.linspace(420.0, 2440.0, DISK_BANDS), 1):
        sources = "".join(
            f"<SimpleSource><SourceFilename>{patch}</SourceFilename><SourceBand>{number}</SourceBand>"
            f'<SrcRect xOff="0" yOff="0" xSize="{PATCH_PX}" ySize="{PATCH_PX}"/>'
            f'<DstRect xOff="{col}" yOff="{row}" xSize="{PATCH_PX}" ySize="{PATCH_PX}"/></SimpleSource>'
            for row, col in offsets
        )
        bands.append(
            f'<VRTRasterBand dataType="Int16" band="{number}"><Metadata><MDI key="wavelength">{centre_nm:.1f}</MDI>'
            f'<MDI key="wavelength_units">Nanometers</MDI></Metadata>{sources}</VRTRasterBand>'
        )
    scene = folder / "scene.vrt"
    scene.write_text(f'<VRTDataset rasterXSize="{side}" rasterYSize="{side}">{"".join(bands)}</VRTDataset>', "utf-8")
    return str(scene), first_stage


def run(pixels: Pixels, config: RefineConfig, n_window_rows: int) -> Dict[str, float]:
    """Train and map; seconds of both, wall and processor, and the peak of memory."""
    started, processor_started = time.monotonic(), time.process_time()
    trained = train(pixels, network_builder(config), config, 0, torch.device("cpu"), NullProgress())
    trained_at, processor_trained, mapped_px = time.monotonic(), time.process_time(), 0
    for window, _ in predict_tiles(trained, pixels, config, NullProgress()):
        mapped_px += window.n_px
        if n_window_rows and mapped_px >= n_window_rows * config.tile_px * pixels.cols:
            break
    processor_done = time.process_time()
    return {
        "training_s": trained_at - started,
        "training_processor_s": processor_trained - processor_started,
        "mapping_s": time.monotonic() - trained_at,
        "mapping_processor_s": processor_done - processor_trained,
        "mapped_px": mapped_px,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure_memory_scene(rows: int, cols: int) -> Dict[str, float]:
    """A scene in memory, the whole schedule."""
    values, first_stage = fields(rows, cols, N_BANDS)
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = run(ArrayPixels(values, np.ones((rows, cols), bool), first_stage), RefineConfig(), 0)
    return {**found, "before_mib": before_mib}


def measure_disk_scene(side: int) -> Dict[str, float]:
    """A scene on disk, a short schedule, two rows of windows."""
    with tempfile.TemporaryDirectory() as name:
        path, first_stage = write_scene(Path(name), side)
        with open_scene(SceneConfig(path)) as scene, TileStore(side, side, N_CLASSES, name) as store:
            repeated = np.tile(first_stage, (1, 2, 2))
            for tile in scene.plan_tiles():
                top, left = tile.row_off % PATCH_PX, tile.col_off % PATCH_PX
                part = repeated[:, top : top + tile.rows, left : left + tile.cols]
                store.write(tile, part, np.ones(part.shape[1:], bool))
            before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            return {**run(ScenePixels(scene, store, NAMES), DISK_CONFIG, 2), "before_mib": before_mib}


def in_a_process(what: str, threads: int) -> Dict[str, float]:
    """Measure one size in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.refinement_speed", "--one", what, "--threads", str(threads)]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True, encoding="utf-8")
    found: Dict[str, float] = json.loads(done.stdout)
    return found


def render(measured: Dict[str, Dict[str, float]], on_disk: Dict[str, Dict[str, float]], threads: int) -> str:
    """The tables in Markdown."""
    config = RefineConfig()
    steps = config.epochs * config.iterations_per_epoch
    lines = [
        "# Speed and memory of the refinement",
        "",
        f"Default refinement, {steps} steps, {N_BANDS} bands, {N_CLASSES} classes, {threads} threads. "
        f"{describe_machine()}",
        "A step sees the whole scene up to "
        f"{config.tile_px}², above that an image of {config.tile_px}² put together from patches.",
        "",
        "| scene | whole, s | goal, s | training, processor s | a step, µs a pixel | mapping, processor s "
        "| mapping, µs a pixel | memory beyond the scene, MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in measured.items():
        rows, cols = map(int, name.split("x"))
        step_px = min(rows * cols, config.tile_px**2)
        whole_s = one["training_s"] + one["mapping_s"]
        lines.append(
            f"| {rows} × {cols} | {whole_s:.0f} | {GOAL_S.get(name, '–')} | {one['training_processor_s']:.0f} "
            f"| {one['training_processor_s'] / steps / step_px * 1e6:.2f} | {one['mapping_processor_s']:.1f} "
            f"| {one['mapping_processor_s'] / one['mapped_px'] * 1e6:.2f} | {one['peak_mib'] - one['before_mib']:.0f} |"
        )
    if on_disk:
        lines += [
            "",
            f"Scenes on disk, {DISK_BANDS} bands, a short training and the first two rows of windows:",
            "",
            "| scene | peak memory of the process, MiB | before the network stage, MiB |",
            "|---|---|---|",
        ]
        lines += [f"| {k} × {k} | {one['peak_mib']:.0f} | {one['before_mib']:.0f} |" for k, one in on_disk.items()]
    note = "Whole: wall time, on a machine that other work may use. Figures a pixel are processor time of all threads."
    return "\n".join([*lines, "", note, ""])


def main(arguments: List[str]) -> int:
    """Test, measure, print and, with ``--write``, keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="*", default=["128x128", "256x256", "512x512", "1096x715"])
    parser.add_argument("--disk", nargs="*", default=[], help="sides of scenes on disk, multiples of 500")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--write", action="store_true", help="write the tables to benchmarks/results/")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options: Any = parser.parse_args(arguments)
    gdal.UseExceptions()
    torch.set_num_threads(options.threads)
    if options.one:
        sides = [int(side) for side in options.one.split("x")]
        found = measure_memory_scene(*sides) if len(sides) == 2 else measure_disk_scene(sides[0])
        json.dump(found, sys.stdout)
        return 0
    if not stage_tests_pass("mamba", "refine"):
        sys.stderr.write("Tests of this stage fail: no figures.\n")
        return 1
    measured = {size: in_a_process(size, options.threads) for size in options.sizes}
    on_disk = {side: in_a_process(side, options.threads) for side in options.disk}
    text = render(measured, on_disk, options.threads)
    show(text, RESULTS if options.write else None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
