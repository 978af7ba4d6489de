# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading real open_clip models of tiny random weights from every format, and refusing what must not be loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import pickle
import shutil
import socket
import sys
import types
import zipfile
from pathlib import Path
from typing import Any, Dict

import pytest

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from demo_clip import export
from demo_clip.network import build_model
from demo_clip.tokens import Rows
from safetensors.torch import save_file

from special_qgis.engine.clip import loading
from special_qgis.engine.clip.loaded_clip import LoadedClip
from special_qgis.engine.clip.loading import load_clip
from special_qgis.engine.clip.tensor_files import read_tensors
from special_qgis.engine.clip.upsampling.weights import read_weights
from special_qgis.engine.errors import Cancelled, ModelError
from special_qgis.engine.models.card import ModelCard, card_path, write_card
from special_qgis.engine.models.hashing import sha256_of
from special_qgis.engine.models.importing import Wish, import_file
from special_qgis.engine.models.registry import REGISTRY
from special_qgis.engine.progress import NullProgress, Progress
from tests.helpers.clip_models import EMBED_DIM, jbu_state
from tests.helpers.listener import Listener
from tests.helpers.tiny_clip import make_openai_archive, make_tiny_clip, tiny_config, tiny_model

QUICK = tiny_config(quick_gelu=True)


@pytest.fixture(scope="module")
def images() -> Any:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints ä")


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Path:
    return make_tiny_clip(folder / "tiny.safetensors")


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    return make_openai_archive(folder / "openai.pt", QUICK)


def state(config: Dict[str, Any] = QUICK) -> Dict[str, Any]:
    return dict(tiny_model(config).state_dict())


def load(path: Path, progress: Progress | None = None) -> LoadedClip:
    return load_clip(path, progress or NullProgress())


def named(path: Path, architecture: str) -> Path:
    """A copy of a checkpoint beside a card that names its architecture."""
    folder = path.parent / architecture.replace("/", "-")
    folder.mkdir()
    copy = Path(shutil.copy(path, folder))
    facts = {"kind": "clip", "architecture": architecture, "size_bytes": copy.stat().st_size}
    card = ModelCard(
        copy.stem, copy.name, sha256=sha256_of(copy, NullProgress()), named_architecture=architecture, **facts
    )
    write_card(card_path(folder, copy.stem), card)
    return copy


def assert_same_model(loaded: LoadedClip, config: Dict[str, Any], images: Any, tolerance: float = 1e-5) -> None:
    """Weights and activation are those of the model that was saved: images and texts give the same embeddings."""
    reference = tiny_model(config)
    tokens = open_clip.SimpleTokenizer()(["a photo of a lake", "asphalt"])
    with torch.no_grad():
        torch.testing.assert_close(
            loaded.model.encode_image(images), reference.encode_image(images), atol=tolerance, rtol=0.0
        )
        torch.testing.assert_close(
            loaded.model.encode_text(loaded.tokenizer(["a photo of a lake", "asphalt"])),
            reference.encode_text(tokens),
            atol=tolerance,
            rtol=0.0,
        )


def test_safetensors_with_configuration_is_loaded_whole(checkpoint: Path, images: Any) -> None:
    listener = Listener()
    loaded = load(checkpoint, progress=listener)
    assert_same_model(loaded, tiny_config(), images)
    assert loaded.sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    visual = loaded.model.visual
    assert (visual.image_size, visual.patch_size, visual.output_dim) == ((32, 32), (8, 8), 48)
    assert loaded.model.context_length == 77
    assert loaded.image_mean == pytest.approx((0.48145466, 0.4578275, 0.40821073))
    assert loaded.image_std == pytest.approx((0.26862954, 0.26130258, 0.27577711))
    assert (loaded.name, loaded.known_words) == ("tiny", None)
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert listener.warnings == []


def test_configuration_decides_the_activation(tmp_path: Path, images: Any) -> None:
    loaded = load(make_tiny_clip(tmp_path / "x.safetensors", config=QUICK))
    assert_same_model(loaded, QUICK, images)
    with torch.no_grad():
        other = tiny_model(tiny_config()).encode_image(images)
    assert (loaded.model.encode_image(images) - other).abs().max() > 1e-3, "the two activations can be told apart"


