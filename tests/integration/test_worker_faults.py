# SPDX-License-Identifier: GPL-2.0-or-later
"""The client with a worker that is slow, crashes, prints garbage, runs out of memory, never answers or never obeys."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from special_qgis.process.interpreters import clean_environment, plugin_parent
from special_qgis.process.worker_client import Patience, WorkerCancelled, WorkerFailed, run_command
from tests.helpers.listener import Listener
from tests.helpers.processes import is_running, wait_until_gone

FAKE_WORKER = Path(__file__).parent.parent / "helpers" / "fake_worker.py"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the client's temporary files, so that a test sees what is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def run_fake(
    mode: str, argument: object = "", listener: Any = None, patience: Optional[Patience] = None, request: Any = None
) -> Dict[str, Any]:
    environment = {**clean_environment(False, os.environ, sys.platform), "PYTHONPATH": str(plugin_parent())}
    command = [sys.executable, "-u", str(FAKE_WORKER), mode, str(argument)]
    request = request or {"job": "x", "config": {}}
    return run_command(command, environment, request, listener or Listener(), patience or Patience())


def test_run_request_arrives_unchanged_with_any_path() -> None:
    request = {"job": "x", "config": {"source": "/a b/ü\udcff→.tif", "text": "eau;\n森"}}
    assert run_fake("ok", request=request) == {"got": request}


def test_run_slow_worker_passes_progress_warnings_and_infos_in_order() -> None:
    listener = Listener()
    assert run_fake("slow", listener=listener) == {}
    assert listener.progress == [(step / 8, f"step {step}") for step in range(8)]
    assert (listener.warnings, listener.infos) == (["took long"], ["done"])


def test_run_error_event_raises_with_kind_message_and_hint() -> None:
    with pytest.raises(WorkerFailed, match=r"The scene is empty\.") as caught:
        run_fake("error")
    assert (caught.value.kind, caught.value.hint) == ("input", "Give another one.")


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        pytest.param(signal.SIGKILL, "memory", "memory ran out", id="killed"),
        pytest.param(signal.SIGSEGV, "crash", "invalid memory access", id="segmentation-fault"),
        pytest.param(signal.SIGABRT, "crash", "abort", id="abort"),
        pytest.param(signal.SIGTERM, "stopped", "outside QGIS", id="terminated"),
    ],
)
def test_run_worker_dies_by_signal_says_why(number: signal.Signals, kind: str, words: str) -> None:
    with pytest.raises(WorkerFailed, match=words) as caught:
        run_fake("die_by_signal", int(number))
    assert caught.value.kind == kind
    assert caught.value.hint


def test_run_crash_names_what_the_worker_was_doing() -> None:
    with pytest.raises(WorkerFailed, match=r"It was busy with: half\."):
        run_fake("die_by_signal", int(signal.SIGSEGV))


def test_run_crash_keeps_log_and_names_it(own_temporary_folder: Path) -> None:
    with pytest.raises(WorkerFailed, match="invalid memory access") as caught:
        run_fake("die_by_signal", int(signal.SIGSEGV))
    (log,) = own_temporary_folder.glob("special-job-*/worker.log")
    assert str(log) in caught.value.hint
    assert "Segmentation fault" in log.read_text()


def test_run_removes_the_logs_of_failures_of_long_ago(own_temporary_folder: Path) -> None:
    for name, age_days in (("special-job-old", 31), ("special-job-new", 29), ("something-else", 99)):
        (own_temporary_folder / name).mkdir()
        (own_temporary_folder / name / "worker.log").write_text("crashed")
        then = time.time() - age_days * 86400
        os.utime(own_temporary_folder / name, (then, then))
    run_fake("ok")
    assert sorted(path.name for path in own_temporary_folder.iterdir()) == ["something-else", "special-job-new"]


def test_run_memory_error_in_worker_advises_on_memory() -> None:
    with pytest.raises(WorkerFailed, match="Memory ran out") as caught:
        run_fake("out_of_memory")
    assert caught.value.kind == "memory"
    assert "memory budget" in caught.value.hint


def test_run_module_missing_in_worker_names_it_and_the_check() -> None:
    with pytest.raises(WorkerFailed, match="no_such_module_of_special") as caught:
        run_fake("missing_module")
    assert caught.value.kind == "runtime"
    assert "Check runtime" in caught.value.hint


def test_run_garbage_on_stdout_is_ignored() -> None:
    listener = Listener()
    assert run_fake("garbage", listener=listener) == {"ok": True}
    assert listener.progress == [(0.0, "odd")]


def test_run_huge_line_is_skipped_and_the_next_one_read() -> None:
    assert run_fake("huge_line", 100) == {"ok": True}


def test_run_silent_worker_is_ended_and_reported() -> None:
    begun = time.monotonic()
    with pytest.raises(WorkerFailed, match="stopped answering") as caught:
        run_fake("silent", patience=Patience(silence_s=0.6))
    assert caught.value.kind == "silent"
    assert 0.6 <= time.monotonic() - begun < 2.0


def test_run_worker_that_beats_but_is_stuck_is_ended_and_says_with_what() -> None:
    begun = time.monotonic()
    with pytest.raises(WorkerFailed, match=r"stuck.*Reading a drive that does not answer") as caught:
        run_fake("stuck", patience=Patience(idle_s=50))
    assert caught.value.kind == "silent"
    assert time.monotonic() - begun < 5.0


def test_run_worker_that_computes_for_long_without_a_sign_is_left_alone() -> None:
    assert run_fake("computes_for_long", patience=Patience(idle_s=5)) == {"ok": True}


def test_run_cancelled_while_pytorch_is_imported_ends_within_a_second() -> None:
    listener = Listener(cancel_on="importing")
    with pytest.raises(WorkerCancelled):
        run_fake("imports_torch", listener=listener)
    assert listener.since_cancel_s() < 1.2


def test_run_worker_closes_output_without_exiting_is_reported() -> None:
    with pytest.raises(WorkerFailed, match="closed its output"):
        run_fake("closes_output", patience=Patience(exit_s=0.2))


def test_run_missing_interpreter_says_so() -> None:
    with pytest.raises(WorkerFailed, match="cannot be started") as caught:
        run_command(["/no/such/python"], {}, {}, Listener(), Patience())
    assert caught.value.kind == "start"


def test_run_worker_that_never_reads_a_large_request_still_gives_its_result() -> None:
    assert run_fake("reads_nothing", request={"text": "x" * 2**20}) == {"ok": True}


def test_run_worker_that_never_exits_gives_its_result_and_is_ended() -> None:
    begun = time.monotonic()
    assert run_fake("never_exits", patience=Patience(exit_s=0.3)) == {"ok": True}
    assert time.monotonic() - begun < 2.0


def test_cancel_deaf_worker_returns_within_a_second_and_kills_it(tmp_path: Path) -> None:
    listener = Listener(cancel_on="deaf")
    note = tmp_path / "pid"
    with pytest.raises(WorkerCancelled):
        run_fake("ignores_cancel", note, listener)
    assert listener.since_cancel_s() < 1.0
    assert not is_running(int(note.read_text()))


def test_cancel_silent_worker_that_reads_nothing_returns_within_a_second() -> None:
    listener = Listener()
    threading.Timer(0.3, listener.cancel).start()
    with pytest.raises(WorkerCancelled):
        run_fake("silent", listener=listener, request={"text": "x" * 2**20})
    assert listener.since_cancel_s() < 1.0


def test_cancel_worker_with_child_kills_the_child_too(tmp_path: Path) -> None:
    listener = Listener(cancel_on="deaf")
    note = tmp_path / "pid"
    with pytest.raises(WorkerCancelled):
        run_fake("family", note, listener)
    assert listener.since_cancel_s() < 1.0
    assert wait_until_gone(int(note.read_text()))


@pytest.mark.parametrize("mode", ["leaves_child", "dies_leaving_child"])
def test_run_worker_that_leaves_a_child_behind_kills_it(tmp_path: Path, mode: str) -> None:
    note = tmp_path / "pid"
    if mode == "leaves_child":
        assert run_fake(mode, note) == {"ok": True}
    else:
        with pytest.raises(WorkerFailed, match="invalid memory access"):
            run_fake(mode, note)
    assert wait_until_gone(int(note.read_text()))


def test_cancel_killed_worker_leaves_no_partial_output(tmp_path: Path, own_temporary_folder: Path) -> None:
    target = tmp_path / "out" / "map.tif"
    target.parent.mkdir()
    target.write_text("an older map")
    listener = Listener(cancel_on="deaf")
    with pytest.raises(WorkerCancelled):
        run_fake("partial_outputs", target, listener)
    assert [path.name for path in target.parent.iterdir()] == ["map.tif"]
    assert target.read_text() == "an older map"
    assert list(own_temporary_folder.iterdir()) == []


def test_cancel_when_the_result_comes_first_gives_the_result() -> None:
    listener = Listener(cancel_on="deaf")
    assert run_fake("result_on_cancel", listener=listener) == {"ok": "just in time"}


def test_run_listener_that_raises_leaves_no_process(tmp_path: Path) -> None:
    class Fragile(Listener):
        def report(self, fraction: float, message: str = "") -> None:
            raise RuntimeError("the dialog is gone")

    note = tmp_path / "pid"
    with pytest.raises(RuntimeError, match="the dialog is gone"):
        run_fake("family", note, Fragile())
    assert wait_until_gone(int(note.read_text()))


def test_run_leaves_no_thread_and_no_file(own_temporary_folder: Path) -> None:
    threads = threading.active_count()
    run_fake("ok")
    assert threading.active_count() == threads
    assert list(own_temporary_folder.iterdir()) == []
