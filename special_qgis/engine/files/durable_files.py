# SPDX-License-Identifier: GPL-2.0-or-later
"""Sees files and names of files safely on the disk, so that neither a kill nor a power failure takes them back."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """See the names in a folder safely on the disk where the system has a way to do so.

    Args:
        folder: The folder; on Windows, and on network drives that refuse, the system itself decides when.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Write a small file so that it is there whole or not at all, whenever the process or the machine dies.

    Args:
        path: The file; one that is there is replaced in one step.
        content: All of it.

    Raises:
        OSError: It cannot be written.
    """
    partial = path.with_name(f"{path.name}.part")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    sync_folder(path.parent)
