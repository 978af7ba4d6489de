# SPDX-License-Identifier: GPL-2.0-or-later
"""Kills a process at the n-th change that it makes to a folder: what ``kill -9`` does, at every point.

Python's audit events tell of each call that changes names or opens files; ``os.fsync`` has none and is wrapped.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Callable

_CHANGES = {"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "open", "os.truncate", "shutil.copyfile"}


class _Countdown:
    """Counts changes; dies at the last one, before it happens."""

    def __init__(self) -> None:
        self.left = -1  # -1 = not armed
        self.folder = ""

    def note(self, event: str, arguments: Any) -> None:
        if self.left >= 0 and event in _CHANGES and self._is_inside(arguments):
            self.step()

    def step(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def _is_inside(self, arguments: Any) -> bool:
        return any(isinstance(path, (str, os.PathLike)) and self.folder in str(path) for path in arguments)


_countdown = _Countdown()
_installed = False


def _install() -> None:
    global _installed
    if _installed:
        return
    _installed = True
    sys.addaudithook(_countdown.note)
    sync = os.fsync

    def counted(descriptor: int) -> None:
        if _countdown.left >= 0:
            _countdown.step()
        sync(descriptor)

    os.fsync = counted


def survives(n_changes: int, folder: str, action: Callable[[], object]) -> bool:
    """Do something in a forked process that is killed before its change number ``n_changes`` below a folder.

    Args:
        n_changes: Changes that are let pass.
        folder: The folder.
        action: What to do.

    Returns:
        Whether it came to its end, because it makes no more changes than that.
    """
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _install()
            _countdown.folder, _countdown.left = folder, n_changes
            action()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status) != 0:
        raise RuntimeError(f"the process failed with {n_changes} changes allowed")
    return True
