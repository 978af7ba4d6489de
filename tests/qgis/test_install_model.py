# SPDX-License-Identifier: GPL-2.0-or-later
"""Installing models from the toolbox, what “Check runtime” says of them, and the MODEL parameter."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsSettings,
)

from special_qgis.algorithms.model_choice import FOLDER_SETTING, model_parameter, model_value, qgis_models_folder
from special_qgis.engine.errors import ModelError
from tests.helpers.checkpoint_files import clip_shapes, write_safetensors
from tests.helpers.file_server import Behaviour, FileServer

from .conftest import Messages
from .test_algorithms import run


@pytest.fixture
def server(clip_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr("special_qgis.engine.models.download._FIRST_PAUSE_S", 0.01)
    one = FileServer(Behaviour(clip_file.read_bytes()))
    yield one
    one.close()


def install(parameters: Dict[str, Any], messages: Messages) -> Dict[str, Any]:
    return run("installmodel", parameters, messages)


def test_file_becomes_a_model(plugin: Any, model_folder: Path, clip_file: Path, messages: Messages) -> None:
    found = install({"FILE": str(clip_file), "LICENCE": "CC0"}, messages)
    assert found == {
        "MODEL_NAME": "my-clip",
        "MODEL_PATH": str(model_folder / "my-clip.safetensors"),
        "MODEL_SHA256": hashlib.sha256(clip_file.read_bytes()).hexdigest(),
        "MODEL_LICENCE": "CC0",
    }
    assert (model_folder / "my-clip.safetensors").read_bytes() == clip_file.read_bytes()
    assert any("Licence: CC0" in info for info in messages.infos)


def test_known_model_from_a_file_shows_its_licence_and_page(plugin: Any, model_folder: Path, tmp_path: Path) -> None:
    shapes = clip_shapes(width=768, layers=12, patch_px=16, grid=14, mlp_width=8)
    source = write_safetensors(tmp_path / "open_clip_model.safetensors", shapes)
    messages = Messages()
    found = install({"MODEL": "laion2b-vit-b-16", "FILE": str(source)}, messages)
    assert (found["MODEL_NAME"], found["MODEL_LICENCE"]) == ("laion2b-vit-b-16", "MIT")
    text = "\n".join(messages.infos)
    assert "https://huggingface.co/laion/CLIP-ViT-B-16-laion2B-s34B-b88K" in text
    assert "not known, recorded at import" in text


def test_address_is_downloaded(plugin: Any, model_folder: Path, server: FileServer, messages: Messages) -> None:
    server.behaviour.break_after = [1_000_000]
    assert install({"URL": server.url(), "NAME": "mine"}, messages)["MODEL_NAME"] == "mine"
    assert len(server.requests) == 2


def test_download_goes_through_the_proxy_of_qgis(
    plugin: Any, model_folder: Path, server: FileServer, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = server.url("").split("/")[2].split(":")
    settings = QgsSettings()
    values = {"proxyEnabled": True, "proxyType": "HttpProxy", "proxyHost": host, "proxyPort": port}
    for key, value in values.items():
        settings.setValue(f"proxy/{key}", value)
    try:
        install({"URL": "http://models.invalid/x.safetensors", "NAME": "mine"}, messages)
    finally:
        settings.remove("proxy")
    assert server.requests[0]["path"] == "http://models.invalid/x.safetensors"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        pytest.param({}, "Nothing to install", id="nothing"),
        pytest.param({"FILE": "/nowhere/x.pt"}, "There is no file", id="no-file"),
        pytest.param({"FILE": __file__, "URL": "https://x/y"}, "cannot both be given", id="both"),
        pytest.param({"URL": "ftp://x/y"}, "must begin with https", id="scheme"),
        pytest.param({"URL": "https://x/y", "SHA256": "abc"}, "64 hexadecimal digits", id="hash"),
        pytest.param({"FILE": __file__, "NAME": "a b"}, "name of a model must be", id="name"),
        pytest.param({"MODEL": "simfeatup-jbu-one"}, "no address that is known for certain", id="page-only"),
        pytest.param({"MODEL": "nonsense", "FILE": __file__}, "MODEL", id="unknown"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(
    plugin: Any, model_folder: Path, messages: Messages, parameters: Dict[str, Any], message: str
) -> None:
    with pytest.raises(QgsProcessingException, match=message):
        install(parameters, messages)
    assert not model_folder.exists()


def test_file_that_is_no_checkpoint_is_refused(plugin: Any, model_folder: Path, messages: Messages) -> None:
    with pytest.raises(QgsProcessingException, match="no checkpoint"):
        install({"FILE": __file__}, messages)
    assert not list(model_folder.glob("*")) if model_folder.exists() else True


def test_wrong_hash_is_refused(plugin: Any, model_folder: Path, clip_file: Path, messages: Messages) -> None:
    with pytest.raises(QgsProcessingException, match="wanted is abab"):
        install({"FILE": str(clip_file), "SHA256": "ab" * 32}, messages)


def test_cancelled_download_says_that_it_goes_on(plugin: Any, model_folder: Path, server: FileServer) -> None:
    class Impatient(Messages):
        """Cancels at the first step."""

        def setProgressText(self, text: str) -> None:
            self.cancel()

    server.behaviour.pause_s = 0.05
    with pytest.raises(QgsProcessingException, match="goes on from here"):
        install({"URL": server.url(), "NAME": "mine"}, Impatient())


def test_check_runtime_lists_models(
    plugin: Any, model_folder: Path, clip_file: Path, tmp_path: Path, messages: Messages
) -> None:
    install({"FILE": str(clip_file), "LICENCE": "CC0"}, messages)
    found = run("checkruntime", {"REPORT": str(tmp_path / "status.html")}, messages)
    models = json.loads(found["STATUS"])["models"]
    assert models["default"] == "my-clip"
    assert [model["name"] for model in models["models"] if not model["is_demo"]] == ["my-clip"]
    text = (tmp_path / "status.html").read_text(encoding="utf-8")
    for part in ("my-clip (taken when none is named)", "CC0", str(model_folder), models["models"][0]["sha256"]):
        assert part in text
    assert any("my-clip" in info for info in messages.infos)


class Asking(QgsProcessingAlgorithm):
    """An algorithm with the MODEL parameter."""

    def initAlgorithm(self, configuration: Any = None) -> None:
        self.addParameter(model_parameter())

    def name(self) -> str:
        return "asking"

    def displayName(self) -> str:
        return "Asking"

    def createInstance(self) -> QgsProcessingAlgorithm:
        return Asking()


def test_model_parameter_gives_named_default_or_nothing(
    plugin: Any, model_folder: Path, clip_file: Path, messages: Messages
) -> None:
    algorithm, context = Asking().create(), QgsProcessingContext()
    assert model_value(algorithm, {}, context) is None
    with pytest.raises(ModelError, match=r"ViT-B-16\.pt from https://github\.com/openai/CLIP"):
        model_value(algorithm, {"MODEL": "openai-vit-b-16"}, context)
    install({"FILE": str(clip_file)}, messages)
    for parameters in ({}, {"MODEL": ""}, {"MODEL": "my-clip"}):
        model = model_value(algorithm, parameters, context)
        assert model is not None
        assert model.path == model_folder / "my-clip.safetensors"
    elsewhere = model_value(algorithm, {"MODEL": str(clip_file)}, context)
    assert elsewhere is not None
    assert elsewhere.path == clip_file


def test_folder_of_models_follows_variable_then_setting(
    qgis_app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPECIAL_MODEL_DIR", raising=False)
    monkeypatch.setenv("SPECIAL_DATA_DIR", str(tmp_path))
    assert qgis_models_folder() == tmp_path / "models"
    QgsSettings().setValue(FOLDER_SETTING, str(tmp_path / "set"))
    try:
        assert qgis_models_folder() == tmp_path / "set"
        monkeypatch.setenv("SPECIAL_MODEL_DIR", str(tmp_path / "named"))
        assert qgis_models_folder() == tmp_path / "named"
    finally:
        QgsSettings().remove(FOLDER_SETTING)
