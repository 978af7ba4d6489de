# SPDX-License-Identifier: GPL-2.0-or-later
"""Hyperion L1T: one GeoTIFF a band, of which 8–57 and 77–224 are calibrated.

Nominal band centres are evenly spaced in either detector. Source: USGS, EO-1 Hyperion spectral coverage and user guide.
"""

from __future__ import annotations

import re
from typing import Dict

import numpy as np

from ..errors import InputError
from ..progress import Progress
from .band_files import description_values, stacked
from .candidate import Candidate
from .product import Product, Spectra
from .reader_kind import Reader
from .xml_tree import to_number

_NAME = r"(?P<id>EO1H\d+.*?)_(B\d{3}_L1\w+\.TIFF?|MTL_L1\w+\.TXT)"
_CALIBRATED = (*range(8, 58), *range(77, 225))
_LAST_VNIR = 70
_VNIR_NM, _SWIR_NM = (355.59, 1057.68), (851.92, 2577.08)  # of bands 1 and 70, 71 and 242


def _recognises(candidate: Candidate) -> bool:
    return bool(candidate.identifier(_NAME))


def _read(candidate: Candidate, progress: Progress) -> Product:
    name = candidate.identifier(_NAME)
    paths: Dict[int, str] = {
        int(found.group("band")): path
        for path, found in candidate.matching(re.escape(name) + r"_B(?P<band>\d{3})_L1\w+\.TIFF?")
    }
    numbers = [number for number in _CALIBRATED if number in paths]
    if len(numbers) < 2:
        raise InputError(
            f"{candidate.text} has {len(numbers)} calibrated Hyperion bands; one file a band is expected.",
            "Keep the product's files together in one folder or ZIP.",
        )
    header = candidate.first(re.escape(name) + r"_MTL_L1\w+\.TXT")
    values = description_values(header) if header else {}
    factors = [to_number(values.get(f"SCALING_FACTOR_{word}", text), "SCALING_FACTOR") for word, text in _FACTORS]
    is_swir = np.array(numbers) > _LAST_VNIR
    grid, files = stacked([paths[number] for number in numbers])
    return Product(
        title="Hyperion L1T",
        name=name,
        grid=grid,
        spectra=Spectra(np.array([centre_nm(number) for number in numbers]), None, None, is_swir),
        quantity="radiance",
        unit="W/(m^2 sr um)",
        scale=1.0 / np.where(is_swir, factors[1], factors[0]),
        offset=np.zeros(len(numbers)),
        files=files,
        nodata=0.0,
        notes=("Wavelengths are Hyperion's nominal ones.",),
    )


_FACTORS = (("VNIR", "40"), ("SWIR", "80"))


def centre_nm(number: int) -> float:
    """Nominal centre of a band in nm.

    Args:
        number: Band, 1 to 242.
    """
    first, last, (low, high) = (1, 70, _VNIR_NM) if number <= _LAST_VNIR else (71, 242, _SWIR_NM)
    return low + (number - first) * (high - low) / (last - first)


READER = Reader("Hyperion", _recognises, _read)
