# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of all tiers: the real scenes, the staged plugin, and a ``qgis_process`` that runs it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import stage_plugin

from tests.helpers.qgis_process import QgisProcess
from tests.helpers.tiny_disk import tiny_disk

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ``run_job`` sets it; read when PyTorch is loaded

__all__ = ["qgis_process", "repository", "scenes_dir", "staged_plugin", "tiny_disk", "with_runtime"]

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def scenes_dir() -> Path:
    """Folder of the real scenes, which are not part of the repository; ``SPECIAL_SCENES`` names it."""
    named = os.environ.get("SPECIAL_SCENES")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "scenes"
    if not folder.is_dir():
        pytest.skip(f"no real scenes at {folder}; SPECIAL_SCENES names their folder")
    return folder


@pytest.fixture(scope="session")
def staged_plugin() -> Path:
    """The staged plugin's folder ``special_qgis/``, brought up to date; its parent is the plugin path for QGIS."""
    stage_plugin.stage()
    return stage_plugin.DEFAULT_TARGET


@pytest.fixture
def with_runtime(monkeypatch: pytest.MonkeyPatch) -> str:
    """The plugin's runtime is the Python that runs the tests; skipped where that lacks the network stage's packages."""
    for name in ("torch", "sklearn", "safetensors"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"this Python has no {name}; the network stage needs it")
    monkeypatch.setenv("SPECIAL_PYTHON", sys.executable)
    return sys.executable


@pytest.fixture(autouse=True)
def _without_runtime_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide a runtime that the machine may have, so that tests say themselves whether there is one."""
    monkeypatch.delenv("SPECIAL_PYTHON", raising=False)
    monkeypatch.setenv("SPECIAL_DATA_DIR", str(tmp_path_factory.getbasetemp() / "data"))


@pytest.fixture(scope="session")
def qgis_process(staged_plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> QgisProcess:
    """The real ``qgis_process`` with the staged plugin enabled in a fresh profile."""
    return QgisProcess(tmp_path_factory.mktemp("profile"), staged_plugin.parent)
