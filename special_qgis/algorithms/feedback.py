# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets the engine talk to a Processing dialog: its progress protocol on top of ``QgsProcessingFeedback``."""

from __future__ import annotations

from qgis.core import QgsProcessingFeedback


class FeedbackProgress:
    """Passes progress, messages and cancel between a job and Processing.

    Args:
        feedback: Feedback of the run.
    """

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._message = ""

    def report(self, fraction: float, message: str = "") -> None:
        """Move the progress bar; a message is logged when it changes."""
        self._feedback.setProgress(100.0 * min(max(fraction, 0.0), 1.0))
        if message and message != self._message:
            self._message = message
            self._feedback.setProgressText(message)

    def info(self, text: str) -> None:
        """Write to the log."""
        self._feedback.pushInfo(text)

    def warn(self, text: str) -> None:
        """Write to the log as a warning."""
        self._feedback.pushWarning(text)

    def is_cancelled(self) -> bool:
        """Whether the user pressed Cancel."""
        return bool(self._feedback.isCanceled())
