# SPDX-License-Identifier: GPL-2.0-or-later
"""MambaHSI: class scores of every pixel of a hyperspectral image (Li et al. 2024), a plain PyTorch module.

Takes a cube scaled to [0, 1], gives logits on the same grid. State dict: ``embedding.{0,1}`` 1 × 1 convolution and
normalisation; ``blocks.{0,1,2}`` with ``spatial`` / ``spectral`` (``mamba.*`` as in mamba-ssm, ``norm``) and
``mixture``; ``smooth.{0,1}`` 3 × 3 convolution and normalisation after the upsampling; ``detail`` 3 × 3 convolution of
the input; ``head.{0,1,3}`` 1 × 1 convolution (trunk's channels first, then the detail's), normalisation, classifier.
"""

from __future__ import annotations

from typing import Callable, Dict, Tuple

import torch
from torch import nn
from torch.nn import functional

from special_qgis.engine.errors import ConfigError

from .both_mamba import BothMamba
from .layer import Mamba, choose_layer_backend
from .scan import AUTOMATIC

__all__ = ["REDUCTION", "UNEVEN_SIDES", "MambaHSI"]

HIDDEN, TOKENS, NORM_GROUPS, N_BLOCKS = 16, 4, 4, 3  # as published
REDUCTION = 2 ** (N_BLOCKS - 1)  # sides of the trunk's last block are this much smaller


def _padded(cube: torch.Tensor, size: Tuple[int, int]) -> torch.Tensor:
    """Repeat the last row and column; ours: leaves every pixel as it is."""
    return functional.pad(cube, (0, size[1] - cube.shape[3], 0, size[0] - cube.shape[2]), mode="replicate")


def _cropped(logits: torch.Tensor, size: Tuple[int, int]) -> torch.Tensor:
    return logits[:, :, : size[0], : size[1]]


def _resized(image: torch.Tensor, size: Tuple[int, int]) -> torch.Tensor:
    """Bilinear, as published."""
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=False)


Change = Callable[[torch.Tensor, Tuple[int, int]], torch.Tensor]
UNEVEN_SIDES: Dict[str, Tuple[Change, Change]] = {"pad": (_padded, _cropped), "resize": (_resized, _resized)}


class MambaHSI(nn.Module):
    """(batch, bands, rows, cols) to (batch, classes, rows, cols) logits; any size from 1 × 1 on.

    A cube in PyTorch's ``channels_last`` memory format saves a copy at every step.

    Args:
        n_bands: Number of bands of the cube, 1 or more.
        n_classes: Number of classes, 1 or more.
        uneven_sides: What happens to sides that are no multiples of four: "pad" repeats the edge and cuts it off
            again; "resize" resizes the image to the next multiples and the logits back, as published.
        backend: What runs the Mamba layers: "automatic", "fused", or a key of ``scan.SCAN_BACKENDS``; changes results
            by rounding only.

    Raises:
        ConfigError: A number is not positive, or a word is not known.
    """

    def __init__(self, n_bands: int, n_classes: int, uneven_sides: str = "pad", backend: str = AUTOMATIC) -> None:
        super().__init__()
        if n_bands < 1 or n_classes < 1:
            raise ConfigError(f"A network needs at least one band and one class; got {n_bands} and {n_classes}.")
        if uneven_sides not in UNEVEN_SIDES:
            raise ConfigError(f"uneven_sides must be one of {', '.join(UNEVEN_SIDES)}; got {uneven_sides!r}.")
        self.n_bands, self.n_classes, self.uneven_sides = n_bands, n_classes, uneven_sides
        self.embedding = nn.Sequential(nn.Conv2d(n_bands, HIDDEN, 1), _norm(), nn.SiLU())
        self.blocks = nn.ModuleList(BothMamba(HIDDEN, TOKENS, NORM_GROUPS, backend) for _ in range(N_BLOCKS))
        self.pool = nn.AvgPool2d(2)
        self.upsample = nn.Upsample(scale_factor=REDUCTION, mode="bilinear", align_corners=True)
        self.smooth = nn.Sequential(nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1), _norm(), nn.SiLU())
        self.detail = nn.Conv2d(n_bands, HIDDEN, 3, padding=1)
        self.head = nn.Sequential(nn.Conv2d(2 * HIDDEN, HIDDEN, 1), _norm(), nn.SiLU(), nn.Conv2d(HIDDEN, n_classes, 1))

    def forward(self, cube: torch.Tensor) -> torch.Tensor:
        rows, cols = cube.shape[2:]
        even = (-(-rows // REDUCTION) * REDUCTION, -(-cols // REDUCTION) * REDUCTION)
        if even == (rows, cols):
            return self._forward_even(cube)
        enlarge, reduce = UNEVEN_SIDES[self.uneven_sides]
        return reduce(self._forward_even(enlarge(cube, even)), (rows, cols))

    def _forward_even(self, cube: torch.Tensor) -> torch.Tensor:
        """Sides are multiples of ``REDUCTION``."""
        # Convolutions of many bands are two to three times as fast with the bands innermost; the rest wants them first.
        cube = cube.contiguous(memory_format=torch.channels_last)
        convolved = self.embedding[0](cube).contiguous()
        x = self.blocks[0](self.embedding[1:](convolved))
        for block in self.blocks[1:]:
            x = block(self.pool(x))
        x = self.smooth(self.upsample(x))
        logits: torch.Tensor = self.head(torch.cat([x, self.detail(cube).contiguous()], 1))
        return logits

    def backend_in_use(self) -> str:
        """What runs the Mamba layers where the weights are now, for the log.

        Raises:
            ConfigError: The chosen backend cannot work there.
        """
        weight = self.detail.weight
        layer = next(module for module in self.modules() if isinstance(module, Mamba))
        return choose_layer_backend(weight.device, weight.dtype, layer.backend)


def _norm() -> nn.GroupNorm:
    return nn.GroupNorm(NORM_GROUPS, HIDDEN)
