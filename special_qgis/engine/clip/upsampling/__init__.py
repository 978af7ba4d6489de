# SPDX-License-Identifier: GPL-2.0-or-later
"""Feature upsampling: learned (JBU one, JBU stack), guided by spectra, or bilinear.

The first stage upsamples compressed features and compares them with the text on the way: ``scores``.
"""

from __future__ import annotations

from .compression import Compressed, compress
from .kernel_pool import KernelPool
from .scores import cosines
from .upsamplers import Bilateral, Bilinear, Learned, Upsampler
from .weights import JbuWeights, read_weights

__all__ = [
    "Bilateral",
    "Bilinear",
    "Compressed",
    "JbuWeights",
    "KernelPool",
    "Learned",
    "Upsampler",
    "compress",
    "cosines",
    "read_weights",
]
