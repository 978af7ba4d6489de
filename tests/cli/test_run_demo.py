# SPDX-License-Identifier: GPL-2.0-or-later
"""``make demo``'s own script: a whole run with an empty home folder, and how it reads what qgis_process prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import run_demo
from osgeo import gdal

from tests.helpers.qgis_process import QgisProcess

REPOSITORY = Path(__file__).resolve().parents[2]
LEFT = (
    "demo.png",
    "map.tif",
    "map.qml",
    "confidence.tif",
    "report.html",
    "report.json",
    "accuracy.html",
    "accuracy.csv",
)
BARE = ("HOME", "LC_ALL", "PATH")  # no display, no runtime folder, nothing of the caller's Python


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, staged_plugin: Path) -> tuple[Path, str]:
    """Folder and output of one run."""
    folder = tmp_path_factory.mktemp("demo") / "with a space"
    home = tmp_path_factory.mktemp("home")
    env = {name: value for name, value in {**os.environ, "HOME": str(home)}.items() if name in BARE}
    command = [run_demo.QGIS_PYTHON, str(REPOSITORY / "tools" / "run_demo.py"), "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=env, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_demo_leaves_map_confidence_reports_and_picture(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    for name in LEFT:
        assert (folder / name).stat().st_size > 200, name
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []
    picture = gdal.Open(str(folder / "demo.png")).ReadAsArray()
    assert picture.shape[1] > 1500
    assert picture.std() > 30


def test_demo_prints_parameters_progress_and_accuracy(demo: tuple[Path, str]) -> None:
    _, said = demo
    assert "CLASSES    = water; tree; grass;" in said
    assert re.search(r"classifying 0 % 10 % .*90 % 100 %", said)
    accuracy = float(re.search(r"overall accuracy +(\d\.\d+)", said).group(1))
    largest_share = 0.55
    assert accuracy > largest_share
    assert re.search(r"(?m)^  water +\d\.\d{3} +\d\.\d{3} +\d+$", said)


def test_second_run_uses_the_scene_again(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    before = (folder / "scene" / "scene.dat").stat().st_mtime_ns
    scene = run_demo.scene_folder(folder, 7)
    assert (scene / "scene.dat").stat().st_mtime_ns == before


def test_run_without_a_staged_plugin_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_demo, "BUILD", tmp_path / "build")
    with pytest.raises(run_demo.DemoError, match="make stage"):
        run_demo.run(tmp_path / "out", 7)


def test_failing_algorithm_is_told_without_qgis_noise(tmp_path: Path, staged_plugin: Path) -> None:
    process = QgisProcess(tmp_path / "profile", staged_plugin.parent)
    with pytest.raises(run_demo.DemoError, match="special:classify failed") as caught:
        run_demo.run_algorithm(process, "x", "special:classify", {"INPUT": tmp_path / "no.tif", "CLASSES": "a;b"})
    assert "QStandardPaths" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_progress_reader_parts_ticks_from_lines(capsys: pytest.CaptureFixture[str]) -> None:
    reader = run_demo.ProgressReader("mapping")
    for (
        character
    ) in "\nInputs\n0...10.Fitting\n..20\n120 bands\n...30...40...50...60...70...80...90...100 - done.\nR:\t1\n":
        reader.feed(character)
    assert reader.lines == ["Inputs", "Fitting", "120 bands", "R:\t1"]
    assert capsys.readouterr().out.split(" % ")[:3] == ["  mapping 0", "10", "20"]


def test_split_output_takes_results_and_messages() -> None:
    lines = [
        "----",
        "Inputs",
        "----",
        "A:\t1",
        "Sampling",
        "----",
        "Results",
        "----",
        "OUTPUT:\t/x y.tif",
        "KAPPA:\t0.5",
    ]
    assert run_demo.split_output(lines) == ({"OUTPUT": "/x y.tif", "KAPPA": "0.5"}, ["Sampling"])


def test_split_output_without_results_is_an_error() -> None:
    with pytest.raises(run_demo.DemoError, match="no results"):
        run_demo.split_output(["Inputs", "A:\t1"])


def test_help_needs_no_staged_plugin() -> None:
    command = [sys.executable, str(REPOSITORY / "tools" / "run_demo.py"), "--help"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0
    assert "--output" in done.stdout
