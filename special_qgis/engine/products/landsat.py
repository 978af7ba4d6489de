# SPDX-License-Identifier: GPL-2.0-or-later
"""Landsat Collection 2, level 1 and level 2: one GeoTIFF a band, and a raster of quality bits.

Source: USGS, Landsat 8-9 Collection 2 Level 2 Science Product Guide (LSDS-1619), and the level-1 data format control
books: band ranges, scale factors, bits of QA_PIXEL.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from ..rasters.opening import Grid
from .band_files import description_values, stacked
from .candidate import Candidate
from .product import Product, QualityLayer, Spectra
from .raster_files import Mark, quality_layer
from .reader_kind import Reader
from .xml_tree import to_number

_NAME = r"(?P<id>L[COTE]0[4-9]_L[12]\w{2}_\d{6}_\d{8}_\d{8}_\d{2}_\w{2})_.*"
_SURFACE_SCALE, _SURFACE_OFFSET = 2.75e-5, -0.2
_OLI = {1: (435, 451), 2: (452, 512), 3: (533, 590), 4: (636, 673), 5: (851, 879), 6: (1566, 1651), 7: (2107, 2294)}
_ETM = {1: (441, 514), 2: (519, 601), 3: (631, 692), 4: (772, 898), 5: (1547, 1749), 7: (2064, 2345)}
_TM = {1: (450, 520), 2: (520, 600), 3: (630, 690), 4: (760, 900), 5: (1550, 1750), 7: (2080, 2350)}
_RANGES_NM: Mapping[str, Mapping[int, Tuple[int, int]]] = {"C": _OLI, "O": _OLI, "E": _ETM, "T": _TM}
_BITS = (("fill", (0,)), ("cloud", (1, 3)), ("cirrus", (2,)), ("shadow", (4,)), ("snow", (5,)))  # cloud: also dilated


def _recognises(candidate: Candidate) -> bool:
    return bool(candidate.identifier(_NAME))


def _read(candidate: Candidate, progress: Progress) -> Product:
    name = candidate.identifier(_NAME)
    is_surface = name[6] == "2"
    ranges = _RANGES_NM[name[1].upper()]
    word = "SR_B" if is_surface else "B"
    pattern = re.escape(name) + rf"_{word}(?P<band>\d{{1,2}})\.TIFF?"
    paths: Dict[int, str] = {int(found.group("band")): path for path, found in candidate.matching(pattern)}
    numbers = [number for number in ranges if number in paths]
    if len(numbers) < 2:
        raise InputError(
            f"{candidate.text} has {len(numbers)} reflective bands of {name}; at least 2 are needed.",
            f"Keep the files {name}_{word}….TIF together in one folder.",
        )
    grid, files = stacked([paths[number] for number in numbers])
    scale, offset = _calibration(candidate, name, numbers, is_surface)
    edges = np.array([ranges[number] for number in numbers], np.float64)
    return Product(
        title=f"Landsat {int(name[2:4])} level {name[6]}",
        name=name,
        grid=grid,
        spectra=Spectra(edges.mean(axis=1), edges[:, 1] - edges[:, 0]),
        quantity="reflectance",
        scale=scale,
        offset=offset,
        files=files,
        nodata=0.0,
        layers=tuple(_layers(candidate, name, grid)),
    )


def _calibration(
    candidate: Candidate, name: str, numbers: List[int], is_surface: bool
) -> Tuple[NDArray[np.float64], NDArray[np.float64]]:
    if is_surface:
        return np.full(len(numbers), _SURFACE_SCALE), np.full(len(numbers), _SURFACE_OFFSET)
    values = description_values(candidate.require(re.escape(name) + r"_MTL\.txt", f"{name}_MTL.txt"))
    columns = [
        [
            to_number(values.get(f"REFLECTANCE_{word}_BAND_{number}", ""), f"REFLECTANCE_{word}_BAND_{number}")
            for number in numbers
        ]
        for word in ("MULT", "ADD")
    ]
    return np.array(columns[0]), np.array(columns[1])


def _layers(candidate: Candidate, name: str, grid: Grid) -> List[QualityLayer]:
    path = candidate.first(re.escape(name) + r"_QA_PIXEL\.TIFF?")
    return [] if path is None else [quality_layer(kind, path, [1], _any_bit(bits), grid) for kind, bits in _BITS]


def _any_bit(bits: Tuple[int, ...]) -> Mark:
    selected = sum(1 << bit for bit in bits)

    def mark(values: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray((values & values.dtype.type(selected)) != 0)

    return mark


READER = Reader("Landsat", _recognises, _read)
