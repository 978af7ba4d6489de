# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a worker's events from its standard output; what is not an event goes to the log and nowhere else."""

from __future__ import annotations

import math
import os
import queue
import subprocess  # nosec B404 # only for the type of a process that process_group started
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

from ..engine.texts.plain_text import parse_json

EVENT_NAMES = ("progress", "info", "warning", "heartbeat", "result", "error", "cancelled")
MAX_LINE_BYTES = 8 * 2**20  # far above any event; a longer line is garbage and is not kept
_MAX_GARBAGE_BYTES = 2**20  # of garbage that is copied to the log
_GARBAGE_LINE_BYTES = 500  # of one line of garbage
_LARGEST = 1e12  # number in an event
_GRACE_S = 1.0  # from a worker's exit to its last words, which may still be in the pipe
_LOG_END_BYTES = 65536  # read from the end of the log
_LOG_LINE_CHARS = 300  # of a line of the log that is shown
_LOG_END_LINES = 3  # shown to the user


@dataclass(frozen=True)
class Event:
    """What a worker said; the event named ``end`` means that it will say nothing more."""

    name: str
    fields: Dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The message, if any."""
        return str(self.fields.get("message") or "")

    @property
    def fraction(self) -> float:
        """The progress in [0, 1]; 0 when it is not a number."""
        value = self.fields.get("fraction")
        return min(max(value, 0.0), 1.0) if isinstance(value, (int, float)) else 0.0

    def number(self, name: str) -> float:
        """A field that is a number; 0 when it is none."""
        value = self.fields.get(name)
        return float(value) if isinstance(value, (int, float)) and abs(value) < _LARGEST else 0.0

    @property
    def result(self) -> Dict[str, Any]:
        """The result; empty when there is none."""
        value = self.fields.get("result")
        return value if isinstance(value, dict) else {}


class EventReader:
    """Reads events in a thread, so that the client can look after its user meanwhile.

    Args:
        process: The worker, its standard output a pipe.
        log: File to append garbage to.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._garbage_left = _MAX_GARBAGE_BYTES
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._is_closed = threading.Event()
        self._exited_at = math.inf  # when the client first saw that the worker is gone
        self._thread = threading.Thread(target=self._read_all, name="special-events", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def next(self, wait_s: float) -> Optional[Event]:
        """The next event, or None when none came in time.

        The worker's exit counts as the event ``end`` also while something that it started holds its output open.
        """
        try:
            return self._events.get(timeout=wait_s)
        except queue.Empty:
            if self._process.poll() is None:
                return None
        self._exited_at = min(self._exited_at, time.monotonic())
        return Event("end") if time.monotonic() - self._exited_at > _GRACE_S else None

    def log_end(self) -> str:
        """The last lines of the log, in one; of a crash the lines that name it and its place."""
        size = self._log.stat().st_size
        with self._log.open("rb") as stream:
            stream.seek(max(0, size - _LOG_END_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
        return pick_last_words(text)

    def close(self) -> None:
        """Let go of the pipe once the worker is gone."""
        self._is_closed.set()
        if self._thread.is_alive():
            self._thread.join(0.1)

    def _read_all(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as stream:
            for line in read_lines(stream.fileno(), MAX_LINE_BYTES):
                event = parse_event(line)
                if event is None:
                    self._log_garbage(line)
                else:
                    self._events.put(event)
                if self._is_closed.is_set():
                    return
        self._events.put(Event("end"))

    def _log_garbage(self, line: bytes) -> None:
        text = line[:_GARBAGE_LINE_BYTES]
        if not text.strip() or self._garbage_left <= 0:
            return
        self._garbage_left -= len(text)
        with self._log.open("ab") as log:
            log.write(b"[not an event] " + text + b"\n")


def pick_last_words(text: str) -> str:
    """The lines of a log that say most about a process's end, in one.

    Args:
        text: End of what it wrote to standard error.
    """
    lines = [line.strip()[:_LOG_LINE_CHARS] for line in text.splitlines() if line.strip()]
    crashes = [index for index, line in enumerate(lines) if line.startswith("Fatal Python error")]
    if crashes:  # Python's fault handler: the stack begins with the innermost frame
        last = crashes[-1]
        frames = [line for line in lines[last:] if line.startswith("File ")]
        return " | ".join([lines[last], *frames[:1]])
    return " | ".join(lines[-_LOG_END_LINES:])


def parse_event(line: bytes) -> Optional[Event]:
    """The event that a line holds; None when it is anything else."""
    try:
        fields = parse_json(line)
    except ValueError:
        return None
    if not isinstance(fields, dict) or fields.get("event") not in EVENT_NAMES:
        return None
    return Event(fields.pop("event"), fields)


def read_lines(descriptor: int, max_bytes: int) -> Iterator[bytes]:
    """Lines from a file descriptor until its end; of one that is too long only the beginning, marked with dots.

    Args:
        descriptor: Readable file descriptor.
        max_bytes: Longest line that is kept whole; no more than this is ever held in memory.
    """
    pending, is_too_long = bytearray(), False
    while True:
        chunk = os.read(descriptor, 65536)
        if not chunk:
            break
        *ended, begun = chunk.split(b"\n")
        for piece in ended:
            yield bytes(pending) if is_too_long else bytes(pending) + piece
            pending, is_too_long = bytearray(), False
        if not is_too_long:
            pending += begun
        if len(pending) > max_bytes:
            pending, is_too_long = pending[:_GARBAGE_LINE_BYTES] + b"...", True
    if pending:
        yield bytes(pending)
