# SPDX-License-Identifier: GPL-2.0-or-later
"""Small pictures for reports: class thumbnails gathered tile by tile, and PNG bytes from pixel arrays.

PNG is written by hand (ISO/IEC 15948, 8-bit RGBA, one filter for the whole picture), so that a report needs neither an
image library nor a GDAL driver.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Mapping

import numpy as np
from numpy.typing import NDArray

from ..windows import Window

THUMBNAIL_PX = 640  # longer side of a thumbnail; sharp enough for a phone and a small part of a report
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode_png(rgba: NDArray[np.uint8]) -> bytes:
    """Encode a picture as PNG.

    Args:
        rgba: (rows, cols, 4) uint8, red, green, blue and opacity, each 0 to 255; opacity 0 = transparent.

    Returns:
        The bytes of a PNG file.

    Raises:
        ValueError: The array is not of that kind, or is empty.
    """
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8 or rgba.size == 0:
        raise ValueError(f"rgba must be uint8 of shape (rows, cols, 4); got {rgba.dtype} {rgba.shape}")
    rows, cols = rgba.shape[:2]
    header = struct.pack(">IIBBBBB", cols, rows, 8, 6, 0, 0, 0)
    data = min((zlib.compress(stream, 9) for stream in _filtered(rgba)), key=len)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _filtered(rgba: NDArray[np.uint8]) -> list[bytes]:
    """The picture's rows with filter 0 (none), 1 (difference to the left) and 2 (difference to above)."""
    rows, cols = rgba.shape[:2]
    left = rgba.copy()
    left[:, 1:] -= rgba[:, :-1]
    above = rgba.copy()
    above[1:] -= rgba[:-1]
    streams = []
    for kind, pixels in enumerate((rgba, left, above)):
        lines = np.empty((rows, 1 + 4 * cols), np.uint8)
        lines[:, 0] = kind
        lines[:, 1:] = pixels.reshape(rows, 4 * cols)
        streams.append(lines.tobytes())
    return streams


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def colour_labels(labels: NDArray[np.integer[Any]], colours: Mapping[int, str]) -> NDArray[np.uint8]:
    """Paint class ids in their colours.

    Args:
        labels: (rows, cols) integer, class ids; 0 and ids without a colour become transparent.
        colours: Colour "#rrggbb" of each class id.

    Returns:
        (rows, cols, 4), uint8, red, green, blue, opacity.
    """
    palette = np.zeros((max(colours, default=0) + 2, 4), np.uint8)
    for class_id, colour in colours.items():
        palette[class_id] = (*bytes.fromhex(colour.lstrip("#")), 255)
    known = (labels > 0) & (labels < len(palette) - 1)
    painted: NDArray[np.uint8] = palette[np.where(known, labels, 0)]
    painted[~known] = 0
    return painted


class LabelThumbnail:
    """A class raster seen at every n-th pixel, gathered from tiles in any order.

    Args:
        rows: Number of rows of the raster.
        cols: Number of columns of the raster.
        max_px: Longest side wanted, in pixels.
    """

    def __init__(self, rows: int, cols: int, max_px: int = THUMBNAIL_PX) -> None:
        self._step = max(1, -(-max(rows, cols) // max_px))
        self.labels: NDArray[np.uint16] = np.zeros((-(-rows // self._step), -(-cols // self._step)), np.uint16)

    def add(self, window: Window, labels: NDArray[np.integer[Any]]) -> None:
        """Take the pixels of a tile that fall on the thumbnail's grid.

        Args:
            window: Place of the tile in the raster, in pixels.
            labels: (rows, cols) integer, class ids; 0 = no data.
        """
        first_row = -window.row_off % self._step
        first_col = -window.col_off % self._step
        every_nth = slice(first_row, None, self._step), slice(first_col, None, self._step)
        picked = labels[every_nth]
        row = (window.row_off + first_row) // self._step
        col = (window.col_off + first_col) // self._step
        self.labels[Window(row, col, *picked.shape).slices()] = picked

    def png(self, colours: Mapping[int, str]) -> bytes:
        """The thumbnail as PNG bytes; pixels without a class are transparent.

        Args:
            colours: Colour "#rrggbb" of each class id.
        """
        return encode_png(colour_labels(self.labels, colours))
