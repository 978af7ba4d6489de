# SPDX-License-Identifier: GPL-2.0-or-later
"""Finding interpreters on every platform, their environment, the layout of runtimes, what pip says, the lock."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List

import pytest

from special_qgis.engine.errors import ConfigError, RuntimeMissingError
from special_qgis.engine.files.data_folder import data_folder_on
from special_qgis.engine.files.process_lock import LockHeldError, hold
from special_qgis.process.interpreters import (
    clean_environment,
    lent_folders,
    light_candidates,
    light_interpreter,
    module_command,
    plugin_parent,
)
from special_qgis.process.process_group import group_options, tree_kill_command
from special_qgis.runtime.install import needed_bytes, pip_arguments, pip_environment, pip_requirements
from special_qgis.runtime.layout import (
    MARKER,
    default_lock,
    is_ready,
    required_distributions,
    required_modules,
    runtime_folder,
    runtime_python,
)
from special_qgis.runtime.management import RuntimeOptions, check_runtime, find_runtime
from special_qgis.runtime.pip_output import PipProgress, explain_pip_failure
from tests.helpers.listener import Listener

LOCK = """# made by a tool
torch==2.15.0 ; python_version >= '3.11'  # big
TorchVision==1

open_clip.torch==3
nvidia-x==1
triton==3
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for the logs of failures."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.mark.parametrize(
    ("platform", "prefix", "environ", "first"),
    [
        pytest.param("linux", "/usr", {}, "/usr/bin/python3.12", id="linux"),
        pytest.param("win32", r"C:\OSGeo4W\apps\Python312", {}, r"C:\OSGeo4W\apps\Python312\python.exe", id="osgeo4w"),
        pytest.param(
            "darwin",
            "/Applications/QGIS.app/Contents/MacOS",
            {},
            "/Applications/QGIS.app/Contents/MacOS/bin/python3.12",
            id="macos",
        ),
    ],
)
def test_light_candidates_platform_begins_with_the_usual_place(
    platform: str, prefix: str, environ: dict[str, str], first: str
) -> None:
    assert str(light_candidates(platform, prefix, (3, 12), environ)[0]) == first


def test_light_candidates_windows_includes_python3_and_the_root_of_osgeo4w() -> None:
    found = light_candidates("win32", r"C:\Q\apps\Python39", (3, 9), {"OSGEO4W_ROOT": r"C:\Q"})
    assert [str(path) for path in found] == [
        r"C:\Q\apps\Python39\python.exe",
        r"C:\Q\apps\Python39\python3.exe",
        r"C:\Q\bin\python.exe",
        r"C:\Q\bin\python3.exe",
    ]


def test_light_candidates_macos_framework_looks_into_the_bundle() -> None:
    prefix = "/Applications/QGIS.app/Contents/Frameworks/Python.framework/Versions/3.12"
    found = [str(path) for path in light_candidates("darwin", prefix, (3, 12), {})]
    assert "/Applications/QGIS.app/Contents/MacOS/bin/python3" in found


def test_light_interpreter_is_a_python_of_the_same_version_with_gdal() -> None:
    interpreter = light_interpreter()
    code = "import sys, numpy, osgeo.gdal; print(sys.version_info[0], sys.version_info[1])"
    printed = subprocess.run([interpreter.path, "-c", code], check=True, capture_output=True, text=True).stdout
    assert tuple(map(int, printed.split())) == sys.version_info[:2]
    assert not interpreter.is_private


def test_light_interpreter_nowhere_found_lists_where_it_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/no/such/prefix")
    with pytest.raises(RuntimeMissingError, match="/no/such/prefix/bin/python3"):
        light_interpreter()


def test_lent_folders_contain_numpy_and_gdal() -> None:
    for package in ("numpy", "osgeo"):
        assert any((Path(folder) / package / "__init__.py").exists() for folder in lent_folders())


def test_clean_environment_drops_what_misleads_and_keeps_what_gdal_needs() -> None:
    environ = {
        "PATH": "/bin",
        "GDAL_DATA": "/gdal",
        "PROJ_LIB": "/proj",
        "OSGEO4W_ROOT": "C:\\Q",
        "HOME": "/home/me",
        "LANG": "de_DE.UTF-8",
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/x",
        "PIP_INDEX_URL": "x",
        "VIRTUAL_ENV": "/x",
        "VIRTUAL_ENV_PROMPT": "x",
        "QGIS_PREFIX_PATH": "/x",
        "__PYVENV_LAUNCHER__": "/x",
        "pythonStartup": "/x",
    }
    clean = clean_environment(False, environ, "linux")
    kept = {name: environ[name] for name in ("PATH", "GDAL_DATA", "PROJ_LIB", "OSGEO4W_ROOT", "HOME", "LANG")}
    assert clean == {**kept, "PYTHONUTF8": "1", "PYTHONFAULTHANDLER": "1"}


