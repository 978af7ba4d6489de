# SPDX-License-Identifier: GPL-2.0-or-later
"""What a listener shows of a job's progress: the stage, how far it all is, and about how long it will still take.

Stages report at every block or step. A log that repeats all of it buries the warnings; so a text is given only when
the stage changes, and every few seconds with the time left.
"""

from __future__ import annotations

import re
import time
from collections import deque
from typing import Callable, Deque, Tuple

_COUNTER = re.compile(r"\s*[,:]?\s*(?:\bstep\s*)?\d")  # where a message begins to count
_LEAST_S = 2.0  # between two texts, also of different stages
_REPEAT_S = 15.0  # between two texts of one stage
_ESTIMATE_AFTER_S = 5.0  # before this nothing is said of the time left
_WINDOW_S = 30.0  # of the latest progress, which the time left is told from
_LEAST_FRACTION = 0.01  # of the job, from which on the time left is told


def stage_of(message: str) -> str:
    """The stage that a message tells of: what stands before it counts steps."""
    return _COUNTER.split(message, maxsplit=1)[0].strip(" ,:.") or message


def time_in_words(seconds: float) -> str:
    """A rough time: "20 s", "3 min", "1 h 20 min"."""
    if seconds < 57.5:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = max(1, round(seconds / 60.0))
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"


class ProgressText:
    """Turns reports into texts.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun_s = clock()
        self._stage = ""
        self._said_stage = ""
        self._said_s = float("-inf")
        self._seen: Deque[Tuple[float, float]] = deque()  # time and fraction of the latest reports

    def text(self, fraction: float, message: str = "") -> str:
        """The text to show after a report; empty while there is nothing new to say.

        Args:
            fraction: How far the job is, in [0, 1].
            message: What it does; "" = the same as before.
        """
        now = self._clock()
        self.see(fraction, message)
        is_new = self._stage != self._said_stage
        if not self._stage or now - self._said_s < (_LEAST_S if is_new else _REPEAT_S):
            return ""
        self._said_stage, self._said_s = self._stage, now
        return self.line(fraction)

    def see(self, fraction: float, message: str = "") -> float:
        """Take note of a report; gives the seconds that are left, 0 while that is not known."""
        now = self._clock()
        self._seen.append((now, fraction))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW_S:
            self._seen.popleft()
        self._stage = stage_of(message) if message else self._stage
        return self.left_s(fraction)

    def line(self, fraction: float) -> str:
        """Stage, percentage and time left, as known now."""
        left_s = self.left_s(fraction)
        parts = [self._stage, f"{fraction:.0%}".replace("%", " %")]
        return ", ".join([*parts, *([f"about {time_in_words(left_s)} left"] if left_s > 0.0 else [])])

    def left_s(self, fraction: float) -> float:
        """Seconds that the job will still take at its latest pace; 0 while that is not known."""
        now = self._clock()
        if now - self._begun_s < _ESTIMATE_AFTER_S or not _LEAST_FRACTION <= fraction < 1.0 or len(self._seen) < 2:
            return 0.0
        since_s, since = self._seen[0]
        if fraction <= since or now <= since_s:
            return 0.0
        return (1.0 - fraction) * (now - since_s) / (fraction - since)
