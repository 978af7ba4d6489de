# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets the engine talk to a Processing dialog: its progress protocol on top of ``QgsProcessingFeedback``."""

from __future__ import annotations

from qgis.core import QgsProcessingFeedback

from ..engine.progress_text import ProgressText


class FeedbackProgress:
    """Passes progress, messages and cancel between a job and Processing.

    Args:
        feedback: Feedback of the run.
    """

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._texts = ProgressText()

    def report(self, fraction: float, message: str = "") -> None:
        """Move the progress bar; the log hears of a new stage, and now and then of the time left."""
        reached = min(max(fraction, 0.0), 1.0)
        self._feedback.setProgress(100.0 * reached)
        text = self._texts.text(reached, message)
        if text:
            self._feedback.setProgressText(text)

    def info(self, text: str) -> None:
        """Write to the log."""
        self._feedback.pushInfo(text)

    def warn(self, text: str) -> None:
        """Write to the log as a warning."""
        self._feedback.pushWarning(text)

    def is_cancelled(self) -> bool:
        """Whether the user pressed Cancel."""
        return bool(self._feedback.isCanceled())
