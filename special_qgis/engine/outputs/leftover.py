# SPDX-License-Identifier: GPL-2.0-or-later
"""What whoever started a job does once the job is dead: brings its commit to an end and removes its hidden folders."""

from __future__ import annotations

import time
from pathlib import Path
from typing import List, NamedTuple

from .abandoned import is_free
from .moves import recover
from .partial import noted_folders, remove_folder

_WAIT_S = 0.5  # for the system to let go of the locks of processes that were just killed
_POLL_S = 0.02


class LeftOver(NamedTuple):
    """What became of a dead job's outputs."""

    remaining: List[Path]  # hidden folders that could not be removed
    is_completed: bool  # whether the job had begun its commit, so that all its outputs are in place now


def finish_left_over(journal: Path) -> LeftOver:
    """Bring what a dead job began to an end: all of its outputs are in place, or none is.

    Args:
        journal: The text file in which the job noted its hidden folders; see ``partial``.
    """
    until = time.monotonic() + _WAIT_S
    is_completed = False
    remaining = []
    for folder in noted_folders(journal):
        while not is_free(folder) and time.monotonic() < until:
            time.sleep(_POLL_S)
        try:
            if is_free(folder):
                is_completed = recover(folder) or is_completed
                remove_folder(folder)
        except OSError:  # the next run in that folder tries again, and says so
            remaining.append(folder)
            continue
        if folder.exists():
            remaining.append(folder)
    return LeftOver(remaining, is_completed)
