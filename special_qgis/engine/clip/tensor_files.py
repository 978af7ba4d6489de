# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the tensors of a checkpoint, CLIP or upsampler, in whatever format it comes, without running code from it.

safetensors by its own library; files of ``torch.save`` through ``weights_only=True``; OpenAI's TorchScript archives,
and checkpoints of training runs, by the plugin's own reader, which looks at the tensors' layout and at their bytes
alone. ``torch.jit.load`` is never called.
"""

from __future__ import annotations

import pickle  # nosec B403 # only its exception
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, Mapping, Tuple

import safetensors
import torch

from ..errors import ModelError
from ..models.inspection import SAFETENSORS, TORCH, find_format
from ..models.safetensors_header import COPY_AGAIN, read_header
from ..models.torch_archive import Archive, TensorLayout, named_tensors, read_archive, read_old_file
from ..progress import NullProgress, Progress, check_cancelled

Tensors = Dict[str, torch.Tensor]

_SAID_CHARS = 200  # of PyTorch's own message


def read_tensors(path: Path, progress: Progress = NullProgress()) -> Tuple[Tensors, Dict[str, str]]:  # noqa: B008
    """Read all tensors of a file into main memory.

    Args:
        path: A checkpoint in any accepted format; its name does not matter.
        progress: Checked for cancel at every tensor that lies in the file by itself.

    Returns:
        Tensors by dotted name, as they are stored (on the CPU, in the file's types, "module." stripped and what wraps
        a state dict taken off), and the metadata of a safetensors file (else empty).

    Raises:
        ModelError: No checkpoint, cut off, damaged, without tensors, or unsafe to load.
        Cancelled: The user cancelled.
    """
    try:
        file_format = find_format(path)
        if file_format == SAFETENSORS:
            return _read_safetensors(path, progress)
        if file_format == TORCH:
            archive = read_archive(path)  # refuses whatever is unsafe, and names it
            is_plain = not archive.is_torchscript and not _foreign_words(path)
            return (_read_saved(path) if is_plain else _read_members(path, archive, progress)), {}
        read_old_file(path)  # refuses whatever is unsafe, and names it
        return _read_saved(path), {}
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}.", "Check its name and its permissions.") from error


def _read_safetensors(path: Path, progress: Progress) -> Tuple[Tensors, Dict[str, str]]:
    header = read_header(path)
    tensors: Tensors = {}
    try:
        with safetensors.safe_open(str(path), framework="pt", device="cpu") as stream:
            for name in header.shapes:
                check_cancelled(progress)
                tensors[name] = stream.get_tensor(name).clone()  # else it would stay a view of the file
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path} is damaged: {error}.", COPY_AGAIN) from error
    return tensors, dict(header.metadata)


def _foreign_words(path: Path) -> List[str]:
    """What a pickle names that ``weights_only`` would refuse: harmless things that a training run left there."""
    words: List[str] = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    return words


def _read_saved(path: Path) -> Tensors:
    """A file of ``torch.save`` that holds nothing but weights and plain values."""
    try:
        content = torch.load(str(path), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        said = " ".join(str(error).split())
        raise ModelError(
            f"{path} is not loaded, because it holds more than weights ({said[:_SAID_CHARS]}).",
            "Save its state dict alone, or as safetensors.",
        ) from error
    except (RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ModelError(f"{path} is cut off or damaged: {str(error).splitlines()[0]}.", COPY_AGAIN) from error
    return {name: tensor.detach() for name, tensor in named_tensors(content, torch.Tensor)}


def _read_members(path: Path, archive: Archive, progress: Progress) -> Tensors:
    """The tensors of a zip archive from their layouts and bytes; everything else in it is left alone."""
    by_storage: Dict[str, List[Tuple[str, TensorLayout]]] = defaultdict(list)
    for name, layout in archive.tensors.items():
        by_storage[layout.storage].append((name, layout))
    tensors: Tensors = {}
    try:
        with zipfile.ZipFile(path) as stream:
            for key, layouts in by_storage.items():
                check_cancelled(progress)
                data = _member(path, stream, f"{archive.folder}data/{key}")
                tensors.update({name: _tensor(path, data, layout) for name, layout in layouts})
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ModelError(f"{path} is cut off or damaged: {error}.", COPY_AGAIN) from error
    return {name: tensors[name] for name in archive.tensors}


def _member(path: Path, stream: zipfile.ZipFile, name: str) -> bytearray:
    """Bytes of a member, whose checksum is compared on the way."""
    try:
        info = stream.getinfo(name)
    except KeyError as error:
        raise ModelError(f"{path} is damaged: the tensor bytes {name} are missing.", COPY_AGAIN) from error
    if info.compress_type != zipfile.ZIP_STORED:
        raise ModelError(f"{path} is damaged: {name} is compressed, which PyTorch never does.", COPY_AGAIN)
    return bytearray(stream.read(info))


def _tensor(path: Path, data: bytearray, layout: TensorLayout) -> torch.Tensor:
    """A tensor of its own, so that nothing of the member stays in memory."""
    dtype: torch.dtype = getattr(torch, layout.dtype)
    if 0 in layout.shape:
        return torch.empty(layout.shape, dtype=dtype)
    last = layout.offset + sum((size - 1) * step for size, step in zip(layout.shape, layout.stride))
    if (last + 1) * dtype.itemsize > len(data):
        raise ModelError(f"{path} is cut off: a tensor of shape {tuple(layout.shape)} is not whole.", COPY_AGAIN)
    flat = torch.frombuffer(data, dtype=dtype, count=len(data) // dtype.itemsize)
    return flat.as_strided(layout.shape, layout.stride, layout.offset).clone(memory_format=torch.contiguous_format)


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> Dict[str, Tuple[int, ...]]:
    """Shapes by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
