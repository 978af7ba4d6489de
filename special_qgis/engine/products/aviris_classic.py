# SPDX-License-Identifier: GPL-2.0-or-later
"""AVIRIS-Classic radiance: an ENVI raster whose values are divided by the factors in the file ``.gain``.

Wavelengths stand in the raster's header or, where it has none, in the file ``.spc``. Source: JPL, AVIRIS orthocorrected
radiance read-me.
"""

from __future__ import annotations

import re
from typing import List, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from ..rasters.text import metadata
from .candidate import Candidate, read_text
from .product import Product, Spectra
from .raster_files import bands_of, grid_of, open_file
from .reader_kind import Reader
from .xml_tree import to_number

_PREFIX = re.compile(r"f\d{6}t\d{2}p\d{2}r\d{2}\w{0,4}?(?=_|rdn|\.|$)", re.IGNORECASE)
_NODATA = -50.0
_LARGEST_UM = 100.0  # greater wavelengths are nm


def _flight(candidate: Candidate) -> str:
    """Name of the flight line, such as f170511t01p00r10; "" = none."""
    names = [candidate.path] if not candidate.is_folder else list(candidate.files)
    found = {match.group(0).lower() for match in (_PREFIX.search(name) for name in names) if match}
    return found.pop() if len(found) == 1 else ""


def _recognises(candidate: Candidate) -> bool:
    flight = _flight(candidate)
    return bool(flight) and candidate.first(re.escape(flight) + r".*\.gain") is not None


def _read(candidate: Candidate, progress: Progress) -> Product:
    stem = re.escape(_flight(candidate))
    image = candidate.require(stem + r".*_ort_img(\.dat)?|" + stem + r".*_img", "…_ort_img")
    factors = _columns(read_text(candidate.require(stem + r".*\.gain", "….gain")), 1, "gain")[0]
    if np.any(factors == 0):
        raise InputError(f"The gain of band {int(np.flatnonzero(factors == 0)[0]) + 1} is 0.", "Download it again.")
    files = bands_of(image, factors.size, "gain file")
    return Product(
        title="AVIRIS-Classic",
        name=_flight(candidate),
        grid=grid_of(image),
        spectra=_spectra(candidate, stem, image, factors.size),
        quantity="radiance",
        unit="uW/(cm^2 sr nm)",
        scale=1.0 / factors,
        offset=np.zeros(factors.size),
        files=files,
        nodata=_NODATA,
    )


def _spectra(candidate: Candidate, stem: str, image: str, n_bands: int) -> Spectra:
    path = candidate.first(stem + r".*\.spc")
    listed = _header_numbers(image, "wavelength")
    if listed is not None:
        widths = _header_numbers(image, "fwhm")
        return Spectra(_in_nm(listed, listed), None if widths is None else _in_nm(widths, listed))
    if path is None:
        raise InputError(
            f"{image} has neither wavelengths in its header nor a file .spc beside it.", "Keep the files together."
        )
    columns = _columns(read_text(path), 2, "spc")
    if columns[0].size != n_bands:
        raise InputError(f"{path} has {columns[0].size} lines; {n_bands} are expected.", "Download it again.")
    return Spectra(_in_nm(columns[0], columns[0]), _in_nm(columns[1], columns[0]))


def _header_numbers(image: str, name: str) -> Optional[NDArray[np.float64]]:
    text = metadata(open_file(image), "ENVI").get(name, "").strip("{} ")
    return np.array([to_number(word, name) for word in text.replace(",", " ").split()]) if text else None


def _in_nm(values: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    return values * 1000.0 if np.nanmax(centres) < _LARGEST_UM else values


def _columns(text: str, n: int, what: str) -> List[NDArray[np.float64]]:
    """The first columns of a table of numbers; lines without a number are passed over."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", ";"))]
    short = [line for line in lines if len(line) < n]
    if short or not lines:
        raise InputError(f"The file .{what} is no table of {n} or more columns.", "Download the product again.")
    return [np.array([to_number(line[column], what) for line in lines]) for column in range(n)]


READER = Reader("AVIRIS-Classic", _recognises, _read)
