# SPDX-License-Identifier: GPL-2.0-or-later
"""ENVI headers: the text file of ``name = value`` lines beside a raw raster.

GDAL reads most of a header; this parser serves headers that lie beside other formats, and the check that a raw file
is as long as its header says. Junk gives fewer entries, never an exception.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Dict, Mapping, Optional

from ..errors import RasterReadError
from ..texts.decoding import read_text_file

LARGEST_HEADER_BYTES = 16 * 2**20  # 430 bands with map information take 30 kB
_KEPT_HEADERS = 4  # a scene, its mask and what lies beside them

_BYTES_PER_SAMPLE: Dict[int, int] = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 9: 16, 12: 2, 13: 4, 14: 8, 15: 8}


def read_envi_header(path: Path) -> Mapping[str, str]:
    """Entries of a header file, which is read and parsed once as long as it does not change.

    Args:
        path: The header.

    Raises:
        RasterReadError: It cannot be read.
    """
    try:
        state = path.stat()
        return _read_entries(str(path.absolute()), state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise RasterReadError(f"{path} cannot be read: {error}.", "Check its permissions.") from error


@lru_cache(maxsize=_KEPT_HEADERS)
def _read_entries(path: str, size_bytes: int, changed_ns: int) -> Mapping[str, str]:
    return MappingProxyType(parse_envi_header(read_text_file(Path(path), LARGEST_HEADER_BYTES)))


def parse_envi_header(text: str) -> Dict[str, str]:
    """Entries of an ENVI header.

    Names are lower case with single blanks; a value in braces comes without them, line ends as blanks. Comments
    (lines beginning with ``;``) and lines without ``=`` are passed over; a brace left open ends with the text; of a
    name given twice the last value counts.

    Args:
        text: Content of the header, with or without the leading ``ENVI``.

    Returns:
        Value by name.
    """
    entries: Dict[str, str] = {}
    lines = iter(text.lstrip("\ufeff").splitlines())
    for line in lines:
        name, equals, value = line.partition("=")
        name = " ".join(name.split()).lower()
        if not equals or not name or name.startswith(";"):
            continue
        value = value.strip()
        if value.startswith("{"):
            pieces = [value[1:]]
            while "}" not in pieces[-1]:
                following = next(lines, None)
                if following is None:
                    break
                pieces.append(following)
            value = " ".join(" ".join(pieces).partition("}")[0].split())
        entries[name] = value
    return entries


def expected_bytes(entries: Mapping[str, str]) -> Optional[Dict[str, int]]:
    """Sizes that a raw file must have by its header.

    Args:
        entries: Entries of the header by lower-case name, as ``parse_envi_header`` returns them.

    Returns:
        ``total`` length of the file, and ``line`` and ``band``, the bytes of one line with all bands and of one
        band; None for a compressed file or a header that does not say.
    """
    try:
        if int(entries.get("file compression", "0")) != 0:
            return None
        samples, lines, bands = (int(entries[name]) for name in ("samples", "lines", "bands"))
        sample_bytes = _BYTES_PER_SAMPLE[int(entries["data type"])]
        offset = int(entries.get("header offset", "0"))
    except (KeyError, ValueError):
        return None
    if min(samples, lines, bands) < 1 or offset < 0:
        return None
    return {
        "total": offset + samples * lines * bands * sample_bytes,
        "line": samples * bands * sample_bytes,
        "band": samples * lines * sample_bytes,
    }
