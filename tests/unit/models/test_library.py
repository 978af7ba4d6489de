# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of models: importing a file, listing, finding, choosing, removing, and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

from special_qgis.engine.errors import Cancelled, ConfigError, ModelError, ModelFolderError
from special_qgis.engine.files.data_folder import DATA_VARIABLE
from special_qgis.engine.models import library
from special_qgis.engine.models.card import card_of, card_path, read_card
from special_qgis.engine.models.importing import Wish, import_file
from special_qgis.engine.models.library import (
    FOLDER_VARIABLE,
    InstalledModel,
    choose_default_model,
    choose_default_upsampler,
    find_model,
    folder_lock,
    list_models,
    models_folder,
    remove_model,
)
from special_qgis.engine.models.registry import CLIP, REGISTRY, entry_named, entry_of_file_name, entry_of_hash
from special_qgis.engine.progress import NullProgress
from tests.helpers.checkpoint_files import clip_shapes, write_safetensors
from tests.helpers.listener import Listener

UPSAMPLER = {f"upsampler.up{step}.range_proj.0.weight": (32, 3, 1, 1) for step in (1, 2, 3, 4)}
BASE_16 = clip_shapes(width=768, layers=12, patch_px=16, grid=14, mlp_width=8)


@pytest.fixture(autouse=True)
def no_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests speak of the folder alone; the demo model has its own."""
    monkeypatch.setattr(library, "demo_model", lambda: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models ä"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_safetensors(tmp_path / "source" / "my clip.safetensors", clip_shapes())


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: Path) -> List[str]:
    return [model.name for model in list_models(folder)]


def left_over(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".models.lock") if folder.is_dir() else []


def bring(source: Path, folder: Path, **wish: Any) -> InstalledModel:
    return import_file(source, folder, Wish(**wish), NullProgress())


def test_registry_names_are_unique_and_hashes_are_hashes() -> None:
    assert len({entry.name for entry in REGISTRY}) == len(REGISTRY)
    for entry in REGISTRY:
        assert entry.page.startswith("https://")
        assert entry.sha256 is None or (len(entry.sha256) == 64 and entry.sha256 in entry.url)
        assert not entry.url or entry.url.rpartition("/")[2] == entry.file_name


def test_registry_is_searched_by_name_hash_and_unique_file_name() -> None:
    entry = entry_named("OpenAI-ViT-B-16 ")
    assert entry is not None
    assert entry.sha256 is not None
    assert entry_of_hash(entry.sha256.upper()) is entry
    assert entry_of_file_name("vit-b-16.PT") is entry
    assert entry_of_file_name("open_clip_model.safetensors") is None, "three known checkpoints are called so"


def test_models_folder_variable_wins_over_setting_and_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    assert models_folder() == tmp_path / "data" / "models"
    assert models_folder(str(tmp_path / "set")) == tmp_path / "set"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "named"))
    assert models_folder(str(tmp_path / "set")) == tmp_path / "named"


def test_import_copies_file_and_writes_card(checkpoint: Path, folder: Path) -> None:
    model = bring(checkpoint, folder)
    assert (model.name, model.kind) == ("my-clip", CLIP)
    assert model.path == folder / "my-clip.safetensors"
    assert model.path.read_bytes() == checkpoint.read_bytes()
    assert not model.path.samefile(checkpoint), "a later change of the source must not reach the model"
    card = card_of(model.path)
    assert card is not None
    assert card == model.card
    assert (card.sha256, card.size_bytes) == (hash_of(checkpoint), checkpoint.stat().st_size)
    assert card.architecture == "ViT of width 64, 2 layers, patches of 8 px"
    assert card.source == str(checkpoint)
    assert card.imported_at.endswith("Z")
    assert left_over(folder) == ["my-clip.card.json", "my-clip.safetensors"]


def test_import_again_changes_nothing(checkpoint: Path, folder: Path) -> None:
    first = bring(checkpoint, folder)
    before = first.path.stat()
    again = bring(checkpoint, folder)
    assert again.card == first.card
    assert again.path.stat().st_ino == before.st_ino
    assert left_over(folder) == ["my-clip.card.json", "my-clip.safetensors"]


def test_import_of_another_file_under_a_taken_name_is_refused(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    first = bring(checkpoint, folder)
    other = write_safetensors(tmp_path / "my clip.safetensors", clip_shapes(), fill=1)
    with pytest.raises(ModelError, match="'my-clip' is taken"):
        bring(other, folder)
    assert hash_of(first.path) == hash_of(checkpoint)
    assert names(folder) == ["my-clip"]


def test_import_generic_file_name_is_named_by_architecture_and_hash(folder: Path, tmp_path: Path) -> None:
    source = write_safetensors(tmp_path / "open_clip_pytorch_model.safetensors", BASE_16)
    model = bring(source, folder)
    assert model.name == f"vit-b-16-{hash_of(source)[:8]}"


def test_import_with_known_name_takes_over_what_is_known(folder: Path, tmp_path: Path) -> None:
    source = write_safetensors(tmp_path / "download.safetensors", BASE_16)
    model = bring(source, folder, name="laion2b-vit-b-16")
    assert (model.licence, model.entry) == ("MIT", entry_named("laion2b-vit-b-16"))
    assert model.card is not None
    assert model.card.quick_gelu is False
    assert model.card.sha256 == hash_of(source), "not known beforehand, so recorded"


def test_import_wrong_hash_names_file_wanted_and_got(checkpoint: Path, folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        bring(checkpoint, folder, sha256="ab" * 32)
    for part in (checkpoint.name, "ab" * 32, hash_of(checkpoint)):
        assert part in caught.value.message
    assert left_over(folder) == []


def test_import_file_called_as_a_known_one_must_have_its_hash(folder: Path, tmp_path: Path) -> None:
    source = write_safetensors(tmp_path / "ViT-B-16.pt", BASE_16)
    with pytest.raises(ModelError, match="5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"):
        bring(source, folder)
    assert bring(source, folder, name="my-own").name == "my-own"


def test_import_wrong_architecture_is_refused(folder: Path, tmp_path: Path) -> None:
    source = write_safetensors(tmp_path / "x.safetensors", BASE_16)
    with pytest.raises(ModelError, match="holds ViT-B-16, not ViT-L-14"):
        bring(source, folder, name="laion2b-vit-l-14")
    with pytest.raises(ModelError, match="holds ViT-B-16, not ViT-B-32"):
        bring(source, folder, architecture="ViT-B-32")
    assert bring(source, folder, architecture="ViT-B/16").architecture == "ViT-B/16"
    unusual = write_safetensors(tmp_path / "tiny.safetensors", clip_shapes())
    with pytest.raises(ModelError, match="holds ViT of width 64, 2 layers, patches of 8 px, not ViT-B-16"):
        bring(unusual, folder, architecture="ViT-B-16")
    assert names(folder) == ["x"]


@pytest.mark.parametrize("size", [-1, 1])
def test_import_known_checkpoint_of_wrong_length_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    source = write_safetensors(tmp_path / "x.safetensors", BASE_16)
    entry = dataclasses.replace(REGISTRY[2], size_bytes=source.stat().st_size + size)
    monkeypatch.setattr("special_qgis.engine.models.importing.entry_named", lambda name: entry)
    with pytest.raises(ModelError, match="bytes long; LAION-2B CLIP ViT-B/16 has"):
        bring(source, folder, name=entry.name)


def test_import_damaged_or_missing_file_leaves_nothing(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(checkpoint.read_bytes()[:-5])
    with pytest.raises(ModelError, match="its header describes"):
        bring(cut, folder)
    with pytest.raises(ModelError, match="There is no file"):
        bring(tmp_path / "nothing.pt", folder)
    with pytest.raises(ModelError, match="There is no file"):
        bring(tmp_path, folder)
    assert left_over(folder) == []


def test_import_takes_the_configuration_beside_the_file_along(checkpoint: Path, folder: Path) -> None:
    model = bring(checkpoint, folder)
    assert model.card is not None
    assert model.card.config is None
    remove_model(model.name, folder)
    config = {
        "embed_dim": 32,
        "quick_gelu": True,
        "vision_cfg": {"width": 64, "layers": 2, "patch_size": 8, "image_size": 32},
        "text_cfg": {"width": 64, "layers": 2, "heads": 1},
    }
    (checkpoint.parent / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    assert read_card(card_path(folder, bring(checkpoint, folder).name)).config == config


@pytest.mark.parametrize("name", ["a b", "../x", "", ".hidden", "con", "x" * 81, "a/b", "nul.pt"])
def test_wish_names_that_are_no_file_names_are_refused(name: str) -> None:
    if name:
        with pytest.raises(ConfigError, match="name of a model must be"):
            Wish(name=name)
    else:
        assert Wish(name=name).name == ""


def test_wish_demo_name_and_bad_hash_are_refused() -> None:
    with pytest.raises(ConfigError, match="belongs to the plugin"):
        Wish(name="Demo")
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        Wish(sha256="abc")
    assert Wish(sha256=" " + "AB" * 32).sha256 == "ab" * 32


def test_import_cancelled_leaves_nothing(checkpoint: Path, folder: Path) -> None:
    listener = Listener(cancel_on="Copying")
    with pytest.raises(Cancelled):
        import_file(checkpoint, folder, Wish(), listener)
    assert left_over(folder) == []


def test_import_progress_rises_to_the_end(checkpoint: Path, folder: Path) -> None:
    listener = Listener()
    import_file(checkpoint, folder, Wish(), listener)
    fractions = [fraction for fraction, _message in listener.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_import_while_another_process_imports_is_refused(checkpoint: Path, folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from special_qgis.engine.models.library import folder_lock\n"
        "with folder_lock(Path(sys.argv[1])):\n"
        "    sys.stdout.write('held\\n'); sys.stdout.flush(); sys.stdin.read()\n"
    )
    repository = Path(__file__).resolve().parents[3]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": repository}
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ModelFolderError, match=f"process {other.pid}"):
            bring(checkpoint, folder)
        other.stdin.close()
        assert other.wait(timeout=10) == 0
    assert bring(checkpoint, folder).name == "my-clip"


def test_import_clears_what_a_killed_one_left(checkpoint: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / ".importing-0123").write_bytes(b"half")
    bring(checkpoint, folder)
    assert ".importing-0123" not in left_over(folder)


def test_import_into_full_disk_says_so_and_leaves_nothing(checkpoint: Path, tiny_disk: Path) -> None:
    with pytest.raises(ModelFolderError, match="MB free; the file needs"):
        bring(checkpoint, tiny_disk / "models")
    assert left_over(tiny_disk / "models") == []


def test_import_disk_that_fills_up_on_the_way_says_so_and_leaves_nothing(
    checkpoint: Path,
    tiny_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("special_qgis.engine.models.importing.require_space", lambda folder, n_bytes: None)
    with pytest.raises(ModelFolderError, match="is full"):
        bring(checkpoint, tiny_disk / "models")
    assert left_over(tiny_disk / "models") == []


def test_import_into_something_that_is_no_folder_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelFolderError, match="cannot be written"):
        bring(checkpoint, tmp_path / "file")


def test_folder_lock_passes_errors_of_its_body_on(folder: Path) -> None:
    with pytest.raises(PermissionError, match="mine"), folder_lock(folder):
        raise PermissionError("mine")


def test_list_shows_files_put_there_by_hand_and_no_others(checkpoint: Path, folder: Path) -> None:
    assert list_models(folder) == []
    bring(checkpoint, folder)
    for name in ("by-hand.safetensors", "ViT-B-32.pt", ".importing-1.pt", "notes.txt", ".download-1.part"):
        (folder / name).write_bytes(b"x")
    assert names(folder) == ["by-hand", "my-clip", "openai-vit-b-32"]
    by_hand = list_models(folder)[0]
    assert (by_hand.kind, by_hand.card, by_hand.entry) == ("", None, None)


def test_list_with_card_but_no_file_or_broken_card(checkpoint: Path, folder: Path) -> None:
    model = bring(checkpoint, folder)
    card = card_path(folder, model.name)
    text = card.read_text()
    card.write_text("{")
    assert [(found.name, found.card) for found in list_models(folder)] == [("my-clip", None)]
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(card)
    card.write_text(text)
    model.path.unlink()
    assert list_models(folder) == []


@pytest.mark.parametrize("file", ["../evil.pt", "/etc/passwd", ""])
def test_card_that_points_elsewhere_is_refused(checkpoint: Path, folder: Path, file: str) -> None:
    card = card_path(folder, bring(checkpoint, folder).name)
    card.write_text(json.dumps({**json.loads(card.read_text()), "file": file}))
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(card)


def test_find_model_by_name_file_name_and_path(checkpoint: Path, folder: Path) -> None:
    model = bring(checkpoint, folder)
    for text in ("my-clip", "MY-CLIP", " my-clip.safetensors", str(model.path)):
        assert find_model(text, folder) == model
    elsewhere = find_model(str(checkpoint), folder)
    assert (elsewhere.path, elsewhere.card) == (checkpoint, None)


def test_find_model_known_but_missing_says_what_to_bring_from_where_and_how(folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        find_model("openai-vit-b-16", folder)
    text = str(caught.value)
    for part in (
        "ViT-B-16.pt",
        "https://github.com/openai/CLIP",
        "MIT",
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
        "models import ViT-B-16.pt --name openai-vit-b-16",
        str(folder),
    ):
        assert part in text
    with pytest.raises(ModelError, match="not known, recorded at import"):
        find_model("laion2b-vit-b-16", folder)


def test_find_model_unknown_lists_installed_and_known(checkpoint: Path, folder: Path) -> None:
    bring(checkpoint, folder)
    with pytest.raises(ModelError, match=r"no model 'nonsense'.*Installed: my-clip\. Known by name: openai-vit-b-16"):
        find_model("nonsense", folder)
    with pytest.raises(ModelError, match="There is no checkpoint"):
        find_model("nonsense/there.pt", folder)


def test_find_model_put_by_hand_under_the_name_of_the_message_is_found(folder: Path) -> None:
    folder.mkdir()
    path = write_safetensors(folder / "laion2b-vit-b-16.safetensors", BASE_16)
    model = find_model("laion2b-vit-b-16", folder)
    assert (model.path, model.entry) == (path, entry_named("laion2b-vit-b-16"))


def test_default_model_follows_the_registry_then_the_name(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    assert choose_default_model(folder) is None
    bring(write_safetensors(tmp_path / "up.safetensors", {"upsampler.up.range_proj.0.weight": (32, 3, 1, 1)}), folder)
    assert choose_default_model(folder) is None, "an upsampler is no CLIP"
    for name, expected in (("zebra", "zebra"), ("apple", "apple"), ("laion2b-vit-b-16", "laion2b-vit-b-16")):
        bring(write_safetensors(tmp_path / f"{name}.safetensors", BASE_16, fill=len(name)), folder, name=name)
        found = choose_default_model(folder)
        assert found is not None
        assert found.name == expected


def test_default_looks_into_files_that_were_put_there_by_hand(folder: Path) -> None:
    folder.mkdir()
    (folder / "aaa.safetensors").write_bytes(b"no checkpoint")
    write_safetensors(folder / "bbb.safetensors", UPSAMPLER)
    write_safetensors(folder / "ccc.safetensors", clip_shapes())
    model, upsampler = choose_default_model(folder), choose_default_upsampler(folder)
    assert model is not None and model.name == "ccc"
    assert upsampler is not None and upsampler.name == "bbb"


def test_import_of_a_file_that_was_put_there_by_hand_gives_it_a_card(folder: Path) -> None:
    folder.mkdir()
    by_hand = write_safetensors(folder / "mine.safetensors", clip_shapes())
    model = bring(by_hand, folder)
    assert (model.name, model.path) == ("mine", by_hand)
    assert model.card is not None
    assert left_over(folder) == ["mine.card.json", "mine.safetensors"]


def test_import_of_a_known_file_put_there_under_its_authors_name_renames_it(folder: Path) -> None:
    folder.mkdir()
    model = bring(write_safetensors(folder / "clip_jbu_stack_cocostuff.ckpt", UPSAMPLER), folder)
    assert model.path.name == "featup-jbu-stack.safetensors"
    assert left_over(folder) == ["featup-jbu-stack.card.json", "featup-jbu-stack.safetensors"]


def test_default_model_is_never_the_demo(folder: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: Path) -> None:
    demo = InstalledModel("demo", checkpoint, CLIP, None, None)
    monkeypatch.setattr(library, "demo_model", lambda: demo)
    assert names(folder) == ["demo"]
    assert find_model("demo", folder) == demo
    assert choose_default_model(folder) is None
    with pytest.raises(ModelError, match="part of the plugin"):
        remove_model("demo", folder)
    assert checkpoint.exists()


def test_remove_takes_file_and_card_away(checkpoint: Path, folder: Path) -> None:
    model = bring(checkpoint, folder)
    assert remove_model("My-Clip", folder) == model.path
    assert left_over(folder) == []
    with pytest.raises(ModelError, match="no model 'my-clip'"):
        remove_model("my-clip", folder)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_import_into_folder_without_permission_is_refused(checkpoint: Path, folder: Path) -> None:
    folder.mkdir(mode=0o500)
    with pytest.raises(ModelFolderError, match="cannot be written"):
        bring(checkpoint, folder)


def test_documentation_names_every_known_model() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    for entry in REGISTRY:
        digest = f"`{entry.sha256[:8]}…`" if entry.sha256 else "recorded at import"
        cells = (f"`{entry.name}`", entry.architecture, entry.file_name, f"<{entry.page}>", entry.shown_licence, digest)
        assert f"| {' | '.join(cells)} |" in text
