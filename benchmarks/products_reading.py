# SPDX-License-Identifier: GPL-2.0-or-later
"""Time and memory of opening a PRISMA product of full size, before anything is mapped.

Run as ``python -m benchmarks.products_reading``; needs h5py, which writes the product.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from osgeo import gdal

from special_qgis.engine.config.products import ProductOptions
from special_qgis.engine.products.opening import open_source

ROWS, COLS, CHANNELS = 1000, 1000, (66, 173)
UTM_33 = 32633


def write_prisma(path: Path) -> None:
    """A PRISMA L2D of full size with random reflectance, compressed a line at a time."""
    generator = np.random.default_rng(0)
    line = generator.integers(1000, 40000, (max(CHANNELS), COLS), np.uint16)
    with h5py.File(path, "w") as file:
        for word, count, nm in (("Vnir", CHANNELS[0], (1010, 402)), ("Swir", CHANNELS[1], (2497, 920))):
            cube = file.create_dataset(
                f"HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/{word.upper()}_Cube",
                (ROWS, count, COLS),
                np.uint16,
                chunks=(1, count, COLS),
                compression="gzip",
                compression_opts=1,
            )
            for row in range(ROWS):
                cube[row] = np.roll(line[:count], row, axis=1)
            file.attrs[f"List_Cw_{word}"] = np.linspace(*nm, count).astype(np.float32)
            file.attrs[f"List_Fwhm_{word}"] = np.full(count, 11.0, np.float32)
            file.attrs[f"List_Cw_{word}_Flags"] = np.ones(count, np.int32)
            file.attrs[f"L2Scale{word}Min"], file.attrs[f"L2Scale{word}Max"] = np.float32(0), np.float32(1)
        file.attrs["Epsg_Code"] = np.int32(UTM_33)
        file.attrs["Product_ULcorner_easting"], file.attrs["Product_ULcorner_northing"] = 600015.0, 5799985.0
        file.attrs["Product_LRcorner_easting"] = 600015.0 + 30.0 * (COLS - 1)
        file.attrs["Product_LRcorner_northing"] = 5799985.0 - 30.0 * (ROWS - 1)


def main() -> None:
    """Write the product in a temporary folder, open it, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "PRS_L2D_STD_benchmark.he5"
        write_prisma(path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        with open_source(str(path), ProductOptions()) as opened:
            seconds = time.perf_counter() - started
            n_bands = gdal.Open(opened.source).RasterCount
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sys.stdout.write(
            f"PRISMA {ROWS} x {COLS} x {n_bands}: {seconds:.1f} s, peak {peak / 2**20:.2f} GiB "
            f"(before opening {before / 2**20:.2f} GiB)\n"
        )


if __name__ == "__main__":
    main()
