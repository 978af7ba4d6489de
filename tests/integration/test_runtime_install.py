# SPDX-License-Identifier: GPL-2.0-or-later
"""Installing a runtime for real: a virtual environment of QGIS's own Python, filled by pip from a folder of wheels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import List

import pytest

from special_qgis.engine.errors import Cancelled, ConfigError, EngineError
from special_qgis.process.interpreters import plugin_parent
from special_qgis.runtime import management as runtime
from special_qgis.runtime.management import RuntimeInstallError, RuntimeOptions, install_runtime
from tests.helpers.listener import Listener
from tests.helpers.wheels import make_wheel

GOOD_MODULE = "__version__ = '1.0'\n"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for the logs of failures."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))  # for processes


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, with a blank and an umlaut in its path."""
    folder = tmp_path / "däta folder"
    monkeypatch.setenv("SPECIAL_DATA_DIR", str(folder))
    monkeypatch.delenv("SPECIAL_PYTHON", raising=False)
    return folder


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder of wheels: one that the engine imports, one that it needs."""
    folder = tmp_path / "wheels"
    make_wheel(folder, "open_clip_torch", "open_clip", GOOD_MODULE, requires="special_tiny_part")
    make_wheel(folder, "special_tiny_part", "special_tiny_part", GOOD_MODULE)
    return folder


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The lock file that goes with the wheels."""
    path = tmp_path / "lock.txt"
    path.write_text("# a comment\nopen-clip-torch==1.0\nspecial-tiny-part==1.0\n")
    return path


@pytest.fixture
def options(wheels: Path, lock: Path) -> RuntimeOptions:
    return RuntimeOptions(wheel_folder=str(wheels), lock=str(lock))


def left_in(data: Path) -> List[str]:
    """What an installation left in the folder of runtimes, beside the lock's and the log's file."""
    return sorted(
        path.name for path in (data / "runtimes").iterdir() if path.name not in (".install.lock", "install.log")
    )


def test_install_from_wheels_gives_a_runtime_that_imports_them_and_gdal(data: Path, options: RuntimeOptions) -> None:
    listener = Listener()
    interpreter = install_runtime(options, listener)
    assert interpreter.is_private
    code = "import open_clip, special_tiny_part, numpy, osgeo.gdal; print(open_clip.__file__)"
    printed = subprocess.run([interpreter.path, "-c", code], check=True, capture_output=True, text=True).stdout
    folder = Path(interpreter.path).parent.parent
    assert Path(printed.strip()).is_relative_to(folder)
    assert left_in(data) == [folder.name]
    assert json.loads((folder / "ready.json").read_text())["index"] == "default"
    fractions = [fraction for fraction, _ in listener.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_install_again_changes_nothing_and_is_quick(data: Path, options: RuntimeOptions) -> None:
    first = install_runtime(options, Listener())
    listener = Listener()
    begun = time.monotonic()
    assert install_runtime(options, listener) == first
    assert time.monotonic() - begun < 0.5
    assert "installed already" in listener.infos[0]


def test_install_reinstall_repairs_a_damaged_runtime(
    data: Path, options: RuntimeOptions, wheels: Path, lock: Path
) -> None:
    folder = Path(install_runtime(options, Listener()).path).parent.parent
    (module,) = folder.glob("lib/*/site-packages/open_clip.py")
    module.write_text("raise ImportError('damaged')")
    install_runtime(RuntimeOptions(wheel_folder=str(wheels), lock=str(lock), reinstall=True), Listener())
    assert module.read_text() == GOOD_MODULE


def test_install_whose_python_is_gone_is_not_ready_and_is_made_anew(data: Path, options: RuntimeOptions) -> None:
    python = Path(install_runtime(options, Listener()).path)
    python.unlink()
    assert [found.is_ready for found in runtime.list_runtimes(data, options.lock_path)] == [False]
    install_runtime(options, Listener())
    assert python.exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param("truncated", "wheel is broken", id="truncated-wheel"),
        pytest.param("missing", "not offered", id="missing-wheel"),
        pytest.param("not-importable", "no driver", id="module-that-fails-to-import"),
        pytest.param("crashing", "open_clip", id="module-that-crashes"),
    ],
)
def test_install_bad_wheel_says_why_and_leaves_nothing(
    data: Path, options: RuntimeOptions, wheels: Path, damage: str, words: str
) -> None:
    wheel = wheels / "open_clip_torch-1.0-py3-none-any.whl"
    if damage == "truncated":
        wheel.write_bytes(wheel.read_bytes()[:200])
    elif damage == "missing":
        wheel.unlink()
    elif damage == "not-importable":
        make_wheel(wheels, "open_clip_torch", "open_clip", "raise ImportError('no driver')")
    else:
        make_wheel(wheels, "open_clip_torch", "open_clip", "import os\nos.abort()")
    with pytest.raises(EngineError, match=words) as caught:
        install_runtime(options, Listener())
    assert caught.value.hint
    assert left_in(data) == []
    assert (data / "runtimes" / "install.log").stat().st_size > 0


def test_install_package_that_wants_another_numpy_than_qgis_is_refused(
    data: Path, options: RuntimeOptions, wheels: Path
) -> None:
    make_wheel(wheels, "numpy", "numpy", GOOD_MODULE, version="99.0")
    make_wheel(wheels, "special_tiny_part", "special_tiny_part", GOOD_MODULE, requires="numpy>=99")
    with pytest.raises(RuntimeInstallError, match="contradict QGIS's own"):
        install_runtime(options, Listener())
    assert left_in(data) == []


