# SPDX-License-Identifier: GPL-2.0-or-later
"""Worker processes of a campaign: each maps one scene at a time; a dead one is replaced and its scene tried again.

Processes are our own rather than an executor's, because an executor gives up as a whole when one of its processes dies.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter, deque
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Deque, Dict, Generator, Iterator, List, Optional, Sequence, Tuple

from ..errors import EngineError
from ..outputs.abandoned import remove_abandoned
from ..progress import Progress, check_cancelled
from .machine import Crew
from .scene_task import Task, failed
from .worker_process import serve

__all__ = ["Workers"]

Outcome = Tuple[int, Dict[str, Any]]  # place of the task, and what run_task gave
_MOST_FAILED_STARTS = 3  # in a row; then the machine, not a scene, is at fault
_GRACE_S = 3.0  # for workers to cancel their scenes; then they are killed
_POLL_S = 0.1


class _Worker:
    """One process with a pipe to it."""

    def __init__(self, n_threads: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks and threads of GDAL and PyTorch
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs, n_threads), daemon=True)
        self.process.start()
        theirs.close()  # so that the pipe ends with the process
        self.is_ready = False
        self.task: Optional[int] = None  # place of the task in work
        self.fraction = 0.0  # of that task

    def give(self, place: int, task: Task) -> None:
        """Give an idle worker a task."""
        self.task, self.fraction = place, 0.0
        try:
            self.pipe.send(task)
        except OSError:
            return  # it died meanwhile; the end of its pipe will tell

    def ask_to_stop(self) -> None:
        """Ask the worker to cancel what it does and to end."""
        try:
            self.pipe.send("stop")
        except OSError:
            return  # it has ended already

    def end(self, deadline: float) -> None:
        """Wait for the process to end until a time, then kill it."""
        self.process.join(max(0.0, deadline - time.monotonic()))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


class Workers:
    """Tasks done side by side in processes.

    Args:
        tasks: What is to be done.
        crew: Number of processes, threads of each, retries.
    """

    def __init__(self, tasks: Sequence[Task], crew: Crew) -> None:
        self._tasks, self._crew = tasks, crew
        self._waiting: Deque[int] = deque(range(len(tasks)))
        self._deaths: Counter[int] = Counter()
        self._workers: List[_Worker] = []
        self._failed_starts = 0
        self._n_done = 0

    def outcomes(self, progress: Progress) -> Generator[Outcome, None, None]:
        """Do all tasks; outcomes come as they are ready.

        When this ends, by whatever cause, no process is left and no half-written file either.

        Args:
            progress: Receives how far all tasks are together; checked for cancel.

        Raises:
            Cancelled: The user cancelled.
            EngineError: No worker process can be started.
        """
        try:
            while self._n_done < len(self._tasks):
                check_cancelled(progress)
                self._hand_out()
                pipes: Dict[Any, _Worker] = {worker.pipe: worker for worker in self._workers}
                for pipe in wait(list(pipes), _POLL_S):
                    for outcome in self._hear(pipes[pipe], progress):
                        self._n_done += 1
                        yield outcome
                self._report(progress)
        finally:
            self._end_all()

    def _hand_out(self) -> None:
        """Give waiting tasks to idle workers, and start workers while there are too few for what waits."""
        for worker in self._workers:
            if worker.is_ready and worker.task is None and self._waiting:
                place = self._waiting.popleft()
                worker.give(place, self._tasks[place])
        n_starting = sum(not worker.is_ready for worker in self._workers)
        while len(self._workers) < self._crew.n_workers and n_starting < len(self._waiting):
            self._workers.append(_Worker(self._crew.n_threads))
            n_starting += 1

    def _hear(self, worker: _Worker, progress: Progress) -> Iterator[Outcome]:
        """Take one message of a worker, or notice its death."""
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(worker, progress)
            return
        if kind == "ready":
            worker.is_ready, self._failed_starts = True, 0
        elif kind == "progress":
            worker.fraction = value
        elif kind == "outcome" and worker.task is not None:
            place, worker.task = worker.task, None
            yield place, value

    def _bury(self, worker: _Worker, progress: Progress) -> Iterator[Outcome]:
        """Take a dead worker away with what it left, and have its scene tried again, unless it was too often."""
        self._workers.remove(worker)
        worker.end(time.monotonic() + 1.0)
        cause = _cause_of_death(worker.process.exitcode)
        if worker.task is None:
            self._note_failed_start(worker, cause)
            return
        task = self._tasks[worker.task]
        remove_abandoned(Path(task.folder))
        self._deaths[worker.task] += 1
        n_deaths = self._deaths[worker.task]
        if n_deaths <= self._crew.retries:
            progress.info(f"The worker of {task.name} died ({cause}); the scene is tried again.")
            self._waiting.append(worker.task)
            return
        message = f"The worker of this scene died {n_deaths} times, the last time by {cause}."
        hint = "Map the scene alone to see why; with signal 9, use fewer workers or a smaller memory budget."
        yield worker.task, failed("crash", message, hint)

    def _note_failed_start(self, worker: _Worker, cause: str) -> None:
        self._failed_starts += not worker.is_ready
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise EngineError(
                f"No worker process can be started; {self._failed_starts} died at once, the last by {cause}.",
                "Look at the messages above, and try with one worker.",
            )

    def _report(self, progress: Progress) -> None:
        n_tasks = len(self._tasks)
        busy = [worker for worker in self._workers if worker.task is not None]
        names = ", ".join(self._tasks[worker.task].name for worker in busy[:3] if worker.task is not None)
        under_way = sum(worker.fraction for worker in busy)
        now = f"; now {names}" if names else ""
        progress.report((self._n_done + under_way) / n_tasks, f"{self._n_done} of {n_tasks} scenes{now}")

    def _end_all(self) -> None:
        """End all processes within seconds, and remove what killed ones left."""
        for worker in self._workers:
            worker.ask_to_stop()
        deadline = time.monotonic() + _GRACE_S
        for worker in self._workers:
            worker.end(deadline)
            if worker.task is not None:
                remove_abandoned(Path(self._tasks[worker.task].folder))
        self._workers.clear()


def _cause_of_death(exit_code: Optional[int]) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {-exit_code}, {signal.Signals(-exit_code).name}"
    except ValueError:  # a number that this system has no name for
        return f"signal {-exit_code}"
