# SPDX-License-Identifier: GPL-2.0-or-later
"""What a checkpoint's file is, told without PyTorch: format, wholeness, architecture, and what is refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest

from special_qgis.engine.errors import ModelError
from special_qgis.engine.models import inspection
from special_qgis.engine.models.architecture import infer, name_of, normal_names, parse_config
from special_qgis.engine.models.inspection import inspect
from special_qgis.engine.models.torch_archive import read_archive
from tests.helpers.checkpoint_files import clip_shapes, write_safetensors

BASE_16 = {"width": 768, "layers": 12, "patch_px": 16, "grid": 14}


def config_of(shapes: Dict[str, Tuple[int, ...]]) -> Dict[str, Any]:
    config = json.loads(json.dumps(infer(shapes).config))
    for part, keys in (("vision_cfg", ("head_width", "mlp_ratio")), ("text_cfg", ())):
        for key in keys:
            del config[part][key]
    return config


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_safetensors(tmp_path_factory.mktemp("whole") / "clip.safetensors", clip_shapes())


@pytest.mark.parametrize(
    ("sizes", "name"),
    [
        pytest.param(BASE_16, "ViT-B-16", id="base-16"),
        pytest.param({"width": 768, "layers": 12, "patch_px": 32, "grid": 7}, "ViT-B-32", id="base-32"),
        pytest.param({"width": 1024, "layers": 24, "patch_px": 14, "grid": 16}, "ViT-L-14", id="large"),
        pytest.param({"width": 1024, "layers": 24, "patch_px": 14, "grid": 24}, "ViT-L-14-336", id="large-336"),
        pytest.param({"width": 1280, "layers": 32, "patch_px": 14, "grid": 16}, "ViT-H-14", id="huge"),
    ],
)
def test_infer_usual_sizes_gives_open_clips_name(sizes: Dict[str, int], name: str) -> None:
    facts = infer(clip_shapes(**sizes))
    assert facts.architecture == name
    assert facts.config["vision_cfg"]["image_size"] == sizes["patch_px"] * sizes["grid"]
    assert facts.config["vision_cfg"]["layers"] == sizes["layers"]
    assert facts.config["embed_dim"] == 32


def test_infer_width_without_a_custom_of_heads_says_what_is_not_told() -> None:
    assert "image tower is 100 wide" in infer(clip_shapes(width=100)).not_told
    assert infer(clip_shapes()).not_told == ""


def test_infer_width_with_other_heads_knows_them() -> None:
    assert infer(clip_shapes(width=1280)).config["vision_cfg"]["head_width"] == 80


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda s: {k: v for k, v in s.items() if not k.startswith("visual.")}, "image tower is missing"),
        pytest.param(lambda s: {k: v for k, v in s.items() if k.startswith("visual.")}, "text tower is missing"),
        pytest.param(lambda s: {"layer.weight": (3, 3)}, "no CLIP model"),
        pytest.param(lambda s: {"vision_model.post_layernorm.weight": (768,)}, "form of Hugging Face's transformers"),
        pytest.param(
            lambda s: {"visual.layer1.0.conv1.weight": (64,), "token_embedding.weight": (49408, 64)}, "a ResNet"
        ),
        pytest.param(
            lambda s: {"visual.trunk.blocks.0.norm.weight": (64,), "token_embedding.weight": (49408, 64)}, "timm's"
        ),
        pytest.param(lambda s: {**s, "visual.positional_embedding": (16, 64)}, "no square"),
        pytest.param(lambda s: {**s, "token_embedding.weight": (32000, 64)}, "knows 32000 words"),
        pytest.param(
            lambda s: {k: v for k, v in s.items() if "visual.transformer.resblocks.0" not in k}, "no whole sequence"
        ),
        pytest.param(lambda s: {k: v for k, v in s.items() if k != "visual.proj"}, "visual.proj is missing"),
    ],
    ids=[
        "no-image",
        "no-text",
        "nothing",
        "transformers",
        "resnet",
        "timm",
        "positions",
        "words",
        "layers",
        "proj",
    ],
)
def test_infer_unusable_weights_are_refused_with_the_reason(change: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        infer(change(clip_shapes()))


def test_normal_names_strips_the_text_tower_and_drops_what_is_no_weight() -> None:
    names = ["text.token_embedding.weight", "visual.proj", "input_resolution", "transformer.resblocks.0.attn_mask"]
    assert normal_names(names) == {
        "text.token_embedding.weight": "token_embedding.weight",
        "visual.proj": "visual.proj",
    }


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        pytest.param("vision_cfg", "timm_model_name", "vit_so400m", "timm's vit_so400m", id="timm"),
        pytest.param("vision_cfg", "layers", [3, 4, 6, 3], "ResNet", id="resnet"),
        pytest.param("vision_cfg", "attentional_pool", True, "pools by attention", id="pool"),
        pytest.param("text_cfg", "hf_model_name", "roberta", "Hugging Face's roberta", id="hf-text"),
        pytest.param("text_cfg", "hf_tokenizer_name", "t5", "tokenizer t5", id="hf-tokenizer"),
        pytest.param("text_cfg", "vocab_size", 32000, "32000 words", id="vocabulary"),
    ],
)
def test_parse_config_unsupported_model_is_refused(part: str, key: str, value: Any, message: str) -> None:
    config = config_of(clip_shapes())
    config[part][key] = value
    with pytest.raises(ModelError, match=message):
        parse_config(json.dumps({"model_cfg": config}), "x.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_cfg": 3}', '{"embed_dim": 3, "vision_cfg": 1}'])
def test_parse_config_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="no configuration of open_clip"):
        parse_config(text, "x.json")


def test_inspect_safetensors_tells_format_kind_and_architecture(checkpoint: Path) -> None:
    facts = inspect(checkpoint)
    assert (facts.file_format, facts.kind, facts.config) == ("safetensors", "clip", None)
    assert facts.architecture == "ViT of width 64, 2 layers, patches of 8 px"


def test_inspect_configuration_in_metadata_or_beside_is_found(tmp_path: Path) -> None:
    config = {**config_of(clip_shapes()), "quick_gelu": True}
    text = json.dumps({"model_cfg": config})
    inside = write_safetensors(tmp_path / "a" / "x.safetensors", clip_shapes(), {"open_clip_config": text})
    beside = write_safetensors(tmp_path / "b" / "x.safetensors", clip_shapes())
    (tmp_path / "b" / "open_clip_config.json").write_text(text)
    assert inspect(inside).config == inspect(beside).config == config


def test_inspect_configuration_that_contradicts_the_weights_is_refused(tmp_path: Path) -> None:
    config = config_of(clip_shapes(layers=3))
    path = write_safetensors(
        tmp_path / "x.safetensors", clip_shapes(), {"open_clip_config": json.dumps({"model_cfg": config})}
    )
    with pytest.raises(ModelError, match="layers of the image tower is 3 in the one and 2 in the other"):
        inspect(path)


@pytest.mark.parametrize("n_cut", [1, 1000, 10**6])
def test_inspect_truncated_safetensors_is_refused(checkpoint: Path, tmp_path: Path, n_cut: int) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(checkpoint.read_bytes()[:-n_cut])
    with pytest.raises(ModelError, match="bytes long, but its header describes"):
        inspect(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"<!DOCTYPE html><html>log in</html>", "a web page", id="html"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer of Git LFS", id="lfs"),
        pytest.param(b"\x01\x02\x03garbage that is no checkpoint at all", "no checkpoint", id="garbage"),
        pytest.param((10**6).to_bytes(8, "little") + b"{}", "ends inside its header", id="header-cut"),
        pytest.param((12).to_bytes(8, "little") + b'{"a": bad  }', "damaged safetensors header", id="header-bad"),
        pytest.param(b"PK\x03\x04 and then nothing", "cut off or damaged", id="zip-cut"),
    ],
)
def test_inspect_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        inspect(path)


def test_inspect_header_whose_shape_and_bytes_differ_is_refused(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [10], "data_offsets": [0, 8]}}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(ModelError, match="has 8 bytes, its shape needs 40"):
        inspect(path)


class Call:
    """Pickles as a call of whatever function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def make_zip(path: Path, data: bytes, torchscript: bool = False) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", data)
        if torchscript:
            archive.writestr("x/constants.pkl", pickle.dumps((), 2))
    return path


