# SPDX-License-Identifier: GPL-2.0-or-later
"""The network that the network stage trains, with the options of the stage."""

from __future__ import annotations

import torch

from ..config import RefineConfig
from ..mamba import MambaHSI
from .train import Build

__all__ = ["network_builder"]


def network_builder(config: RefineConfig) -> Build:
    """Function that makes a network for a number of bands and classes, in training mode on the CPU.

    Start weights come from PyTorch's random state, which ``train`` sets from its seed.

    Args:
        config: Options of the network stage; ``uneven_sides`` is used.
    """

    def build(n_bands: int, n_classes: int) -> torch.nn.Module:
        return MambaHSI(n_bands, n_classes, config.uneven_sides)

    return build
