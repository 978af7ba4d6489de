# SPDX-License-Identifier: GPL-2.0-or-later
"""What a Processing dialog's log shows of a job."""

from __future__ import annotations

from typing import Any, List

from special_qgis.algorithms.feedback import FeedbackProgress

from .conftest import Messages


class Log(Messages):
    """Keeps the texts of progress too."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: List[str] = []

    def setProgressText(self, text: str) -> None:
        self.texts.append(text)


def test_a_warning_among_four_hundred_steps_is_not_buried(qgis_app: Any) -> None:
    log = Log()
    progress = FeedbackProgress(log)
    for step in range(400):
        progress.report(step / 400, f"Network: learning, step {step + 1} of 400")
    progress.warn("mind this")
    assert log.texts == ["Network: learning, 0 %"]
    assert log.warnings == ["mind this"]
    assert log.progress() == 100.0 * 399 / 400
