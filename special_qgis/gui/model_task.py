# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a change of the folder of models in QGIS's task manager, with progress and cancel."""

from __future__ import annotations

from typing import Callable, List

from qgis.core import QgsTask

from ..engine.errors import Cancelled, EngineError
from ..engine.progress import Progress

Work = Callable[[Progress], object]
Ending = Callable[[str], None]


class ModelTask(QgsTask):
    """A change of the folder of models.

    Args:
        title: Shown in QGIS's task manager.
        work: Does it; runs outside the main thread.
        ending: Called in the main thread when it has ended: with "" when all went well, else with what went wrong.
    """

    def __init__(self, title: str, work: Work, ending: Ending) -> None:
        super().__init__(title, QgsTask.Flag.CanCancel)
        self._work = work
        self._ending = ending
        self._problem = ""
        self.messages: List[str] = []

    def abandon(self) -> None:
        """Cancel it, and tell nobody how it ends: whoever started it goes away."""
        self._ending = _tell_nobody
        self.progressChanged.disconnect()
        self.cancel()

    def run(self) -> bool:
        """Do the work; runs outside the main thread."""
        try:
            self._work(_TaskProgress(self))
        except Cancelled:
            self._problem = self.tr("Cancelled. A download goes on from here when it is started again.")
        except EngineError as error:
            self._problem = str(error)
        except Exception as error:  # noqa: BLE001 - QGIS would swallow it, and nobody would know
            self._problem = f"{type(error).__name__}: {error}"
        return not self._problem

    def finished(self, result: bool) -> None:
        """Tell how it ended; runs in the main thread."""
        self._ending(self._problem)


def _tell_nobody(problem: str) -> None:
    """The ending of an abandoned task."""


class _TaskProgress:
    """The engine's progress on top of a task."""

    def __init__(self, task: ModelTask) -> None:
        self._task = task

    def report(self, fraction: float, message: str = "") -> None:
        """Move the bar."""
        self._task.setProgress(100.0 * min(max(fraction, 0.0), 1.0))

    def info(self, text: str) -> None:
        """Remember a message."""
        self._task.messages.append(text)

    def warn(self, text: str) -> None:
        """Remember a message."""
        self._task.messages.append(text)

    def is_cancelled(self) -> bool:
        """Whether the user cancelled the task."""
        return bool(self._task.isCanceled())
