# SPDX-License-Identifier: GPL-2.0-or-later
"""The images that a network is trained on: scaled values and labels of one window, or of patches put side by side.

An image of patches from all over a large scene shows the network the scene's classes in nearly the scene's shares. A
single window would not, and normalisations would stretch a window of water alone until it looks like a whole scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..progress import Progress, check_cancelled
from ..windows import Window
from .first_stage import FirstStageTile, Pixels
from .scaling import Scaling

CACHE_BYTES = 512 * 2**20  # of training images; a large scene is learnt from no more than fit in


def as_input(image: NDArray[np.float32], device: torch.device) -> torch.Tensor:
    """What a network takes, in memory of its own.

    Bands lie innermost: the network's convolutions of many bands want them so, and mirroring moves whole spectra. The
    copy matters, because rounding of some kernels depends on how memory is aligned.

    Args:
        image: (bands, rows, cols) float32, scaled.
        device: Device that the image is copied to.

    Returns:
        (1, bands, rows, cols) float32 in the memory format ``channels_last``.
    """
    bands_last = torch.tensor(np.ascontiguousarray(np.moveaxis(image, 0, -1)), device=device)
    return bands_last.permute(2, 0, 1)[None]


@dataclass(frozen=True)
class TrainingImage:
    """An image with its labels, as a training step needs it."""

    image: torch.Tensor  # as of ``as_input``, scaled
    valid: NDArray[np.bool_]  # (rows, cols)
    tile: FirstStageTile

    @property
    def spectra(self) -> NDArray[np.float32]:
        """(rows · cols, bands) float32, scaled."""
        flat: NDArray[np.float32] = self.image[0].flatten(1).T.cpu().numpy()
        return flat


def image_bytes(n_bands: int, n_classes: int, n_px: int) -> int:
    """Size of a training image in memory, nearly."""
    return 4 * (n_bands + n_classes) * n_px


class TrainingImages:
    """Images of a scene, read at first use and kept.

    Args:
        pixels: Values and first-stage probabilities of the scene.
        plan: Windows of each image: one, or a square number of equal ones, row by row.
        scaling: Scaling of the scene's values to [0, 1].
        device: Device that the images are copied to.
        progress: Checked for cancel before each window is read.
    """

    def __init__(
        self,
        pixels: Pixels,
        plan: Sequence[Sequence[Window]],
        scaling: Scaling,
        device: torch.device,
        progress: Progress,
    ) -> None:
        self.n = len(plan)
        self.class_names = pixels.class_names
        self._pixels, self._plan, self._scaling = pixels, plan, scaling
        self._device, self._progress = device, progress
        self._kept: Dict[int, TrainingImage] = {}

    def get(self, number: int) -> TrainingImage:
        """An image."""
        if number not in self._kept:
            self._kept[number] = self._read(self._plan[number])
        return self._kept[number]

    def _read(self, windows: Sequence[Window]) -> TrainingImage:
        images, valids, probabilities, labelled = [], [], [], []
        for window in windows:
            check_cancelled(self._progress)
            values, valid = self._pixels.values(window)
            first_stage, known = self._pixels.first_stage(window)
            images.append(self._scaling.image(values, valid))
            valids.append(valid)
            probabilities.append(first_stage)
            labelled.append(valid & known)
        image = as_input(_joined(images), self._device)
        return TrainingImage(
            image,
            _joined(valids),
            FirstStageTile.of(_joined(probabilities), _joined(labelled), self._pixels.precedence),
        )


def _joined(parts: List[Any]) -> Any:
    """One array (…, rows, cols) of a square number of equal ones, laid out row by row."""
    n = round(len(parts) ** 0.5)
    if n == 1:
        return parts[0]
    strips = [np.concatenate([parts[row * n + col] for col in range(n)], axis=-1) for row in range(n)]
    return np.concatenate(strips, axis=-2)
