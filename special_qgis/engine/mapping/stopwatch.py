# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the time of a run goes."""

from __future__ import annotations

import time
from typing import Dict


class Stopwatch:
    """Wall-clock seconds of the stages, in the order they ran."""

    def __init__(self) -> None:
        self.laps_s: Dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End a stage and begin the next."""
        now = time.perf_counter()
        self.laps_s[stage] = round(now - self._last, 3)
        self._last = now
