# SPDX-License-Identifier: GPL-2.0-or-later
"""Selective scan, Mamba layer and the network MambaHSI; needs PyTorch, and uses Numba where it is installed.

May import the engine's ground modules and ``compute``.
"""

from __future__ import annotations

from .layer import Mamba, choose_layer_backend
from .network import MambaHSI
from .scan import SCAN_BACKENDS, choose_scan_backend, selective_scan

__all__ = [
    "SCAN_BACKENDS",
    "Mamba",
    "MambaHSI",
    "choose_layer_backend",
    "choose_scan_backend",
    "selective_scan",
]
