# SPDX-License-Identifier: GPL-2.0-or-later
"""The mask that a user gives with a scene: a raster on its grid whose values leave pixels out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..config import SceneConfig
from ..config.products import leaves_out_nonzero
from ..errors import InputError
from ..progress import Progress
from ..rasters.opening import damaged_error, open_raster, read_grid, reopen
from ..windows import Window
from .blocks import BoolArray
from .no_data import has_data

SMALLEST_KEPT_SHARE = 0.5  # a mask that leaves less is worth a warning: it may mean the opposite
_GLANCE_PX = 512


@dataclass(frozen=True)
class Mask:
    """A raster on the scene's grid that leaves pixels out."""

    dataset: Any  # open gdal.Dataset that is used here alone
    nonzero_leaves_out: bool = False  # False = 0 leaves out

    @property
    def nodata(self) -> Optional[float]:
        """Value that leaves pixels out whatever the meaning; a declared 0 says nothing where 0 means good."""
        value: Optional[float] = self.dataset.GetRasterBand(1).GetNoDataValue()
        return None if value == 0 and self.nonzero_leaves_out else value

    def again(self) -> Mask:
        """The same with a handle of its own, for another thread."""
        return Mask(reopen(self.dataset), self.nonzero_leaves_out)

    def kept(self, flags: NDArray[Any]) -> BoolArray:
        """Pixels that values of the mask keep."""
        wanted = (flags == 0) if self.nonzero_leaves_out else (flags != 0)
        return np.asarray(has_data(flags, self.nodata) & wanted)

    def kept_share(self) -> float:
        """Share of the raster's pixels that the mask keeps, by at most 512 × 512 of them."""
        band = self.dataset.GetRasterBand(1)
        cols, rows = min(self.dataset.RasterXSize, _GLANCE_PX), min(self.dataset.RasterYSize, _GLANCE_PX)
        try:
            values = band.ReadAsArray(buf_xsize=cols, buf_ysize=rows)
        except RuntimeError as error:
            whole = Window(0, 0, self.dataset.RasterYSize, self.dataset.RasterXSize)
            raise damaged_error(self.dataset, whole, error) from error
        return float(np.mean(self.kept(values)))


def open_mask_of(config: SceneConfig, dataset: Any, progress: Progress) -> Optional[Mask]:
    """The mask that the user gives, with a note where it leaves little.

    Args:
        config: Path and meaning of the mask.
        dataset: Open gdal.Dataset of the scene.
        progress: Receives the share of the raster that remains, as a warning where it is small.

    Returns:
        The mask; None where none is given.

    Raises:
        InputError: It has another size or another place.
    """
    if not config.mask:
        return None
    mask = Mask(open_mask(config.mask, dataset), leaves_out_nonzero(config.mask_meaning, Path(config.mask).name))
    kept = mask.kept_share()
    values = "other than 0" if mask.nonzero_leaves_out else "0"
    text = f"The mask's values {values} leave pixels out; {kept:.1%} of the raster remain."
    if kept < SMALLEST_KEPT_SHARE:
        progress.warn(f"{text} If the mask means the opposite, choose its meaning (now: {config.mask_meaning}).")
    else:
        progress.info(text)
    return mask


def open_mask(path: str, scene: Any) -> Any:
    """Open a mask raster and check that it lies on the scene's grid.

    Raises:
        InputError: It has another size or another place.
    """
    mask = open_raster(path)
    grid, scene_grid = read_grid(mask), read_grid(scene)
    if (grid.rows, grid.cols) != (scene_grid.rows, scene_grid.cols):
        raise InputError(
            f"The mask {path} has {grid.rows} × {grid.cols} pixels, but the scene has "
            f"{scene_grid.rows} × {scene_grid.cols}.",
            "Give a mask on the scene's own grid.",
        )
    if grid.geotransform is not None and scene_grid.geotransform is not None:
        shift = np.abs(np.subtract(grid.geotransform, scene_grid.geotransform))
        pixel = max(abs(scene_grid.geotransform[1]), abs(scene_grid.geotransform[2]))
        if max(shift[0], shift[3]) > 0.5 * pixel or max(shift[[1, 2, 4, 5]]) * max(grid.rows, grid.cols) > pixel:
            raise InputError(
                f"The mask {path} has the scene's size but lies elsewhere.", "Give a mask on the scene's own grid."
            )
    return mask
