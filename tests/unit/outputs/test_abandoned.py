# SPDX-License-Identifier: GPL-2.0-or-later
"""Which hidden folders are removed: ours, of this computer, whose lock nobody holds any more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from special_qgis.engine.outputs import abandoned
from special_qgis.engine.outputs.abandoned import is_abandoned, remove_abandoned, sign_folder
from special_qgis.engine.outputs.partial import OWNER, PREFIX, make_partial_folder

REPOSITORY = Path(__file__).resolve().parents[3]
LIVE_JOB = """
import sys
from pathlib import Path
from special_qgis.engine.outputs.output_set import OutputSet
with OutputSet() as outputs:
    outputs.text(sys.argv[1], "half")
    sys.stdout.write("begun\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def make_folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / "map.tif").write_text("half")
    return folder


def dead_folder(parent: Path, name: str = f"{PREFIX}1-0123abcd", **other: Any) -> Path:
    """A signed folder whose lock nobody holds, with other words of the owner where they are given."""
    folder = make_folder(parent, name)
    descriptor = sign_folder(folder)
    assert descriptor is not None
    os.close(descriptor)
    (folder / OWNER).write_text(json.dumps({**json.loads((folder / OWNER).read_text()), **other}))
    return folder


@pytest.fixture
def live_folder(tmp_path: Path) -> Iterator[Path]:
    """The hidden folder of a job that runs, as process number 1 of a container where the system lets us make one."""
    command = [sys.executable, "-c", LIVE_JOB, str(tmp_path / "other.txt")]
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
    if shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
        command = [*unshare, *command]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "begun\n"
        (folder,) = tmp_path.glob(PREFIX + "*")
        yield folder
        process.stdin.close()


def test_remove_abandoned_dead_folder_goes_and_others_stay(tmp_path: Path) -> None:
    gone = dead_folder(tmp_path)
    alive = make_folder(tmp_path, f"{PREFIX}1-1123abcd")
    descriptor = sign_folder(alive)
    unsigned = make_folder(tmp_path, f"{PREFIX}1-00000000")
    foreign = dead_folder(tmp_path, f"{PREFIX}1-notours")
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([alive, unsigned, foreign])
    assert not gone.exists()
    assert descriptor is not None
    os.close(descriptor)


def test_remove_abandoned_live_job_of_another_pid_namespace_keeps_its_folder(live_folder: Path) -> None:
    pid = int(live_folder.name.split("-")[1])
    assert not is_abandoned(live_folder)
    renamed = live_folder.with_name(f"{PREFIX}{2**22 + pid}-0123abcd")  # a number that no process here can have
    live_folder.rename(renamed)
    remove_abandoned(renamed.parent)
    assert (renamed / "0" / "other.txt").read_text() == "half"
    renamed.rename(live_folder)


@pytest.mark.parametrize(
    ("host", "boot", "expected"),
    [
        pytest.param("this", "this", True, id="same-boot"),
        pytest.param("other", "this", True, id="another-container-of-this-boot"),
        pytest.param("this", "other", True, id="this-computer-before-it-started-anew"),
        pytest.param("other", "other", False, id="another-computer"),
        pytest.param("other", "", False, id="another-computer-that-tells-no-boot"),
    ],
)
def test_is_abandoned_unlocked_folder_by_host_and_boot(tmp_path: Path, host: str, boot: str, expected: bool) -> None:
    here = abandoned._here()
    words = {"host": here["host"] if host == "this" else host, "boot": here["boot"] if boot == "this" else boot}
    assert is_abandoned(dead_folder(tmp_path, **words)) is expected


def test_is_abandoned_folder_on_a_file_system_without_locks_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks available")

    folder = make_folder(tmp_path, f"{PREFIX}1-0123abcd")
    monkeypatch.setattr(abandoned, "try_take", refuse)
    assert sign_folder(folder) is None
    monkeypatch.undo()
    assert not is_abandoned(folder)


@pytest.mark.parametrize("content", ["", "some-computer", "[1]", "{", "[" * 100000, '{"locked": 1}'])
def test_is_abandoned_owner_that_says_nothing_is_not(tmp_path: Path, content: str) -> None:
    folder = dead_folder(tmp_path)
    (folder / OWNER).write_text(content)
    assert not is_abandoned(folder)


def test_is_abandoned_link_is_not_followed(tmp_path: Path) -> None:
    folder = dead_folder(tmp_path, "real")
    link = tmp_path / f"{PREFIX}1-0123abcd"
    link.symlink_to(folder, target_is_directory=True)
    assert not is_abandoned(link)


def test_is_abandoned_folder_as_it_is_really_made_is_recognised(tmp_path: Path) -> None:
    folder = make_partial_folder(tmp_path / "map.tif")
    descriptor = sign_folder(folder)
    assert descriptor is not None
    assert not is_abandoned(folder)
    os.close(descriptor)
    assert is_abandoned(folder)


@pytest.mark.parametrize(("age_s", "stays"), [(60, True), (7200, False)], ids=["young", "old"])
def test_remove_abandoned_empty_folder_goes_when_it_is_old(tmp_path: Path, age_s: int, stays: bool) -> None:
    folder = make_partial_folder(tmp_path / "map.tif")
    (folder / OWNER).touch()
    os.utime(folder, (time.time() - age_s,) * 2)
    remove_abandoned(tmp_path)
    assert folder.exists() is stays