def test_preprocessing_of_the_configuration_is_used(tmp_path: Path) -> None:
    path = make_tiny_clip(tmp_path / "x.safetensors", with_config=False)
    preprocessing = {"mean": [0.5, 0.25, 0.125], "std": [1.0, 2.0, 4.0]}
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": tiny_config(), "preprocess_cfg": preprocessing})
    )
    loaded = load(path)
    assert (loaded.image_mean, loaded.image_std) == ((0.5, 0.25, 0.125), (1.0, 2.0, 4.0))


def test_without_configuration_sizes_are_inferred_and_gelu_is_assumed_aloud(tmp_path: Path, images: Any) -> None:
    config = tiny_config(width=128, layers=2, patch_px=16, image_px=64, embed_dim=40)
    listener = Listener()
    loaded = load(make_tiny_clip(tmp_path / "x.safetensors", config=config, with_config=False), progress=listener)
    visual = loaded.model.visual
    assert (visual.image_size, visual.patch_size, visual.output_dim) == ((64, 64), (16, 16), 40)
    larger = torch.nn.functional.interpolate(images, size=64)
    assert_same_model(loaded, config, larger)
    assert len(listener.warnings) == 1
    assert "GELU is assumed" in listener.warnings[0]


@pytest.mark.parametrize("form", ["flat", "wrapped", "old", "custom-text", "half"])
def test_files_of_torch_save_are_loaded(tmp_path: Path, images: Any, form: str) -> None:
    config, path = tiny_config(), tmp_path / "x.pt"
    weights = state(config)
    if form == "wrapped":
        rest = {"epoch": 3, "name": "run", "optimizer": {"state": {0: {"step": torch.ones(1)}}}}
        torch.save({"state_dict": {f"module.{name}": value for name, value in weights.items()}, **rest}, path)
    elif form == "custom-text":
        is_text = {name: not name.startswith(("visual.", "logit_scale")) for name in weights}
        torch.save({f"text.{name}" if is_text[name] else name: value for name, value in weights.items()}, path)
    elif form == "half":
        torch.save({name: value.half() for name, value in weights.items()}, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=form != "old")
    assert_same_model(load(path), config, images, tolerance=5e-3 if form == "half" else 1e-5)


def test_custom_text_model_of_open_clip_is_loaded(tmp_path: Path, images: Any) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip.CustomTextCLIP(**tiny_config()).eval()
    torch.save(model.state_dict(), tmp_path / "x.pt")
    loaded = load(tmp_path / "x.pt")
    with torch.no_grad():
        torch.testing.assert_close(loaded.model.encode_image(images), model.encode_image(images))
        tokens = loaded.tokenizer(["a lake"])
        torch.testing.assert_close(loaded.model.encode_text(tokens), model.encode_text(tokens))


def test_openai_archive_is_loaded_with_quick_gelu(archive: Path, images: Any) -> None:
    listener = Listener()
    loaded = load(archive, progress=listener)
    assert_same_model(loaded, QUICK, images)
    assert len(listener.warnings) == 1
    assert "QuickGELU is assumed" in listener.warnings[0]


def test_openai_archive_of_mixed_types_is_loaded_in_the_type_asked_for(tmp_path: Path, images: Any) -> None:
    path = make_openai_archive(tmp_path / "mixed.pt", QUICK, half=True)
    tensors, metadata = read_tensors(path)
    assert {tensor.dtype for tensor in tensors.values()} >= {torch.float16, torch.float32, torch.int64}
    assert metadata == {}
    loaded = load(path)
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert_same_model(loaded, QUICK, images, tolerance=5e-3)


def test_openai_archive_equals_what_torch_itself_reads(archive: Path) -> None:
    tensors, _metadata = read_tensors(archive)
    for name, value in torch.jit.load(str(archive)).state_dict().items():  # our own file, so it may run
        torch.testing.assert_close(tensors[name], value, atol=0.0, rtol=0.0)


