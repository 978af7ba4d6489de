# SPDX-License-Identifier: GPL-2.0-or-later
"""Spectral prior: class names to per-pixel evidence from physics, with no weights.

May import the engine's ground modules, ``scene`` and ``rasters``.
"""

from __future__ import annotations

from .interpretation import ClassInterpretation, Interpretation, interpret
from .prior import SpectralPrior

__all__ = ["ClassInterpretation", "Interpretation", "SpectralPrior", "interpret"]
