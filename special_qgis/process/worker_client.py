# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a job of the engine in a worker process: starts it, passes on its events, cancels it, says why it died.

QGIS never imports the engine's heavy parts: a crash, a leak or a hang stays in the worker. Whatever happens, when
``run_job`` returns or raises, the worker and all that it started are gone, and so is every output that is not whole.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess  # nosec B404 # only for the PIPE constant; processes are started by process_group
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence

from ..engine.errors import Cancelled, EngineError
from ..engine.outputs.leftover import finish_left_over
from ..engine.outputs.partial import JOURNAL_VARIABLE
from ..engine.progress import Progress
from .crash_diagnosis import diagnose
from .event_reader import Event, EventReader
from .interpreters import Interpreter, clean_environment, module_command
from .lent_data import lent_data_variables
from .process_group import kill_group, start_group, terminate_group

WORKER_MODULE = "special_qgis.engine.worker"

_RUN_PREFIX = "special-job-"  # of the folders of runs
_OLD_RUN_S = 30 * 86400.0  # age at which the kept log of a failed run is removed
_LOG, _JOURNAL, _WORKING_FOLDER = "worker.log", "outputs.txt", "empty"  # inside the folder of a run
_KINDS_WITH_LOG = ("bug", "crash", "silent", "runtime")  # of failures whose log is kept
_ENDINGS = ("result", "error", "cancelled", "end")  # events after which nothing comes; "end" is the reader's own


class WorkerFailed(EngineError, RuntimeError):  # noqa: N818 - the name says what happened, to which process
    """The worker reported an error, died or stopped answering.

    Args:
        message: What is wrong.
        hint: What to do next.
        kind: Word for the sort of failure: that of the engine's error, or memory, crash, runtime, stopped, silent,
            start, bug.
    """

    def __init__(self, message: str, hint: str = "", kind: str = "engine") -> None:
        super().__init__(message, hint)
        self.kind = kind


class WorkerCancelled(Cancelled):
    """The user cancelled; the worker is gone and left nothing."""


@dataclass(frozen=True)
class Patience:
    """How long the client waits for what, in seconds. A cancel takes at most ``poll_s + kill_s + reap_s``."""

    poll_s: float = 0.05  # between looks at the cancel button
    terminate_s: float = 0.3  # from the cancel line to the request to end
    kill_s: float = 0.5  # from the cancel line to the kill
    reap_s: float = 0.2  # from the kill to giving up on hearing of its end
    silence_s: float = 120.0  # without any event, also while a library loads; there is no limit on a job's time
    idle_s: float = 300.0  # in which the working thread gives no sign and the worker computes nothing
    unheard_s: float = 3600.0  # in which the working thread gives no sign, whatever the worker computes
    exit_s: float = 5.0  # from the last event to the kill; shorter when the user cancels


def run_job(
    job: str, config: Mapping[str, Any], feedback: Progress, interpreter: Interpreter, patience: Patience = Patience()
) -> Dict[str, Any]:
    """Do a job of the engine in a process of its own.

    Args:
        job: Name of the job, a key of ``engine.jobs.JOBS``.
        config: JSON form of the job's configuration.
        feedback: Receives progress and messages; checked for cancel every 50 ms.
        interpreter: Python to run the worker with.
        patience: Time limits.

    Returns:
        The job's result.

    Raises:
        WorkerFailed: The job or the worker failed.
        WorkerCancelled: The user cancelled.
    """
    environment = {**clean_environment(interpreter.is_private, os.environ, sys.platform), **lent_data_variables()}
    request = {"job": job, "config": config}
    return run_command(module_command(interpreter, WORKER_MODULE), environment, request, feedback, patience)