def test_loading_disturbs_no_seed_and_is_repeatable(checkpoint: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = load(checkpoint).model.state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    second = load(checkpoint).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_loading_never_opens_a_connection(checkpoint: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"a connection was opened: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for path in (checkpoint, archive):
        assert load(path).tokenizer(["a lake"]).shape == (1, 77)
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_imported_model_is_loaded_by_its_card(tmp_path: Path, images: Any) -> None:
    source = make_tiny_clip(tmp_path / "source" / "x.safetensors", config=QUICK, with_config=False)
    (source.parent / "open_clip_config.json").write_text(json.dumps({"model_cfg": QUICK}))
    model = import_file(source, tmp_path / "models", Wish(name="mine"), NullProgress())
    listener = Listener()
    loaded = load(model.path, progress=listener)
    assert (loaded.name, listener.warnings) == ("mine", [])
    assert_same_model(loaded, QUICK, images)


def test_architecture_of_the_card_with_quickgelu_decides_the_activation(tmp_path: Path, images: Any) -> None:
    source = make_tiny_clip(tmp_path / "x.safetensors", config=QUICK, with_config=False)
    wish = Wish(name="mine", architecture="tiny-quickgelu")
    assert_same_model(load(import_file(source, tmp_path / "models", wish, NullProgress()).path), QUICK, images)


def test_activation_that_the_user_names_wins(checkpoint: Path, images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_clip, "list_models", lambda: ["tiny-quickgelu"])
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: QUICK)
    assert_same_model(load(named(checkpoint, "tiny-quickgelu")), QUICK, images)


def test_compact_checkpoint_is_imported_and_loaded_with_its_words(tmp_path: Path) -> None:
    rows = Rows.of_words()
    trained = build_model(len(rows.token_ids) + 1, seed=1)
    tensors, metadata = export.pack(trained.state_dict(), rows)
    save_file(tensors, tmp_path / "x.safetensors", metadata)
    model = import_file(tmp_path / "x.safetensors", tmp_path / "models", Wish(name="small"), NullProgress())
    assert (model.kind, model.architecture) == ("clip", "ViT of width 192, 5 layers, patches of 8 px")
    listener = Listener()
    loaded = load(model.path, progress=listener)
    assert loaded.known_words is not None and "water" in loaded.known_words
    assert (loaded.name, loaded.model.visual.output_dim, listener.warnings) == ("small", 192, [])
    for name, value in trained.visual.conv1.named_parameters():
        step = value.flatten(1).abs().amax(dim=1).max() / 127
        torch.testing.assert_close(loaded.model.visual.conv1.get_parameter(name), value, atol=float(step), rtol=0.0)


def test_damaged_compact_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file(state(), path, {"special_compact_clip": "{}"})
    with pytest.raises(ModelError, match="compact checkpoint") as caught:
        load(path)
    assert str(path) in caught.value.message


def test_heads_that_only_a_configuration_can_tell(tmp_path: Path, images: Any) -> None:
    config = tiny_config(width=48)
    config["vision_cfg"]["head_width"] = 16
    assert_same_model(load(make_tiny_clip(tmp_path / "x.safetensors", config=config)), config, images)
    bare = make_tiny_clip(tmp_path / "bare.safetensors", config=config, with_config=False)
    with pytest.raises(ModelError, match="image tower is 48 wide"):
        load(bare)


def test_architecture_named_at_the_import_is_built(
    tmp_path: Path, images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(width=48)
    config["vision_cfg"]["head_width"] = 16
    monkeypatch.setattr(open_clip, "list_models", lambda: ["odd-one"])
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: config)
    bare = make_tiny_clip(tmp_path / "bare.safetensors", config=config, with_config=False)
    model = import_file(bare, tmp_path / "models", Wish(name="mine", architecture="odd-one"), NullProgress())
    assert_same_model(load(model.path), config, images)


@pytest.mark.parametrize("kind", ["jbu_one", "jbu_stack"])
def test_upsampler_goes_from_import_to_weights(tmp_path: Path, kind: str) -> None:
    torch.save({"state_dict": jbu_state(kind), "epoch": 1}, tmp_path / "x.ckpt")
    model = import_file(tmp_path / "x.ckpt", tmp_path / "models", Wish(), NullProgress())
    assert (model.kind, model.architecture) == ("upsampler", kind.replace("_", "-"))
    assert read_weights(read_tensors(model.path)[0]).dimensions == EMBED_DIM


def test_stray_configuration_in_the_folder_of_models_counts_for_no_imported_model(tmp_path: Path, images: Any) -> None:
    source = make_tiny_clip(tmp_path / "x.safetensors", with_config=False)
    model = import_file(source, tmp_path / "models", Wish(name="mine"), NullProgress())
    (model.path.parent / "open_clip_config.json").write_text(json.dumps({"model_cfg": QUICK}))
    assert_same_model(load(model.path), tiny_config(), images)


def test_model_changed_since_its_import_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    model = import_file(checkpoint, tmp_path / "models", Wish(name="mine"), NullProgress())
    make_tiny_clip(model.path, seed=1)
    with pytest.raises(ModelError, match="not the file that was expected"):
        load(model.path)
    card_path(model.path.parent, "mine").unlink()
    assert load(model.path).name == "mine"


def test_file_called_as_a_known_one_must_have_its_hash(tmp_path: Path) -> None:
    make_tiny_clip(tmp_path / "openai-vit-b-16.safetensors")
    with pytest.raises(ModelError, match="wanted is 5806e77c"):
        load(tmp_path / "openai-vit-b-16.safetensors")


def test_width_of_heads_that_a_configuration_leaves_out_is_open_clips(tmp_path: Path, images: Any) -> None:
    config = tiny_config(width=1280, layers=1, patch_px=8)  # inferred from the weights alone, heads would be 80 wide
    loaded = load(make_tiny_clip(tmp_path / "x.safetensors", config=config))
    assert loaded.model.visual.transformer.resblocks[0].attn.num_heads == 20
    bare = load(make_tiny_clip(tmp_path / "bare.safetensors", config=config, with_config=False))
    assert bare.model.visual.transformer.resblocks[0].attn.num_heads == 16


def test_architecture_named_by_the_user_must_fit(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"The architecture ViT-B-32, named at the import, does not fit the weights"):
        load(named(checkpoint, "ViT-B-32"))
    bare = make_tiny_clip(tmp_path / "x.safetensors", with_config=False)
    with pytest.raises(ModelError, match=r"The architecture ViT-L/14, named at the import, does not fit the weights"):
        load(named(bare, "ViT-L/14"))
    assert load(named(bare, "ViT-Q-3")).architecture == load(bare).architecture, "open_clip knows no such name"
    with pytest.raises(ModelError, match="ResNet"):
        load(named(bare, "RN50"))
    with pytest.raises(ModelError, match="timm's vit_base_patch16_siglip_224"):
        load(named(bare, "ViT-B-16-SigLIP2"))
    with pytest.raises(ModelError, match="Hugging Face's roberta-base"):
        load(named(bare, "roberta-ViT-B-32"))


def test_real_architecture_named_by_the_user_is_built(tmp_path: Path) -> None:
    config = open_clip.get_model_config("ViT-S-32")
    model = tiny_model(config)
    save_file(model.state_dict(), tmp_path / "x.safetensors")
    listener = Listener()
    loaded = load(named(tmp_path / "x.safetensors", "ViT-S/32"), progress=listener)
    assert (loaded.architecture, listener.warnings) == ("ViT-S-32", [])
    assert loaded.model.text_projection.shape == (384, 384)


def save_without(tmp_path: Path, prefix: str) -> Path:
    path = tmp_path / "x.safetensors"
    save_file({name: value for name, value in state().items() if not name.startswith(prefix)}, path)
    return path


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("visual.", "image tower is missing"),
        ("token_embedding", "text tower is missing"),
        ("visual.ln_post", "missing: visual.ln_post"),
        ("transformer.resblocks.1.mlp.c_proj.bias", "missing: transformer.resblocks.1.mlp.c_proj.bias"),
    ],
)
def test_incomplete_checkpoint_is_refused_with_what_is_missing(tmp_path: Path, prefix: str, message: str) -> None:
    path = save_without(tmp_path, prefix)
    with pytest.raises(ModelError, match=message) as caught:
        load(path)
    assert str(path) in caught.value.message