@pytest.mark.parametrize(("is_private", "expected"), [(True, "1"), (False, None)], ids=["runtime", "qgis-python"])
def test_clean_environment_hides_user_packages_from_the_runtime_only(is_private: bool, expected: str) -> None:
    assert clean_environment(is_private, {}, "linux").get("PYTHONNOUSERSITE") == expected


def test_clean_environment_windows_lets_gdal_find_its_libraries() -> None:
    assert clean_environment(False, {}, "win32")["USE_PATH_FOR_GDAL_PYTHON"] == "YES"


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        pytest.param("linux", {}, "/home/me/.local/share/special_qgis", id="linux"),
        pytest.param("linux", {"XDG_DATA_HOME": "/d"}, "/d/special_qgis", id="xdg"),
        pytest.param("darwin", {}, "/home/me/Library/Application Support/special_qgis", id="macos"),
        pytest.param("win32", {"LOCALAPPDATA": "/l"}, "/l/special_qgis", id="windows"),
        pytest.param("win32", {}, "/home/me/AppData/Local/special_qgis", id="windows-bare"),
        pytest.param("linux", {"SPECIAL_DATA_DIR": "/x"}, "/x", id="override"),
    ],
)
def test_data_folder_follows_the_platform(platform: str, environ: dict[str, str], folder: str) -> None:
    assert data_folder_on(platform, environ, Path("/home/me")) == Path(folder)


def test_module_command_from_a_foreign_folder_runs_the_module(tmp_path: Path) -> None:
    command = module_command(light_interpreter(), "special_qgis.engine")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "usage: python -m special_qgis.engine" in done.stderr
    assert str(plugin_parent()) in command


def test_group_options_windows_makes_a_group_without_a_window() -> None:
    assert group_options("win32") == {"creationflags": 0x08000200}
    assert group_options("linux") == {"start_new_session": True}


def test_tree_kill_command_names_the_system_program() -> None:
    assert tree_kill_command(r"C:\Windows", 7) == [r"C:\Windows\System32\taskkill.exe", "/F", "/T", "/PID", "7"]


