# SPDX-License-Identifier: GPL-2.0-or-later
"""EMIT L2A reflectance (and L1B radiance): a swath (lines, samples, bands) laid on its map grid by the lookup table.

``ortho[r, c] = swath[glt_y[r, c] − 1, glt_x[r, c] − 1]``, where 0 in the table means no data.
Source: EMIT L2A Algorithm Theoretical Basis Document and the product's user guide (LP DAAC).
"""

from __future__ import annotations

import re
from typing import Any, List, Optional

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from ..errors import InputError
from ..progress import Progress
from ..rasters.opening import Grid, spatial_reference
from ..windows import Window
from .candidate import base_name, folder_of
from .hdf5 import Hdf5File
from .product import Cube, Product, QualityLayer, Spectra

_FILL = -9999.0
_TILE_PX = 256
_MASK_BANDS = (("cloud", (0, 4)), ("cirrus", (1,)))  # of the sibling mask, from 0: cloud, dilated cloud; cirrus


def recognises(file: Hdf5File) -> bool:
    """Whether a file is an EMIT product with a cube."""
    return file.has("/sensor_band_parameters/wavelengths") and file.has("/location/glt_x")


def read(file: Hdf5File, progress: Progress) -> Product:
    """Describe a product.

    Args:
        file: The open file.
        progress: Unused.

    Raises:
        InputError: It has no cube of reflectance or radiance, or is damaged.
    """
    name = next((name for name in ("/reflectance", "/radiance") if file.has(name)), None)
    if name is None:
        raise InputError(
            f"{file.name} is an EMIT product without reflectance or radiance.",
            "Give the file EMIT_L2A_RFL_….nc of the same scene.",
        )
    n_bands = file.shape(name)[2]
    parameters = "/sensor_band_parameters/"
    grid = _grid(file)
    good = parameters + "good_wavelengths"
    return Product(
        title="EMIT L2A" if name == "/reflectance" else "EMIT L1B",
        name=file.name,
        grid=grid,
        spectra=Spectra(
            file.numbers(parameters + "wavelengths", n_bands),
            file.numbers(parameters + "fwhm", n_bands),
            file.numbers(good, n_bands) == 1 if file.has(good) else None,
        ),
        quantity=name[1:],
        unit="" if name == "/reflectance" else "uW/(cm^2 sr nm)",
        scale=np.ones(n_bands),
        offset=np.zeros(n_bands),
        cube=Cube(n_bands, np.float32, lambda window: _gather(file, file, name, window), (_TILE_PX, _TILE_PX)),
        nodata=_FILL,
        layers=tuple(_layers(file)),
    )


def _grid(file: Hdf5File) -> Grid:
    rows, cols = file.shape("/location/glt_x")
    values = file.list_of_numbers("", "geotransform", 6)
    geotransform = tuple(float(value) for value in values)
    wkt = file.text("", "spatial_ref")
    spatial_reference(wkt)
    return Grid(rows, cols, geotransform, wkt)  # type: ignore[arg-type] # six of them, counted above


def _gather(file: Hdf5File, source: Hdf5File, name: str, window: Window) -> NDArray[Any]:
    """A window of the map grid out of a swath array, (bands, rows, cols); −9999 where the table has none."""
    start, count = (window.row_off, window.col_off), (window.rows, window.cols)
    lines = np.abs(file.read("/location/glt_y", start, count).astype(np.int64))
    samples = np.abs(file.read("/location/glt_x", start, count).astype(np.int64))
    n_lines, n_samples, n_bands = source.shape(name)
    known = (lines > 0) & (samples > 0)
    result = np.full((n_bands, window.rows, window.cols), _FILL, np.float32)
    if not known.any():
        return result
    lines, samples = lines[known] - 1, samples[known] - 1
    if lines.max() >= n_lines or samples.max() >= n_samples:
        raise InputError(
            f"The lookup table of {file.name} points outside the swath of {n_lines} × {n_samples} pixels.",
            "The product is damaged, or its mask belongs to another scene; download both again.",
        )
    line, sample = int(lines.min()), int(samples.min())
    part = (int(lines.max()) - line + 1, int(samples.max()) - sample + 1, n_bands)
    values = source.read(name, (line, sample, 0), part)
    result[:, known] = values[lines - line, samples - sample].T
    return result


def _layers(file: Hdf5File) -> List[QualityLayer]:
    mask = _sibling_mask(file.path)
    if mask is None or not mask.has("/mask") or len(mask.shape("/mask")) != 3:
        return []
    n_flags = mask.shape("/mask")[2]
    return [_layer(file, mask, kind, bands) for kind, bands in _MASK_BANDS if max(bands) < n_flags]


def _layer(file: Hdf5File, mask: Hdf5File, kind: str, bands: Any) -> QualityLayer:
    return QualityLayer(
        kind, lambda window: np.asarray((_gather(file, mask, "/mask", window)[list(bands)] > 0).any(axis=0))
    )


def _sibling_mask(path: str) -> Optional[Hdf5File]:
    """The newest mask of the same scene that lies beside a file."""
    found = re.match(r"EMIT_L\w+?_(?:RFL|RAD)_(?P<version>\d+)_(?P<id>.+)\.nc$", base_name(path), re.IGNORECASE)
    if found is None:
        return None
    folder = folder_of(path) or "."
    pattern = re.compile(rf"EMIT_L2A_MASK_\d+_{re.escape(found.group('id'))}\.nc", re.IGNORECASE)
    names = sorted(name for name in gdal.ReadDir(folder) or () if pattern.fullmatch(name))
    return Hdf5File(f"{folder}/{names[-1]}") if names else None
