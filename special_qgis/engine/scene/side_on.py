# SPDX-License-Identifier: GPL-2.0-or-later
"""Cubes whose axes are swapped: a side of the raster is as long as the list of wavelengths, and the bands are lines."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Dict, Tuple

from ..config import SceneConfig
from ..errors import SpectraError
from ..rasters.metadata import RasterMetadata
from .sensors import SENSORS
from .spectra import parse_wavelengths
from .wavelength_items import list_lengths


def refuse_side_on(dataset: Any, metadata: RasterMetadata, band_numbers: Tuple[int, ...], config: SceneConfig) -> None:
    """Refuse a raster without fitting wavelengths whose rows or columns are as many as the wavelengths.

    Call it where no wavelengths were found that fit the bands.

    Args:
        dataset: Open gdal.Dataset.
        metadata: What the file says of itself.
        band_numbers: Spectral bands, counted from 1.
        config: Typed wavelengths and sensor.

    Raises:
        SpectraError: A side is as long as what was typed, as the sensor's table, or as a list in the file.
    """
    sides = {dataset.RasterYSize: "rows", dataset.RasterXSize: "columns"}
    for count, what in _expected(metadata, band_numbers, config).items():
        if count in sides and count not in (len(band_numbers), metadata.n_bands):
            raise SpectraError(
                f"The scene lies on its side: {what} has {count} bands, which are the raster's {sides[count]}; its "
                f"{len(band_numbers)} bands are lines of the image. A raster with one band a wavelength is accepted.",
                "Give the sensor's product as downloaded, or turn the axes (in Python with numpy.moveaxis) and save "
                "a GeoTIFF.",
            )


def _expected(metadata: RasterMetadata, band_numbers: Tuple[int, ...], config: SceneConfig) -> Dict[int, str]:
    """Numbers of bands that are expected, each with who expects it."""
    found = {length: f"the list {name}" for name, length in list_lengths(metadata, band_numbers) if length > 1}
    if config.sensor in SENSORS:
        sensor = SENSORS[config.sensor]
        found.update(dict.fromkeys(sensor.band_counts, sensor.label))
    if config.wavelengths.strip():
        with suppress(SpectraError):  # which is what the caller is about to say
            found[int(parse_wavelengths(config.wavelengths)[0].size)] = "the list typed"
    return found
