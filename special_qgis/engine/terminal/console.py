# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress, messages and cancel on a terminal or in a log file: for the command lines."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import TextIO

from ..errors import EngineError
from ..progress_text import ProgressText, time_in_words

_BAR_CHARS = 24
_LINE_CHARS = 100
_LINE_STEP = 0.1  # between lines of progress where there is no terminal
_REDRAW_S = 0.1  # between drawings of the bar


class ConsoleProgress:
    """A bar that is redrawn on a terminal, else a line every ten percent. Ctrl-C asks the work to stop.

    Args:
        stream: Text stream to write to; standard error, because standard output is for results.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._reached = 0.0
        self._shown = -1.0  # fraction last shown
        self._drawn_at = 0.0
        self._texts = ProgressText()
        self._has_bar = False

    def report(self, fraction: float, message: str = "") -> None:
        """Redraw the bar, or write a line where there is no terminal."""
        with self._lock:
            self._reached = max(self._reached, min(max(fraction, 0.0), 1.0))
            left_s = self._texts.see(self._reached, message)
            message += f" (about {time_in_words(left_s)} left)" if left_s > 0.0 else ""
            if self._is_terminal and (time.monotonic() - self._drawn_at >= _REDRAW_S or self._reached >= 1.0):
                self._draw(message)
            elif not self._is_terminal and (self._reached >= self._shown + _LINE_STEP or self._is_last()):
                self._shown = self._reached
                self._stream.write(f"{self._reached:4.0%} {message}".rstrip() + "\n")
                self._stream.flush()

    def info(self, text: str) -> None:
        """Write a line."""
        self._write_line(text)

    def warn(self, text: str) -> None:
        """Write a line that begins with "Warning:"."""
        self._write_line(f"Warning: {text}")

    def is_cancelled(self) -> bool:
        """Whether Ctrl-C was pressed or SIGTERM came."""
        return self._stop.is_set()

    def show_error(self, error: EngineError) -> None:
        """Write an error and, on a line of its own, what to do."""
        self._write_line(f"Error: {error.message}")
        if error.hint:
            self._write_line(error.hint)

    def listen_to_signals(self) -> None:
        """Let the first Ctrl-C or SIGTERM ask the work to stop; a second one ends the process at once."""

        def handle(number: int, frame: FrameType | None) -> None:
            self._stop.set()
            signal.signal(number, signal.SIG_DFL)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handle)

    def close(self) -> None:
        """Leave the cursor on a line of its own."""
        with self._lock:
            self._end_bar()

    def _is_last(self) -> bool:
        return self._reached >= 1.0 > self._shown

    def _draw(self, message: str) -> None:
        n_full = int(self._reached * _BAR_CHARS)
        bar = "#" * n_full + "." * (_BAR_CHARS - n_full)
        line = f"[{bar}] {self._reached:4.0%} {message}"[:_LINE_CHARS]
        self._stream.write(f"\r{line:<{_LINE_CHARS}}")
        self._stream.flush()
        self._drawn_at = time.monotonic()
        self._has_bar = True

    def _end_bar(self) -> None:
        if self._has_bar:
            self._stream.write("\n")
            self._has_bar = False

    def _write_line(self, text: str) -> None:
        with self._lock:
            self._end_bar()
            self._stream.write(text + "\n")
            self._stream.flush()
