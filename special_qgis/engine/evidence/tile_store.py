# SPDX-License-Identifier: GPL-2.0-or-later
"""First-stage probabilities of a large scene in a temporary file, tile by tile, so that memory holds only what is read.

Values are float16: rounding moves a probability by less than 0.0005. The file vanishes when the store is closed or
the process ends.
"""

from __future__ import annotations

import tempfile
from types import TracebackType
from typing import Optional, Type

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, RasterWriteError
from ..windows import TILE_PX, Window


class TileStore:
    """Probabilities and valid pixels of a scene.

    Args:
        rows: Number of rows of the scene.
        cols: Number of columns of the scene.
        n_classes: Number of classes K.
        folder: Folder that holds the temporary file; None = the system's temporary folder.

    Raises:
        RasterWriteError: The file cannot be made.
    """

    def __init__(self, rows: int, cols: int, n_classes: int, folder: Optional[str] = None) -> None:
        self.rows, self.cols, self.n_classes = rows, cols, n_classes
        self._tiles_across = -(-cols // TILE_PX)
        self._values_per_tile = n_classes * TILE_PX * TILE_PX
        self._written = np.zeros((-(-rows // TILE_PX), self._tiles_across), bool)
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise _cannot_write(error) from error

    def __enter__(self) -> TileStore:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def write(self, tile: Window, probabilities: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Keep a tile of the fixed grid.

        Args:
            tile: Tile of the fixed grid, from ``windows.plan_tiles``.
            probabilities: (classes, rows, cols) float32 in [0, 1].
            valid: (rows, cols) bool; probabilities of other pixels are stored as no data.

        Raises:
            RasterWriteError: The disk is full.
        """
        padded = np.full((self.n_classes, TILE_PX, TILE_PX), -1.0, np.float16)
        padded[:, : tile.rows, : tile.cols] = np.where(valid, probabilities, np.float32(-1.0))
        row, col = tile.row_off // TILE_PX, tile.col_off // TILE_PX
        try:
            self._file.seek(self._place(row, col))
            self._file.write(padded.tobytes())
        except OSError as error:
            raise _cannot_write(error) from error
        self._written[row, col] = True

    def read(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Probabilities, 0 where invalid, and valid pixels of any window.

        Returns:
            (classes, rows, cols) float32 and (rows, cols) bool.

        Raises:
            InputError: A tile of the window has not been written.
        """
        stored = np.empty((self.n_classes, window.rows, window.cols), np.float16)
        for row in range(window.row_off // TILE_PX, (window.row_off + window.rows - 1) // TILE_PX + 1):
            for col in range(window.col_off // TILE_PX, (window.col_off + window.cols - 1) // TILE_PX + 1):
                top, left = max(window.row_off, row * TILE_PX), max(window.col_off, col * TILE_PX)
                bottom = min(window.row_off + window.rows, (row + 1) * TILE_PX)
                right = min(window.col_off + window.cols, (col + 1) * TILE_PX)
                part = Window(top, left, bottom - top, right - left)
                rows, cols = part.slices(window)
                from_rows, from_cols = part.slices(Window(row * TILE_PX, col * TILE_PX, TILE_PX, TILE_PX))
                stored[:, rows, cols] = self._read_tile(row, col)[:, from_rows, from_cols]
        valid = stored[0] >= 0.0
        return np.where(valid, stored, np.float16(0.0)).astype(np.float32), valid

    def _read_tile(self, row: int, col: int) -> NDArray[np.float16]:
        if not self._written[row, col]:
            raise InputError(f"Tile {row}, {col} of the first-stage probabilities has not been written.")
        self._file.seek(self._place(row, col))
        data = self._file.read(self._values_per_tile * 2)
        return np.frombuffer(data, np.float16).reshape(self.n_classes, TILE_PX, TILE_PX)

    def _place(self, row: int, col: int) -> int:
        return (row * self._tiles_across + col) * self._values_per_tile * 2


def _cannot_write(error: OSError) -> RasterWriteError:
    return RasterWriteError(
        f"The temporary file of first-stage probabilities cannot be written: {error}.",
        "Free disk space, or set TMPDIR (TEMP on Windows) to a folder with more.",
    )
