# SPDX-License-Identifier: GPL-2.0-or-later
"""A listener that remembers what it is told and cancels when a certain message comes."""

from __future__ import annotations

import math
import time
from typing import List, Tuple


class Listener:
    """Remembers progress, infos and warnings.

    Args:
        cancel_on: Part of the message of progress or info at which the user loses patience; "" = never.
    """

    def __init__(self, cancel_on: str = "") -> None:
        self.progress: List[Tuple[float, str]] = []
        self.infos: List[str] = []
        self.warnings: List[str] = []
        self.cancelled_at = math.inf
        self._cancel_on = cancel_on

    def report(self, fraction: float, message: str = "") -> None:
        self.progress.append((fraction, message))
        if self._cancel_on and self._cancel_on in message:
            self.cancel()

    def info(self, text: str) -> None:
        self.infos.append(text)
        if self._cancel_on and self._cancel_on in text:
            self.cancel()

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def is_cancelled(self) -> bool:
        return self.cancelled_at < math.inf

    def cancel(self) -> None:
        """Press the button."""
        self.cancelled_at = min(self.cancelled_at, time.monotonic())

    def since_cancel_s(self) -> float:
        """Seconds since the button was pressed."""
        return time.monotonic() - self.cancelled_at
