# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user's text points at: a file, a folder or an archive, and the files that lie with it.

Takes any text that may name a product: a path of one of its files or of its folder, its ZIP or TAR, a sub-dataset, or
a path of GDAL's virtual file systems. Nothing is opened here but folders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, List, Match, Optional, Tuple

from osgeo import gdal

from ..errors import InputError, RasterReadError
from ..rasters.gdal_exceptions import use_exceptions
from ..texts.decoding import as_text, decode_file

MOST_FILES = 5000
LARGEST_TEXT_BYTES = 64 * 2**20
_DEPTH = 6
_SUBDATASET = re.compile(r'^(HDF5|NETCDF|BAG):(?:"(?P<quoted>[^"]+)"|(?P<bare>.+?)):(?P<part>(?://)?[^:]*)$', re.I)
_ARCHIVES = ((".zip", "/vsizip/"), (".tar", "/vsitar/"), (".tgz", "/vsitar/"), (".tar.gz", "/vsitar/"))


@dataclass(frozen=True)
class Candidate:
    """A place where a product may be."""

    text: str  # as the user gave it
    path: str  # of the file or folder, as GDAL opens it
    is_folder: bool
    files: Tuple[str, ...]  # the folder's, at any depth; or the file and those beside it
    part: str = ""  # the sub-dataset that was named

    def matching(self, pattern: str) -> Iterator[Tuple[str, Match[str]]]:
        """Files whose name as a whole fits a regular expression, case ignored."""
        expression = re.compile(pattern, re.IGNORECASE)
        for path in self.files:
            found = expression.fullmatch(base_name(path))
            if found:
                yield path, found

    def first(self, pattern: str) -> Optional[str]:
        """First file whose name fits a regular expression."""
        return next((path for path, _ in self.matching(pattern)), None)

    def require(self, pattern: str, what: str) -> str:
        """First file whose name fits a regular expression.

        Raises:
            InputError: There is none.
        """
        found = self.first(pattern)
        if found is None:
            raise InputError(
                f"{self.text} has no {what}.", "Keep the product's files together as downloaded, in one folder or ZIP."
            )
        return found

    def identifier(self, pattern: str) -> str:
        """The product's name: what the group ``id`` is in the file given, else in the one product of the folder.

        Returns:
            The group's text; "" where no file fits.

        Raises:
            InputError: The folder holds several products.
        """
        own = re.fullmatch(pattern, base_name(self.path), re.IGNORECASE)
        if own and not self.is_folder:
            return own.group("id")
        if not self.is_folder:
            return ""
        found = sorted({match.group("id") for _, match in self.matching(pattern)})
        if len({name.lower() for name in found}) > 1:
            listed = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
            raise InputError(f"{self.text} holds several products: {listed}.", "Give a file of the one that you mean.")
        return found[0] if found else ""

    def is_described(self, pattern: str, description: str) -> bool:
        """Whether it is a product whose description is there, or a folder, which lacks it by mistake.

        An image without its description is a raster like any other, whose wavelengths may be typed.

        Args:
            pattern: Regular expression of a file name with the group ``id``, as ``identifier`` takes it.
            description: Regular expression of what follows the identifier in the description's name.

        Raises:
            InputError: The folder holds several products.
        """
        name = self.identifier(pattern)
        return bool(name) and (self.is_folder or self.first(re.escape(name) + description) is not None)


def base_name(path: str) -> str:
    """Last part of a path, for both kinds of slashes."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def folder_of(path: str) -> str:
    """A path without its last part."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[0]


def find_candidate(text: str) -> Optional[Candidate]:
    """Where a text points.

    Args:
        text: Anything that a user may give as a scene.

    Returns:
        The place; None where the text names neither file nor folder, such as a connection string.
    """
    use_exceptions()
    path, part = _split_subdataset(text.strip())
    if not path or "\0" in path or path.startswith("<"):
        return None
    for ending, prefix in _ARCHIVES:
        if path.lower().endswith(ending) and not path.startswith(("/vsizip/", "/vsitar/")):
            path = prefix + (path if path.startswith("/vsi") else f"{{{path}}}")
            break
    is_folder = _is_folder(path)
    if is_folder is None:
        return None
    if is_folder:
        return Candidate(text, path, True, tuple(_walk(path, _DEPTH)), part)
    return Candidate(text, path, False, _beside(path), part)


def read_text(path: str) -> str:
    """A small text file of a product, by the rule of ``decoding``.

    Raises:
        RasterReadError: It cannot be read, or is too large for a description.
    """
    stream = gdal.VSIFOpenL(path, "rb")
    if stream is None:
        raise RasterReadError(f"{path} cannot be read.", "Check its permissions, or download the product again.")
    try:
        data = gdal.VSIFReadL(1, LARGEST_TEXT_BYTES, stream)
    finally:
        gdal.VSIFCloseL(stream)
    return decode_file(bytes(data or b""))


def first_bytes(path: str, count: int) -> bytes:
    """Beginning of a file; empty where it cannot be read."""
    try:
        stream = gdal.VSIFOpenL(path, "rb")
    except RuntimeError:  # such as no permission, which opening the file as a raster will tell
        return b""
    if stream is None:
        return b""
    try:
        return bytes(gdal.VSIFReadL(1, count, stream) or b"")
    finally:
        gdal.VSIFCloseL(stream)


def _split_subdataset(text: str) -> Tuple[str, str]:
    found = _SUBDATASET.match(text)
    if found is None:
        return text, ""
    return found.group("quoted") or found.group("bare"), found.group("part").lstrip("/")


def _is_folder(path: str) -> Optional[bool]:
    """Whether a path is a folder; None where there is nothing."""
    try:
        status = gdal.VSIStatL(path)
    except (RuntimeError, UnicodeError, ValueError):  # of a text that is no path
        return None
    return None if status is None else bool(status.IsDirectory())


def _entries(folder: str) -> List[str]:
    try:
        names = gdal.ReadDir(folder, MOST_FILES) or []
    except (RuntimeError, UnicodeError):  # such as no permission, or an archive that is cut off
        return []
    return sorted(as_text(name) for name in names if name not in (".", ".."))


def _walk(folder: str, depth: int) -> List[str]:
    found: List[str] = []
    for name in _entries(folder):
        path = f"{folder.rstrip('/')}/{name}"
        if _is_folder(path) and depth > 0:
            found += _walk(path, depth - 1)
        else:
            found.append(path)
        if len(found) >= MOST_FILES:
            break
    return found


def _beside(path: str) -> Tuple[str, ...]:
    folder = folder_of(path)
    if path.startswith("/vsicurl/") or not folder:
        names = _entries(folder or ".") if not folder else []
        return tuple(dict.fromkeys([path, *names]))
    return tuple(dict.fromkeys([path, *(f"{folder}/{name}" for name in _entries(folder))]))
