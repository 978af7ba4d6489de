# SPDX-License-Identifier: GPL-2.0-or-later
"""What a reader finds in a sensor product: bands and where they lie, spectra, calibration, place and quality layers.

A reader gives a ``Product``, which holds no pixels; ``opening`` turns it into one raster. Rows and columns count from
0, bands in files from 1. Wavelengths are nm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..rasters.opening import Grid
from ..windows import Window

WindowReader = Callable[[Window], NDArray[Any]]


@dataclass(frozen=True)
class QualityLayer:
    """Pixels that one of the product's own layers marks."""

    kind: str  # one of product_options.QUALITY_KINDS
    is_marked: WindowReader  # window → (rows, cols) bool, True = marked, such as under cloud


@dataclass(frozen=True)
class BandFile:
    """A band of a raster that GDAL opens."""

    path: str
    number: int  # from 1


@dataclass(frozen=True)
class Cube:
    """Pixels in a container, to be copied to a raster before use."""

    n_bands: int
    dtype: Any  # NumPy type
    read: WindowReader  # window → (bands, rows, cols)
    tile_px: Tuple[int, int]  # rows and columns read at a time; columns 0 = all


@dataclass(frozen=True)
class Spectra:
    """Spectral description of bands, in their order."""

    centres_nm: NDArray[np.float64]  # (n,)
    fwhm_nm: Optional[NDArray[np.float64]] = None  # (n,)
    is_good: Optional[NDArray[np.bool_]] = None  # (n,); None = all
    is_swir: Optional[NDArray[np.bool_]] = None  # (n,), the detector of each; None = one detector

    def __post_init__(self) -> None:
        n_bands = self.centres_nm.size
        for name in ("fwhm_nm", "is_good", "is_swir"):
            values = getattr(self, name)
            if values is not None and values.size != n_bands:
                raise InputError(
                    f"The product gives {n_bands} wavelengths and {values.size} entries of {name}.",
                    "The product is damaged or of another version; download it again.",
                )


@dataclass(frozen=True)
class Product:
    """A product, described; ``files`` or ``cube`` holds the pixels."""

    title: str  # such as "EnMAP L2A"
    name: str  # file or folder name, for messages
    grid: Grid
    spectra: Spectra
    quantity: str  # "reflectance" or "radiance"
    scale: NDArray[np.float64]  # (n,): value = stored · scale + offset
    offset: NDArray[np.float64]  # (n,)
    files: Tuple[BandFile, ...] = ()
    cube: Optional[Cube] = None
    nodata: Optional[float] = None
    unit: str = ""  # of radiance
    layers: Tuple[QualityLayer, ...] = ()
    preferred_detector: str = "vnir"  # in the overlap, by the agency's advice
    notes: Tuple[str, ...] = field(default=())  # what was assumed, for the log

    @property
    def n_bands(self) -> int:
        """Number of bands before any is left out."""
        return self.cube.n_bands if self.cube is not None else len(self.files)


def choose_bands(product: Product, overlap: str) -> Tuple[int, ...]:
    """Bands to keep, ascending in wavelength, with one detector where two overlap.

    Args:
        product: A product.
        overlap: One of ``product_options.OVERLAPS``.

    Returns:
        Indices into the product's bands.
    """
    spectra = product.spectra
    kept = np.isfinite(spectra.centres_nm) & (spectra.centres_nm > 0)
    winner = product.preferred_detector if overlap == "automatic" else overlap
    if spectra.is_swir is not None and winner != "both":
        usable = kept if spectra.is_good is None else kept & spectra.is_good
        vnir, swir = usable & ~spectra.is_swir, usable & spectra.is_swir
        if vnir.any() and swir.any():
            first_swir, last_vnir = spectra.centres_nm[swir].min(), spectra.centres_nm[vnir].max()
            if winner == "swir":
                kept &= spectra.is_swir | (spectra.centres_nm < first_swir)
            else:
                kept &= ~spectra.is_swir | (spectra.centres_nm > last_vnir)
    found = np.flatnonzero(kept)
    if found.size < 2:
        raise InputError(
            f"{product.name} has {found.size} bands with a wavelength; at least 2 are needed.",
            "The product is damaged or of another version; download it again.",
        )
    order = found[np.argsort(spectra.centres_nm[found], kind="stable")]
    return tuple(int(index) for index in order)
