# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentinel-2 L2A and L1C as .SAFE folder or ZIP: ten bands on the grid of 20 m, finer ones averaged.

Source: ESA, Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD): names of files, quantification value,
radiometric offsets, classes of the scene classification.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from ..rasters.opening import Grid
from .candidate import Candidate, find_candidate, folder_of
from .product import BandFile, Product, QualityLayer, Spectra
from .raster_files import Mark, grid_of, quality_layer
from .reader_kind import Reader
from .xml_tree import Element, read_xml, to_number

_BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
_PHYSICAL = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")  # by band id
_SAFE = re.compile(r"^(?P<folder>.*?[/\\]?(?P<id>S2[A-D]_MSIL(1C|2A)_\w+)\.SAFE)(?:[/\\].*)?$", re.IGNORECASE)
_IMAGE = r"T\w{5}_\d{8}T\d{6}_(?P<band>B\w{2})(_(?P<metres>\d0)m)?\.jp2"
_CLASSES = (("fill", (0,)), ("shadow", (3,)), ("cloud", (8, 9)), ("cirrus", (10,)), ("snow", (11,)))  # of SCL


def _recognises(candidate: Candidate) -> bool:
    return _SAFE.match(candidate.path) is not None or bool(candidate.first(r"MTD_MSIL(1C|2A)\.xml"))


def _read(candidate: Candidate, progress: Progress) -> Product:
    whole = _whole(candidate)
    document = read_xml(whole.require(r"MTD_MSIL(1C|2A)\.xml", "MTD_MSIL2A.xml"))
    paths = _finest(whole)
    names = [name for name in _BANDS if name in paths]
    reference = next((name for name in ("B05", "B11", "B8A") if name in paths), None)
    if reference is None or len(names) < 2:
        raise InputError(f"{candidate.text} has no bands of 20 m.", "Keep the .SAFE folder as downloaded.")
    grid = grid_of(paths[reference])
    files = tuple(BandFile(paths[name], 1) for name in names)
    centres, widths = _spectra(document, names)
    scale, offset = _calibration(document, names)
    is_surface = whole.first(r"MTD_MSIL2A\.xml") is not None
    match = _SAFE.match(candidate.path)
    return Product(
        title="Sentinel-2 L2A" if is_surface else "Sentinel-2 L1C",
        name=match.group("id") if match else candidate.text,
        grid=grid,
        spectra=Spectra(centres, widths),
        quantity="reflectance",
        scale=scale,
        offset=offset,
        files=files,
        nodata=0.0,
        layers=tuple(_layers(whole, grid)),
        notes=("Bands of 10 m are averaged to 20 m; those of 60 m, which serve the atmosphere, are left out.",),
    )


def _whole(candidate: Candidate) -> Candidate:
    """The whole product, wherever inside it the text points."""
    found = _SAFE.match(candidate.path)
    folder = found.group("folder") if found else candidate.path if candidate.is_folder else folder_of(candidate.path)
    whole = candidate if folder == candidate.path else find_candidate(folder)
    if whole is None:
        raise InputError(f"{candidate.text} lies in no product folder.", "Keep the .SAFE folder as downloaded.")
    return whole


def _finest(whole: Candidate) -> Dict[str, str]:
    """The image of each band that fits 20 m best: that of 20 m, else the finer one."""
    found: Dict[str, Tuple[int, str]] = {}
    for path, match in whole.matching(_IMAGE):
        metres = int(match.group("metres") or 0)
        rank = {20: 0, 10: 1, 0: 1}.get(metres, 2)
        name = match.group("band").upper()
        if "QI_DATA" not in path and rank < 2 and (name not in found or rank < found[name][0]):
            found[name] = rank, path
    return {name: path for name, (_, path) in found.items()}


def _spectra(document: Element, names: List[str]) -> Tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres and widths in nm, by the product's own list."""
    known = {}
    for item in document.find_all("Spectral_Information"):
        wavelength = item.require("Wavelength")
        width = wavelength.number("MAX") - wavelength.number("MIN")
        known[item.attribute("physicalBand").upper()] = wavelength.number("CENTRAL"), width
    short = [re.sub(r"^B0", "B", name) for name in names]
    missing = [name for name in short if name not in known]
    if missing:
        raise InputError(f"The product's metadata give no wavelength for {missing[0]}.", "Download the product again.")
    return np.array([known[name][0] for name in short]), np.array([known[name][1] for name in short])


def _calibration(document: Element, names: List[str]) -> Tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = document.find("BOA_QUANTIFICATION_VALUE") or document.find("QUANTIFICATION_VALUE")
    quantification = to_number(found.text(), "QUANTIFICATION_VALUE") if found is not None else 10000.0
    if quantification <= 0:
        raise InputError(f"The quantification value is {quantification:g}.", "Download the product again.")
    offsets: Dict[str, float] = {}
    for tag in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"):
        for item in document.find_all(tag):
            index = int(to_number(item.attribute("band_id"), "band_id"))
            if 0 <= index < len(_PHYSICAL):
                offsets[_PHYSICAL[index]] = to_number(item.text(), tag)
    values = [offsets.get(re.sub(r"^B0", "B", name), 0.0) / quantification for name in names]
    return np.full(len(names), 1.0 / quantification), np.array(values)


def _layers(whole: Candidate, grid: Grid) -> List[QualityLayer]:
    path = whole.first(r"T\w{5}_\d{8}T\d{6}_SCL_20m\.jp2")
    return [] if path is None else [quality_layer(kind, path, [1], _any_of(values), grid) for kind, values in _CLASSES]


def _any_of(classes: Tuple[int, ...]) -> Mark:
    def mark(values: NDArray[Any]) -> NDArray[np.bool_]:
        return np.isin(values, classes)

    return mark


READER = Reader("Sentinel-2", _recognises, _read)
