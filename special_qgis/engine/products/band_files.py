# SPDX-License-Identifier: GPL-2.0-or-later
"""Products of one file a band: their common grid, and descriptions of lines ``NAME = value``."""

from __future__ import annotations

import re
from typing import Dict, Sequence, Tuple

from ..errors import InputError
from ..rasters.opening import Grid
from .candidate import read_text
from .product import BandFile
from .raster_files import grid_of

_LINE = re.compile(r"^\s*(\w+)\s*=\s*\"?([^\"\r\n]*?)\"?\s*$", re.MULTILINE)


def stacked(paths: Sequence[str]) -> Tuple[Grid, Tuple[BandFile, ...]]:
    """First bands of several rasters over the same grid.

    Raises:
        InputError: Their sizes or places differ.
    """
    grids = [grid_of(path) for path in paths]
    for path, grid in zip(paths, grids):
        if (grid.rows, grid.cols, grid.geotransform) != (grids[0].rows, grids[0].cols, grids[0].geotransform):
            raise InputError(
                f"{path} is not on the grid of {paths[0]}.", "Keep the files of one product together as downloaded."
            )
    return grids[0], tuple(BandFile(path, 1) for path in paths)


def description_values(path: str) -> Dict[str, str]:
    """Values of a text file with lines ``NAME = value``; the last of several lines of a name counts."""
    return {name: value.strip() for name, value in _LINE.findall(read_text(path))}
