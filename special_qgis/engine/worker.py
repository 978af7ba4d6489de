# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine as a process of its own: ``python -m special_qgis.engine.worker``.

Takes one JSON line on standard input, ``{"job": name, "config": {...}}``, and gives JSON lines on standard output, one
event each: ``progress``, ``info``, ``warning``, ``heartbeat`` and at the end ``result``, ``error`` or ``cancelled``.
A further line ``cancel``, the end of standard input (whoever started the job is gone) and SIGTERM ask it to stop.
Pixels never pass here: scenes and outputs are paths.
"""

from __future__ import annotations

import faulthandler
import json
import math
import os
import signal
import sys
import threading
import time
import traceback
from types import FrameType
from typing import Any, Dict, Tuple

from .errors import Cancelled, ConfigError, EngineError
from .jobs import run_job
from .texts.plain_text import parse_json, shorten

EXIT_OK, EXIT_ERROR, EXIT_CANCELLED = 0, 1, 130
HEARTBEAT_S = 2.0  # between signs of life
_BUSY_SHARE = 0.05  # of one processor, above which a thread that gives no sign is taken to be computing
_DUMP_AFTER_S = 120.0  # of idleness, after which the log gets what each thread is doing
MEMORY_HINT = (
    "Close other programs, set a smaller memory budget under the advanced parameters, or limit the work to an extent."
)
_PROGRESS_INTERVAL_S = 0.1  # between progress events, however often a stage reports
_MAX_REQUEST_BYTES = 16 * 2**20  # far above any job; a longer line is not one


class EventStream:
    """Writes events, whole lines only, from any thread. When nobody reads any more, it asks the job to stop."""

    def __init__(self, descriptor: int, stop: threading.Event) -> None:
        self._descriptor = descriptor
        self._stop = stop
        self._lock = threading.Lock()

    def send(self, event: str, **fields: object) -> None:
        """Write one event."""
        line = json.dumps({"event": event, **to_plain(fields)}, allow_nan=False).encode("ascii") + b"\n"
        with self._lock:
            try:
                while line:
                    n_written = os.write(self._descriptor, line)
                    line = line[n_written:]
            except OSError:
                self._stop.set()


class WorkerProgress:
    """Progress of a job as events: at most ten a second, never backwards, the last one always."""

    def __init__(self, events: EventStream, stop: threading.Event) -> None:
        self._events = events
        self._stop = stop
        self._lock = threading.Lock()
        self._reached = 0.0
        self._sent_at = -math.inf
        self._pending: Dict[str, object] = {}
        self.n_signs = 0  # how often the thread that works was heard of

    def report(self, fraction: float, message: str = "") -> None:
        """Send a progress event, or keep it for later when the last one is too recent."""
        with self._lock:
            self.n_signs += 1
            if math.isfinite(fraction):
                self._reached = max(self._reached, min(max(fraction, 0.0), 1.0))
            self._pending = {"fraction": self._reached, "message": message}
            if time.monotonic() - self._sent_at >= _PROGRESS_INTERVAL_S:
                self._send_pending()

    def flush(self) -> None:
        """Send what was kept for later."""
        with self._lock:
            self._send_pending()

    def info(self, text: str) -> None:
        """Send an info event."""
        self.n_signs += 1
        self._events.send("info", message=text)

    def warn(self, text: str) -> None:
        """Send a warning event."""
        self._events.send("warning", message=text)

    def is_cancelled(self) -> bool:
        """Whether a cancel line, the end of standard input or SIGTERM came; asked at each block, so a sign of life."""
        self.n_signs += 1
        return self._stop.is_set()

    def _send_pending(self) -> None:
        if self._pending:
            self._events.send("progress", **self._pending)
            self._pending = {}
            self._sent_at = time.monotonic()


class Pulse:
    """How long the thread that works has given no sign: a run that is stuck beats no more, a long computation does."""

    def __init__(self) -> None:
        self.unheard_s = 0.0  # since its last sign
        self.idle_s = 0.0  # the same, but counted only while the process computes nothing either
        self.is_dumped = False  # whether the log has been told what each thread does
        self._n_signs = -1
        self._cpu_s = 0.0

    def feel(self, n_signs: int, cpu_s: float, passed_s: float) -> None:
        """Look once more.

        Args:
            n_signs: Signs of the thread that works so far.
            cpu_s: Processor time of the process so far.
            passed_s: Time since the last look; a machine that slept meanwhile has not waited.
        """
        is_heard, is_busy = n_signs != self._n_signs, cpu_s - self._cpu_s > _BUSY_SHARE * passed_s
        self.unheard_s = 0.0 if is_heard else self.unheard_s + passed_s
        self.idle_s = 0.0 if is_heard or is_busy else self.idle_s + passed_s
        self._n_signs, self._cpu_s = n_signs, cpu_s


class CommandReader:
    """Reads lines from a file descriptor without Python's buffers, which a thread could not leave at exit."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""

    def read_line(self) -> bytes:
        """Next line without its end; at the end of the stream what is left of it.

        Raises:
            EOFError: The stream has ended.
            ConfigError: The line is longer than any request.
        """
        while b"\n" not in self._buffer:
            if len(self._buffer) > _MAX_REQUEST_BYTES:
                raise ConfigError("The request is longer than 16 MiB.", "Send one JSON object in one line.")
            chunk = os.read(self._descriptor, 65536)
            if not chunk:
                return self._take_rest()
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _take_rest(self) -> bytes:
        if not self._buffer:
            raise EOFError
        rest, self._buffer = self._buffer, b""
        return rest