def run_command(
    command: Sequence[str],
    environment: Mapping[str, str],
    request: Mapping[str, Any],
    feedback: Progress,
    patience: Patience,
) -> Dict[str, Any]:
    """Start a program that speaks the worker's protocol, give it a request and follow it to its end.

    Args:
        command: The program and its arguments.
        environment: Its environment variables.
        request: What to send it, as JSON values.
        feedback: Receives progress and messages; checked for cancel.
        patience: Time limits.

    Returns:
        The fields of the ``result`` event.

    Raises:
        WorkerFailed: An ``error`` event came, or the program died, stopped answering or could not be started.
        WorkerCancelled: The user cancelled.
    """
    line = json.dumps(request)
    folder = _make_run_folder()
    keep_log = False
    try:
        process = _start(command, {**environment, JOURNAL_VARIABLE: str(folder / _JOURNAL)}, folder)
        return _Conversation(process, folder / _LOG, feedback, patience).follow(line)
    except WorkerFailed as failure:
        keep_log = failure.kind in _KINDS_WITH_LOG
        if keep_log:
            failure.hint = f"{failure.hint} The log is {folder / _LOG}."
        raise
    finally:
        _tidy(folder, keep_log, feedback)


def _make_run_folder() -> Path:
    """Make the folder of a run, and remove those of runs that failed long ago."""
    try:
        for old in Path(tempfile.gettempdir()).glob(_RUN_PREFIX + "*"):
            if _age_s(old) > _OLD_RUN_S:
                shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=_RUN_PREFIX))
        (folder / _WORKING_FOLDER).mkdir()
    except OSError as error:
        raise WorkerFailed(
            f"The folder for temporary files cannot be used: {error}.", "Free some disk space.", "start"
        ) from error
    return folder


