# SPDX-License-Identifier: GPL-2.0-or-later
"""How sensor products and masks are understood: the words that users choose from, and what they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Tuple

from ..errors import ConfigError
from .options import Options, require, require_choice

MASK_MEANINGS = ("automatic", "zero", "nonzero")  # values of a mask that leave pixels out; automatic = by its name
QUALITY_KINDS = ("cloud", "shadow", "cirrus", "haze", "snow", "fill")
DEFAULT_QUALITY = ("cloud", "shadow", "cirrus", "fill")  # snow is a land cover, and haze lets the ground be seen
OVERLAPS = ("automatic", "vnir", "swir", "both")  # whose bands are kept where two detectors see the same wavelengths

_NAMES_OF_BAD = re.compile(r"cloud|shadow|cirrus|haze|snow|no_?data|invalid|bad", re.IGNORECASE)


@dataclass(frozen=True)
class ProductOptions:
    """How a product is read."""

    overlap: str = "automatic"  # one of OVERLAPS; automatic = the detector that the agency recommends
    quality: Tuple[str, ...] = DEFAULT_QUALITY  # of QUALITY_KINDS: what the mask leaves out


def parse_quality(text: str) -> Tuple[str, ...]:
    """Kinds of quality layers from text: "automatic", "none", or names with commas between them.

    Args:
        text: Names of kinds, "automatic" or "none", as the user typed them; "" means automatic.

    Raises:
        ConfigError: A name is none of ``QUALITY_KINDS``.
    """
    words = [word for word in text.lower().replace(",", " ").split() if word]
    if words in ([], ["automatic"]):
        return DEFAULT_QUALITY
    if words == ["none"]:
        return ()
    unknown = [word for word in words if word not in QUALITY_KINDS]
    if unknown:
        raise ConfigError(
            f"quality_layers must be automatic, none, or some of {', '.join(QUALITY_KINDS)}; got {unknown[0]!r}.",
            "Correct the word, or leave the option out.",
        )
    return tuple(kind for kind in QUALITY_KINDS if kind in words)


def parse_product_options(overlap: str, quality_layers: str) -> ProductOptions:
    """How a product is read, from the options as the user gave them.

    Args:
        overlap: One of ``OVERLAPS``.
        quality_layers: As ``parse_quality`` takes them.

    Raises:
        ConfigError: A word is not accepted.
    """
    require_choice("detector_overlap", overlap, OVERLAPS)
    return ProductOptions(overlap, parse_quality(quality_layers))


def leaves_out_nonzero(meaning: str, name: str) -> bool:
    """Whether it is the values other than 0 of a mask that leave pixels out.

    Args:
        meaning: One of ``MASK_MEANINGS``.
        name: File name of the mask: agencies mark what is bad, such as a cloud, with 1.
    """
    return meaning == "nonzero" or (meaning == "automatic" and _NAMES_OF_BAD.search(name) is not None)


@dataclass(frozen=True)
class ImportProductConfig(Options):
    """A sensor product as one raster file with all its tags, for QGIS and other programs."""

    source: str  # path of a file of the product, of its folder or its ZIP
    output: str  # GeoTIFF to write
    mask: str = ""  # GeoTIFF to write of the product's quality layers: 1 = valid, 0 = left out; "" = none
    quality_layers: str = "automatic"  # "automatic", "none", or some of QUALITY_KINDS
    detector_overlap: str = OVERLAPS[0]  # whose bands are kept where two detectors overlap

    def __post_init__(self) -> None:
        require(bool(self.source.strip()), "source", "the path of a sensor product", self.source)
        require(bool(self.output), "output", "the path of a GeoTIFF to write", self.output)
        parse_product_options(self.detector_overlap, self.quality_layers)
