# SPDX-License-Identifier: GPL-2.0-or-later
"""Bands that a file lists as bad: tags of the bands, ENVI's ``bbl``, and lists of good wavelengths or bands.

Such lists are optional: one that cannot be read is passed over with a warning and never costs the scene.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

import numpy as np

from ..progress import Progress
from ..rasters.metadata import RasterMetadata
from .number_lists import parse_flags
from .spectra import FloatArray
from .wavelength_items import fit
from .wavelengths import list_entries

_GOOD_NAMES = ("good_wavelengths", "good_bands", "good_band_list")  # endings of items whose 1 means good, as in ``bbl``


def read_bad_bands(metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress) -> FloatArray:
    """Bad-band list of the file.

    Args:
        metadata: What the file says of itself.
        band_numbers: Its spectral bands, counted from 1.
        progress: Receives warnings of lists that were passed over.

    Returns:
        (n,) float64: 0 = bad, else good; all 1 when the file has no list.
    """
    tags = [metadata.bands[number - 1].get("bbl", "") for number in band_numbers]
    if any(tags):
        return _flags_of_tags(tags, band_numbers, progress)
    for text, place in _lists(metadata, band_numbers):
        flags = parse_flags(text)
        kept = None if flags is None else fit(flags, metadata.n_bands, band_numbers)
        if kept is not None:
            return kept
        fault = "has words that are neither good nor bad" if flags is None else f"has {flags.size} entries"
        progress.warn(f"The bad-band list in {place} {fault} and was passed over.")
    return np.ones(len(band_numbers))


def _flags_of_tags(tags: List[str], band_numbers: Tuple[int, ...], progress: Progress) -> FloatArray:
    flags = np.ones(len(tags))
    unread = []
    for position, tag in enumerate(tags):
        value: Optional[FloatArray] = parse_flags(tag)
        if value is not None and value.size == 1:
            flags[position] = value[0]
        elif tag:
            unread.append(band_numbers[position])
    if unread:
        progress.warn(f"The tag bbl of band {unread[0]} is neither good nor bad and was passed over.")
    return flags


def _lists(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> Iterator[Tuple[str, str]]:
    for entries, place in list_entries(metadata, band_numbers):
        if "bbl" in entries:
            yield entries["bbl"], place
    for name in sorted(metadata.items):
        if name.lower().endswith(_GOOD_NAMES):
            yield metadata.items[name], f"metadata item {name}"