def test_required_modules_lock_gives_import_names_once(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(LOCK)
    assert required_distributions(LOCK) == ["torch", "torchvision", "open-clip-torch", "nvidia-x", "triton"]
    assert required_modules(lock) == ("numpy", "osgeo.gdal", "torch", "torchvision", "open_clip")


def test_required_modules_plugins_lock_covers_all_that_heavy_stages_import() -> None:
    assert set(required_modules(default_lock())) == {
        "numpy",
        "osgeo.gdal",
        "torch",
        "torchvision",
        "open_clip",
        "numba",
        "sklearn",
    }


def test_runtime_folder_depends_on_requirements_and_python_alone(tmp_path: Path) -> None:
    one, other, third = (tmp_path / name for name in ("one", "other", "third"))
    one.write_bytes(b"torch==1\nnumba==2\n")
    other.write_bytes(b"# comment\r\ntorch==1\r\n\r\nnumba==2\r\n")
    third.write_bytes(b"torch==1\nnumba==3\n")
    folders = [runtime_folder(tmp_path, lock, (3, 11)) for lock in (one, other, third)]
    assert folders[0] == folders[1] != folders[2]
    assert folders[0].name.startswith("py311-")
    assert folders[0] != runtime_folder(tmp_path, one, (3, 12))


def test_runtime_python_platforms() -> None:
    assert runtime_python(Path("/r"), "linux") == Path("/r/bin/python")
    assert runtime_python(Path("/r"), "win32") == Path("/r/Scripts/python.exe")


def test_is_ready_needs_marker_and_python(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / MARKER).write_text("{}")
    assert not is_ready(tmp_path)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert is_ready(tmp_path)
    (tmp_path / MARKER).unlink()
    assert not is_ready(tmp_path)


def test_find_runtime_nothing_installed_gives_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECIAL_PYTHON", raising=False)
    monkeypatch.setenv("SPECIAL_DATA_DIR", str(tmp_path))
    assert find_runtime() is None


def test_find_runtime_special_python_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECIAL_PYTHON", sys.executable)
    found = find_runtime()
    assert found is not None
    assert found.path == sys.executable
    assert found.is_private


@pytest.mark.parametrize("kind", ["missing", "folder", "not-executable"])
def test_find_runtime_special_python_wrong_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "not-executable":
        path.write_text("text")
    monkeypatch.setenv("SPECIAL_PYTHON", str(path))
    with pytest.raises(RuntimeMissingError, match="SPECIAL_PYTHON is"):
        find_runtime()


def test_check_runtime_special_python_that_is_no_python_reports_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho I am not Python; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("SPECIAL_PYTHON", str(program))
    status = check_runtime()
    assert not status.is_healthy
    assert "exit code 3" in status.problems[0]


def test_pip_requirements_cpu_leaves_out_gpu_packages() -> None:
    assert len(pip_requirements(LOCK, "default")) == 5
    assert [line.split("=")[0] for line in pip_requirements(LOCK, "cpu")] == ["torch", "TorchVision", "open_clip.torch"]


def test_pip_arguments_wheels_stay_offline_and_cpu_adds_an_index(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"")
    offline = pip_arguments(RuntimeOptions(wheel_folder=str(tmp_path)), Path("r"), Path("c"))
    assert offline[offline.index("--find-links") + 1] == str(tmp_path)
    assert "--no-index" in offline
    cpu = pip_arguments(RuntimeOptions(index="cpu"), Path("r"), Path("c"))
    assert cpu[cpu.index("--extra-index-url") + 1].endswith("/cpu")
    assert "--extra-index-url" not in pip_arguments(RuntimeOptions(), Path("r"), Path("c"))


def test_pip_environment_keeps_index_settings_and_hides_the_proxy_from_the_command_line() -> None:
    environ = {"PIP_INDEX_URL": "https://a", "PIP_TARGET": "/x", "PIP_USER": "1", "PYTHONPATH": "/x"}
    found = pip_environment(environ, "linux", "http://me:secret@proxy:3128")
    assert found["PIP_INDEX_URL"] == "https://a"
    assert found["PIP_USER"] == "0"
    assert not {"PIP_TARGET", "PYTHONPATH"} & set(found)
    assert found["HTTPS_PROXY"] == found["http_proxy"] == "http://me:secret@proxy:3128"
    assert not any("secret" in argument for argument in pip_arguments(RuntimeOptions(), Path("r"), Path("c")))


def test_needed_bytes_cuda_is_more_than_cpu_and_wheels_are_measured(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"x" * 1000)
    assert needed_bytes(RuntimeOptions(), "linux") > 2 * needed_bytes(RuntimeOptions(index="cpu"), "linux")
    assert needed_bytes(RuntimeOptions(), "win32") == needed_bytes(RuntimeOptions(index="cpu"), "win32")
    assert needed_bytes(RuntimeOptions(wheel_folder=str(tmp_path)), "linux") == 4000


def test_options_unknown_index_raises() -> None:
    with pytest.raises(ConfigError, match="default, cpu"):
        RuntimeOptions(index="gpu")


def test_pip_progress_counts_packages_and_never_goes_back() -> None:
    listener = Listener()
    progress = PipProgress(listener, 4)
    for line in (
        "Collecting torch",
        "  Downloading torch.whl (900 MB)",
        "a warning",
        "Requirement already satisfied: x",
        "Installing collected packages: x",
        "Successfully installed",
    ):
        progress.read(line)
    assert [fraction for fraction, _ in listener.progress] == pytest.approx([0.2, 0.2, 0.4, 0.8])
    assert listener.progress[1][1] == "Downloading torch.whl (900 MB)"


@pytest.mark.parametrize(
    ("lines", "words", "hint"),
    [
        (["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"], "full", "space"),
        (
            ["WARNING: Retrying ... NewConnectionError", "ERROR: No matching distribution found for torch"],
            "reached",
            "proxy",
        ),
        (["ERROR: No matching distribution found for torch==2"], "not offered", "wheel"),
        (["ERROR: ResolutionImpossible: for help visit"], "contradict", "report"),
        (["ERROR: Wheel 'x' located at /x.whl is invalid."], "broken", "Remove"),
        (["something odd", ""], "something odd", "log"),
        ([], "could not install", "log"),
    ],
    ids=["full-disk", "network", "missing", "conflict", "broken", "unknown", "nothing-said"],
)
def test_explain_pip_failure_says_cause_and_remedy(lines: List[str], words: str, hint: str) -> None:
    message, advice = explain_pip_failure(lines)
    assert words in message
    assert hint in advice


def test_lock_held_twice_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    with hold(tmp_path / "lock"), pytest.raises(LockHeldError) as caught, hold(tmp_path / "lock"):
        pass
    assert caught.value.holder == str(os.getpid())


def test_lock_left_by_a_dead_process_is_free(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4194305\n")
    with hold(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