def run_path(tmp_path: Path) -> Tuple[Call, Path]:
    """A call that would leave a file behind, and that file."""
    trace = tmp_path / "ran"
    return Call(os.system, f"touch '{trace}'"), trace


@pytest.mark.parametrize("torchscript", [False, True], ids=["saved", "torchscript"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_archive_with_malicious_pickle_is_refused_and_nothing_runs(
    tmp_path: Path, protocol: int, torchscript: bool
) -> None:
    call, trace = run_path(tmp_path)
    path = make_zip(tmp_path / "x.pt", pickle.dumps({"a": call}, protocol), torchscript)
    with pytest.raises(ModelError, match="not safe to load: its pickle asks for"):
        inspect(path)
    assert not trace.exists()


def test_plain_pickle_with_a_call_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    call, trace = run_path(tmp_path)
    path = tmp_path / "x.pt"
    path.write_bytes(pickle.dumps({"a": call}, 2))
    with pytest.raises(ModelError, match="not safe to load"):
        inspect(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "word", ["os system", "builtins eval", "builtins getattr", "torch load", "numpy.x load"], ids=lambda w: w.split()[1]
)
def test_pickle_words_outside_the_vocabulary_are_named_or_become_empty(tmp_path: Path, word: str) -> None:
    module, name = word.split()
    data = b"\x80\x02" + f"c{module}\n{name}\n".encode() + b"X\x02\x00\x00\x00hi\x85R."
    path = make_zip(tmp_path / "x.pt", data)
    expected = "holds no tensors" if module.startswith("numpy") else f"asks for {module}.{name}"
    with pytest.raises(ModelError, match=expected):
        inspect(path)


def test_pickle_that_changes_the_readers_own_functions_is_refused(tmp_path: Path) -> None:
    # torch._utils._rebuild_tensor_v2 with a state that sets an attribute
    data = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + b"N}X\x01\x00\x00\x00aK\x01s\x86b."
    with pytest.raises(ModelError, match="cannot be read"):
        inspect(make_zip(tmp_path / "x.pt", data))


def test_pickle_with_extension_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="an extension code"):
        inspect(make_zip(tmp_path / "x.pt", b"\x80\x02\x82\x01."))


def tensor_pickle(tensors: Dict[str, Tuple[int, Tuple[int, ...], Tuple[int, ...], int]]) -> bytes:
    """What torch.save writes for a state dict; name -> offset, shape, stride, items of the storage."""
    stream = io.BytesIO()
    stream.write(b"\x80\x02ccollections\nOrderedDict\n)R")
    for name, (offset, shape, stride, n_items) in tensors.items():
        stream.write(b"X" + len(name).to_bytes(4, "little") + name.encode())
        stream.write(b"ctorch._utils\n_rebuild_tensor_v2\n(")
        stream.write(b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu")
        stream.write(b"J" + n_items.to_bytes(4, "little", signed=True) + b"tQ")
        for value in (offset, shape, stride):
            stream.write(pickle.dumps(value, 2)[2:-1])
        stream.write(b"\x89ccollections\nOrderedDict\n)RtRs")
    stream.write(b".")
    return stream.getvalue()


def test_archive_layout_of_a_tensor_is_read(tmp_path: Path) -> None:
    archive = read_archive(make_zip(tmp_path / "x.pt", tensor_pickle({"a": (2, (3, 4), (4, 1), 20)})))
    layout = archive.tensors["a"]
    assert (layout.dtype, layout.offset, layout.shape, layout.stride) == ("float32", 2, (3, 4), (4, 1))
    assert not archive.is_torchscript


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param((0, (3, 4), (4, 1), 11), id="too-large"),
        pytest.param((10, (3,), (1,), 12), id="offset"),
        pytest.param((0, (10**6,), (0,), 4), id="expanded"),
        pytest.param((-1, (3,), (1,), 12), id="negative"),
        pytest.param((0, (3, 1), (1,), 12), id="axes"),
    ],
)
def test_archive_tensor_outside_its_storage_is_refused(tmp_path: Path, tensor: Any) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_archive(make_zip(tmp_path / "x.pt", tensor_pickle({"a": tensor})))


