# SPDX-License-Identifier: GPL-2.0-or-later
"""A small scene of four materials, one a quarter, for tests of the shell around the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import numpy as np
from osgeo import gdal, osr

SIDE_PX = 32
WAVELENGTHS_NM = np.arange(410.0, 2400.0, 25.0)
CLASSES = "water: river, lake #1f78b4; tree; bare soil; asphalt"
QUARTERS = ((1, 2), (3, 4))  # class ids of the quarters, rows then columns
ORIGIN = (380000.0, 5810000.0)
PIXEL_M = 4.0


def _step(nm: np.ndarray, centre: float, width: float) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-(nm - centre) / width))


def spectra(nm: np.ndarray = WAVELENGTHS_NM) -> Dict[int, np.ndarray]:
    """Reflectance of the four materials by class id, each (bands,), 0 to 1."""
    green = 0.05 * np.exp(-(((nm - 555.0) / 35.0) ** 2))
    leaf_water = 0.25 * _step(nm, 1400.0, 40.0) + 0.12 * _step(nm, 1900.0, 40.0)
    return {
        1: 0.07 * np.exp(-(nm - 400.0) / 250.0) + 0.002,
        2: 0.03 + green + 0.45 * _step(nm, 715.0, 12.0) - leaf_water,
        3: 0.08 + 0.32 * (1.0 - np.exp(-(nm - 400.0) / 500.0)),
        4: 0.10 + 0.00001 * (nm - 400.0),
    }


def cube(seed: int = 0) -> np.ndarray:
    """(bands, rows, cols) int16, reflectance times 10 000, with a little noise."""
    materials = spectra()
    values = np.zeros((WAVELENGTHS_NM.size, SIDE_PX, SIDE_PX))
    half = SIDE_PX // 2
    for row, ids in enumerate(QUARTERS):
        for col, class_id in enumerate(ids):
            part = values[:, row * half : (row + 1) * half, col * half : (col + 1) * half]
            part[:] = materials[class_id][:, None, None]
    generator = np.random.default_rng(seed)
    brightness = generator.normal(1.0, 0.05, (1, SIDE_PX, SIDE_PX))
    noise = generator.normal(0.0, 0.002, values.shape)
    return np.clip((values * brightness + noise) * 10000.0, 1, 20000).astype(np.int16)


def truth() -> np.ndarray:
    """(rows, cols) uint8, class ids."""
    return np.kron(np.array(QUARTERS, np.uint8), np.ones((SIDE_PX // 2, SIDE_PX // 2), np.uint8))


def write_raster(
    path: Path, array: np.ndarray, wavelengths: Optional[np.ndarray] = None, epsg: int = 32633, origin: bool = True
) -> Path:
    """Write an array as GeoTIFF.

    Args:
        path: Where to.
        array: (bands, rows, cols) or (rows, cols).
        wavelengths: Band centres in nm, written as band tags; None = none.
        epsg: Code of the coordinate system; 0 = none.
        origin: Whether to write a geotransform.
    """
    bands = array if array.ndim == 3 else array[None]
    kinds = {
        "int16": gdal.GDT_Int16,
        "uint8": gdal.GDT_Byte,
        "float32": gdal.GDT_Float32,
        "complex64": gdal.GDT_CFloat32,
    }
    driver = gdal.GetDriverByName("GTiff")
    dataset = driver.Create(str(path), bands.shape[2], bands.shape[1], bands.shape[0], kinds[str(bands.dtype)])
    if origin:
        dataset.SetGeoTransform((ORIGIN[0], PIXEL_M, 0.0, ORIGIN[1], 0.0, -PIXEL_M))
    if epsg:
        system = osr.SpatialReference()
        system.ImportFromEPSG(epsg)
        dataset.SetProjection(system.ExportToWkt())
    for index in range(bands.shape[0]):
        band = dataset.GetRasterBand(index + 1)
        band.WriteArray(bands[index])
        if wavelengths is not None:
            band.SetMetadata({"wavelength": f"{wavelengths[index]:.2f}", "wavelength_units": "nm"})
    dataset.FlushCache()
    del dataset
    return path


def write_scene(path: Path, epsg: int = 32633, seed: int = 0) -> Path:
    """Write the scene with its wavelengths."""
    return write_raster(path, cube(seed), WAVELENGTHS_NM, epsg)


def write_truth(path: Path) -> Path:
    """Write the class ids of the scene."""
    return write_raster(path, truth())
