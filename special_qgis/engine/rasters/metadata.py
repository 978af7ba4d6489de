# SPDX-License-Identifier: GPL-2.0-or-later
"""All that a raster's files say of themselves beside pixels and place, read once, as plain decoded text.

Whoever looks for wavelengths, bad bands or the physical quantity looks here, not into the dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Tuple

from .envi_header import read_envi_header
from .opening import headers_beside
from .text import description, metadata, source_of, unit_type

Items = Mapping[str, str]  # value by name


@dataclass(frozen=True)
class Header:
    """An ENVI header that lies beside the file."""

    name: str  # of the header's file
    entries: Items  # names in lower case with single blanks

    def fits(self, counts: Tuple[int, ...]) -> bool:
        """Whether the header describes as many bands as the file has, or does not say how many.

        Args:
            counts: Numbers of bands that are accepted.
        """
        stated = self.entries.get("bands", "").strip()
        return not stated or stated in {str(count) for count in counts}


@dataclass(frozen=True)
class RasterMetadata:
    """Metadata of a raster and its bands; names of band items are in lower case."""

    driver: str  # GDAL's short name of the format
    n_bands: int
    items: Items  # the dataset's default domain
    envi: Items  # the dataset's domain ENVI, names as a header has them
    bands: Tuple[Items, ...]  # default domain of each band
    imagery: Tuple[Items, ...]  # domain IMAGERY of each band
    descriptions: Tuple[str, ...]  # of each band
    unit: str = ""  # of the first band's values
    headers: Tuple[Header, ...] = ()


def read_metadata(dataset: Any) -> RasterMetadata:
    """Read the metadata of an open dataset.

    Args:
        dataset: Open gdal.Dataset.

    Raises:
        RasterReadError: A header beside it cannot be read.
    """
    bands = [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]
    return RasterMetadata(
        driver=str(dataset.GetDriver().ShortName),
        n_bands=len(bands),
        items=metadata(dataset),
        envi=_envi_items(dataset),
        bands=tuple(_lower_case(metadata(band)) for band in bands),
        imagery=tuple(metadata(band, "IMAGERY") for band in bands),
        descriptions=tuple(description(band) for band in bands),
        unit=unit_type(bands[0]) if bands else "",
        headers=tuple(_headers(source_of(dataset))),
    )


def _headers(source: str) -> List[Header]:
    return [Header(path.name, read_envi_header(path)) for path in headers_beside(source)]


def _lower_case(items: Items) -> Dict[str, str]:
    return {name.lower(): value for name, value in items.items()}


def _envi_items(dataset: Any) -> Dict[str, str]:
    items = metadata(dataset, "ENVI")
    return {name.replace("_", " ").lower(): value.strip().strip("{}") for name, value in items.items()}
