# SPDX-License-Identifier: GPL-2.0-or-later
"""Outputs appear together or not at all, and nothing that was there before is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.errors import ConfigError, RasterWriteError
from special_qgis.engine.outputs.output_set import OutputSet
from special_qgis.engine.outputs.partial import PREFIX
from special_qgis.engine.windows import Window
from tests.helpers.written_rasters import contents, numbered, read_raster, utm_grid, write_raster, write_tiles

VALUES = numbered(1, 300, 280, "uint8")

KILLED_MID_WRITE = """
import sys
import numpy as np
from special_qgis.engine.outputs.output_set import OutputSet
from special_qgis.engine.windows import Window
from tests.helpers.written_rasters import utm_grid
with OutputSet() as outputs:
    writer = outputs.raster(sys.argv[1], utm_grid(2000, 2000), 1, "float32", -1)
    for row in range(0, 1000):
        writer.write(Window(row, 0, 1, 2000), np.random.random((1, 2000)))
    writer.dataset.FlushCache()
    outputs.text(sys.argv[2], "half")
    sys.stdout.write("written\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def write_all(outputs: OutputSet, folder: Path) -> None:
    writer = outputs.raster(str(folder / "map.tif"), utm_grid(300, 280), 1, "uint8", 0)
    write_tiles(writer, VALUES)
    writer.write_style("<qgis/>")
    outputs.text(str(folder / "report.html"), "<p>Flächen</p>\n")


def start_half_written(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has written half of its outputs into a folder and waits."""
    command = [sys.executable, "-c", KILLED_MID_WRITE, str(folder / "map.tif"), str(folder / "report.html")]
    repository = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(command, cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        yield process
        process.kill()


def test_commit_all_outputs_whole_moves_them_into_place(tmp_path: Path) -> None:
    with OutputSet() as outputs:
        write_all(outputs, tmp_path)
        visible = [file.name for file in tmp_path.iterdir() if not file.name.startswith(".")]
        assert visible == []
        outputs.commit()
    assert sorted(contents(tmp_path)) == ["map.qml", "map.tif", "report.html"]
    np.testing.assert_array_equal(read_raster(tmp_path / "map.tif"), VALUES)
    assert (tmp_path / "report.html").read_bytes() == "<p>Flächen</p>\n".encode()


def test_commit_twice_is_the_same_as_once(tmp_path: Path) -> None:
    with OutputSet() as outputs:
        write_all(outputs, tmp_path)
        outputs.commit()
        before = contents(tmp_path)
        outputs.commit()
    assert contents(tmp_path).items() <= before.items()


def test_leave_without_commit_keeps_old_files_and_leaves_nothing(tmp_path: Path) -> None:
    for name in ("map.tif", "map.qml", "report.html"):
        (tmp_path / name).write_text("old")
    before = contents(tmp_path)
    with OutputSet() as outputs:
        write_all(outputs, tmp_path)
    assert contents(tmp_path) == before
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(before)


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_leave_by_exception_leaves_nothing(tmp_path: Path, kind: type) -> None:
    with pytest.raises(kind), OutputSet() as outputs:
        write_all(outputs, tmp_path)
        raise kind
    assert list(tmp_path.iterdir()) == []


def test_commit_old_raster_is_replaced_with_all_that_described_it(tmp_path: Path) -> None:
    write_raster(tmp_path / "map.tif", numbered(1, 5000, 20, "uint8"))
    dataset = gdal.Open(str(tmp_path / "map.tif"))
    dataset.GetRasterBand(1).ComputeStatistics(False)
    del dataset
    for stale in ("map.tif.ovr", "map.tif.msk", "map.tfw", "map.qml"):
        (tmp_path / stale).write_text("old")
    for foreign in ("map.gpkg", "map.txt", "map2.tif.aux.xml"):
        (tmp_path / foreign).write_text("foreign")
    assert (tmp_path / "map.tif.aux.xml").exists()
    write_raster(tmp_path / "map.tif", VALUES)
    assert sorted(contents(tmp_path)) == ["map.gpkg", "map.tif", "map.txt", "map2.tif.aux.xml"]
    np.testing.assert_array_equal(read_raster(tmp_path / "map.tif"), VALUES)


def test_commit_new_raster_takes_away_only_what_bears_its_whole_name(tmp_path: Path) -> None:
    for name in ("map.qml", "map.tfw", "map.tif.aux.xml"):
        (tmp_path / name).write_text("<PAMDataset/>")
    write_raster(tmp_path / "map.tif", VALUES)
    assert sorted(contents(tmp_path)) == ["map.qml", "map.tfw", "map.tif"]


def test_commit_target_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "real.tif").write_text("old")
    link = tmp_path / "map.tif"
    link.symlink_to(tmp_path / "store" / "real.tif")
    write_raster(link, VALUES)
    assert link.is_symlink()
    np.testing.assert_array_equal(read_raster(tmp_path / "store" / "real.tif"), VALUES)


def test_commit_without_hard_links_replaces_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("this file system has no hard links")

    (tmp_path / "map.tif").write_text("old")
    monkeypatch.setattr(os, "link", refuse)
    write_raster(tmp_path / "map.tif", VALUES)
    np.testing.assert_array_equal(read_raster(tmp_path / "map.tif"), VALUES)


def test_commit_one_target_blocked_changes_none(tmp_path: Path) -> None:
    (tmp_path / "map.tif").write_text("old map")
    with OutputSet() as outputs:
        write_all(outputs, tmp_path)
        (tmp_path / "report.html").mkdir()
        with pytest.raises(RasterWriteError, match=r"report.html cannot be moved into place"):
            outputs.commit()
    assert contents(tmp_path) == {"map.tif": b"old map"}


def test_raster_path_with_unicode_and_spaces_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "Ünï cödé 裸土"
    folder.mkdir()
    write_raster(folder / "my mäp's.TIFF", VALUES)
    np.testing.assert_array_equal(read_raster(folder / "my mäp's.TIFF"), VALUES)


def test_raster_missing_folder_is_made(tmp_path: Path) -> None:
    write_raster(tmp_path / "a" / "b" / "map.tif", VALUES)
    assert sorted(contents(tmp_path)) == ["a/b/map.tif"]


def test_raster_missing_folder_is_taken_away_again_without_commit(tmp_path: Path) -> None:
    with OutputSet() as outputs:
        write_all(outputs, tmp_path / "a" / "b")
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("", "must be the path of a local file", id="nothing"),
        pytest.param("map.png", "must end with .tif or .tiff", id="other-format"),
        pytest.param("map", "must end with .tif or .tiff", id="no-suffix"),
        pytest.param("/vsimem/map.tif", "must be the path of a local file", id="virtual"),
        pytest.param("ma\0p.tif", "must be the path of a local file", id="null"),
        pytest.param("http://example.org/map.tif", "must be the path of a local file", id="address"),
        pytest.param("~no-such-user/map.tif", "user's name that is not known", id="no-such-user"),
        pytest.param("m" * 300 + ".tif", "too long", id="long-name"),
        pytest.param("ä" * 130 + ".tif", "too long", id="long-name-in-bytes"),
        pytest.param("m/" * 3000 + "m.tif", "too long", id="long-path"),
    ],
)
def test_raster_unacceptable_path_is_refused(tmp_path: Path, path: str, message: str) -> None:
    target = path if path.startswith(("/", "http", "~")) or not path else str(tmp_path / path)
    with OutputSet() as outputs, pytest.raises(ConfigError, match=message):
        outputs.raster(target, utm_grid(9, 9), 1, "uint8")
    assert list(tmp_path.iterdir()) == []


def test_raster_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.tif").mkdir()
    with OutputSet() as outputs, pytest.raises(RasterWriteError, match="a folder or device has that name"):
        outputs.raster(str(tmp_path / "map.tif"), utm_grid(9, 9), 1, "uint8")


def test_raster_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with OutputSet() as outputs, pytest.raises(RasterWriteError, match="cannot be begun"):
        outputs.raster(str(tmp_path / "file" / "map.tif"), utm_grid(9, 9), 1, "uint8")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, which even root cannot write to")
def test_raster_unwritable_folder_is_refused_with_a_hint() -> None:
    with OutputSet() as outputs, pytest.raises(RasterWriteError, match=r"/proc/map\.tif cannot be begun") as caught:
        outputs.raster("/proc/map.tif", utm_grid(9, 9), 1, "uint8")
    assert "choose another folder" in caught.value.hint


def test_reserve_unwritable_report_is_noticed_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with OutputSet() as outputs, pytest.raises(RasterWriteError, match="a folder or device has that name"):
        outputs.reserve(str(tmp_path / "report.html"))


def test_reserve_report_never_written_leaves_nothing(tmp_path: Path) -> None:
    with OutputSet() as outputs:
        outputs.reserve(str(tmp_path / "report.html"))
        outputs.commit()
    assert list(tmp_path.iterdir()) == []


def test_text_written_twice_has_the_last_content(tmp_path: Path) -> None:
    with OutputSet() as outputs:
        outputs.reserve(str(tmp_path / "report.json"))
        outputs.text(str(tmp_path / "report.json"), "1")
        outputs.text(str(tmp_path / "report.json"), "2")
        outputs.commit()
    assert contents(tmp_path) == {"report.json": b"2"}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A raster that a job reads."""
    write_raster(tmp_path / "scene.tif", VALUES)
    return tmp_path / "scene.tif"


@pytest.mark.parametrize(
    "way", ["plain", "relative", "through-parent", "symbolic-link", "hard-link", "layer-suffix", "linked-folder"]
)
def test_raster_target_that_is_an_input_is_refused(scene: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.chdir(scene.parent)
    folder = scene.parent
    (folder / "sub").mkdir()
    (folder / "link.tif").symlink_to(scene)
    (folder / "hard.tif").hardlink_to(scene) if hasattr(Path, "hardlink_to") else os.link(scene, folder / "hard.tif")
    (folder / "folder").symlink_to(folder, target_is_directory=True)
    targets = {
        "plain": scene,
        "relative": Path("scene.tif"),
        "through-parent": folder / "sub" / ".." / "scene.tif",
        "symbolic-link": folder / "link.tif",
        "hard-link": folder / "hard.tif",
        "layer-suffix": scene,
        "linked-folder": folder / "folder" / "scene.tif",
    }
    source = f"{scene}|layername=x" if way == "layer-suffix" else str(scene)
    before = contents(folder)
    with OutputSet([source]) as outputs, pytest.raises(ConfigError, match="would replace the input file"):
        outputs.raster(str(targets[way]), utm_grid(9, 9), 1, "uint8")
    assert contents(folder) == before


def test_raster_target_that_a_virtual_input_reads_is_refused(scene: Path) -> None:
    gdal.BuildVRT(str(scene.with_name("scene.vrt")), [str(scene)]).FlushCache()
    with OutputSet([str(scene.with_name("scene.vrt"))]) as outputs, pytest.raises(ConfigError, match="would replace"):
        outputs.raster(str(scene), utm_grid(9, 9), 1, "uint8")


def test_raster_whose_style_would_replace_the_class_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.qml").write_text("<qgis/>")
    with OutputSet([str(tmp_path / "map.qml")]) as outputs, pytest.raises(ConfigError, match=r"map\.qml"):
        outputs.raster(str(tmp_path / "map.tif"), utm_grid(9, 9), 1, "uint8")


def test_raster_two_outputs_of_one_path_are_refused(tmp_path: Path) -> None:
    with OutputSet() as outputs:
        outputs.raster(str(tmp_path / "map.tif"), utm_grid(9, 9), 1, "uint8")
        with pytest.raises(ConfigError, match="Two outputs have the path"):
            outputs.text(str(tmp_path / "sub" / ".." / "map.tif"), "report")


def test_inputs_that_are_no_files_are_no_obstacle(tmp_path: Path) -> None:
    with OutputSet(["", "PG:dbname=x", "https://example.org/wms?x=1", "a\0b", "/no/such/file.tif"]) as outputs:
        write_all(outputs, tmp_path)
        outputs.commit()
    assert (tmp_path / "map.tif").is_file()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a matter of Unix")
def test_process_killed_mid_write_leaves_old_outputs_and_next_run_cleans_up(tmp_path: Path) -> None:
    write_raster(tmp_path / "map.tif", VALUES)
    (tmp_path / "report.html").write_text("old")
    before = contents(tmp_path)
    for process in start_half_written(tmp_path):
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = [file for file in tmp_path.iterdir() if file.name.startswith(PREFIX)]
    assert len(left) == 1
    assert {name: data for name, data in contents(tmp_path).items() if not name.startswith(".")} == before
    with OutputSet() as outputs:
        write_all(outputs, tmp_path)
        assert not left[0].exists()
        outputs.commit()
    np.testing.assert_array_equal(read_raster(tmp_path / "map.tif"), VALUES)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_outputs_of_a_running_process_are_left_alone(tmp_path: Path) -> None:
    for _ in start_half_written(tmp_path):
        foreign = {file.name for file in tmp_path.iterdir()}
        assert len(foreign) == 1
        with OutputSet() as outputs:
            outputs.text(str(tmp_path / "other.txt"), "x")
            outputs.commit()
        assert {file.name for file in tmp_path.iterdir()} == foreign | {"other.txt"}


def test_write_error_in_one_raster_names_it_and_leaves_nothing(tmp_path: Path) -> None:
    with OutputSet() as outputs:
        writer = outputs.raster(str(tmp_path / "map.tif"), utm_grid(9, 9), 1, "uint8")
        with pytest.raises(RasterWriteError, match=r"map\.tif cannot be written: .* free in"):
            writer.write(Window(5, 5, 9, 9), np.zeros((9, 9)))
    assert list(tmp_path.iterdir()) == []


def test_commit_without_outputs_does_nothing(tmp_path: Path) -> None:
    with OutputSet() as outputs:
        outputs.commit()
    assert list(tmp_path.iterdir()) == []
