# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes of others become text: the one rule for every header, tag, name, style and list that somebody else wrote.

UTF-8 where the bytes are valid UTF-8, else Windows-1252, which holds all that Latin-1 can show. No input is refused: a
single ``ä`` in a header must not cost its reader the scene.
"""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Union

_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_FALLBACK = "cp1252"
_UNKNOWN = "\ufffd"  # shown for a character that cannot be told


def decode(content: bytes) -> str:
    """Text of some bytes without byte-order mark.

    Args:
        content: Bytes in UTF-8, Windows-1252 or Latin-1.

    Returns:
        The text; U+FFFD for the five bytes that Windows-1252 leaves undefined.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode(_FALLBACK, errors="replace")


def decode_file(content: bytes) -> str:
    """Text of a file's bytes; a byte-order mark decides the encoding and is taken off.

    Args:
        content: Bytes of the whole file, or of its beginning.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    return decode(content)


def as_text(value: Union[str, bytes, bytearray, None]) -> str:
    """Plain text of what a library hands out as text.

    GDAL's Python package gives bytes, or surrogates in place of bytes, where a text is not UTF-8.

    Args:
        value: Text, bytes, or None for none.

    Returns:
        Text that every encoding of Unicode can write; "" for None.
    """
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return decode(bytes(value))
    if value.isascii():
        return value
    try:
        return decode(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return "".join(_UNKNOWN if "\ud800" <= character <= "\udfff" else character for character in value)


def read_text_file(path: Path, most_bytes: Optional[int] = None) -> str:
    """Text of a file.

    Args:
        path: The file.
        most_bytes: Number of bytes to read; None = all.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        return decode_file(stream.read() if most_bytes is None else stream.read(most_bytes))
