# SPDX-License-Identifier: GPL-2.0-or-later
"""Which image–text model looks at a scene and how, for the stage that has it run; needs no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..config import ClipConfig
from ..models.library import InstalledModel

__all__ = ["ClipOptions"]


@dataclass(frozen=True)
class ClipOptions:
    """What the image–text model's part of a run is made with."""

    model: InstalledModel  # the checkpoint
    upsampler: Optional[InstalledModel]  # checkpoint of a learned upsampler; None = there is none
    config: ClipConfig
    device: str  # one of ``config.DEVICES``
    cache_folder: Path  # where text embeddings are kept
