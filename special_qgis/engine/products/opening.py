# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening what a user gives as a scene: a product becomes one raster, all else stays as it is."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import List, Optional, Type

from ..config.products import ProductOptions
from ..errors import EngineError, InputError
from ..progress import NullProgress, Progress
from .candidate import Candidate, base_name, find_candidate
from .product import Product, choose_bands
from .readers import READERS
from .redirects import redirect
from .side_on import check_axes
from .temporary import TemporaryRasters, copy_cube, virtual_raster, write_mask


class OpenedSource:
    """A source that GDAL opens, and what has to be removed when it is no longer needed.

    Close it, or use it as a context manager.
    """

    def __init__(
        self,
        source: str,
        product: Optional[Product] = None,
        mask: str = "",
        files: Optional[TemporaryRasters] = None,
    ) -> None:
        self.source = source  # for GDAL
        self.product = product  # None = the source is no product
        self.mask = mask  # raster of 1 = valid, 0 = left out; "" = none
        self._files = files

    def __enter__(self) -> OpenedSource:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        if self._files is not None:
            self._files.close()
            self._files = None


def is_product(text: str) -> bool:
    """Whether a text points at a product that a reader knows, or knows to refuse.

    Args:
        text: Anything that a user may give as a scene.
    """
    try:
        return find_product_reader(text) is not None
    except EngineError:  # such as a file that is cut off: opening it tells what is wrong
        return False


def find_product_reader(text: str) -> Optional[str]:
    """Name of the reader that knows a text's product; None where none does."""
    candidate = find_candidate(text)
    if candidate is None:
        return None
    return next((reader.name for reader in READERS if reader.recognises(candidate)), None)


def files_of_product(text: str) -> List[str]:
    """Rasters and descriptions that a product consists of, which no output may replace; none where it is no product.

    Args:
        text: Anything that a user may give as a scene.

    Raises:
        EngineError: The product is damaged, or of a kind that cannot be mapped.
    """
    candidate = find_candidate(text)
    product = None if candidate is None else _read(candidate, NullProgress())
    if candidate is None or product is None:
        return []
    named = [path for path in candidate.files if base_name(path).startswith(product.name)]
    return list(dict.fromkeys([candidate.path, *(band.path for band in product.files), *named]))


def describe_product(text: str, progress: Optional[Progress] = None) -> Optional[Product]:
    """What a product holds, without reading its pixels; None where the text points at none.

    Raises:
        EngineError: The product is damaged, or of a kind that cannot be mapped.
    """
    candidate = find_candidate(text)
    return None if candidate is None else _read(candidate, progress or NullProgress())


def open_source(text: str, options: ProductOptions, progress: Optional[Progress] = None) -> OpenedSource:
    """Open what a user gives as a scene.

    Args:
        text: Path of a file of a product, of its folder or ZIP, a sub-dataset, or anything that GDAL opens.
        options: How a product is read.
        progress: Receives progress and what was found; checked for cancel.

    Returns:
        The text itself where it points at no product; else a virtual raster.

    Raises:
        EngineError: The product is damaged, or of a kind that cannot be mapped.
        Cancelled: The user cancelled; nothing is left behind.
    """
    listener = progress or NullProgress()
    candidate = find_candidate(text)
    product = None if candidate is None else _read(candidate, listener)
    if product is None:
        return OpenedSource(_unchanged(text, candidate))
    for note in product.notes:
        listener.info(note)
    files = TemporaryRasters()
    try:
        return _make(product, options, files, listener)
    except BaseException:  # cancelling too must leave nothing behind
        files.close()
        raise


def _unchanged(text: str, candidate: Optional[Candidate]) -> str:
    """What is no product, as GDAL opens it."""
    other = None if candidate is None else redirect(candidate)
    if other is None and candidate is not None:
        _refuse_folder(candidate)
    check_axes(other or text)
    return other or text


def _make(product: Product, options: ProductOptions, files: TemporaryRasters, progress: Progress) -> OpenedSource:
    bands = choose_bands(product, options.overlap)
    left = product.n_bands - len(bands)
    progress.info(
        f"{product.title} {product.name}: {len(bands)} bands of {product.quantity}"
        + (f"; {left} without a wavelength or of the second detector are left out." if left else ".")
    )
    mask = _mask(product, options, files, progress)
    cube_path = files.path("cube.tif")
    if product.cube is not None:
        copy_cube(product, product.cube, cube_path, progress)
    path = files.path("scene.vrt")
    Path(path).write_text(virtual_raster(product, bands, cube_path, mask or None), encoding="utf-8")
    return OpenedSource(path, product, mask, files)


def _mask(product: Product, options: ProductOptions, files: TemporaryRasters, progress: Progress) -> str:
    layers = [layer for layer in product.layers if layer.kind in options.quality]
    if not layers:
        if options.quality:
            progress.info(
                f"{product.title} {product.name} comes without quality layers of these kinds; no mask is made."
            )
        return ""
    path = files.path("mask.tif")
    shares = write_mask(product, layers, path, progress)
    parts: List[str] = [f"{kind} {share:.1%}" for kind, share in shares.items() if kind]
    progress.info(f"The product's quality layers leave out {shares['']:.1%} of the pixels: {', '.join(parts)}.")
    return path


def _read(candidate: Candidate, progress: Progress) -> Optional[Product]:
    for reader in READERS:
        if reader.recognises(candidate):
            return reader.read(candidate, progress)
    return None


def _refuse_folder(candidate: Candidate) -> None:
    if candidate.is_folder and not candidate.part and not candidate.path.lower().endswith((".zarr", ".gdb")):
        raise InputError(
            f"{candidate.text} is a folder or archive without a product that is known here.",
            "Give the raster file inside it.",
        )
