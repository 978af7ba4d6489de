# SPDX-License-Identifier: GPL-2.0-or-later
"""Which hidden folders are removed: ours, of this computer, of a process that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from special_qgis.engine.outputs.abandoned import is_abandoned, is_running, remove_abandoned, sign_folder
from special_qgis.engine.outputs.partial import PREFIX, make_partial_folder


def dead_pid() -> int:
    """Id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def make_folder(parent: Path, name: str, sign: bool = True) -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / "map.tif").write_text("half")
    if sign:
        sign_folder(folder)
    return folder


def test_remove_abandoned_folder_of_dead_process_goes_and_others_stay(tmp_path: Path) -> None:
    pid = dead_pid()
    gone = make_folder(tmp_path, f"{PREFIX}{pid}-0123abcd")
    alive = make_folder(tmp_path, f"{PREFIX}{os.getpid()}-0123abcd")
    unsigned = make_folder(tmp_path, f"{PREFIX}{pid}-00000000", sign=False)
    foreign = make_folder(tmp_path, f"{PREFIX}{pid}-notours")
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([alive, unsigned, foreign])
    assert not gone.exists()


def test_is_abandoned_folder_of_another_computer_is_not(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, f"{PREFIX}{dead_pid()}-0123abcd")
    assert is_abandoned(folder)
    (folder / "owner").write_text("some-other-computer")
    assert not is_abandoned(folder)


def test_is_abandoned_link_is_not_followed(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, "real")
    link = tmp_path / f"{PREFIX}{dead_pid()}-0123abcd"
    link.symlink_to(folder, target_is_directory=True)
    assert not is_abandoned(link)


def test_is_abandoned_folder_as_it_is_really_made_is_recognised(tmp_path: Path) -> None:
    folder = make_partial_folder(tmp_path / "map.tif")
    sign_folder(folder)
    assert not is_abandoned(folder)
    dead = folder.rename(folder.with_name(folder.name.replace(f"-{os.getpid()}-", f"-{dead_pid()}-")))
    assert is_abandoned(dead)


@pytest.mark.parametrize("pid", [os.getpid(), os.getppid(), 1])
def test_is_running_process_that_exists_is(pid: int) -> None:
    assert is_running(pid)


def test_is_running_process_that_ended_is_not() -> None:
    assert not is_running(dead_pid())
