# SPDX-License-Identifier: GPL-2.0-or-later
"""A commit is whole or not at all, wherever the process is killed, and however often the recovery is killed too."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Dict, List

import pytest

from special_qgis.engine.errors import RasterWriteError
from special_qgis.engine.outputs.abandoned import remove_abandoned
from special_qgis.engine.outputs.leftover import finish_left_over
from special_qgis.engine.outputs.moves import Move, MoveError, TornError, carry_out, recover
from special_qgis.engine.outputs.output_set import OutputSet
from special_qgis.engine.outputs.partial import JOURNAL_VARIABLE, PREFIX
from tests.helpers.fault_layer import survives
from tests.helpers.written_rasters import contents

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

OLD = {"a/map.tif": b"old map", "a/map.qml": b"old style", "a/map.tif.ovr": b"old overviews", "b/report.html": b"old"}
PLENTY = 500  # more changes than a commit makes


def lay_old(folder: Path) -> None:
    for name, content in OLD.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_new(folder: Path) -> None:
    """Six outputs in three folders, one with the name of a raster, so that its old overviews go away.

    GDAL writes none of them: its threads, once started by another test, do not live on in a forked process.
    """
    with OutputSet() as outputs:
        outputs.text(str(folder / "a" / "map.tif"), "new map")
        outputs.text(str(folder / "a" / "map.qml"), "new style")
        outputs.text(str(folder / "b" / "report.html"), "new")
        outputs.text(str(folder / "b" / "report.json"), "{}")
        outputs.text(str(folder / "c" / "table.csv"), "1;2")
        outputs.text(str(folder / "a" / "classifier.npz"), "weights")
        outputs.commit()


def visible(folder: Path) -> Dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if PREFIX not in name}


def hidden(folder: Path) -> List[Path]:
    return list(folder.rglob(PREFIX + "*"))


def recover_all(folder: Path) -> None:
    for parent in sorted(path for path in folder.iterdir() if path.is_dir()):
        remove_abandoned(parent)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, bytes]:
    """What the folder holds after a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    lay_old(folder)
    write_new(folder)
    assert "a/map.tif.ovr" not in visible(folder)
    assert len(visible(folder)) == 6
    return visible(folder)


@pytest.mark.parametrize("way", ["next run", "client"])
def test_commit_killed_at_every_change_is_whole_or_not_at_all(
    tmp_path: Path, new: Dict[str, bytes], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    outcomes = []
    for n_changes in range(PLENTY):
        folder = tmp_path / str(n_changes)
        lay_old(folder)
        journal = tmp_path / f"{n_changes}.txt"
        monkeypatch.setenv(JOURNAL_VARIABLE, str(journal) if way == "client" else "")
        is_done = survives(n_changes, str(folder), lambda folder=folder: write_new(folder))
        if way == "client":
            left = finish_left_over(journal)
            assert left.remaining == []
            assert not hidden(folder)
            assert not left.is_completed or visible(folder) == new
        else:
            recover_all(folder)
        found = visible(folder)
        assert found in (OLD, new), f"mixed after {n_changes} changes: {sorted(found)}"
        outcomes.append(found == new)
        if is_done:
            break
        shutil.rmtree(folder)
    assert outcomes == sorted(outcomes)  # old up to one point, new from there on
    assert 40 < outcomes.index(True) < len(outcomes) - 15  # many kill points on either side of it


def test_recovery_killed_at_every_change_is_finished_by_the_next(tmp_path: Path, new: Dict[str, bytes]) -> None:
    in_the_middle = tmp_path / "killed"
    n_kept = 0
    for n_changes in range(PLENTY):
        shutil.rmtree(in_the_middle, ignore_errors=True)
        lay_old(in_the_middle)
        if survives(n_changes, str(in_the_middle), lambda: write_new(in_the_middle)):
            break
        if visible(in_the_middle) in (OLD, new):
            continue
        n_kept += 1
        if n_kept % 3 != 1:
            continue
        kept = tmp_path / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        in_the_middle.rename(kept)
        for n_more in range(PLENTY):
            shutil.rmtree(in_the_middle, ignore_errors=True)
            shutil.copytree(kept, in_the_middle, copy_function=os.link)  # the same files, at the paths of the journal
            is_done = survives(n_more, str(in_the_middle), lambda: recover_all(in_the_middle))
            recover_all(in_the_middle)
            assert visible(in_the_middle) == new, f"mixed after {n_changes} and {n_more} changes"
            if is_done:
                break
    assert n_kept >= 5


def test_taking_back_killed_at_every_change_is_finished_by_the_next(tmp_path: Path) -> None:
    for n_changes in range(PLENTY):
        folder = tmp_path / str(n_changes)
        lay_old(folder)

        def fail(folder: Path = folder) -> None:
            with pytest.raises(RasterWriteError, match="unchanged"), OutputSet() as outputs:
                outputs.text(str(folder / "a" / "map.qml"), "new")
                outputs.text(str(folder / "a" / "fresh.txt"), "new")
                outputs.text(str(folder / "b" / "blocked"), "new")
                outputs.text(str(folder / "b" / "report.html"), "new")
                (folder / "b" / "blocked").mkdir()
                outputs.commit()

        is_done = survives(n_changes, str(folder), fail)
        if not is_done and (folder / "b" / "blocked").exists():
            (folder / "b" / "blocked").rmdir()  # whoever was in the way has gone
        recover_all(folder)
        found = visible(folder)
        new = {**OLD, "a/map.qml": b"new", "a/fresh.txt": b"new", "b/blocked": b"new", "b/report.html": b"new"}
        assert found in (OLD, new), f"mixed after {n_changes} changes: {found}"
        if is_done:
            assert found == OLD
            break
        shutil.rmtree(folder)
    else:
        pytest.fail("the process never came to its end")


def hidden_folder(parent: Path) -> Path:
    folder = parent / f"{PREFIX}1-0123abcd"
    folder.mkdir()
    return folder


def test_carry_out_failing_half_way_takes_back_what_was_done(tmp_path: Path) -> None:
    folder = hidden_folder(tmp_path)
    for name in ("old-replaced", "old-removed"):
        (tmp_path / name).write_text(name)
    for name in ("new-a", "new-b"):
        (folder / name).write_text(name)
    moves = [
        Move(folder / "new-a", tmp_path / "old-replaced"),
        Move(folder / "new-b", tmp_path / "fresh"),
        Move(None, tmp_path / "old-removed"),
        Move(folder / "missing", tmp_path / "never"),
    ]
    with pytest.raises(MoveError) as caught:
        carry_out(moves, [folder])
    assert caught.value.target == tmp_path / "never"
    assert visible(tmp_path) == {"old-replaced": b"old-replaced", "old-removed": b"old-removed"}


def test_carry_out_that_cannot_be_taken_back_keeps_the_old_files_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hidden_folder(tmp_path)
    (tmp_path / "map.tif").write_text("old")
    (folder / "map.tif").write_text("new")
    (folder / "report").write_text("new")
    replace = Path.replace

    def refuse_later(self: Path, target: Path) -> Path:
        if target.name == "report" or "replaced" in self.parts:
            raise PermissionError(13, "in use")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse_later)
    with pytest.raises(TornError, match="in use"):
        carry_out([Move(folder / n, tmp_path / n) for n in ("map.tif", "report")], [folder])
    monkeypatch.undo()
    assert recover(folder) is False
    assert visible(tmp_path) == {"map.tif": b"old"}


