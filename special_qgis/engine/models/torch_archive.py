# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what tensors a PyTorch file holds, without PyTorch and without running anything that is in it.

Both ``torch.save`` and TorchScript (the form of OpenAI's CLIP files) write zip archives with a pickle ``data.pkl``,
which describes the tensors, and their bytes in members ``data/<key>``; old files are a row of pickles followed
by the bytes. A pickle is a program, so it is given a vocabulary of a few words that
only describe: tensors become ``TensorLayout``, objects of TorchScript and of harmless packages become empty shells that
remember their attributes. Any other word is refused. TorchScript's code, in ``code/``, is never looked at.

Source: PyTorch's serialization notes (docs/source/notes/serialization.rst, torch/csrc/jit/serialization).
"""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Set, Tuple, Union

from ..errors import ModelError
from ..texts.plain_text import shorten
from .pickle_reading import SHELL, PickleError, PickleReader, Shell, UnsafeWordError, Word  # nosec B403
from .safetensors_header import COPY_AGAIN

DTYPES: Mapping[str, int] = {  # bytes of an item, by PyTorch's name of the type
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
_STORAGES: Mapping[str, str] = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip
# Packages whose objects training programs leave beside the weights; they become shells and are never imported.
_HARMLESS_PACKAGES = (
    "pytorch_lightning", "lightning", "lightning_fabric", "omegaconf", "hydra", "argparse", "pathlib", "typing",
    "numpy", "_codecs",
)  # fmt: skip
_HARMLESS_NAMES = ("collections.defaultdict", "collections.Counter", "builtins.list", "builtins.int", "builtins.set")
_OLD_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file that is no zip archive
_LARGEST_PICKLE_BYTES = 32 * 2**20
_LARGEST_DIRECTORY_BYTES = 8 * 2**20  # list of a zip archive's members; each takes up to a kilobyte of memory
_MOST_AXES = 32
_LARGEST_SIZE = 2**62
_LONGEST_NAME = 1000  # characters of a tensor's name
_MOST_TENSORS = 100_000
_DEEPEST = 100  # modules in modules
_SAID_CHARS = 200  # of a reason
_UNSAFE_HINT = (
    "Loading such a file would run code from it. Get the checkpoint from its authors, as safetensors if they offer it."
)


class TensorLayout(NamedTuple):
    """Where a tensor's values are in the archive."""

    storage: str  # key of the member below ``data/``
    dtype: str  # key of DTYPES
    offset: int  # of the first item
    shape: Tuple[int, ...]
    stride: Tuple[int, ...]  # in items


class Archive(NamedTuple):
    """The tensors of an archive."""

    tensors: Mapping[str, TensorLayout]  # by dotted name
    is_torchscript: bool
    folder: str  # that all members are in, with "/" at its end


class _Storage(NamedTuple):
    key: str
    dtype: str
    n_items: int


def _find_word(word: str, is_torchscript: bool) -> object:
    """What a word of a pickle stands for.

    Raises:
        UnsafeWordError: It is not in the vocabulary.
    """
    package, _, name = word.partition(".")
    if word in _WORDS:
        return _WORDS[word]
    if package == "torch" and name in _STORAGES:
        return _STORAGES[name]
    if package == "torch" and name in DTYPES:
        return name
    if _is_harmless(word) or (is_torchscript and word.startswith("__torch__.")):
        return SHELL
    raise UnsafeWordError(shorten(word, _SAID_CHARS).strip("'"))


def _load_storage(pid: object) -> _Storage:
    """A block of bytes in a member of the archive."""
    if not isinstance(pid, tuple) or len(pid) < 5:
        raise PickleError("a storage is described in another way than PyTorch's")
    kind, dtype, key, _device, n_items = pid[:5]
    is_known = kind == "storage" and isinstance(dtype, str) and dtype in DTYPES
    if not is_known or not isinstance(key, str) or len(key) > _LONGEST_NAME or not isinstance(n_items, int):
        raise PickleError("it has an unknown kind of storage")
    return _Storage(key, dtype, n_items)


def _is_harmless(word: str) -> bool:
    """Whether a word of a pickle names something that only describes a training run, and may become an empty shell."""
    return word.partition(".")[0] in _HARMLESS_PACKAGES or word in _HARMLESS_NAMES


def _tensor(storage: object, offset: object, shape: object, stride: object, *_rest: object) -> TensorLayout:
    if not isinstance(storage, _Storage):
        raise PickleError("a tensor without storage")
    layout = TensorLayout(storage.key, storage.dtype, _sizes((offset,))[0], _sizes(shape), _sizes(stride))
    last = layout.offset + sum((n - 1) * step for n, step in zip(layout.shape, layout.stride))
    n_items = math.prod(layout.shape)
    is_inside = last < storage.n_items and n_items <= storage.n_items and len(layout.shape) == len(layout.stride)
    if n_items and not is_inside:
        raise PickleError(f"a tensor of shape {layout.shape} lies outside its storage")
    return layout


def _sizes(values: object) -> Tuple[int, ...]:
    """Sizes of a tensor, or steps between its items."""
    if not isinstance(values, (tuple, list)) or len(values) > _MOST_AXES:
        raise PickleError("the shape of a tensor is none")
    if not all(type(value) is int and 0 <= value <= _LARGEST_SIZE for value in values):
        raise PickleError("the shape of a tensor has other values than sizes")
    return tuple(values)


def _first(value: object, *_rest: object) -> object:
    return value


def _mapping(*arguments: object) -> object:
    """An ordered mapping, empty or from pairs as Python 2 wrote them."""
    entries = {}
    for pair in arguments[0] if arguments and isinstance(arguments[0], list) else ():
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str):
            entries[pair[0][:_LONGEST_NAME]] = pair[1]
    return entries


