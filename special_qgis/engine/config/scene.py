# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of reading a scene, the same for every job that reads one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from .options import Options, require, require_choice
from .products import MASK_MEANINGS, OVERLAPS, parse_product_options

QUANTITIES = ("automatic", "reflectance", "radiance")  # physical quantity of the scene's values


@dataclass(frozen=True)
class SceneConfig(Options):
    """How to read a scene."""

    source: str  # anything GDAL opens, or a sensor product: any of its files, its folder or its ZIP
    wavelengths: str = ""  # typed band centres, nm or µm, with or without unit; "" = from the file
    sensor: str = ""  # key of sensors.SENSORS, used when the file has no wavelengths; "" = none
    bad_bands: str = ""  # band numbers and ranges, or wavelength ranges: "1-5, 100, 1340-1460nm"
    drop_water_vapour: bool = True  # leave out 1340-1460, 1790-1960 and > 2450 nm
    quantity: str = "automatic"  # one of QUANTITIES
    mask: str = ""  # raster on the scene's grid; nodata = leave out, and what mask_meaning says
    mask_meaning: str = MASK_MEANINGS[0]  # which values of the mask leave pixels out
    quality_layers: str = "automatic"  # of a sensor product: "automatic", "none", or some of QUALITY_KINDS
    detector_overlap: str = OVERLAPS[0]  # of a sensor product: whose bands are kept where two detectors overlap
    extent: Optional[Tuple[float, float, float, float]] = None  # xmin, ymin, xmax, ymax in the scene's CRS
    aoi: str = ""  # vector source whose polygons limit the work
    aoi_layer: str = ""  # layer of that source; "" = its first
    memory_budget_bytes: int = 0  # for blocks of pixels; 0 = a quarter of free memory, at most 512 MiB

    def __post_init__(self) -> None:
        require(bool(self.source.strip()), "source", "the path of a raster", self.source)
        require_choice("quantity", self.quantity, QUANTITIES)
        require_choice("mask_meaning", self.mask_meaning, MASK_MEANINGS)
        parse_product_options(self.detector_overlap, self.quality_layers)
        require(self.memory_budget_bytes >= 0, "memory_budget_bytes", "0 or more", self.memory_budget_bytes)
        if self.extent is not None:
            ordered = len(self.extent) == 4 and self.extent[0] < self.extent[2] and self.extent[1] < self.extent[3]
            require(ordered, "extent", "xmin, ymin, xmax, ymax with xmin < xmax and ymin < ymax", self.extent)

    @property
    def files(self) -> List[str]:
        """Sources that are read, which no output may replace."""
        return [path for path in (self.source, self.mask, self.aoi) if path]
