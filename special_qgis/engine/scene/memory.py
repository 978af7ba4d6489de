# SPDX-License-Identifier: GPL-2.0-or-later
"""How much memory is free, and how much of it blocks of pixels may take."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

LARGEST_BUDGET_BYTES = 512 * 2**20  # of all blocks together, prefetched ones included
SMALLEST_BUDGET_BYTES = 64 * 2**20
ASSUMED_FREE_BYTES = 2 * 2**30  # where the system does not say


def block_budget_bytes(wanted_bytes: int = 0) -> int:
    """Memory for blocks of pixels: what is wanted, else a quarter of free memory within fixed bounds."""
    if wanted_bytes > 0:
        return wanted_bytes
    return min(max(free_bytes() // 4, SMALLEST_BUDGET_BYTES), LARGEST_BUDGET_BYTES)


def free_bytes() -> int:
    """Memory that can be taken without swapping, as far as the system says."""
    if sys.platform == "win32":
        return _free_windows()
    return _free_linux() or _free_posix() or ASSUMED_FREE_BYTES


def _free_linux() -> int:
    """``MemAvailable`` of the kernel, which counts the page cache that can be dropped; 0 where there is none."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return 0
    return 0


def _free_posix() -> int:
    """Half of the physical memory where free pages are not known, as on macOS; 0 where nothing is."""
    names = os.sysconf_names
    if "SC_PAGE_SIZE" not in names or "SC_PHYS_PAGES" not in names:
        return 0
    pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in names else "SC_PHYS_PAGES"
    try:
        total = os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
    return max(0, total if pages == "SC_AVPHYS_PAGES" else total // 2)


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = [
        ("dwLength", ctypes.c_ulong),
        ("dwMemoryLoad", ctypes.c_ulong),
        ("ullTotalPhys", ctypes.c_ulonglong),
        ("ullAvailPhys", ctypes.c_ulonglong),
        ("ullTotalPageFile", ctypes.c_ulonglong),
        ("ullAvailPageFile", ctypes.c_ulonglong),
        ("ullTotalVirtual", ctypes.c_ulonglong),
        ("ullAvailVirtual", ctypes.c_ulonglong),
        ("ullAvailExtendedVirtual", ctypes.c_ulonglong),
    ]


def _free_windows() -> int:
    status = _MemoryStatus()
    status.dwLength = ctypes.sizeof(_MemoryStatus)
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the name exists on Windows only
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        return ASSUMED_FREE_BYTES
    return int(status.ullAvailPhys)
