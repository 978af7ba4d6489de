# SPDX-License-Identifier: GPL-2.0-or-later
"""A very small file system in memory, to see what happens when the disk is full. Needs Linux and root or sudo.

Tests take the fixture ``tiny_disk``; for another size they use ``mounted_disk``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List

import pytest

TINY_DISK_BYTES = 2 * 2**20


@contextmanager
def mounted_disk(folder: Path, n_bytes: int = TINY_DISK_BYTES) -> Iterator[Path]:
    """Mount a file system of a given size on an empty folder; skips the test where mounting is not permitted."""
    refusal = _run(["mount", "-t", "tmpfs", "-o", f"size={n_bytes},mode=1777", "tmpfs", str(folder)])
    if refusal:
        pytest.skip(f"a small file system cannot be mounted here: {refusal}")
    try:
        yield folder
    finally:
        _run(["umount", "-l", str(folder)])  # lazily, should a failed test still hold a file open


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Root folder of an empty file system of ``TINY_DISK_BYTES``."""
    folder = tmp_path / "tiny disk"
    folder.mkdir()
    with mounted_disk(folder) as mounted:
        yield mounted


def _run(command: List[str]) -> str:
    """Run as root; gives the reason when it does not work."""
    if shutil.which(command[0], path="/usr/bin:/bin:/usr/sbin:/sbin") is None:
        return f"there is no command {command[0]}"
    if os.geteuid() != 0:
        command = ["sudo", "-n", *command]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip() or "refused" if done.returncode else ""
