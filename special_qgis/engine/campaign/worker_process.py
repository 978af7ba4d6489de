# SPDX-License-Identifier: GPL-2.0-or-later
"""What a worker process of a campaign does: map one scene after the other, until the campaign stops it.

Imports nothing heavy at the top: the number of threads must be set before NumPy, GDAL or PyTorch are loaded. The end of
the pipe means that the campaign is gone; the scene in work is then cancelled and the process ends.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Optional, Tuple

from ..errors import Cancelled
from .scene_task import Task, run_task

__all__ = ["serve"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_INTERVAL_S = 0.2  # between reports of progress


class PipeProgress:
    """Progress of a scene, sent to the campaign."""

    def __init__(self, pipe: Connection, lock: threading.Lock, stop: threading.Event) -> None:
        self._pipe, self._lock, self._stop = pipe, lock, stop
        self._sent_at = 0.0

    def report(self, fraction: float, message: str = "") -> None:
        """Send how far the scene is, a few times a second at most."""
        now = time.monotonic()
        if now - self._sent_at >= _INTERVAL_S:
            self._sent_at = now
            send(self._pipe, self._lock, self._stop, ("progress", fraction))

    def info(self, text: str) -> None:
        """Kept out of the campaign's log, which would drown in them; the scene's report has what matters."""

    def warn(self, text: str) -> None:
        """Part of the scene's result."""

    def is_cancelled(self) -> bool:
        """Whether the campaign stops this worker, or is gone."""
        return self._stop.is_set()


def serve(pipe: Connection, n_threads: int) -> None:
    """Take tasks from a pipe and send their outcomes, until "stop" or the end of the pipe.

    Args:
        pipe: To the campaign; receives ``Task`` or "stop", sends ``("ready", None)``, ``("progress", fraction)``,
            ``("outcome", values)`` and ``("cancelled", None)``.
        n_threads: Threads that this process may compute with, 1 or more.
    """
    for name in THREAD_VARIABLES:
        os.environ[name] = str(n_threads)
    stop, lock = threading.Event(), threading.Lock()
    tasks: queue.SimpleQueue[Optional[Task]] = queue.SimpleQueue()  # its put may interrupt its get

    def end(number: int, frame: Optional[FrameType]) -> None:
        stop.set()
        tasks.put(None)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the campaign passes it on
    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_listen, args=(pipe, tasks, stop), name="commands", daemon=True).start()
    send(pipe, lock, stop, ("ready", None))
    while True:
        task = tasks.get()
        if task is None:
            return
        try:
            answer: Tuple[str, Any] = ("outcome", run_task(task, PipeProgress(pipe, lock, stop)))
        except Cancelled:
            answer = ("cancelled", None)
        send(pipe, lock, stop, answer)
        if stop.is_set():
            return


def _listen(pipe: Connection, tasks: queue.SimpleQueue[Optional[Task]], stop: threading.Event) -> None:
    """Take what the campaign sends; its end is the order to stop."""
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            message = "stop"
        if message == "stop":
            stop.set()
            tasks.put(None)
            return
        tasks.put(message)


def send(pipe: Connection, lock: threading.Lock, stop: threading.Event, message: Tuple[str, Any]) -> None:
    """Send a message from any thread; where nothing reads any more, cancel the scene."""
    with lock:
        try:
            pipe.send(message)
        except OSError:
            stop.set()
