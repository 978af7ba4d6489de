# SPDX-License-Identifier: GPL-2.0-or-later
"""What a checkpoint's file is, found out before anything is loaded: format, wholeness, kind of model, architecture.

Formats are recognised by content, not by the file's name. Needs no PyTorch and runs nothing that is in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, NamedTuple, Optional, Tuple

from ..errors import ModelError
from ..texts.plain_text import parse_json
from .architecture import (
    CONFIG_KEY,
    check_config,
    difference,
    infer,
    is_upsampler,
    name_of,
    normal_names,
    parse_config,
    upsampler_architecture,
)
from .registry import CLIP, UPSAMPLER
from .safetensors_header import looks_like_safetensors, read_header
from .torch_archive import read_archive, read_old_file

SAFETENSORS, TORCH, TORCH_OLD, TORCHSCRIPT = "safetensors", "torch", "torch (old)", "torchscript"
COMPACT_KEY = "special_compact_clip"  # in a safetensors file's metadata: CLIP in the plugin's own compact form
SIDECAR_NAME = "open_clip_config.json"  # beside a checkpoint, as in repositories of open_clip

_START_BYTES = 64
_LARGEST_CONFIG_BYTES = 2**20
_FORMATS_HINT = "Accepted are safetensors, files of torch.save (.pt, .pth, .bin, .ckpt) and OpenAI's archives (.pt)."


class FileFacts(NamedTuple):
    """What is known of a checkpoint's file."""

    file_format: str  # SAFETENSORS, TORCH, TORCH_OLD or TORCHSCRIPT
    kind: str  # CLIP or UPSAMPLER
    architecture: str  # open_clip's name where there is one
    config: Optional[Mapping[str, Any]]  # open_clip's model_cfg that comes with the file; None = none does


def inspect(path: Path, beside: Optional[Path] = None) -> FileFacts:
    """Find out what a file is.

    Args:
        path: The file.
        beside: File in whose folder ``open_clip_config.json`` is looked for; None = the file itself.

    Raises:
        ModelError: It is no checkpoint, cut off, damaged, unsafe to load, or of an unsupported architecture.
    """
    try:
        file_format = find_format(path)
        shapes, metadata, file_format = _shapes(path, file_format)
        if COMPACT_KEY in metadata:
            return FileFacts(file_format, CLIP, _compact_name(metadata[COMPACT_KEY]), None)
        if is_upsampler(shapes):
            return FileFacts(file_format, UPSAMPLER, upsampler_architecture(shapes), None)
        return _clip_facts(path, file_format, shapes, find_config(beside or path, metadata))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}.", "Check its name and its permissions.") from error


def find_format(path: Path) -> str:
    """Format of a file, by its first bytes; TorchScript counts as TORCH here.

    Raises:
        ModelError: It is of no accepted format.
        OSError: It cannot be read.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(_START_BYTES)
    if start.startswith(b"PK\x03\x04"):
        return TORCH
    if looks_like_safetensors(start, n_bytes):
        return SAFETENSORS
    if start.startswith(b"\x80"):
        return TORCH_OLD
    raise ModelError(f"{path} is {_describe(start, n_bytes)}. {_FORMATS_HINT}", _other_hint(start))


def find_config(path: Path, metadata: Mapping[str, str]) -> Optional[Mapping[str, Any]]:
    """The configuration that comes with a file: in its metadata, else in ``open_clip_config.json`` beside it.

    Raises:
        ModelError: There is one that cannot be understood or names an unsupported architecture.
    """
    if CONFIG_KEY in metadata:
        return parse_config(metadata[CONFIG_KEY], f"The metadata {CONFIG_KEY} of {path}")
    sidecar = path.parent / SIDECAR_NAME
    if sidecar.is_file():
        with sidecar.open("rb") as stream:
            text = stream.read(_LARGEST_CONFIG_BYTES).decode("utf-8", errors="replace")
        return parse_config(text, str(sidecar))
    return None


def _shapes(path: Path, file_format: str) -> Tuple[Mapping[str, Tuple[int, ...]], Mapping[str, str], str]:
    """Shapes by name, metadata, and the format, now that TorchScript can be recognised."""
    if file_format == SAFETENSORS:
        header = read_header(path)
        shapes, metadata = header.shapes, header.metadata
    elif file_format == TORCH:
        archive = read_archive(path)
        shapes, metadata = {name: layout.shape for name, layout in archive.tensors.items()}, {}
        file_format = TORCHSCRIPT if archive.is_torchscript else TORCH
    else:
        shapes, metadata = {name: layout.shape for name, layout in read_old_file(path).items()}, {}
    return {normal: shapes[name] for name, normal in normal_names(shapes).items()}, metadata, file_format


def _clip_facts(
    path: Path, file_format: str, shapes: Mapping[str, Tuple[int, ...]], config: Optional[Mapping[str, Any]]
) -> FileFacts:
    try:
        inferred = infer(shapes)
    except ModelError as error:
        raise ModelError(f"{path} cannot be used. {error.message}", error.hint) from error
    if config is None:
        quick = {"quick_gelu": True} if file_format == TORCHSCRIPT else {}
        return FileFacts(file_format, CLIP, name_of({**inferred.config, **quick}), None)
    contradiction = difference(config, inferred.config)
    if contradiction:
        raise ModelError(
            f"The configuration of {path} does not fit its weights: the {contradiction}.",
            f"Correct or remove the configuration ({CONFIG_KEY} in its metadata, or {SIDECAR_NAME} beside it).",
        )
    return FileFacts(file_format, CLIP, name_of({**inferred.config, "quick_gelu": config.get("quick_gelu")}), config)


def _compact_name(text: str) -> str:
    try:
        config = parse_json(text)["config"]
        check_config(config, "The compact checkpoint")
        return name_of(config)
    except ModelError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError):
        return "compact ViT"


def _describe(start: bytes, n_bytes: int) -> str:
    if n_bytes == 0:
        return "empty"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the file that it points to"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, not a checkpoint"
    return "no checkpoint"


def _other_hint(start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return "Run git lfs pull in its repository, or download the file itself."
    if start.lstrip().startswith(b"<"):
        return "Open its page in a browser and download the file itself."
    return ""
