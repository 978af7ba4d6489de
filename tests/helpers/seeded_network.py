# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks whose start weights come from a seed."""

from __future__ import annotations

import torch

from special_qgis.engine.mamba import MambaHSI
from special_qgis.engine.mamba.layer import AUTOMATIC


def seeded_network(
    n_bands: int, n_classes: int, seed: int, uneven_sides: str = "pad", backend: str = AUTOMATIC
) -> MambaHSI:
    """A network with the start weights of a seed; PyTorch's own random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MambaHSI(n_bands, n_classes, uneven_sides, backend)
