# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed and memory of scene reading: open, sample and read all tiles of a large scene, by file layout.

Run by hand: ``python -m benchmarks.scene_reading [--rows 10000] [--cols 2000] [--bands 200] [--folder /tmp]``.
The scene is noise around a smooth spectrum, repeated down the rows, so that compression does real work.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from osgeo import gdal

from special_qgis.engine.config import SceneConfig
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.scene import reader as reader_module
from special_qgis.engine.scene.opening import open_scene

STRIP_ROWS = 256
LAYOUTS = {
    "deflate_pixel_strips": ("GTiff", ["INTERLEAVE=PIXEL", "COMPRESS=DEFLATE", "ZLEVEL=1"]),
    "deflate_band_strips": ("GTiff", ["INTERLEAVE=BAND", "COMPRESS=DEFLATE", "ZLEVEL=1"]),
    "deflate_pixel_tiles": ("GTiff", ["INTERLEAVE=PIXEL", "COMPRESS=DEFLATE", "ZLEVEL=1", "TILED=YES"]),
    "deflate_band_tiles": ("GTiff", ["INTERLEAVE=BAND", "COMPRESS=DEFLATE", "ZLEVEL=1", "TILED=YES"]),
    "deflate_band_tiles_512": (
        "GTiff",
        ["INTERLEAVE=BAND", "COMPRESS=DEFLATE", "ZLEVEL=1", "TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512"],
    ),
    "envi_bil": ("ENVI", ["INTERLEAVE=BIL"]),
    "envi_bip": ("ENVI", ["INTERLEAVE=BIP"]),
    "envi_bsq": ("ENVI", ["INTERLEAVE=BSQ"]),
}


def write_scene(path: Path, layout: str, rows: int, cols: int, bands: int) -> None:
    """Write a scene of noise with wavelengths, strip by strip."""
    driver, options = LAYOUTS[layout]
    options = [*options, "BIGTIFF=YES"] if driver == "GTiff" else options
    dataset = gdal.GetDriverByName(driver).Create(str(path), cols, rows, bands, gdal.GDT_Int16, options=options)
    for number, nm in enumerate(np.linspace(400, 2440, bands), 1):
        dataset.GetRasterBand(number).SetMetadataItem("wavelength", f"{nm:.2f}")
        dataset.GetRasterBand(number).SetMetadataItem("wavelength_units", "Nanometers")
    rng = np.random.default_rng(0)
    spectrum = 1500 + 1000 * np.sin(np.arange(bands) / 25)
    strip = np.empty((bands, STRIP_ROWS, cols), np.int16)
    for band in range(bands):
        strip[band] = spectrum[band] + rng.normal(0, 50, (STRIP_ROWS, cols))
    for row in range(0, rows, STRIP_ROWS):
        n = min(STRIP_ROWS, rows - row)
        dataset.WriteRaster(0, row, cols, n, np.ascontiguousarray(strip[:, :n]).tobytes())
    dataset.FlushCache()


def measure(path: Path) -> str:
    """Time the stages of reading one scene."""
    in_gdal = [0.0]
    plain_read = reader_module.read_window

    def timed_read(*arguments: object) -> object:
        begin = time.perf_counter()
        try:
            return plain_read(*arguments)  # type: ignore[arg-type]
        finally:
            in_gdal[0] += time.perf_counter() - begin

    reader_module.read_window = timed_read  # type: ignore[assignment]
    try:
        begin = time.perf_counter()
        with open_scene(SceneConfig(str(path))) as scene:
            opened = time.perf_counter()
            scene.sample(200_000, 0)
            sampled = time.perf_counter()
            in_gdal[0], begin_cpu = 0.0, time.process_time()
            n_valid = sum(int(block.valid.sum()) for _, block in scene.tiles(NullProgress()))
            done, done_cpu = time.perf_counter(), time.process_time()
            megabytes = scene.area.n_px * scene.n_bands * scene.dtype.itemsize / 1e6
    finally:
        reader_module.read_window = plain_read
    seconds = done - sampled
    peak_mib = peak_memory_mib()
    return (
        f"open {opened - begin:6.2f} s  sample {sampled - opened:6.2f} s  "
        f"tiles {seconds:7.2f} s = {megabytes / seconds:5.0f} MB/s, {in_gdal[0] / seconds:4.0%} of it in GDAL, "
        f"{megabytes / (done_cpu - begin_cpu):5.0f} MB per CPU second  "
        f"valid {n_valid}  peak {peak_mib:.0f} MiB"
    )


def peak_memory_mib() -> float:
    """Peak resident memory of this process; getrusage would count its parent's too, from before exec."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text(encoding="ascii"))[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Write, measure and delete one scene per layout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--cols", type=int, default=2_000)
    parser.add_argument("--bands", type=int, default=200)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), action="append")
    parser.add_argument("--measure", help="measure this file and do nothing else")
    arguments = parser.parse_args()
    gdal.UseExceptions()
    if arguments.measure:
        print(measure(Path(arguments.measure)))
        return
    for layout in arguments.layout or sorted(LAYOUTS):
        folder = Path(tempfile.mkdtemp(dir=arguments.folder))
        try:
            path = folder / ("scene.tif" if LAYOUTS[layout][0] == "GTiff" else "scene.img")
            write_scene(path, layout, arguments.rows, arguments.cols, arguments.bands)
            print(f"{layout:24s} ", end="", flush=True)
            subprocess.run(
                [sys.executable, "-m", "benchmarks.scene_reading", "--measure", str(path)], check=True
            )  # its own peak memory
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