_WORDS: Mapping[str, Any] = {
    "collections.OrderedDict": Word(_mapping),
    "builtins.dict": Word(_mapping),
    "torch._utils._rebuild_tensor_v2": Word(_tensor),
    "torch._utils._rebuild_parameter": Word(_first),
    "torch._utils._rebuild_parameter_with_state": Word(_first),
    "torch.Size": Word(lambda sizes=(): _sizes(sizes)),
    **{
        f"torch.jit._pickle.{name}": Word(_first)
        for name in ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "restore_type_tag")
    },
}


def read_archive(path: Path) -> Archive:
    """Find out what tensors an archive holds.

    Args:
        path: The file.

    Raises:
        ModelError: It is cut off or damaged, holds no tensors, or its pickle uses words that could run code.
        OSError: It cannot be read.
    """
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            folder, data, is_torchscript = _read_members(archive)
    except _NotAnArchiveError as error:
        raise ModelError(f"{path} is a zip file, but not one that PyTorch wrote: {error}.") from error
    except OSError:
        raise
    except Exception as error:  # a damaged archive may end in any exception, and all mean the same
        raise ModelError(f"{path} is cut off or damaged: {shorten(error, _SAID_CHARS)}.", COPY_AGAIN) from error
    reader = PickleReader(data, lambda word: _find_word(word, is_torchscript), _load_storage)
    return Archive(_require_tensors(path, _load(path, reader)), is_torchscript, folder)


