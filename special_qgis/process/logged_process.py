# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a program whose output is text for people: each line goes to a log and a listener, and it can be cancelled."""

from __future__ import annotations

import queue
import subprocess  # nosec B404 # only for constants and types; processes are started by process_group
import threading
from pathlib import Path
from typing import Callable, List, Mapping, Optional, Sequence

from ..engine.errors import Cancelled
from ..engine.progress import Progress
from .event_reader import read_lines
from .process_group import kill_group, start_group

_POLL_S = 0.1  # between looks at the cancel button
_MAX_LINE_BYTES = 65536
_KEPT_LINES = 200  # given back for finding out what went wrong


def run_logged(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    feedback: Progress,
    on_line: Optional[Callable[[str], None]] = None,
) -> FinishedProcess:
    """Run a program to its end.

    Args:
        command: The program and its arguments.
        environment: Its environment variables.
        log: File that its output is appended to.
        feedback: Only checked for cancel.
        on_line: Called with each line of output; None = no call.

    Returns:
        Exit code and last lines.

    Raises:
        Cancelled: The user cancelled; the program and all that it started are gone.
        OSError: The program cannot be started.
    """
    process = start_group(command, environment, log.parent, output=subprocess.PIPE, errors=subprocess.STDOUT)
    lines: queue.SimpleQueue[Optional[str]] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process, log, lines), name="special-log", daemon=True)
    kept: List[str] = []
    try:
        if process.stdin is not None:
            process.stdin.close()
        reader.start()
        while True:
            if feedback.is_cancelled():
                raise Cancelled
            try:
                line = lines.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if line is None:
                return FinishedProcess(process.wait(), kept)
            kept = [*kept[-_KEPT_LINES:], line]
            if on_line is not None:
                on_line(line)
    finally:
        kill_group(process)


class FinishedProcess:
    """How a program ended.

    Args:
        exit_code: Its exit code.
        lines: Last lines of its output.
    """

    def __init__(self, exit_code: int, lines: List[str]) -> None:
        self.exit_code = exit_code
        self.lines = lines

    @property
    def last_line(self) -> str:
        """The last line that is not blank."""
        return next((line.strip() for line in reversed(self.lines) if line.strip()), f"exit code {self.exit_code}")


def _read(process: subprocess.Popen[bytes], log: Path, lines: queue.SimpleQueue[Optional[str]]) -> None:
    if process.stdout is not None:
        with process.stdout as stream, log.open("ab") as copy:
            for line in read_lines(stream.fileno(), _MAX_LINE_BYTES):
                copy.write(line + b"\n")
                copy.flush()
                lines.put(line.decode("utf-8", errors="replace").rstrip())
    lines.put(None)