def test_install_failed_keeps_the_runtime_of_another_lock(
    data: Path, options: RuntimeOptions, wheels: Path, tmp_path: Path
) -> None:
    old = Path(install_runtime(options, Listener()).path).parent.parent
    new_lock = tmp_path / "new.txt"
    new_lock.write_text("no-such-distribution-of-special==1.0\n")
    with pytest.raises(RuntimeInstallError, match="not offered"):
        install_runtime(RuntimeOptions(wheel_folder=str(wheels), lock=str(new_lock)), Listener())
    assert left_in(data) == [old.name]


@pytest.mark.parametrize("moment", ["Making the virtual environment", "Processing", "Trying out"])
def test_cancel_install_returns_soon_and_leaves_nothing(data: Path, options: RuntimeOptions, moment: str) -> None:
    listener = Listener(cancel_on=moment)
    with pytest.raises(Cancelled):
        install_runtime(options, listener)
    assert listener.since_cancel_s() < 1.5  # a second to end pip, the rest to remove the files
    assert left_in(data) == []


def test_install_removes_what_an_interrupted_one_left(data: Path, options: RuntimeOptions) -> None:
    left_over = data / "runtimes" / ".partial-py311-00000000-abc"
    (left_over / "lib").mkdir(parents=True)
    folder = Path(install_runtime(options, Listener()).path).parent.parent
    assert left_in(data) == [folder.name]


def test_install_two_at_once_one_installs_the_other_is_told(data: Path, options: RuntimeOptions) -> None:
    command = [sys.executable, "-m", "special_qgis.runtime", "install", "--wheels", options.wheel_folder]
    first = subprocess.Popen(
        [*command, "--lock", options.lock],
        cwd=plugin_parent(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not list(data.glob("runtimes/.partial-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(RuntimeInstallError, match=rf"Another installation .*process {first.pid}"):
        install_runtime(options, Listener())
    printed, _ = first.communicate(timeout=60)
    assert first.returncode == 0
    assert Path(printed.strip()).exists()


def test_install_after_a_killed_one_takes_over_the_lock(data: Path, options: RuntimeOptions) -> None:
    command = [sys.executable, "-m", "special_qgis.runtime", "install", "--wheels", options.wheel_folder]
    killed = subprocess.Popen([*command, "--lock", options.lock], cwd=plugin_parent(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not list(data.glob("runtimes/.partial-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.kill()
    killed.wait(5)
    folder = Path(install_runtime(options, Listener()).path).parent.parent
    assert left_in(data) == [folder.name]


def test_install_two_threads_of_one_process_do_not_mix(data: Path, options: RuntimeOptions) -> None:
    outcomes: List[str] = []

    def install() -> None:
        try:
            outcomes.append(install_runtime(options, Listener()).path)
        except RuntimeInstallError as error:
            outcomes.append(error.message)

    threads = [threading.Thread(target=install) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(Path(outcome).exists() for outcome in outcomes) == 1
    assert sum("Another installation" in outcome for outcome in outcomes) == 1


def test_install_folder_that_cannot_be_made_says_which_variable_to_set(tmp_path: Path, options: RuntimeOptions) -> None:
    (tmp_path / "file").write_text("")
    blocked = RuntimeOptions(
        wheel_folder=options.wheel_folder, lock=options.lock, folder=str(tmp_path / "file" / "data")
    )
    with pytest.raises(RuntimeInstallError, match="cannot be made") as caught:
        install_runtime(blocked, Listener())
    assert "SPECIAL_DATA_DIR" in caught.value.hint


def test_options_folder_without_wheels_raises(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folder with wheels"):
        RuntimeOptions(wheel_folder=str(tmp_path))


def test_remove_runtime_leaves_the_others(data: Path, options: RuntimeOptions) -> None:
    install_runtime(options, Listener())
    old = data / "runtimes" / "py39-0123abcd"
    old.mkdir()
    found = runtime.list_runtimes(data, options.lock_path)
    assert [(entry.is_current, entry.is_ready) for entry in found] == [(True, True), (False, False)]
    runtime.remove_runtime(found[1])
    assert [entry.is_current for entry in runtime.list_runtimes(data, options.lock_path)] == [True]


def test_check_runtime_with_special_python_reports_every_missing_module(
    data: Path, options: RuntimeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = install_runtime(options, Listener())
    monkeypatch.setenv("SPECIAL_PYTHON", interpreter.path)
    status = runtime.check_runtime()
    assert status.found
    assert not status.is_healthy
    assert {"numpy", "osgeo.gdal", "open_clip"} <= set(status.versions)
    assert any(problem.startswith("torch cannot be imported") for problem in status.problems)


def test_command_line_status_without_runtime_exits_with_1_and_says_what_to_do(data: Path) -> None:
    command = [sys.executable, "-m", "special_qgis.runtime", "status", "--json"]
    done = subprocess.run(
        command, cwd=plugin_parent(), env=dict(os.environ), capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["light"]["healthy"]
    assert found["runtime"]["problems"] == ["The engine's runtime is not installed. Run 'Install runtime'."]
