# SPDX-License-Identifier: GPL-2.0-or-later
"""Products in one HDF5 or netCDF file: which of a folder is meant, and which sensor's it is."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Tuple

from ..errors import InputError, RasterReadError
from ..progress import Progress
from . import aviris3, emit, neon, prisma, tanager
from .candidate import Candidate, base_name
from .hdf5 import Hdf5File, is_hdf5
from .product import Product
from .reader_kind import Reader

_ENDINGS = (".he5", ".h5", ".hdf5", ".hdf", ".nc")
_MOST_OPENED = 40  # files of a folder that are looked into


class _Kind(NamedTuple):
    """A sensor's products in HDF5."""

    recognises: Callable[[Hdf5File], bool]
    read: Callable[[Hdf5File, Progress], Product]


def _is_pace(file: Hdf5File) -> bool:
    return any(name.endswith("/wavelength_3d") for name in file.arrays)


def _refuse_pace(file: Hdf5File, progress: Progress) -> Product:
    raise InputError(
        f"{file.name} is a PACE OCI product, whose pixels follow the orbit and lie on no map grid.",
        "Map it to a grid first, for example with xarray and rasterio or with NASA's OB.DAAC mapping tools (L3M).",
    )


KINDS: Tuple[_Kind, ...] = (
    _Kind(prisma.recognises, prisma.read),
    _Kind(emit.recognises, emit.read),
    _Kind(neon.recognises, neon.read),
    _Kind(tanager.recognises, tanager.read),
    _Kind(aviris3.recognises, aviris3.read),
    _Kind(_is_pace, _refuse_pace),
)


def _kind_of(file: Hdf5File) -> Optional[_Kind]:
    return next((kind for kind in KINDS if kind.recognises(file)), None)


def _find(candidate: Candidate) -> List[Hdf5File]:
    """Products among a candidate's files: the file given, or those of the folder."""
    if not candidate.is_folder:
        paths = [candidate.path] if is_hdf5(candidate.path) else []
    else:
        named = [path for path in candidate.files if path.lower().endswith(_ENDINGS)]
        paths = [path for path in named[:_MOST_OPENED] if is_hdf5(path)]
    found = []
    for path in paths:
        try:
            file = Hdf5File(path)
        except RasterReadError:  # cut off: opening it as a raster tells what is wrong
            continue
        if _kind_of(file) is not None:
            found.append(file)
    return found


def _recognises(candidate: Candidate) -> bool:
    return bool(_find(candidate))


def _read(candidate: Candidate, progress: Progress) -> Product:
    files = _find(candidate)
    if len(files) > 1:
        listed = ", ".join(base_name(file.path) for file in files[:3]) + (", …" if len(files) > 3 else "")
        raise InputError(f"{candidate.text} holds several products: {listed}.", "Give the file that you mean.")
    kind = _kind_of(files[0])
    if kind is None:
        raise InputError(f"{candidate.text} holds no product.", "Give a product's file.")
    return kind.read(files[0], progress)


READER = Reader("HDF5", _recognises, _read)
