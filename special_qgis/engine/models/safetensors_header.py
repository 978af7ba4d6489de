# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the header of a safetensors file: names, types and shapes of its tensors, and whether the file is whole.

The header is JSON in front of the bytes, so nothing in the file can run.

Source: https://github.com/huggingface/safetensors (format).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Tuple

from ..errors import ModelError
from ..texts.plain_text import parse_json, shorten

_LENGTH_BYTES = 8  # the header's length as a little-endian number
_LARGEST_HEADER_BYTES = 100_000_000  # the format's own limit
_LARGEST_READ_BYTES = 4 * 2**20  # of a header; a CLIP of the largest form has 0.3 MB
_LONGEST_NAME = 1000  # characters of a tensor's name
_MOST_AXES = 32
_LARGEST_SIZE = 2**62
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip

COPY_AGAIN = "Download or copy the file again."


class SafetensorsHeader(NamedTuple):
    """What the header of a safetensors file holds."""

    shapes: Mapping[str, Tuple[int, ...]]  # by name of the tensor
    metadata: Mapping[str, str]


def looks_like_safetensors(start: bytes, n_bytes: int) -> bool:
    """Whether a file may be in this format.

    Args:
        start: At least the first nine bytes of the file.
        n_bytes: Length of the file.
    """
    if len(start) <= _LENGTH_BYTES:
        return False
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    return 2 <= length <= _LARGEST_HEADER_BYTES and start.startswith(b"{", _LENGTH_BYTES) and n_bytes > 0


def read_header(path: Path) -> SafetensorsHeader:
    """Read the header and check that all bytes it speaks of are there.

    Args:
        path: The file.

    Raises:
        ModelError: The file is cut off, longer than its header says, or no safetensors file.
        OSError: It cannot be read.
    """
    n_file = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= min(_LARGEST_HEADER_BYTES, n_file - _LENGTH_BYTES):
            raise ModelError(f"{path} is cut off: it ends inside its header.", COPY_AGAIN)
        if length > _LARGEST_READ_BYTES:
            raise ModelError(
                f"{path} has a header of {length} bytes; that of a checkpoint has at most {_LARGEST_READ_BYTES} bytes.",
                COPY_AGAIN,
            )
        text = stream.read(length)
    try:
        content = parse_json(text)
        metadata = content.pop("__metadata__", {})
        shapes, n_data = _shapes(content)
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are no texts by name")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path} has a damaged safetensors header: {shorten(error, 200)}.", COPY_AGAIN) from error
    n_wanted = _LENGTH_BYTES + length + n_data
    if n_file != n_wanted:
        raise ModelError(f"{path} is {n_file} bytes long, but its header describes {n_wanted} bytes.", COPY_AGAIN)
    return SafetensorsHeader(shapes, metadata)


def _shapes(content: Mapping[str, Any]) -> Tuple[Dict[str, Tuple[int, ...]], int]:
    """Shapes by name, and where the last tensor ends."""
    shapes: Dict[str, Tuple[int, ...]] = {}
    n_data = 0
    for name, entry in content.items():
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"a name has {len(name)} characters")
        shape, (begin, end) = _sizes(entry["shape"]), _sizes(entry["data_offsets"])
        n_bytes = math.prod(shape) * _ITEM_BYTES[entry["dtype"]]
        if end - begin != n_bytes:
            raise ValueError(f"tensor {shorten(name)} has {end - begin} bytes, its shape needs {n_bytes}")
        shapes[name] = shape
        n_data = max(n_data, end)
    return shapes, n_data


def _sizes(values: object) -> Tuple[int, ...]:
    """Whole numbers that can be sizes or places in a file."""
    if not isinstance(values, list) or len(values) > _MOST_AXES:
        raise ValueError("a shape or a place is no list")
    if not all(type(value) is int and 0 <= value <= _LARGEST_SIZE for value in values):
        raise ValueError("a shape or a place has other values than sizes")
    return tuple(values)
