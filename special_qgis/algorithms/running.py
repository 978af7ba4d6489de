# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs that are running, so that the plugin can end them before it goes.

QGIS deletes a provider when it is removed, while tasks and dialogs still point to it: whatever runs has to end first.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Iterator, List, Sequence

from qgis.core import QgsApplication, QgsProcessingFeedback, QgsProcessingProvider, QgsTask
from qgis.PyQt.QtCore import QCoreApplication, QEventLoop
from qgis.PyQt.QtWidgets import QApplication

from .feedback import FeedbackProgress

_RUNNER = "QgsProcessingAlgRunnerTask"
_LOOK_MS = 20  # between looks at what is left

_lock = threading.Lock()
_feedbacks: List[QgsProcessingFeedback] = []


@contextmanager
def listening(feedback: QgsProcessingFeedback) -> Iterator[FeedbackProgress]:
    """The engine's progress on top of a feedback, known as running until it is left."""
    with _lock:
        _feedbacks.append(feedback)
    try:
        yield FeedbackProgress(feedback)
    finally:
        with _lock:
            _feedbacks.remove(feedback)


def n_running() -> int:
    """Number of jobs that have not ended."""
    with _lock:
        return len(_feedbacks)


def end_jobs(names: Sequence[str], wait_s: float) -> bool:
    """Cancel all jobs and wait until they are gone; runs in the main thread.

    Args:
        names: Names of the algorithms, as QGIS's tasks are titled by them.
        wait_s: Longest time to wait.

    Returns:
        Whether all have ended.
    """
    with _lock:
        running = list(_feedbacks)
    for feedback in running:
        feedback.cancel()
    for task in _tasks_of(names):
        task.cancel()
    deadline = time.monotonic() + wait_s
    while n_running() or _tasks_of(names):
        if time.monotonic() > deadline:
            return False
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, _LOOK_MS)
        time.sleep(_LOOK_MS / 1000.0)
    QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)  # dialogs hear of the end
    return True


def close_dialogs(provider: QgsProcessingProvider) -> None:
    """Close the dialogs of a provider's algorithms, which could not be run any more."""
    from qgis.gui import QgsProcessingAlgorithmDialogBase  # only where there are windows

    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, QgsProcessingAlgorithmDialogBase):
            algorithm = widget.algorithm()
            if algorithm is not None and algorithm.provider() is provider:
                widget.close()
                widget.deleteLater()


def _tasks_of(names: Sequence[str]) -> List[QgsTask]:
    ended = (QgsTask.TaskStatus.Complete, QgsTask.TaskStatus.Terminated)
    # By the name of the class in C++: a task that a dialog started there is a plain QgsTask here.
    found = (t for t in QgsApplication.taskManager().tasks() if t.metaObject().className() == _RUNNER)
    return [t for t in found if t.status() not in ended and any(name in t.description() for name in names)]
