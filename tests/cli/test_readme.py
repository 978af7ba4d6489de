# SPDX-License-Identifier: GPL-2.0-or-later
"""The README's commands, run as they stand in a folder that holds a scene."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import List

import pytest
from osgeo import gdal

from tests.helpers import small_scene
from tests.helpers.qgis_process import QgisProcess

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
PYTHON = "/usr/bin/python3"


def _block(heading: str, language: str) -> str:
    """The first code block of a language below a heading."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None, f"no {language} block below {heading}"
    return found.group(1)


def _commands(block: str) -> List[List[str]]:
    return [shlex.split(line) for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    subprocess.run([PYTHON, str(repository / "resources/demo/make_scene.py"), str(folder)], check=True, timeout=300)
    return folder


def _assert_map(folder: Path) -> None:
    dataset = gdal.Open(str(folder / "map.tif"))
    dataset.GetMetadata()  # before GDAL 3.7 names come up only once the sidecar has been read for something else
    assert dataset.GetRasterBand(1).GetCategoryNames()[1:4] == ["water", "tree", "grass"]
    for name in ("map.tif", "map.qml", "confidence.tif", "report.html", "report.json"):
        (folder / name).unlink()


def test_readme_qgis_process_commands_work_with_relative_paths(demo_folder: Path, qgis_process: QgisProcess) -> None:
    for command in _commands(_block("The same with `qgis_process`", "bash")):
        assert command[0] == "qgis_process"
        done = qgis_process.run(*command[1:], cwd=demo_folder)
        assert done.rc == 0, done.stdout + done.errors
    assert (demo_folder / "accuracy.html").exists()
    assert (demo_folder / "accuracy.csv").exists()
    _assert_map(demo_folder)


def test_readme_commands_without_qgis_work(demo_folder: Path, repository: Path) -> None:
    for command in _commands(_block("The same without QGIS", "bash")):
        assert command[0] == "python3"
        env = {**os.environ, "PYTHONPATH": str(repository)}
        done = subprocess.run([PYTHON, *command[1:]], cwd=demo_folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    _assert_map(demo_folder)


def test_readme_python_example_works(demo_folder: Path, repository: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(repository)}
    code = _block("The same without QGIS", "python")
    done = subprocess.run([PYTHON, "-c", code], cwd=demo_folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "'red tile roof'" in done.stdout
    _assert_map(demo_folder)


def test_readme_commands_of_classifiers_and_old_maps_work(
    tmp_path: Path, qgis_process: QgisProcess, with_runtime: str
) -> None:
    for seed, name in enumerate(("line1.dat", "line2.dat", "scene.dat")):
        small_scene.write_scene(tmp_path / name, seed=seed)
    small_scene.write_truth(tmp_path / "old_map.tif")
    (tmp_path / "classes.txt").write_text(small_scene.CLASSES.replace("; ", "\n"), encoding="utf-8")
    for heading in ("Train once, map many", "Improve an old map"):
        for command in _commands(_block(heading, "bash")):
            done = qgis_process.run(*command[1:], cwd=tmp_path)
            assert done.rc == 0, done.stdout + done.errors
    for name in ("line1.tif", "line2.tif", "new_map.tif"):
        assert (gdal.Open(str(tmp_path / name)).ReadAsArray() == small_scene.truth()).mean() > 0.95, name


def test_readme_links_lead_somewhere(repository: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [target for target in targets if "://" not in target and not (repository / target).exists()]
    assert not missing