def read_old_file(path: Path) -> Mapping[str, TensorLayout]:
    """Find out what tensors a file holds that is no zip archive: what ``torch.save`` wrote before PyTorch 1.6.

    Args:
        path: The file.

    Raises:
        ModelError: It is none, is damaged, holds no tensors, or its pickle uses words that could run code.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        data = stream.read(_LARGEST_PICKLE_BYTES)
    reader = PickleReader(data, lambda word: _find_word(word, False), _load_storage)
    content = _load(path, reader)
    if type(content) is not int or content != _OLD_MAGIC:
        raise ModelError(f"{path} is a pickle, but not one that PyTorch wrote.", "A checkpoint is needed.")
    for _part in ("protocol", "facts about the machine", "content"):
        content = _load(path, reader)
    return _require_tensors(path, content)


def _load(path: Path, reader: PickleReader) -> object:
    """The next pickle of a file."""
    try:
        return reader.load()
    except UnsafeWordError as error:
        raise ModelError(f"{path} is not safe to load: its pickle asks for {error}.", _UNSAFE_HINT) from error
    except PickleError as error:
        raise ModelError(
            f"{path} is damaged: its pickle cannot be read ({shorten(error, _SAID_CHARS)}).", COPY_AGAIN
        ) from error


def _require_tensors(path: Path, content: object) -> Mapping[str, TensorLayout]:
    try:
        tensors = dict(named_tensors(content))
    except PickleError as error:
        raise ModelError(f"{path} is damaged: {error}.", COPY_AGAIN) from error
    if not tensors:
        raise ModelError(f"{path} holds no tensors.", "A checkpoint with the weights of a model is needed.")
    return tensors


class _NotAnArchiveError(Exception):
    """A zip file of somebody else."""


def _check_directory(path: Path) -> None:
    """Refuse an archive whose list of members is longer than that of any checkpoint, before it is read.

    Source: PKWARE's APPNOTE.TXT, 4.3.14 and 4.3.16, the records at the end of a zip archive.
    """
    with path.open("rb") as stream:
        n_bytes = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, n_bytes - 2**16 - 22 - 20 - 56))
        end = stream.read()
    found = end.rfind(b"PK\x05\x06")
    if found < 0 or len(end) < found + 22:
        raise zipfile.BadZipFile("it has no list of members")
    size = int.from_bytes(end[found:][12:16], "little")
    if size == 0xFFFFFFFF:
        large = end.rfind(b"PK\x06\x06")
        size = int.from_bytes(end[large:][40:48], "little") if large >= 0 else size
    if size > _LARGEST_DIRECTORY_BYTES:
        raise _NotAnArchiveError("its list of members is too long")


def _read_members(archive: zipfile.ZipFile) -> Tuple[str, bytes, bool]:
    """Folder of the members, the pickle, whether it is TorchScript."""
    names = set(archive.namelist())
    pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise _NotAnArchiveError("it has no data.pkl")
    folder = pickles[0][: -len("data.pkl")]
    if folder + "byteorder" in names and _read_member(archive, folder + "byteorder", 64).strip() != b"little":
        raise _NotAnArchiveError("it was written on a big-endian machine")
    return folder, _read_member(archive, pickles[0], _LARGEST_PICKLE_BYTES), folder + "constants.pkl" in names


def _read_member(archive: zipfile.ZipFile, name: str, n_bytes: int) -> bytes:
    """A member of an archive, however large it claims to be or becomes.

    Args:
        archive: The open archive.
        name: Name of the member.
        n_bytes: Greatest length that is accepted.
    """
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise _NotAnArchiveError("it is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _NotAnArchiveError("it is packed in a way that PyTorch does not use")
    with archive.open(info) as stream:
        content = stream.read(n_bytes + 1)
    if len(content) > n_bytes:
        raise _NotAnArchiveError(f"its {name.rpartition('/')[2]} is too large")
    return content


def named_tensors(
    content: object, is_tensor: Union[type, Tuple[type, ...]] = TensorLayout
) -> Iterator[Tuple[str, Any]]:
    """Tensors of a checkpoint by dotted name, from the part of it that holds the weights.

    A checkpoint is a mapping of names to tensors, perhaps wrapped under "state_dict" or "model", perhaps with
    "module." before each name, or a tree of modules.

    Args:
        content: What was unpickled.
        is_tensor: Class of tensors in it.

    Raises:
        PickleError: Modules are nested without end, or there are more tensors than in any checkpoint.
    """
    found = {}
    for name, tensor in _walk(_weights(content, is_tensor), "", is_tensor, set()):
        found[name] = tensor
        if len(found) > _MOST_TENSORS:
            raise PickleError(f"it has more than {_MOST_TENSORS} tensors")
    prefix = "module."
    if found and all(name.startswith(prefix) for name in found):
        found = {name.partition(".")[2]: tensor for name, tensor in found.items()}
    yield from found.items()


def _weights(content: object, is_tensor: Union[type, Tuple[type, ...]]) -> object:
    if isinstance(content, Mapping) and not any(isinstance(value, is_tensor) for value in content.values()):
        for key in ("state_dict", "model_state_dict", "model"):
            if isinstance(content.get(key), (Mapping, Shell)):
                return content[key]
    return content


def _walk(
    node: object, name: str, is_tensor: Union[type, Tuple[type, ...]], seen: Set[int]
) -> Iterator[Tuple[str, Any]]:
    """Each mapping or module once, so that neither a loop nor a web of them has no end."""
    if isinstance(node, is_tensor):
        yield name, node
        return
    children = node.state if isinstance(node, Shell) else node
    if not isinstance(children, Mapping) or id(node) in seen:
        return
    if len(name) > _LONGEST_NAME or name.count(".") > _DEEPEST:
        raise PickleError("its modules are nested without end")
    seen.add(id(node))
    for key, value in children.items():
        if isinstance(key, str):
            yield from _walk(value, f"{name}.{key}" if name else key, is_tensor, seen)
