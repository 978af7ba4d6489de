# SPDX-License-Identifier: GPL-2.0-or-later
"""The windows that a network is trained on: scaled images and stage 1, as many in memory as a fixed budget holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List

import numpy as np
import torch
from numpy.typing import NDArray

from ..windows import Window
from .scaling import Scaling
from .stage_one import Pixels, StageOneTile

CACHE_BYTES = 512 * 2**20  # of training windows kept in memory; the others are read again


def as_input(image: NDArray[np.float32], device: torch.device) -> torch.Tensor:
    """What a network takes, in memory of its own.

    Bands lie innermost: the network's convolutions of many bands want them so, and mirroring moves whole spectra. The
    copy matters, because rounding of some kernels depends on how memory is aligned.

    Args:
        image: (bands, rows, cols) float32.
        device: Where the copy goes.

    Returns:
        (1, bands, rows, cols) float32 in the memory format ``channels_last``.
    """
    bands_last = torch.tensor(np.ascontiguousarray(np.moveaxis(image, 0, -1)), device=device)
    return bands_last.permute(2, 0, 1)[None]


@dataclass(frozen=True)
class TrainingWindow:
    """A window as steps need it."""

    image: torch.Tensor  # as of ``as_input``, scaled
    valid: NDArray[np.bool_]  # (rows, cols)
    tile: StageOneTile

    @property
    def spectra(self) -> NDArray[np.float32]:
        """(rows · cols, bands) float32, scaled."""
        flat: NDArray[np.float32] = self.image[0].flatten(1).T.cpu().numpy()
        return flat

    @property
    def n_bytes(self) -> int:
        """Size in memory, nearly."""
        return self.image.numel() * 4 + self.tile.probabilities.nbytes


class TrainingWindows:
    """Windows of a scene, read when asked for.

    Args:
        pixels: The scene and its stage 1.
        windows: Where to learn.
        scaling: Of the scene.
        device: Where images are wanted.
    """

    def __init__(self, pixels: Pixels, windows: List[Window], scaling: Scaling, device: torch.device) -> None:
        self.n = len(windows)
        self._pixels, self._windows, self._scaling, self._device = pixels, windows, scaling, device
        self._kept: Dict[int, TrainingWindow] = {}
        self._kept_bytes = 0

    def get(self, number: int) -> TrainingWindow:
        """A window, read where it is not in memory."""
        if number in self._kept:
            return self._kept[number]
        window = self._windows[number]
        values, valid = self._pixels.values(window)
        probabilities, labelled = self._pixels.stage_one(window)
        image = as_input(self._scaling.image(values, valid), self._device)
        made = TrainingWindow(image, valid, StageOneTile.of(probabilities, valid & labelled))
        if self._kept_bytes + made.n_bytes <= CACHE_BYTES or not self._kept:
            self._kept[number] = made
            self._kept_bytes += made.n_bytes
        return made
