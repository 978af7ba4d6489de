# SPDX-License-Identifier: GPL-2.0-or-later
"""The real worker as a real process: protocol, stray output, cancel, orphaned by whoever started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest

from special_qgis.process.interpreters import (
    Interpreter,
    clean_environment,
    light_interpreter,
    module_command,
    plugin_parent,
)
from special_qgis.process.worker_client import WORKER_MODULE, WorkerCancelled, WorkerFailed, run_job
from tests.helpers.listener import Listener
from tests.helpers.processes import wait_until_gone

LOUD = """
import os, sys
print("printed by a library")
os.write(1, b'{"event": "result", "result": {"forged": true}}\\n')
os.system("echo said by a child")
"""
SLOW = "import time\ntime.sleep(30)\n"
CRASH = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
QUICK = "import time\ntime.sleep(0.05)\n"


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    """QGIS's own Python with modules that misbehave when imported; ``check_runtime`` imports what it is told to."""
    folder = tmp_path / "modules of ours"
    folder.mkdir()
    sources = {"loud_module": LOUD, "slow_module": SLOW, "crashing_module": CRASH}
    sources.update({f"quick_module_{number}": QUICK for number in range(100)})
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    light = light_interpreter()
    return replace(light, search_folders=(*light.search_folders, str(folder)))


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))  # for processes
    return folder


def check(interpreter: Interpreter, *modules: str, listener: Any = None) -> Dict[str, Any]:
    return run_job("check_runtime", {"modules": list(modules)}, listener or Listener(), interpreter)


def start_worker(interpreter: Interpreter, *modules: str) -> subprocess.Popen[bytes]:
    worker = subprocess.Popen(
        module_command(interpreter, WORKER_MODULE),
        env=clean_environment(False, os.environ, sys.platform),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    request = {"job": "check_runtime", "config": {"modules": list(modules)}}
    worker.stdin.write(json.dumps(request).encode() + b"\n")
    worker.stdin.flush()
    return worker


def read_until(worker: subprocess.Popen[bytes], name: str) -> List[Dict[str, Any]]:
    events = []
    for line in worker.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == name:
            break
    return events


def test_light_interpreter_imports_numpy_and_gdal_with_nothing_installed(interpreter: Interpreter) -> None:
    found = check(interpreter, "numpy", "osgeo.gdal")
    assert set(found["versions"]) == {"numpy", "osgeo.gdal"}
    assert found["problems"] == {}


def test_worker_uses_no_module_of_the_callers_environment(
    interpreter: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert check(interpreter, "numpy")["problems"] == {}


def test_worker_module_beside_the_plugin_cannot_shadow_numpy(interpreter: Interpreter, tmp_path: Path) -> None:
    beside = tmp_path / "other plugins"
    beside.mkdir()
    (beside / "numpy.py").write_text("raise SystemExit('shadowed')")
    assert check(replace(interpreter, search_folders=(str(beside),)), "numpy")["problems"] == {}


def test_worker_library_that_writes_to_stdout_forges_no_event(interpreter: Interpreter) -> None:
    assert list(check(interpreter, "loud_module")["versions"]) == ["loud_module"]


def test_worker_crash_in_a_library_names_the_module(interpreter: Interpreter) -> None:
    with pytest.raises(WorkerFailed, match="Importing crashing_module") as caught:
        check(interpreter, "crashing_module")
    assert caught.value.kind == "crash"


def test_worker_bad_options_raise_without_traceback(interpreter: Interpreter) -> None:
    with pytest.raises(WorkerFailed, match="no option 'modul'") as caught:
        run_job("check_runtime", {"modul": 1}, Listener(), interpreter)
    assert caught.value.kind == "config"
    assert "Traceback" not in str(caught.value)


def test_cancel_busy_worker_ends_by_itself_within_a_second(
    interpreter: Interpreter, own_temporary_folder: Path
) -> None:
    listener = Listener(cancel_on="quick_module_1")
    with pytest.raises(WorkerCancelled):
        check(interpreter, *(f"quick_module_{number}" for number in range(100)), listener=listener)
    assert listener.since_cancel_s() < 0.3  # before anything but the cancel line was tried
    assert list(own_temporary_folder.iterdir()) == []


def test_cancel_worker_stuck_in_a_library_returns_within_a_second(interpreter: Interpreter) -> None:
    listener = Listener(cancel_on="slow_module")
    with pytest.raises(WorkerCancelled):
        check(interpreter, "slow_module", listener=listener)
    assert listener.since_cancel_s() < 1.0


@pytest.mark.parametrize("way", ["cancel-line", "end-of-input", "sigterm"])
def test_worker_asked_to_stop_says_cancelled_and_exits_with_130(interpreter: Interpreter, way: str) -> None:
    worker = start_worker(interpreter, *(f"quick_module_{number}" for number in range(100)))
    read_until(worker, "progress")
    if way == "cancel-line":
        worker.stdin.write(b"cancel\n")
        worker.stdin.flush()
    elif way == "end-of-input":
        worker.stdin.close()
    else:
        worker.send_signal(signal.SIGTERM)
    assert read_until(worker, "cancelled")[-1] == {"event": "cancelled"}
    assert worker.wait(5) == 130
    worker.stdout.close()
    worker.stdin.close()


def test_worker_busy_for_long_keeps_giving_signs_of_life(interpreter: Interpreter) -> None:
    worker = start_worker(interpreter, "slow_module")
    read_until(worker, "info")
    begun = time.monotonic()
    read_until(worker, "heartbeat")
    assert time.monotonic() - begun < 3.0
    worker.kill()
    worker.wait(5)
    worker.stdout.close()
    worker.stdin.close()


def test_worker_whose_starter_is_killed_does_not_live_on(interpreter: Interpreter, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"""
import pathlib, sys, os
sys.path.insert(0, {str(plugin_parent())!r})
from special_qgis.process import process_group, worker_client
from special_qgis.engine.progress import NullProgress
from special_qgis.process.interpreters import Interpreter
original = worker_client.start_group
def start_and_tell(*arguments, **options):
    process = original(*arguments, **options)
    pathlib.Path({str(note)!r}).write_text(str(process.pid))
    return process
worker_client.start_group = start_and_tell
modules = [f"quick_module_{{number}}" for number in range(100)]
worker_client.run_job("check_runtime", {{"modules": modules}}, NullProgress(), {interpreter!r})
"""
    starter = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 10
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    starter.kill()
    starter.wait(5)
    assert wait_until_gone(int(note.read_text()), 3.0)