def test_recover_file_made_after_the_commit_is_not_taken_away(tmp_path: Path) -> None:
    for n_changes in range(PLENTY):
        shutil.rmtree(tmp_path, ignore_errors=True)
        tmp_path.mkdir(exist_ok=True)
        folder = hidden_folder(tmp_path)
        (tmp_path / "map.tif.ovr").write_text("old")
        (folder / "new").write_text("new")
        moves = [Move(folder / "new", tmp_path / "new"), Move(None, tmp_path / "map.tif.ovr")]
        assert not survives(n_changes, str(tmp_path), lambda moves=moves, folder=folder: carry_out(moves, [folder]))
        if not (tmp_path / "map.tif.ovr").exists():
            break
    assert (folder / "moves.json").exists()
    (tmp_path / "map.tif.ovr").write_text("made by QGIS since")
    assert recover(folder) is True
    assert visible(tmp_path) == {"new": b"new", "map.tif.ovr": b"made by QGIS since"}


@pytest.mark.parametrize(
    "journal",
    [
        pytest.param('{"folders": ["HERE"], "moves": [[null, "/etc/x", null, null]]}', id="far"),
        pytest.param('{"folders": ["HERE"], "moves": [["/etc/x", "IT", null, null]]}', id="take"),
        pytest.param('{"folders": ["/"], "moves": [[null, "IT", null, null]]}', id="no-folder"),
        pytest.param("{", id="cut-off"),
        pytest.param("[" * 100000, id="deep"),
        pytest.param('{"folders": 1, "moves": 2}', id="types"),
    ],
)
def test_recover_journal_that_is_not_ours_touches_nothing(tmp_path: Path, journal: str) -> None:
    folder = hidden_folder(tmp_path)
    (tmp_path / "map.tif").write_text("old")
    (folder / "moves.json").write_text(journal.replace("HERE", str(folder)).replace("IT", str(tmp_path / "map.tif")))
    assert recover(folder) is False
    assert visible(tmp_path) == {"map.tif": b"old"}


def test_commit_takes_hardly_longer_than_its_syncs(tmp_path: Path) -> None:
    lay_old(tmp_path)
    with OutputSet() as outputs:
        for number in range(8):
            outputs.text(str(tmp_path / "a" / f"{number}.txt"), "new")
        begun = time.perf_counter()
        outputs.commit()
        took_s = time.perf_counter() - begun
    assert took_s < 1.0, json.dumps({"took_s": took_s})  # about 0.01 s; a slow disk may need more
