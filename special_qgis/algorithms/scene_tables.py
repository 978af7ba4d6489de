# SPDX-License-Identifier: GPL-2.0-or-later
"""Lays out what the engine found in a scene as tables for people."""

from __future__ import annotations

from typing import Any, List, Mapping

from .html import Table


def scene_tables(summary: Mapping[str, Any]) -> List[Table]:
    """Tables of a scene's summary."""
    return [Table("Scene", (), [(key, str(value)) for key, value in summary.items()])]
