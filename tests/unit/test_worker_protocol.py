# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of the worker's pipes: requests and events, whole or broken; and what an exit code means."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine import worker
from special_qgis.engine.config import ClassifyConfig, RuntimeCheckConfig
from special_qgis.engine.errors import Cancelled, ConfigError, RuntimeMissingError
from special_qgis.engine.jobs import JOBS, Job, find_function, run_job
from special_qgis.engine.packages import check_runtime
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.worker import CommandReader, EventStream, Pulse, WorkerProgress, parse_request, to_plain
from special_qgis.process.crash_diagnosis import diagnose
from special_qgis.process.event_reader import MAX_LINE_BYTES, Event, parse_event, pick_last_words, read_lines
from tests.helpers.listener import Listener


class Pipe:
    """An operating system's pipe."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.written = 0

    def feed(self, data: bytes) -> None:
        """Write from a thread, then close, so that any amount can be read."""

        def write() -> None:
            with contextlib.suppress(BrokenPipeError), os.fdopen(self.writing, "wb", buffering=0) as stream:
                while self.written < len(data):
                    self.written += stream.write(data[self.written : self.written + 65536])

        threading.Thread(target=write, daemon=True).start()

    def events(self) -> List[Dict[str, Any]]:
        """All events written; the writing end must be closed."""
        os.close(self.writing)
        with os.fdopen(self.reading, "rb") as stream:
            return [json.loads(line) for line in stream]


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def make_progress(pipe: Pipe) -> Tuple[WorkerProgress, threading.Event]:
    stop = threading.Event()
    return WorkerProgress(EventStream(pipe.writing, stop), stop), stop


def test_progress_many_reports_sends_at_most_ten_a_second_and_the_last(pipe: Pipe) -> None:
    progress, _ = make_progress(pipe)
    begun = time.monotonic()
    for step in range(2001):
        progress.report(step / 2000, f"step {step}")
    elapsed_s = time.monotonic() - begun
    progress.flush()
    events = pipe.events()
    assert len(events) <= 2 + 10 * elapsed_s
    assert events[-1] == {"event": "progress", "fraction": 1.0, "message": "step 2000"}


def test_progress_backwards_or_not_finite_never_goes_back(pipe: Pipe) -> None:
    progress, _ = make_progress(pipe)
    for fraction in (0.5, 0.2, math.nan, -math.inf, 7.0):
        progress.report(fraction)
        progress.flush()
    assert [event["fraction"] for event in pipe.events()] == [0.5, 0.5, 0.5, 0.5, 1.0]


def test_event_stream_reader_gone_asks_the_job_to_stop(pipe: Pipe) -> None:
    progress, stop = make_progress(pipe)
    os.close(pipe.reading)
    progress.info("is anybody there?")
    assert stop.is_set()
    assert progress.is_cancelled()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        pytest.param(math.nan, None, id="nan"),
        pytest.param({"a": [math.inf, 1.5]}, {"a": [None, 1.5]}, id="nested-infinity"),
        pytest.param(np.float32(0.5), 0.5, id="numpy-scalar"),
        pytest.param(np.array([1.0, np.nan]), [1.0, None], id="numpy-array"),
        pytest.param(np.int64(3), 3, id="numpy-integer"),
        pytest.param((1, True, None, "x"), [1, True, None, "x"], id="tuple"),
        pytest.param({1: Path("/a")}, {"1": "/a"}, id="key-and-path"),
    ],
)
def test_to_plain_any_value_becomes_json(value: object, plain: object) -> None:
    assert to_plain(value) == plain
    json.dumps(to_plain(value), allow_nan=False)


def test_event_stream_undecodable_path_survives_the_pipe(pipe: Pipe) -> None:
    EventStream(pipe.writing, threading.Event()).send("result", result={"map": "/ü\udcff.tif"})
    assert pipe.events()[0]["result"] == {"map": "/ü\udcff.tif"}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"classify", id="not-json"),
        pytest.param(b"[1]", id="not-an-object"),
        pytest.param(b'{"job": "classify"}', id="no-config"),
        pytest.param(b'{"job": 1, "config": {}}', id="job-is-a-number"),
        pytest.param(b'{"job": "classify", "config": []}', id="config-is-a-list"),
        pytest.param(b"\xff\xfe", id="not-utf-8"),
        pytest.param(b"[" * 100_000, id="deeply-nested"),
    ],
)
def test_parse_request_not_a_request_raises(line: bytes) -> None:
    with pytest.raises(ConfigError, match="request"):
        parse_request(line)


def test_command_reader_lines_in_pieces_come_whole(pipe: Pipe) -> None:
    pipe.feed(b'{"job"' + b" " * 200_000 + b': "x"}\r\ncancel\nrest')
    reader = CommandReader(pipe.reading)
    assert json.loads(reader.read_line()) == {"job": "x"}
    assert [reader.read_line(), reader.read_line()] == [b"cancel", b"rest"]
    with pytest.raises(EOFError):
        reader.read_line()


def test_command_reader_endless_line_raises(pipe: Pipe) -> None:
    pipe.feed(b"x" * (17 * 2**20))
    with pytest.raises(ConfigError, match="16 MiB"):
        CommandReader(pipe.reading).read_line()
    os.close(pipe.reading)


def test_read_lines_line_of_100_mib_is_cut_in_little_memory(pipe: Pipe) -> None:
    block = b"x" * 2**20

    def write() -> None:
        with os.fdopen(pipe.writing, "wb", buffering=0) as stream:
            for _ in range(100):
                stream.write(block)
            stream.write(b'\n{"event": "info"}\n')

    threading.Thread(target=write, daemon=True).start()
    tracemalloc.start()
    try:
        lines = list(read_lines(pipe.reading, MAX_LINE_BYTES))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lines == [b"x" * 500 + b"...", b'{"event": "info"}']
    assert peak_bytes < 3 * MAX_LINE_BYTES


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), min_size=1, max_size=8))
def test_read_lines_any_bytes_come_back(lines: List[bytes]) -> None:
    pipe = Pipe()
    pipe.feed(b"\n".join(lines))
    expected = lines if lines[-1] else lines[:-1]
    assert list(read_lines(pipe.reading, 1000)) == expected
    os.close(pipe.reading)


@given(st.binary(max_size=200))
def test_parse_event_any_bytes_never_raises(line: bytes) -> None:
    assert parse_event(line) is None or line.lstrip().startswith(b"{")


def test_parse_event_overlong_line_cut_short_is_no_event() -> None:
    assert parse_event(b'{"event": "heartbeat"}' + b" " * 400 + b"...") is None


def test_parse_event_progress_gives_fraction_in_range() -> None:
    event = parse_event(b'{"event": "progress", "fraction": 1e999, "message": null}')
    assert event == Event("progress", {"fraction": math.inf, "message": None})
    assert (event.fraction, event.text) == (1.0, "")


@pytest.mark.parametrize(
    ("code", "log", "kind", "words"),
    [
        pytest.param(-9, "", "memory", "signal 9", id="killed"),
        pytest.param(137, "", "memory", "signal 9", id="killed-behind-a-shell"),
        pytest.param(-11, "", "crash", "invalid memory", id="segmentation-fault"),
        pytest.param(-4, "", "crash", "newer processor", id="illegal-instruction"),
        pytest.param(-7, "", "crash", "bus error", id="bus-error"),
        pytest.param(-31, "", "crash", "signal 31", id="rare-signal"),
        pytest.param(-15, "", "stopped", "outside", id="terminated"),
        pytest.param(0xC0000005, "", "crash", "0xC0000005", id="windows-access-violation"),
        pytest.param(0xC0000005 - 2**32, "", "crash", "0xC0000005", id="windows-signed"),
        pytest.param(0xC0000135, "", "runtime", "DLL", id="windows-missing-dll"),
        pytest.param(0xC0000017, "", "memory", "memory", id="windows-no-memory"),
        pytest.param(0xC0000409, "", "crash", "abort", id="windows-fast-fail"),
        pytest.param(1, "numpy.core._exceptions._ArrayMemoryError: Unable to", "memory", "Memory", id="array-memory"),
        pytest.param(1, "ModuleNotFoundError: No module named 'numpy'", "runtime", "lacks", id="no-numpy"),
        pytest.param(1, "ImportError: DLL load failed while importing _gdal", "runtime", "load", id="dll-load"),
        pytest.param(3, "", "crash", "exit code 3", id="unknown"),
    ],
)
def test_diagnose_exit_says_why_and_what_to_do(code: int, log: str, kind: str, words: str) -> None:
    diagnosis = diagnose(code, log)
    assert diagnosis.kind == kind
    assert words in diagnosis.message
    assert diagnosis.hint


def test_pick_last_words_crash_gives_its_kind_and_place() -> None:
    log = (
        'a warning\nFatal Python error: Aborted\n\nThread 1:\n  File "a.py", line 2 in f\n  File "b.py", line 9 in g\n'
    )
    assert (
        pick_last_words(log + "\nExtension modules: x, y\n") == 'Fatal Python error: Aborted | File "a.py", line 2 in f'
    )


def test_pick_last_words_traceback_gives_its_last_lines() -> None:
    assert pick_last_words("one\ntwo\n\nthree\nKeyError: 'x'\n") == "two | three | KeyError: 'x'"


def test_run_job_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="no job 'clasify'") as caught:
        run_job("clasify", {}, NullProgress())
    assert "classify" in caught.value.hint


def test_run_job_unknown_option_raises() -> None:
    with pytest.raises(ConfigError, match="no option 'modul'"):
        run_job("check_runtime", {"modul": []}, NullProgress())


@pytest.mark.parametrize("name", sorted(JOBS))
def test_jobs_every_name_has_a_function_or_says_which_package_is_missing(name: str) -> None:
    if JOBS[name].module.startswith(".refine") and importlib.util.find_spec("torch") is None:
        with pytest.raises(RuntimeMissingError, match=r"cannot import torch.*Install runtime"):
            find_function(JOBS[name])
    else:
        assert callable(find_function(JOBS[name]))


def test_find_function_foreign_package_missing_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "needs_more.py").write_text("import no_such_package_of_special")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RuntimeMissingError, match="no_such_package_of_special"):
        find_function(Job("needs_more", "run", "SceneConfig"))


def test_find_function_module_of_ours_missing_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"special_qgis\.engine\.no_such"):
        find_function(Job(".no_such", "run", "SceneConfig"))


def test_check_runtime_good_and_bad_modules_are_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('no driver')")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = check_runtime(RuntimeCheckConfig(("numpy", "broken_module")), NullProgress())
    assert found["versions"] == {"numpy": np.__version__}
    assert found["problems"] == {"broken_module": "RuntimeError: no driver"}
    assert found["gpu"] == ""


def test_check_runtime_cancelled_stops_before_the_next_import() -> None:
    listener = Listener(cancel_on="Importing json")
    with pytest.raises(Cancelled):
        check_runtime(RuntimeCheckConfig(("json", "no_such_module")), listener)
    assert listener.infos == ["Importing json"]


def test_classify_config_request_round_trips_through_the_pipe() -> None:
    config = ClassifyConfig.from_json({"scene": {"source": "/ü b.tif", "extent": [0, 0, 1, 1]}, "classes": "a; b"})
    line = json.dumps({"job": "classify", "config": config.to_json()}).encode("ascii")
    assert ClassifyConfig.from_json(parse_request(line)[1]) == config


def test_beat_thread_that_works_gives_no_sign_is_told_as_idle(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "HEARTBEAT_S", 0.05)
    stop = threading.Event()
    events = EventStream(pipe.writing, stop)
    progress = WorkerProgress(events, stop)
    worker.beat(events, progress)
    idle: List[float] = []
    with os.fdopen(os.dup(pipe.reading), "rb") as stream:
        while len(idle) < 10:  # the thread that works is this one, which only waits
            idle.append(json.loads(stream.readline())["unheard_s"])
        assert idle[-1] > 0.3
        progress.is_cancelled()
        heard = [json.loads(stream.readline())["unheard_s"] for _ in range(3)]
    assert 0.0 in heard


def test_pulse_computing_without_a_sign_is_not_idle_but_unheard() -> None:
    pulse = Pulse()
    for second in range(10):
        pulse.feel(1, float(second), 1.0)
    assert (pulse.idle_s, pulse.unheard_s) == (0.0, 9.0)
    for _ in range(5):
        pulse.feel(1, 9.0, 1.0)
    assert (pulse.idle_s, pulse.unheard_s) == (5.0, 14.0)
    pulse.feel(2, 9.0, 1.0)
    assert (pulse.idle_s, pulse.unheard_s) == (0.0, 0.0)
