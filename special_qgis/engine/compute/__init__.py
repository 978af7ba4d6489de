# SPDX-License-Identifier: GPL-2.0-or-later
"""How heavy arithmetic runs: processors, threads, devices, SIMD kernels compiled by Numba.

May import the engine's ground modules; Numba and PyTorch are allowed here, in ``clip``, ``mamba`` and ``refine``.
"""