def test_checkpoint_with_more_than_a_clip_is_refused(tmp_path: Path) -> None:
    save_file({**state(), "head.weight": torch.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"unknown: head\.weight"):
        load(tmp_path / "x.safetensors")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    weights = state()
    weights["visual.proj"] = torch.full_like(weights["visual.proj"], float("nan"))
    save_file(weights, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"not finite numbers: visual\.proj"):
        load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("kind", ["resnet", "timm"])
def test_other_image_towers_are_refused(tmp_path: Path, kind: str) -> None:
    weights = {name: value for name, value in state().items() if not name.startswith("visual.")}
    name = "visual.layer1.0.conv1.weight" if kind == "resnet" else "visual.trunk.blocks.0.norm1.weight"
    save_file({**weights, name: torch.zeros(4)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="a ResNet" if kind == "resnet" else "one of timm's"):
        load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("source", ["checkpoint", "archive", "saved", "old"])
@pytest.mark.parametrize("keep", [0.001, 0.5, 0.9999])
def test_truncated_file_is_refused(tmp_path: Path, checkpoint: Path, archive: Path, source: str, keep: float) -> None:
    path = {"checkpoint": checkpoint, "archive": archive}.get(source)
    if path is None:
        path = tmp_path / "whole.pt"
        torch.save(state(), path, _use_new_zipfile_serialization=source == "saved")
    cut = tmp_path / "cut.pt"
    content = path.read_bytes()
    cut.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ModelError, match=r"cut off|damaged|no checkpoint|its header describes"):
        load(cut)


def test_archive_with_flipped_bits_is_refused(tmp_path: Path, archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cut off or damaged"):
        load(path)


class Harmful:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self._trace}'",)


@pytest.mark.parametrize("form", ["saved", "old", "plain", "torchscript"])
def test_malicious_pickle_is_refused_and_does_not_run(tmp_path: Path, archive: Path, form: str) -> None:
    trace, path = tmp_path / "ran", tmp_path / "x.pt"
    content = {**state(), "extra": Harmful(trace)}
    if form == "plain":
        path.write_bytes(pickle.dumps({"extra": Harmful(trace)}))
    elif form == "torchscript":
        with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(path, "w") as changed:
            for name in whole.namelist():
                is_pickle = name.endswith("/data.pkl")
                changed.writestr(name, pickle.dumps(Harmful(trace), 2) if is_pickle else whole.read(name))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "saved")
    with pytest.raises(ModelError, match=r"not safe to load: its pickle asks for .*system"):
        load(path)
    assert not trace.exists()


