# SPDX-License-Identifier: GPL-2.0-or-later
"""A lock between processes that cannot outlive its holder: the system lets go of it when a process dies."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Iterator, Optional

_LOCKED_BYTE = 2**20  # far behind the text, because Windows keeps others from reading a locked byte


class LockHeldError(Exception):
    """Another process, or another thread of this one, holds the lock.

    Args:
        holder: Process number of the holder; "" when it cannot be read.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"locked by process {holder or 'unknown'}")
        self.holder = holder


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold a lock; the file stays behind, because removing it would open a gap between two who want it.

    Args:
        path: Path of the lock file, which is made where it is missing.

    Raises:
        LockHeldError: Somebody else holds it.
        OSError: The file cannot be used.
    """
    descriptor = try_take(path)
    if descriptor is None:
        raise LockHeldError(path.read_text(encoding="ascii", errors="replace").strip())
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        yield
    finally:
        os.close(descriptor)  # also lets go of the lock


def try_take(path: Path, make: bool = True) -> Optional[int]:
    """Take a lock without waiting for it.

    Args:
        path: The lock's file.
        make: Whether to make the file where it is missing.

    Returns:
        File descriptor, open for reading and writing, whose closing lets go of the lock; None where it is held.

    Raises:
        OSError: The file cannot be used, or its file system knows no locks.
    """
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o644)
    taken = False
    try:
        taken = _try_lock(descriptor)
    finally:
        if not taken:
            os.close(descriptor)
    return descriptor if taken else None


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the latter is raised on Windows where the byte is taken
        return False
    return True
