# SPDX-License-Identifier: GPL-2.0-or-later
"""Bringing, listing and removing models through the real ``qgis_process`` and the engine's command line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Dict, List

import pytest

from tests.helpers.checkpoint_files import clip_shapes, write_safetensors
from tests.helpers.qgis_process import QgisProcess

PYTHON = "/usr/bin/python3"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_safetensors(tmp_path / "open_clip_pytorch_model.safetensors", clip_shapes())


def engine(arguments: List[str], repository: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    env: Dict[str, str] = {**os.environ, "PYTHONPATH": str(repository), "SPECIAL_MODEL_DIR": str(folder)}
    command = [PYTHON, "-m", "special_qgis.engine", "models", *arguments]
    return subprocess.run(command, env=env, cwd=folder.parent, capture_output=True, text=True, timeout=60)


def test_model_installed_by_qgis_process_is_seen_by_the_engine_and_removed(
    qgis_process: QgisProcess, checkpoint: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Modelle ä"
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(folder))
    done = qgis_process.run_algorithm("special:installmodel", {"FILE": checkpoint, "NAME": "mine"})
    assert done.rc == 0, done.stdout + done.errors
    assert done.results["MODEL_PATH"] == str(folder / "mine.safetensors")
    listed = engine(["list", "--json"], repository, folder)
    assert json.loads(listed.stdout)["default"] == "mine"
    assert engine(["remove", "mine"], repository, folder).returncode == 0
    assert not (folder / "mine.safetensors").exists()


def test_engine_imports_a_file_with_one_command(checkpoint: Path, repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    done = engine(["import", checkpoint.name], repository, folder)
    assert done.returncode == 0, done.stderr
    assert "vit-of-width-64" in done.stdout
    assert [path.suffix for path in folder.glob("vit-*.safetensors")] == [".safetensors"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"FILE": __file__}, "no checkpoint"),
        ({"MODEL": "openai-vit-b-16", "FILE": "here"}, "wanted is 5806e77cd80f8b59"),
        ({}, "Nothing to install"),
    ],
    ids=["no-checkpoint", "wrong-hash", "nothing"],
)
def test_bad_input_ends_with_exit_code_1_a_message_and_no_file(
    qgis_process: QgisProcess,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    parameters: Dict[str, str],
    message: str,
) -> None:
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(tmp_path / "models"))
    given = {key: str(checkpoint) if value == "here" else value for key, value in parameters.items()}
    done = qgis_process.run_algorithm("special:installmodel", given, as_json=False)
    assert done.rc == 1
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "models").glob("*.safetensors"))


def test_model_that_is_missing_is_said_with_file_page_and_place(repository: Path, tmp_path: Path) -> None:
    done = engine(["remove", "openai-vit-b-16"], repository, tmp_path / "models")
    assert done.returncode == 1
    for part in ("ViT-B-16.pt", "https://github.com/openai/CLIP", str(tmp_path / "models")):
        assert part in done.stderr