def test_archive_with_loops_and_webs_of_modules_ends(tmp_path: Path) -> None:
    node: Dict[str, Any] = {}
    for _level in range(60):  # 2 to the 60th paths
        node = {"left": node, "right": node}
    loop: Dict[str, Any] = {"web": node}
    loop["self"] = loop
    with pytest.raises(ModelError, match="holds no tensors"):
        read_archive(make_zip(tmp_path / "x.pt", pickle.dumps(loop, 2)))


def test_archive_nested_without_end_is_refused(tmp_path: Path) -> None:
    data = b"\x80\x02" + b"}X\x01\x00\x00\x00a" * 100_000 + b"N" + b"s" * 100_000 + b"."
    with pytest.raises(ModelError, match="nested without end"):
        read_archive(make_zip(tmp_path / "x.pt", data))


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_archive_cut_off_is_refused(tmp_path: Path, keep: float) -> None:
    path = make_zip(tmp_path / "x.pt", tensor_pickle({"a": (0, (3,), (1,), 3)}))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ModelError, match="cut off or damaged"):
        inspect(path)


def test_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ModelError, match="not one that PyTorch wrote"):
        inspect(path)


def test_inspect_upsamplers_are_told_apart(tmp_path: Path) -> None:
    one = {"upsampler.range_temp": (), "upsampler.up.range_proj.0.weight": (32, 3, 1, 1)}
    stack = {f"upsampler.up{step}.range_proj.0.weight": (32, 3, 1, 1) for step in (1, 2, 3, 4)}
    facts = inspect(write_safetensors(tmp_path / "one.safetensors", one))
    assert (facts.kind, facts.architecture) == ("upsampler", "jbu-one")
    facts = inspect(write_safetensors(tmp_path / "stack.safetensors", stack))
    assert (facts.kind, facts.architecture) == ("upsampler", "jbu-stack")


def test_inspect_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        inspect(tmp_path / "nothing.pt")


def test_name_of_quick_gelu_is_part_of_the_name() -> None:
    config = {**infer(clip_shapes(**BASE_16)).config, "quick_gelu": True}
    assert name_of(config) == "ViT-B-16-quickgelu"


def test_formats_of_the_module_are_distinct() -> None:
    formats = (inspection.SAFETENSORS, inspection.TORCH, inspection.TORCH_OLD, inspection.TORCHSCRIPT)
    assert len(set(formats)) == 4


def test_ordered_dict_stays_usable_after_reading(tmp_path: Path) -> None:
    data = b"\x80\x02ccollections\nOrderedDict\nN}X\x05\x00\x00\x00clearK\x01s\x86b."  # tries to set OrderedDict.clear
    with pytest.raises(ModelError):
        inspect(make_zip(tmp_path / "x.pt", data))
    assert callable(OrderedDict.clear)
