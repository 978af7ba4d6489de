# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts a program in a group of its own and ends the whole group, children included, on every platform."""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 # the worker and pip are processes of their own by design; no shell is ever involved
import sys
from pathlib import Path
from typing import IO, Any, Dict, List, Mapping, Sequence, Union

Output = Union[int, IO[bytes]]


def start_group(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, output: Output, errors: Output
) -> subprocess.Popen[bytes]:
    """Start a program as the head of a new process group, with a pipe to its standard input and no window.

    Args:
        command: Path of the program and its arguments.
        environment: All of its environment variables.
        folder: Its working directory.
        output: Where its standard output goes: a file or ``subprocess.PIPE``.
        errors: Where its standard error goes: a file, ``subprocess.PIPE`` or ``subprocess.STDOUT``.

    Raises:
        OSError: The program cannot be started.
    """
    return subprocess.Popen(  # nosec B603 # a list of arguments made by this plugin, never a shell
        list(command),
        env=dict(environment),
        cwd=str(folder),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=errors,
        **group_options(sys.platform),
    )


def group_options(platform: str) -> Dict[str, Any]:
    """Arguments of ``Popen`` that put a program at the head of its own group."""
    if platform == "win32":
        new_group, no_window = 0x00000200, 0x08000000  # CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW
        return {"creationflags": new_group | no_window}
    return {"start_new_session": True}


def terminate_group(process: subprocess.Popen[bytes]) -> None:
    """Ask a group to end; Windows knows no such request for a program without a window, so nothing happens there."""
    if sys.platform != "win32":
        _signal_group(process, signal.SIGTERM)


def kill_group(process: subprocess.Popen[bytes], wait_s: float = 0.2) -> bool:
    """End a program and all that it started, also when the program itself has ended already.

    Args:
        process: Head of the group, from ``start_group``.
        wait_s: How long to wait for the system to report the end.

    Returns:
        Whether the program has ended.
    """
    if sys.platform == "win32":
        if process.poll() is None:
            _kill_tree_windows(process)
    else:
        _signal_group(process, signal.SIGKILL)
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def tree_kill_command(system_root: str, process_id: int) -> List[str]:
    """Command that ends a process and its descendants on Windows."""
    return [system_root + "\\System32\\taskkill.exe", "/F", "/T", "/PID", str(process_id)]


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    if sys.platform == "win32":
        return
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return  # nobody of the group is left, which is what was wanted
    except PermissionError:  # macOS answers so for a group of which only zombies are left
        if process.poll() is None:
            process.send_signal(number)


def _kill_tree_windows(process: subprocess.Popen[bytes]) -> None:
    command = tree_kill_command(os.environ.get("SYSTEMROOT", "C:\\Windows"), process.pid)
    try:
        subprocess.run(  # nosec B603 # a system program by its full path, with a number for its argument
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=0.5, check=False, creationflags=0x08000000
        )
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
    if process.poll() is None:
        process.kill()
