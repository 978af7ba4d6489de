# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress, messages and cancel: the one channel from a stage to whoever started it.

A stage takes a ``Progress``, reports a fraction of its own work in [0, 1] and calls ``check_cancelled`` at every block.
Nested stages get a ``SubProgress``; the worker, the command line and the tests bring their own implementation.
"""

from __future__ import annotations

from typing import Protocol

from .errors import Cancelled


class Progress(Protocol):
    """Receives what a stage reports while it works."""

    def report(self, fraction: float, message: str = "") -> None:
        """Receive the fraction of the stage that is done, in [0, 1], and optionally what it does now."""

    def info(self, text: str) -> None:
        """Receive a message for the log."""

    def warn(self, text: str) -> None:
        """Receive a warning that the user must know about to use the result."""

    def is_cancelled(self) -> bool:
        """Whether the user has cancelled."""


class NullProgress:
    """A progress without a receiver."""

    def report(self, fraction: float, message: str = "") -> None:
        """Ignore the fraction."""

    def info(self, text: str) -> None:
        """Ignore the text."""

    def warn(self, text: str) -> None:
        """Ignore the text."""

    def is_cancelled(self) -> bool:
        """Never cancelled."""
        return False


class SubProgress:
    """The part [start, stop] of a parent's progress, for a nested stage.

    Fractions are clipped to [0, 1] and never go backwards.
    """

    def __init__(self, parent: Progress, start: float, stop: float) -> None:
        self._parent = parent
        self._start = start
        self._span = stop - start
        self._reached = 0.0

    def report(self, fraction: float, message: str = "") -> None:
        """Report to the parent, scaled into this part."""
        self._reached = max(self._reached, min(max(fraction, 0.0), 1.0))
        self._parent.report(self._start + self._span * self._reached, message)

    def info(self, text: str) -> None:
        """Pass on to the parent."""
        self._parent.info(text)

    def warn(self, text: str) -> None:
        """Pass on to the parent."""
        self._parent.warn(text)

    def is_cancelled(self) -> bool:
        """Ask the parent."""
        return self._parent.is_cancelled()


class RecordingProgress:
    """Pass everything on and remember the warnings, each once, in the order given: the report lists them."""

    def __init__(self, parent: Progress) -> None:
        self._parent = parent
        self.warnings: list[str] = []

    @property
    def status(self) -> str:
        """Status of the run, as results and reports give it: "ok" or "ok with warnings"."""
        return "ok with warnings" if self.warnings else "ok"

    def report(self, fraction: float, message: str = "") -> None:
        """Pass on to the parent."""
        self._parent.report(fraction, message)

    def info(self, text: str) -> None:
        """Pass on to the parent."""
        self._parent.info(text)

    def warn(self, text: str) -> None:
        """Remember and pass on, once for each text."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._parent.warn(text)

    def is_cancelled(self) -> bool:
        """Ask the parent."""
        return self._parent.is_cancelled()


class ReportOnce(SubProgress):
    """Pass everything on, but each information only once: for work that makes the same finding again and again."""

    def __init__(self, parent: Progress) -> None:
        super().__init__(parent, 0.0, 1.0)
        self._passed_on: set[str] = set()

    def info(self, text: str) -> None:
        """Pass on to the parent unless it was before."""
        if text not in self._passed_on:
            self._passed_on.add(text)
            self._parent.info(text)


def check_cancelled(progress: Progress) -> None:
    """Raise where the user has cancelled; called at every block, window batch and training step.

    Raises:
        Cancelled: The user cancelled.
    """
    if progress.is_cancelled():
        raise Cancelled
