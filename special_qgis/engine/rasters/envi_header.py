# SPDX-License-Identifier: GPL-2.0-or-later
"""ENVI headers: the text file of ``name = value`` lines beside a raw raster.

GDAL reads most of a header; this parser serves headers that lie beside other formats, and the check that a raw file
is as long as its header says. Junk gives fewer entries or a ``SpectraError``, never another exception.
"""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional

from ..errors import SpectraError

LARGEST_HEADER_BYTES = 16 * 2**20  # 430 bands with map information take 30 kB

_BYTES_PER_SAMPLE: Dict[int, int] = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 9: 16, 12: 2, 13: 4, 14: 8, 15: 8}


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


def parse_number_list(text: str, name: str) -> List[float]:
    """Numbers of a list such as "{394.9, 404.6}"; "nan" is a number.

    Args:
        text: Numbers separated by commas or blanks, braces optional.
        name: What the list is, for the error.

    Raises:
        SpectraError: Something else than numbers.
    """
    numbers = []
    for piece in re.split(r"[\s,]+", text.strip().strip("{}").strip().strip(",")):
        if not piece:
            continue
        try:
            numbers.append(float(piece))
        except ValueError:
            raise SpectraError(
                f"The list {name!r} in the file's metadata has {piece[:40]!r}, which is not a number.",
                "Correct the metadata, or type the wavelengths.",
            ) from None
    return numbers


def expected_bytes(entries: Mapping[str, str]) -> Optional[Dict[str, int]]:
    """Sizes that a raw file must have by its header.

    Args:
        entries: From ``parse_envi_header``.

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
