# SPDX-License-Identifier: GPL-2.0-or-later
"""DESIS L1C and L2A: a GeoTIFF of 235 bands with a metadata XML, and a raster of quality flags.

Source: DESIS Products Definition Document (DLR, PAV-DES-TN-002).
"""

from __future__ import annotations

import re
from typing import List, Tuple

import numpy as np

from ..errors import InputError
from ..progress import Progress
from ..rasters.opening import Grid
from .candidate import Candidate
from .product import Product, QualityLayer, Spectra
from .raster_files import bands_of, grid_of, open_file, quality_layer
from .reader_kind import Reader
from .xml_tree import read_xml

_NAME = r"(?P<id>DESIS-HSI-.*?)-(METADATA\.XML|(SPECTRAL_IMAGE|QL_)[^/]*)"
_METADATA = r"-METADATA\.XML"
_FLAGS: Tuple[Tuple[str, Tuple[int, ...]], ...] = (  # bands of QL_QUALITY-2, from 1
    ("shadow", (1,)),
    ("snow", (3,)),
    ("haze", (4, 5)),
    ("cloud", (6, 7)),
)


def _recognises(candidate: Candidate) -> bool:
    return candidate.is_described(_NAME, _METADATA)


def _read(candidate: Candidate, progress: Progress) -> Product:
    name = candidate.identifier(_NAME)
    stem = re.escape(name)
    if re.search(r"L1[AB]", name, re.IGNORECASE):
        raise InputError(
            f"{name} is a DESIS product in the sensor's own geometry. L1C and L2A are accepted.",
            "Order the scene as L2A.",
        )
    image = candidate.require(stem + r"-SPECTRAL_IMAGE(_COG)?\.(TIFF?|GEOTIFF)", "…-SPECTRAL_IMAGE.tif")
    document = read_xml(candidate.require(stem + _METADATA, "…-METADATA.xml"))
    bands = list(document.require("bandCharacterisation").children("band"))
    columns = {
        name: np.array([band.number(name) for band in bands], np.float64)
        for name in ("wavelengthCenterOfBand", "wavelengthWidthOfBand", "gainOfBand", "offsetOfBand")
    }
    grid = grid_of(image)
    is_l1 = "L1C" in name.upper()
    return Product(
        title="DESIS L1C" if is_l1 else "DESIS L2A",
        name=name,
        grid=grid,
        spectra=Spectra(columns["wavelengthCenterOfBand"], columns["wavelengthWidthOfBand"]),
        quantity="radiance" if is_l1 else "reflectance",
        unit="mW/(cm^2 sr um)" if is_l1 else "",
        scale=columns["gainOfBand"],
        offset=columns["offsetOfBand"],
        files=bands_of(image, len(bands), "metadata XML"),
        nodata=-32768.0,
        layers=tuple(_layers(candidate, stem, grid)),
    )


def _layers(candidate: Candidate, stem: str, grid: Grid) -> List[QualityLayer]:
    path = candidate.first(stem + r"-QL_QUALITY-2(_COG)?\.(TIFF?|GEOTIFF)")
    if path is None:
        return []
    count = open_file(path).RasterCount
    return [
        quality_layer(kind, path, numbers, lambda values: values != 0, grid)
        for kind, numbers in _FLAGS
        if max(numbers) <= count
    ]


READER = Reader("DESIS", _recognises, _read)
