# SPDX-License-Identifier: GPL-2.0-or-later
"""Wavelengths in metadata items of any name that ends in "wavelength" or "wavelengths", and in numbered descriptions.

These places follow no standard, so a find counts only when it fits: one number a band, or a list of as many as bands,
inside the optical range. What does not fit is passed over and kept for the message that nothing was found.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import numpy as np

from ..errors import SpectraError
from ..rasters.metadata import Items, RasterMetadata
from .number_lists import parse_number, parse_number_list
from .spectra import OPTICAL_RANGE_NM, FloatArray, guess_unit, to_nm, unit_of

_OTHER_MEANING = re.compile(
    r"(?:good|bad|valid|min|max|minimum|maximum|start|end|first|last|lower|upper|shortest|longest"
    r"|reference|laser|cutoff)"
    r"[\W_]*wavelengths?$"
)
_UNIT_ENDINGS = ("_units", "_unit", "#units", "#unit", " units", " unit", ":units", ".units")
_ANY_UNIT_ENDINGS = tuple(f"{name}{ending}" for name in ("wavelength", "wavelengths") for ending in _UNIT_ENDINGS)
_DIMENSION_PREFIX = "netcdf_dim_"
_NUMBERED = re.compile(r"(?:band|channel|b|ch)[ _\-]*(\d{3,4})", re.IGNORECASE)
_NUMBERED_RANGE_NM = (300.0, 2600.0)  # of wavelengths that descriptions are numbered by


class Found(NamedTuple):
    """Wavelengths and where they were."""

    centres_nm: FloatArray  # (n,) float64; 0 and below = the band has none
    place: str  # in words
    unit: str  # sign of the unit that the numbers were in
    is_guessed: bool  # whether the unit was taken from the numbers' size


def is_centre_name(name: str) -> bool:
    """Whether an item of this name may hold band centres.

    Args:
        name: Name of a metadata item, in any case.
    """
    lower = name.lower()
    return lower.endswith(("wavelength", "wavelengths")) and not _OTHER_MEANING.search(lower)


def from_band_items(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> Optional[Found]:
    """Wavelengths from an item that the bands share, such as ``NETCDF_DIM_wavelength``.

    Args:
        metadata: What the file says of itself.
        band_numbers: Spectral bands, counted from 1.
    """
    bands = [metadata.bands[number - 1] for number in band_numbers]
    names = sorted({name for items in bands for name in items if is_centre_name(name)}, key=_simplest)
    for name in names:
        numbers = [parse_number(items.get(name, "")) for items in bands]
        values = np.array([value for value, _ in numbers])
        if not np.all(np.isfinite(values)):
            continue
        words = {word for _, word in numbers if word} or {_unit_beside(name, (bands[0], metadata.items))}
        found = _in_nm(values, words, f"item {name} of the bands")
        if found is not None:
            return found
    return None


def from_lists(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> Optional[Found]:
    """Wavelengths from a list of as many as bands in the dataset's metadata or in a header beside it.

    Args:
        metadata: What the file says of itself.
        band_numbers: Spectral bands, counted from 1.
    """
    for items, name, values, unit in _lists(metadata, band_numbers):
        fitting = fit(values, metadata.n_bands, band_numbers)
        if fitting is None:
            continue
        found = _in_nm(fitting, {unit or _unit_beside(name, (items,))}, f"metadata item {name}")
        if found is not None:
            return found
    return None


def list_lengths(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> Iterator[Tuple[str, int]]:
    """Name and length of every list of wavelengths in the file's metadata.

    Args:
        metadata: What the file says of itself.
        band_numbers: Spectral bands, counted from 1.
    """
    for _, name, values, _ in _lists(metadata, band_numbers):
        yield name, int(values.size)


def misfits(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> List[str]:
    """Lists of wavelengths that have another number than the file has bands, in words for a message.

    Args:
        metadata: What the file says of itself.
        band_numbers: Spectral bands, counted from 1.
    """
    found = [
        f"{name} lists {values.size}"
        for _, name, values, _ in _lists(metadata, band_numbers)
        if values.size > 1 and fit(values, metadata.n_bands, band_numbers) is None
    ]
    return found + [
        f"the header {header.name} describes {header.entries['bands']} bands"
        for header in metadata.headers
        if not header.fits((metadata.n_bands, len(band_numbers)))
    ]


def from_numbered_descriptions(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> Optional[Found]:
    """Wavelengths from descriptions such as ``Band_503``, where they cannot be band numbers.

    Every band must have one, from 300 to 2600, ascending, and not one after the other as band numbers are.

    Args:
        metadata: What the file says of itself.
        band_numbers: Spectral bands, counted from 1.
    """
    matches = [_NUMBERED.fullmatch(metadata.descriptions[number - 1].strip()) for number in band_numbers]
    values = np.array([float(match.group(1)) if match else np.nan for match in matches])
    if values.size < 2 or not np.all(np.isfinite(values)):
        return None
    steps = np.diff(values)
    low, high = _NUMBERED_RANGE_NM
    if values.min() < low or values.max() > high or np.any(steps <= 0) or np.all(steps == 1):
        return None
    return Found(values, "numbers in the bands' descriptions", "nm", False)


def fit(values: FloatArray, n_bands: int, band_numbers: Tuple[int, ...]) -> Optional[FloatArray]:
    """Values of the spectral bands, from a list that has one for each of them or for every band of the file.

    Args:
        values: (k,) float64, the list.
        n_bands: Bands of the file, spectral or not.
        band_numbers: Spectral bands, counted from 1.

    Returns:
        (n,) float64, one a spectral band; None where the list has another length.
    """
    if values.size and values.size == n_bands:
        return np.asarray(values[np.array(band_numbers) - 1], dtype=np.float64)
    return values if values.size and values.size == len(band_numbers) else None


def _lists(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> Iterator[Tuple[Items, str, FloatArray, str]]:
    """All lists of wavelengths that can be read, as (items around it, name, values, unit word)."""
    counts = (metadata.n_bands, len(band_numbers))
    headers = [header.entries for header in metadata.headers if header.fits(counts)]
    for items in (metadata.items, metadata.envi, *headers):
        for name in sorted(filter(is_centre_name, items), key=_simplest):
            try:
                numbers = parse_number_list(items[name], name, counts)
            except SpectraError:  # another thing of that name; what is really meant for us is read by its exact name
                continue
            yield items, name, numbers.values, numbers.unit


def _simplest(name: str) -> Tuple[int, str]:
    return len(name), name


def _unit_beside(name: str, places: Tuple[Items, ...]) -> str:
    """Unit word of an item from the items around it; "" where none states it."""
    lower = name.lower()
    stem = lower.removeprefix(_DIMENSION_PREFIX)
    stems = dict.fromkeys((lower, stem, lower.rstrip("s"), stem.rstrip("s"), "wavelength", "wavelengths"))
    for items in places:
        known: Dict[str, str] = {key.lower(): value for key, value in items.items()}
        for candidate in (stem + ending for stem in stems for ending in _UNIT_ENDINGS):
            if candidate in known:
                return known[candidate]
        others = {value for key, value in known.items() if key.endswith(_ANY_UNIT_ENDINGS)}
        if len(others) == 1:
            return others.pop()
    return ""


def _in_nm(values: FloatArray, words: Set[str], place: str) -> Optional[Found]:
    """The find in nm; None for an unknown unit, values outside the optical range, all the same, or numbers of bands."""
    try:
        units = {unit_of(word) for word in words}
    except SpectraError:
        return None
    if len(units) != 1:
        return None
    stated = units.pop()
    unit = stated or guess_unit(values)
    centres = to_nm(values, unit)
    known = centres[centres > 0]
    if not known.size or known.min() < OPTICAL_RANGE_NM[0] or known.max() > OPTICAL_RANGE_NM[1]:
        return None
    are_numbers = not stated and float(values[0]).is_integer() and np.all(np.diff(values) == 1)  # of the bands
    if are_numbers or (centres.size > 1 and np.ptp(known) == 0):
        return None
    return Found(centres, place, unit, not stated)
