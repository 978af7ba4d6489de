# SPDX-License-Identifier: GPL-2.0-or-later
"""What the scoring of a scene needs besides scene, classes and model, each of it decided once before the work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import torch

from ..config import ClipConfig
from ..errors import ConfigError
from .upsampling import JbuWeights

__all__ = ["ChosenUpsampler", "ScoringOptions", "choose_upsampler"]


@dataclass(frozen=True)
class ChosenUpsampler:
    """What takes scores from patches to pixels."""

    kind: str  # one of ``config.UPSAMPLERS`` but "automatic"
    weights: Optional[JbuWeights] = None  # None = the kind needs none

    @property
    def uses_spectra(self) -> bool:
        """Whether the guide is the principal components of the spectra."""
        return self.kind == "bilateral"


@dataclass(frozen=True)
class ScoringOptions:
    """How, where and by which upsampler a scene is scored."""

    config: ClipConfig
    device: torch.device
    upsampler: ChosenUpsampler
    cache_folder: Optional[Path] = None  # where text embeddings are kept; None = nowhere


def choose_upsampler(wanted: str, weights: Optional[JbuWeights]) -> ChosenUpsampler:
    """Decide what takes scores from patches to pixels.

    Args:
        wanted: One of ``config.UPSAMPLERS``.
        weights: Learned weights at hand; None = there are none.

    Raises:
        ConfigError: Learned weights are wanted and not there, or are of the other kind.
    """
    if wanted in ("bilateral", "bilinear") or (wanted == "automatic" and weights is None):
        return ChosenUpsampler("bilateral" if wanted == "automatic" else wanted)
    if weights is not None and wanted in ("automatic", weights.kind):
        return ChosenUpsampler(weights.kind, weights)
    there = "none" if weights is None else f"those of {weights.kind}"
    raise ConfigError(
        f"upsampler is {wanted}, and the weights at hand are {there}.",
        "Import an upsampler's checkpoint, or choose bilateral, which needs none.",
    )
