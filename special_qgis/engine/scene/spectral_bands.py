# SPDX-License-Identifier: GPL-2.0-or-later
"""Which bands of a file hold spectra: all but alpha bands, and bands marked as alpha that have a wavelength.

Image software marks the fourth of four bands as alpha, whatever it holds; only a wavelength shows that it is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple

import numpy as np
from osgeo import gdal

from ..config import SceneConfig
from ..errors import InputError, SpectraError
from ..progress import NullProgress, Progress
from ..rasters.metadata import RasterMetadata
from ..rasters.text import description
from .sensors import SENSORS
from .spectra import format_band_numbers, parse_wavelengths
from .wavelengths import read_file_spectra


@dataclass(frozen=True)
class SpectralBands:
    """Bands of a file, counted from 1."""

    numbers: Tuple[int, ...]  # those that hold spectra
    not_alpha: Tuple[int, ...] = ()  # of these, those marked as alpha


def find_spectral_bands(
    dataset: Any, metadata: RasterMetadata, config: SceneConfig, progress: Progress
) -> SpectralBands:
    """Find the spectral bands of a file.

    Args:
        dataset: Open gdal.Dataset.
        metadata: What the file says of itself.
        config: Wavelengths and sensor that the user gives.
        progress: Receives an info about bands marked as alpha that are used.

    Raises:
        InputError: There is only one, or one is complex.
    """
    bands = [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]
    alpha = tuple(n for n, band in enumerate(bands, 1) if band.GetColorInterpretation() == gdal.GCI_AlphaBand)
    spectral_alpha = _with_wavelength(alpha, metadata, config) if alpha else ()
    if spectral_alpha:
        progress.info(
            f"Band {format_band_numbers(spectral_alpha)} is marked as alpha but has a wavelength; it is used."
        )
    numbers = tuple(n for n in range(1, len(bands) + 1) if n not in alpha or n in spectral_alpha)
    _check_usable(dataset, numbers)
    return SpectralBands(numbers, spectral_alpha)


def _check_usable(dataset: Any, numbers: Tuple[int, ...]) -> None:
    """Refuse complex bands and a single one."""
    types = {n: dataset.GetRasterBand(n).DataType for n in numbers}
    complex_bands = [n for n in numbers if gdal.DataTypeIsComplex(types[n])]
    if complex_bands:
        kind = gdal.GetDataTypeName(types[complex_bands[0]])
        raise InputError(
            f"Band {complex_bands[0]} of {description(dataset)} holds complex numbers ({kind}); real numbers are "
            "accepted.",
            "Give an optical scene of reflectance or radiance.",
        )
    if len(numbers) < 2:
        raise InputError(
            f"{description(dataset)} has {len(numbers)} spectral band; at least 2 are needed, and tens are wanted.",
            "Give a multispectral or hyperspectral scene with all its bands in one raster.",
        )


def _with_wavelength(alpha: Tuple[int, ...], metadata: RasterMetadata, config: SceneConfig) -> Tuple[int, ...]:
    """Bands of these that have a wavelength, by the user, the file or the sensor's table."""
    everything = tuple(range(1, metadata.n_bands + 1))
    try:
        if config.wavelengths.strip():
            return alpha if parse_wavelengths(config.wavelengths)[0].size == metadata.n_bands else ()
        found = read_file_spectra(metadata, everything, NullProgress())
    except SpectraError:  # such as a list for the other bands alone; reading these raises where they are at fault
        return ()
    if found is not None:
        return tuple(n for n in alpha if np.isfinite(found.centres_nm[n - 1]) and found.centres_nm[n - 1] > 0)
    counts = SENSORS[config.sensor].band_counts if config.sensor in SENSORS else ()
    return alpha if metadata.n_bands in counts and metadata.n_bands - len(alpha) not in counts else ()
