# SPDX-License-Identifier: GPL-2.0-or-later
"""The dialog “Models”, rendered offscreen, with real files and a real server."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import pytest
from qgis.core import QgsApplication, QgsSettings, QgsTask
from qgis.PyQt import sip

from special_qgis.algorithms.model_choice import FOLDER_SETTING
from special_qgis.engine.models.registry import ModelEntry, entry_named
from special_qgis.gui.model_manager import ModelManager
from tests.helpers.checkpoint_files import clip_shapes, write_safetensors
from tests.helpers.file_server import Behaviour, FileServer

from .test_dialogs import n_colours, pictures, render  # noqa: F401 - pictures is a fixture

BASE_16 = clip_shapes(width=768, layers=12, patch_px=16, grid=14, mlp_width=8)


class Agreeing(ModelManager):
    """Answers every question with yes, and remembers them."""

    def _ask(self, text: str) -> bool:
        self.questions: List[str] = [*getattr(self, "questions", []), text]
        return True


@pytest.fixture
def manager(qgis_app: QgsApplication, model_folder: Path) -> Iterator[Agreeing]:
    one = Agreeing()
    yield one
    one.close()
    wait(qgis_app, lambda: one.task is None)


def wait(app: QgsApplication, condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        app.processEvents()
        time.sleep(0.01)
    assert condition()


def choose(manager: ModelManager, name: str) -> None:
    for row in range(manager.table.rowCount()):
        if manager.table.item(row, 0).text() == name:
            manager.table.selectRow(row)
            return
    raise AssertionError(f"{name} is not listed")


def state_of(manager: ModelManager, name: str) -> str:
    choose(manager, name)
    return manager.table.item(manager.table.currentRow(), 4).text()


def test_import_lists_renders_and_removes(
    manager: Agreeing,
    qgis_app: QgsApplication,
    model_folder: Path,
    clip_file: Path,
    pictures: Path,  # noqa: F811
) -> None:
    manager.import_path(str(clip_file))
    assert not manager.import_button.isEnabled()
    assert manager.cancel_button.isEnabled()
    wait(qgis_app, lambda: manager.task is None)
    assert manager.status.text() == "Done."
    assert state_of(manager, "my-clip") == "installed, taken when none is named"
    assert manager.remove_button.isEnabled() and not manager.download_button.isEnabled()
    assert str(model_folder / "my-clip.safetensors") in manager.details.text()
    assert n_colours(render(manager, pictures / "dialog_models.png", qgis_app)) > 20
    manager.remove_chosen()
    wait(qgis_app, lambda: manager.task is None)
    assert manager.questions == ["Remove my-clip from disk?"]
    assert not (model_folder / "my-clip.safetensors").exists()
    with pytest.raises(AssertionError):
        choose(manager, "my-clip")


def test_import_with_a_known_model_chosen_takes_its_name(
    manager: Agreeing, qgis_app: QgsApplication, model_folder: Path, tmp_path: Path
) -> None:
    choose(manager, "laion2b-vit-b-16")
    assert manager.download_button.isEnabled() and not manager.remove_button.isEnabled()
    manager.import_path(str(write_safetensors(tmp_path / "x.safetensors", BASE_16)))
    wait(qgis_app, lambda: manager.task is None)
    assert (model_folder / "laion2b-vit-b-16.safetensors").is_file()
    assert state_of(manager, "laion2b-vit-b-16").startswith("installed")


def test_what_is_refused_is_told(manager: Agreeing, qgis_app: QgsApplication, model_folder: Path) -> None:
    manager.import_path(__file__)
    wait(qgis_app, lambda: manager.task is None)
    assert "no checkpoint" in manager.status.text()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tuple[FileServer, ModelEntry]]:
    """A slow server of a known model, and its entry with the server's address."""
    server = FileServer(Behaviour(write_safetensors(tmp_path / "x.safetensors", BASE_16).read_bytes(), pause_s=0.05))
    entry = entry_named("laion2b-vit-b-16")
    assert entry is not None
    local = dataclasses.replace(entry, url=server.url())
    monkeypatch.setattr(
        "special_qgis.gui.model_manager.entry_named", lambda name: local if name == local.name else None
    )
    yield server, local
    server.close()


def test_download_shows_the_licence_first_and_can_be_cancelled(
    manager: Agreeing, qgis_app: QgsApplication, model_folder: Path, served: Tuple[FileServer, ModelEntry]
) -> None:
    server, entry = served
    choose(manager, entry.name)
    manager.download_chosen()
    assert "Licence: MIT" in manager.questions[0] and entry.page in manager.questions[0]
    wait(qgis_app, lambda: len(server.requests) > 0 and manager.bar.value() > 0)
    started = time.monotonic()
    manager.cancel()
    wait(qgis_app, lambda: manager.task is None)
    assert time.monotonic() - started < 1.0
    assert manager.status.text().startswith("Cancelled")
    server.behaviour.pause_s = 0.0
    choose(manager, entry.name)
    manager.download_chosen()
    wait(qgis_app, lambda: manager.task is None)
    assert manager.status.text() == "Done."
    assert server.requests[-1]["range"].startswith("bytes=")


def test_closing_the_dialog_ends_what_it_started(
    qgis_app: QgsApplication, model_folder: Path, served: Tuple[FileServer, ModelEntry]
) -> None:
    manager = Agreeing()
    choose(manager, served[1].name)
    manager.download_chosen()
    task = manager.task
    wait(qgis_app, lambda: manager.bar.value() > 0)
    manager.close()
    assert manager.task is None
    sip.delete(manager)  # as unloading the plugin does in the end
    wait(qgis_app, lambda: sip.isdeleted(task) or task.status() == QgsTask.Terminated)
    wait(qgis_app, lambda: QgsApplication.taskManager().countActiveTasks() == 0)
    assert not list(model_folder.glob("*.safetensors"))


def test_other_folder_is_remembered(
    manager: Agreeing, clip_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPECIAL_MODEL_DIR")
    try:
        manager.set_folder(str(tmp_path / "elsewhere"))
        assert QgsSettings().value(FOLDER_SETTING) == str(tmp_path / "elsewhere")
        assert "elsewhere" in manager.folder_label.text()
    finally:
        QgsSettings().remove(FOLDER_SETTING)


def test_menu_entry_opens_the_dialog_and_unload_closes_it(
    plugin: Any, qgis_app: QgsApplication, model_folder: Path
) -> None:
    plugin.models_action.trigger()
    dialog = plugin._manager
    assert dialog.isVisible()
    plugin.models_action.trigger()
    assert plugin._manager is dialog
    plugin.unload()
    assert plugin._manager is None and not dialog.isVisible()
