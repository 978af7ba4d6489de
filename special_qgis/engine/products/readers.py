# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of readers: the first that knows a product reads it."""

from __future__ import annotations

from typing import Tuple

from . import aviris_classic, containers, desis, enmap, hyperion, landsat, sentinel2
from .reader_kind import Reader

READERS: Tuple[Reader, ...] = (
    enmap.READER,
    desis.READER,
    hyperion.READER,
    landsat.READER,
    sentinel2.READER,
    aviris_classic.READER,
    containers.READER,
)
