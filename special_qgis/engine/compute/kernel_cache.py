# SPDX-License-Identifier: GPL-2.0-or-later
"""A cache of compiled kernels that never decides over a run: what is damaged is deleted, what cannot be kept is not.

Cached code is unpickled, so it is read only from a folder that no other user may write to.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any, Set

_PRIVATE = 0o700
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def prepare(folder: Path) -> str:
    """Make the folder of the cache ready for use.

    One of this user's that others could have written to is emptied and closed to them.

    Args:
        folder: The folder, there or not.

    Returns:
        Why it cannot be used; "" where it can.
    """
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        if hasattr(os, "geteuid"):
            reason = _distrust(folder)
            if reason:
                return reason
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return str(error)


def _distrust(folder: Path) -> str:
    found = folder.stat()
    if found.st_uid != os.geteuid():
        return f"{folder} belongs to another user"
    for parent in folder.resolve().parents:
        above = parent.stat()
        is_open = above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX
        if is_open or above.st_uid not in (0, os.geteuid()):
            return f"others may replace it, as they may write to {parent}"
    if found.st_mode & _OTHERS_MAY_WRITE:
        for child in folder.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()
        folder.chmod(_PRIVATE)
    return ""


def install(caching: Any, dispatcher: Any, is_usable: bool) -> None:
    """Give Numba's kernels of this process a cache that forgives everything.

    Args:
        caching: The module ``numba.core.caching``.
        dispatcher: The module ``numba.core.dispatcher``, whose kernels get the cache.
        is_usable: Whether there is a folder for it; without, nothing is kept, and nothing is left behind.
    """
    dispatcher.FunctionCache = _forgiving(caching) if is_usable else (lambda _function: caching.NullCache())


def _forgiving(caching: Any) -> Any:
    class ForgivingCache(caching.FunctionCache):  # type: ignore[misc]
        """Numba's cache of one kernel; a failure costs a compilation."""

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            """The compiled kernel; None where it has to be compiled."""
            try:
                return super().load_overload(sig, target_context)
            except Exception as error:  # noqa: BLE001 - a damaged file may end in any exception, and all mean the same
                self._give_up(error)
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            """Keep a compiled kernel, if possible."""
            try:
                super().save_overload(sig, data)
            except Exception as error:  # noqa: BLE001 - a full disk, above all
                self._give_up(error)
                self.disable()

        def _give_up(self, error: Exception) -> None:
            tell_once(f"{type(error).__name__}: {error}")
            try:
                for file in Path(self._cache_path).glob(f"{self._impl.filename_base}.*"):
                    file.unlink()
            except OSError as other:  # then nothing of it is read in this process
                tell_once(str(other))
                self.disable()

    return ForgivingCache


_TOLD: Set[str] = set()


def tell_once(reason: str) -> None:
    """Write to the log, once a process, that kernels are compiled anew.

    Args:
        reason: Why.
    """
    if not _TOLD:
        sys.stderr.write(f"Compiled kernels cannot be taken from or kept in the cache ({reason}); compiling anew.\n")
    _TOLD.add(reason)