def to_plain(value: Any) -> Any:
    """A value as JSON knows it: numbers that are not finite become null, arrays lists, paths and the rest text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays, without importing NumPy
        return to_plain(value.tolist())
    return str(value)


def parse_request(line: bytes) -> Tuple[str, Dict[str, Any]]:
    """Name of the job and JSON form of its configuration.

    Raises:
        ConfigError: The line is not a request.
    """
    try:
        request = parse_json(line)
        name, options = request["job"], request["config"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"The worker got something that is not a request: {shorten(repr(error), 200)}.",
            'Send one line of JSON: {"job": name, "config": {...}}.',
        ) from error
    if not isinstance(name, str) or not isinstance(options, dict):
        raise ConfigError("A request's job must be a name and its config an object.")
    return name, options


def perform(commands: CommandReader, events: EventStream, progress: WorkerProgress, stop: threading.Event) -> int:
    """Read the request, do the job, send how it ended.

    Returns:
        Exit code of the process.
    """
    try:
        name, options = parse_request(commands.read_line())
        watch(commands, stop)
        result = run_job(name, options, progress)
    except (Cancelled, EOFError):
        events.send("cancelled")
        return EXIT_CANCELLED
    except EngineError as error:
        return _fail(events, error.kind, error.message, error.hint)
    except MemoryError as error:
        return _fail(events, "memory", f"Memory ran out. {error}".strip(), MEMORY_HINT)
    except Exception as error:  # noqa: BLE001 - the last resort: the log gets the traceback, the user a sentence
        message = f"The engine stopped because of a fault of its own ({type(error).__name__}: {error})."
        return _fail(events, "bug", message, "Please report this, with the worker's log.")
    progress.flush()
    events.send("result", result=result)
    return EXIT_OK


def _fail(events: EventStream, kind: str, message: str, hint: str) -> int:
    """Send an error; its traceback goes to the log, whether or not it is expected."""
    traceback.print_exc()
    events.send("error", kind=kind, message=message, hint=hint)
    return EXIT_ERROR


def watch(commands: CommandReader, stop: threading.Event) -> None:
    """Start a thread that asks the job to stop when ``cancel`` or the end of standard input comes."""

    def wait_for_cancel() -> None:
        try:
            while commands.read_line().strip() != b"cancel":
                pass
        except (EOFError, OSError, ConfigError):
            sys.stderr.write("Standard input ended or broke: the process that started this job is gone.\n")
        stop.set()

    threading.Thread(target=wait_for_cancel, name="commands", daemon=True).start()


def beat(events: EventStream, progress: WorkerProgress) -> None:
    """Start a thread that tells every two seconds how long nothing was heard of the thread that works.

    It also sends any progress that waits to be sent.
    """
    pulse = Pulse()

    def keep_beating() -> None:
        while True:
            progress.flush()
            pulse.feel(progress.n_signs, time.process_time(), HEARTBEAT_S)
            events.send("heartbeat", idle_s=pulse.idle_s, unheard_s=pulse.unheard_s)
            if pulse.idle_s > _DUMP_AFTER_S and not pulse.is_dumped:
                pulse.is_dumped = True
                faulthandler.dump_traceback(sys.stderr, all_threads=True)
            time.sleep(HEARTBEAT_S)

    threading.Thread(target=keep_beating, name="heartbeat", daemon=True).start()


def stop_on_signal(stop: threading.Event) -> None:
    """Let the first SIGTERM or SIGINT ask the job to stop; a second one ends the process at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def take_over_streams() -> Tuple[int, int]:
    """Keep standard input and output to ourselves.

    Whatever prints, also a C library, goes to standard error from here on, so that it cannot get between the events;
    and nobody else holds the pipe of commands, on which a library's start-up could block while our thread reads.

    Returns:
        File descriptors to read commands from and to write events to.
    """
    commands, events = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return commands, events


def main() -> int:
    """Do the one job that standard input asks for.

    Returns:
        Exit code: 0 done, 1 an ``error`` event was sent, 130 cancelled.
    """
    command_descriptor, event_descriptor = take_over_streams()
    stop = threading.Event()
    stop_on_signal(stop)
    events = EventStream(event_descriptor, stop)
    progress = WorkerProgress(events, stop)
    beat(events, progress)
    return perform(CommandReader(command_descriptor), events, progress, stop)


if __name__ == "__main__":
    sys.exit(main())