def test_code_of_a_torchscript_archive_is_never_run_or_read(tmp_path: Path, archive: Path, images: Any) -> None:
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(path, "w") as changed:
        for name in whole.namelist():
            changed.writestr(name, b"this is no code" if "/code/" in name else whole.read(name))
    assert_same_model(load(path), QUICK, images)


def test_whole_pickled_model_is_refused(tmp_path: Path) -> None:
    torch.save(tiny_model(), tmp_path / "x.pt")
    with pytest.raises(ModelError, match=r"not safe to load: its pickle asks for open_clip\.model\.CLIP"):
        load(tmp_path / "x.pt")


def test_upsampler_of_a_training_run_is_read_without_its_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = types.ModuleType("omegaconf")

    class Options(dict):  # type: ignore[type-arg]
        """As a training program leaves beside the weights."""

    Options.__module__, Options.__qualname__ = "omegaconf", "Options"
    package.Options = Options  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "omegaconf", package)
    weights = {"upsampler.up.range_proj.0.weight": torch.randn(32, 3, 1, 1), "upsampler.up.range_temp": torch.ones(())}
    stream = io.BytesIO()
    torch.save({"epoch": 1, "hyper_parameters": Options(lr=1e-3), "state_dict": weights}, stream)
    monkeypatch.delitem(sys.modules, "omegaconf")
    (tmp_path / "x.ckpt").write_bytes(stream.getvalue())
    tensors, _metadata = read_tensors(tmp_path / "x.ckpt")
    assert set(tensors) == set(weights)
    assert all(torch.equal(tensors[name], weights[name]) for name in weights)


def test_views_of_one_storage_are_read_apart(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)

    class Holder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("whole", base)
            self.register_buffer("turned", base.t()[1:5:2])
            self.register_buffer("none", torch.zeros(0, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    torch.jit.save(torch.jit.script(Holder()), str(tmp_path / "x.pt"))
    tensors, _metadata = read_tensors(tmp_path / "x.pt")
    assert torch.equal(tensors["whole"], base)
    assert torch.equal(tensors["turned"], base.t()[1:5:2])
    assert tensors["none"].shape == (0, 3)


def test_loading_cancelled_ends(checkpoint: Path) -> None:
    listener = Listener(cancel_on="Checking")
    with pytest.raises(Cancelled):
        load(checkpoint, progress=listener)
    assert listener.since_cancel_s() < 1.0


def test_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no checkpoint"):
        load(tmp_path / "nothing.safetensors")


def test_known_hash_decides_the_activation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: Any) -> None:
    path = make_tiny_clip(tmp_path / "x.safetensors", config=QUICK, with_config=False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = dataclasses.replace(REGISTRY[0], sha256=digest)
    monkeypatch.setattr(loading, "entry_of_hash", lambda sha256: entry if sha256 == digest else None)
    listener = Listener()
    assert_same_model(load(path, progress=listener), QUICK, images)
    assert listener.warnings == []
