# SPDX-License-Identifier: GPL-2.0-or-later
"""EnMAP L1C and L2A: a GeoTIFF of 224 bands whose wavelengths, gains and detectors stand in the metadata XML.

Source: EnMAP Ground Segment, Product Specification (EN-PCV-ICD-2009); metadata names as in the products.
"""

from __future__ import annotations

import re
from typing import Any, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from .candidate import Candidate, base_name
from .product import Product, QualityLayer, Spectra
from .raster_files import Mark, bands_of, grid_of, quality_layer
from .reader_kind import Reader
from .xml_tree import Element, read_xml, to_number

_NAME = r"(?P<id>ENMAP.*?)-(METADATA\.XML|(SPECTRAL_IMAGE|QL_)[^/]*)"
_METADATA = r"-METADATA\.XML"
_IMAGE = r"-SPECTRAL_IMAGE(_COG)?\.(TIFF?|GEOTIFF|BSQ|BIL|BIP|JP2)"
_DEAD_MEAN = -1000000.0
_LEAST_CIRRUS = 2  # 1 thin, 2 medium, 3 thick; L2A corrects the thin
_MASKS: Tuple[Tuple[str, str, Mark], ...] = (
    ("cloud", "QUALITY_CLOUD", lambda values: values == 1),
    ("shadow", "QUALITY_CLOUDSHADOW", lambda values: values == 1),
    ("haze", "QUALITY_HAZE", lambda values: values == 1),
    ("snow", "QUALITY_SNOW", lambda values: values == 1),
    ("cirrus", "QUALITY_CIRRUS", lambda values: (values >= _LEAST_CIRRUS) & (values <= 3)),
    ("fill", "QUALITY_CLASSES", lambda values: values == 3),
)


def _recognises(candidate: Candidate) -> bool:
    return candidate.is_described(_NAME, _METADATA)


def _read(candidate: Candidate, progress: Progress) -> Product:
    name = candidate.identifier(_NAME)
    stem = re.escape(name)
    level = re.search(r"L(1B|1C|2A)", name, re.IGNORECASE)
    if level and level.group(1).upper() == "1B":
        raise InputError(
            f"{name} is an EnMAP L1B product, whose two detectors are not on one grid. L1C and L2A are accepted.",
            "Order the scene as L2A, or process it with enpt.",
        )
    image = candidate.require(stem + _IMAGE, "…-SPECTRAL_IMAGE.TIF")
    document = read_xml(candidate.require(stem + _METADATA, "…-METADATA.XML"))
    bands = list(document.require("specific", "bandCharacterisation").children("bandID"))
    gain, offset = _column(bands, "GainOfBand"), _column(bands, "OffsetOfBand")
    spectra = Spectra(
        _column(bands, "wavelengthCenterOfBand"),
        _column(bands, "FWHMOfBand"),
        ~_dead_bands(document, len(bands)),
        _swir_bands(document, len(bands)),
    )
    grid = grid_of(image)
    is_l1 = bool(level and level.group(1).upper() == "1C")
    return Product(
        title=f"EnMAP {level.group(0).upper() if level else 'product'}",
        name=name,
        grid=grid,
        spectra=spectra,
        quantity="radiance" if is_l1 else "reflectance",
        unit="W/(m^2 sr nm)" if is_l1 else "",
        scale=gain,
        offset=offset,
        files=bands_of(image, len(bands), "metadata XML"),
        nodata=0.0 if is_l1 else -32768.0,
        layers=tuple(_layers(candidate, stem, grid)),
    )


def _column(bands: List[Element], name: str) -> NDArray[np.float64]:
    return np.array([band.number(name) for band in bands], np.float64)


def _dead_bands(document: Element, n_bands: int) -> NDArray[np.bool_]:
    """Bands whose statistics say that they hold nothing: mean −1000000 and standard deviation 0."""
    dead = np.zeros(n_bands, bool)
    statistics = document.find("product", "bandStatistics")
    for position, band in enumerate(statistics.children("bandID") if statistics is not None else ()):
        mean, deviation = band.find("mean"), band.find("stdDeviation")
        if position < n_bands and mean is not None and deviation is not None:
            dead[position] = (
                to_number(mean.text(), "mean") == _DEAD_MEAN and to_number(deviation.text(), "stdDeviation") == 0.0
            )
    return dead


def _swir_bands(document: Element, n_bands: int) -> Optional[NDArray[np.bool_]]:
    listed = document.find("swirProductQuality", "expectedChannelsList")
    if listed is None:
        return None
    is_swir = np.zeros(n_bands, bool)
    for word in listed.text().replace(",", " ").split():
        number = to_number(word, "expectedChannelsList")
        if not 1 <= number <= n_bands or number != int(number):
            raise InputError(f"The SWIR channel {word} is none of the {n_bands} bands.", "Download the product again.")
        is_swir[int(number) - 1] = True
    return is_swir


def _layers(candidate: Candidate, stem: str, grid: Any) -> List[QualityLayer]:
    found = []
    for kind, name, mark in _MASKS:
        path = candidate.first(stem + rf"-QL_{name}(_COG)?\.(TIFF?|GEOTIFF|BSQ|BIL|BIP|JP2)")
        if path is not None and base_name(path):
            found.append(quality_layer(kind, path, [1], mark, grid))
    return found


READER = Reader("EnMAP", _recognises, _read)
