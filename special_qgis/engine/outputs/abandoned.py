# SPDX-License-Identifier: GPL-2.0-or-later
"""Removes the hidden folders of jobs that were killed together with whoever started them.

Only a folder that carries our form of name, was signed by this computer and whose process is gone is touched, so a
job that another computer runs on the same network folder is safe.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
from pathlib import Path

from .partial import PREFIX

_NAME = re.compile(re.escape(PREFIX) + r"(\d+)-[0-9a-f]{8}")
_SIGNATURE = "owner"  # file in the folder with the computer's name
_ACCESS_DENIED = 5  # Windows: the process exists but may not be examined
_STILL_ACTIVE = 259  # Windows: exit code of a process that runs
_QUERY_LIMITED_INFORMATION = 0x1000  # Windows: right to ask for the exit code


def sign_folder(folder: Path) -> None:
    """Note in a hidden folder which computer made it.

    Raises:
        OSError: The folder cannot be written to.
    """
    (folder / _SIGNATURE).write_text(platform.node(), encoding="utf-8")


def remove_abandoned(parent: Path) -> None:
    """Remove the hidden folders in ``parent`` whose job has died. What cannot be removed stays."""
    for folder in parent.glob(PREFIX + "*"):
        if is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def is_abandoned(folder: Path) -> bool:
    """Tell whether a folder is one of ours, of this computer, and its process is gone."""
    match = _NAME.fullmatch(folder.name)
    if match is None or folder.is_symlink():
        return False
    try:
        signed_here = (folder / _SIGNATURE).read_text(encoding="utf-8") == platform.node()
    except (OSError, UnicodeDecodeError):
        return False
    return signed_here and not is_running(int(match.group(1)))


def is_running(pid: int) -> bool:
    """Tell whether a process exists; when in doubt, yes."""
    if os.name == "nt":  # pragma: no cover - os.kill would end the process there
        return _is_running_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's process
        return True
    return True


def _is_running_on_windows(pid: int) -> bool:  # pragma: no cover
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
    handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid)
    if not handle:
        denied = ctypes.get_last_error() == _ACCESS_DENIED  # type: ignore[attr-defined, unused-ignore]
        return bool(denied)  # then it exists
    code = ctypes.c_ulong()
    known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return not known or code.value == _STILL_ACTIVE