def _age_s(folder: Path) -> float:
    """Seconds since a folder changed; 0 when another process has removed it meanwhile."""
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _start(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start the worker in an empty folder, its standard error appended to the log."""
    try:
        with (folder / _LOG).open("ab") as log:
            return start_group(command, environment, folder / _WORKING_FOLDER, output=subprocess.PIPE, errors=log)
    except (OSError, ValueError) as error:
        raise WorkerFailed(
            f"The engine's Python cannot be started: {error}.", "Run 'Check runtime'.", "start"
        ) from error


class _Conversation:
    """What is said between the client and one worker process, from the request to the end."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, feedback: Progress, patience: Patience) -> None:
        self._process = process
        self._feedback = feedback
        self._patience = patience
        self._doing = ""  # what it said last
        self._commands = _CommandWriter(process)
        self._events = EventReader(process, log)

    def follow(self, request: str) -> Dict[str, Any]:
        """Send the request, pass events on until the end, and see to it that no process is left, whatever happens."""
        try:
            self._commands.start()
            self._commands.send(request)
            self._events.start()
            return self._wait_for_end()
        finally:
            kill_group(self._process, self._patience.reap_s)  # first, so that the threads' pipes break
            self._commands.close()
            self._events.close()

    def _wait_for_end(self) -> Dict[str, Any]:
        silent_s, looked_at = 0.0, time.monotonic()
        while True:
            event = self._events.next(self._patience.poll_s)
            if event is not None and event.name in _ENDINGS:
                return self._conclude(event)
            if event is not None:
                self._pass_on(event)
                self._require_life(event)
            if self._feedback.is_cancelled():
                return self._cancel()
            now = time.monotonic()
            # A machine that slept all night has not waited all night: no single look counts for more than a second.
            silent_s = 0.0 if event is not None else silent_s + min(now - looked_at, 1.0)
            looked_at = now
            if silent_s > self._patience.silence_s:
                raise WorkerFailed(
                    f"The worker stopped answering {self._patience.silence_s:.0f} s ago and was ended.",
                    "Run it again; if it happens again, please report it with the log.",
                    "silent",
                )

    def _pass_on(self, event: Event) -> None:
        if event.name in ("progress", "info"):
            self._doing = event.text.rstrip(".") or self._doing
        if event.name == "progress":
            self._feedback.report(event.fraction, event.text)
        elif event.name == "info":
            self._feedback.info(event.text)
        elif event.name == "warning":
            self._feedback.warn(event.text)

    def _require_life(self, event: Event) -> None:
        """Judge by a heartbeat whether the thread that works is stuck."""
        idle_s, unheard_s = event.number("idle_s"), event.number("unheard_s")
        if event.name == "heartbeat" and (idle_s > self._patience.idle_s or unheard_s > self._patience.unheard_s):
            doing = f" It was busy with: {self._doing}." if self._doing else ""
            raise WorkerFailed(
                f"The run is stuck: nothing has been heard of it for {unheard_s:.0f} s, so it was ended.{doing}",
                "Check that the drives of inputs and outputs answer, then run it again; if it happens again, please "
                "report it with the log.",
                "silent",
            )

    def _conclude(self, event: Event) -> Dict[str, Any]:
        """Turn the last event into a result or an error."""
        if event.name == "result":
            self._await_exit()
            return event.result
        if event.name == "error":
            raise WorkerFailed(event.text, str(event.fields.get("hint", "")), str(event.fields.get("kind", "engine")))
        if event.name == "cancelled" and self._feedback.is_cancelled():
            raise WorkerCancelled
        if event.name == "cancelled":
            raise WorkerFailed("Something outside QGIS asked the worker to stop.", "Run it again.", "stopped")
        raise self._explain_death()

    def _cancel(self) -> Dict[str, Any]:
        """Ask, then insist, then kill; a result that is there before the kill is a result.

        Raises:
            WorkerCancelled: Always, unless the job was done already.
        """
        begun = time.monotonic()
        self._commands.send("cancel")
        has_terminated = False
        while time.monotonic() - begun < self._patience.kill_s:
            event = self._events.next(self._patience.poll_s)
            if event is not None and event.name == "result":
                return self._conclude(event)
            if event is not None and event.name in _ENDINGS:
                break
            if not has_terminated and time.monotonic() - begun >= self._patience.terminate_s:
                terminate_group(self._process)
                has_terminated = True
        raise WorkerCancelled

    def _explain_death(self) -> WorkerFailed:
        exit_code = self._await_exit()
        if exit_code is None:
            return WorkerFailed("The worker closed its output without a result.", "Run it again.", "crash")
        log_end = self._events.log_end()
        kind, message, hint = diagnose(exit_code, log_end)
        doing = f" It was busy with: {self._doing}." if self._doing else ""
        last_words = f" Its last words: {log_end}" if log_end else ""
        return WorkerFailed(message + doing + last_words, hint, kind)

    def _await_exit(self) -> Optional[int]:
        """Exit code once the worker is gone; None when it stays, or the user does not want to wait."""
        deadline = time.monotonic() + self._patience.exit_s
        while self._process.poll() is None and time.monotonic() < deadline and not self._feedback.is_cancelled():
            time.sleep(self._patience.poll_s)
        return self._process.poll()


class _CommandWriter:
    """Writes lines to the worker from a thread, so that a worker that does not read cannot hold up the client."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._stream = process.stdin
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="special-commands", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def send(self, line: str) -> None:
        """Hand over a line for writing; JSON's ASCII form, so that any path can pass."""
        self._lines.put(line)

    def close(self) -> None:
        """End the thread, which closes the stream; a write that blocks fails once the worker is gone."""
        self._lines.put("")
        if self._thread.is_alive():
            self._thread.join(0.1)

    def _write_all(self) -> None:
        if self._stream is None:
            return
        try:
            with self._stream as stream:
                for line in iter(self._lines.get, ""):
                    stream.write(line.encode("ascii") + b"\n")
                    stream.flush()
        except OSError:
            return  # the worker is gone, which the client hears of by the end of its output


def _tidy(folder: Path, keep_log: bool, feedback: Progress) -> None:
    """Finish what a dead worker left: a commit that it had begun, outputs that are not whole, the folder of the run."""
    left = finish_left_over(folder / _JOURNAL)
    for path in left.remaining:
        feedback.warn(f"The unfinished output {path} could not be removed; please remove it yourself.")
    if left.is_completed:
        feedback.warn("The worker had finished its outputs before it ended; they are complete and in place.")
    if keep_log:
        shutil.rmtree(folder / _WORKING_FOLDER, ignore_errors=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
