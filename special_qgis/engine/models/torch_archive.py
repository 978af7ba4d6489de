# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what tensors a PyTorch file holds, without PyTorch and without running anything that is in it.

Both ``torch.save`` and TorchScript (the form of OpenAI's CLIP files) write zip archives with a pickle ``data.pkl``,
which says how tensors are laid out, and their bytes in members ``data/<key>``; old files are a row of pickles followed
by the bytes. A pickle is a program, so it is given a vocabulary of a few words that
only describe: tensors become ``TensorLayout``, objects of TorchScript and of harmless packages become empty shells that
remember their attributes. Any other word is refused. TorchScript's code, in ``code/``, is never looked at.

Source: PyTorch's serialization notes (docs/source/notes/serialization.rst, torch/csrc/jit/serialization).
"""

from __future__ import annotations

import io
import math
import pickle  # nosec B403 # only its reader, with a vocabulary of our own
import pickletools  # nosec B403 # only lists what a pickle says
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, Mapping, NamedTuple, Sequence, Set, Tuple, Union

from ..errors import ModelError
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
_LARGEST_PICKLE_BYTES = 64 * 2**20
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


class _Shell:
    """Stands for an object of a class that is not imported; remembers attributes, does nothing."""

    state: Dict[object, object]

    def __new__(cls, *arguments: object) -> _Shell:
        """Made with whatever arguments."""
        shell = super().__new__(cls)
        shell.state = {}
        return shell

    def __init__(self, *arguments: object) -> None:
        """Drop the arguments."""

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        self.state[key] = value

    def append(self, value: object) -> None:
        """Drop an item of a list-like object."""

    def extend(self, values: Sequence[object]) -> None:
        """Drop items of a list-like object."""


class _Word:
    """A function of our own that a pickle may call; without attributes, so that a pickle cannot change it."""

    __slots__ = ("_function",)
    _function: Callable[..., object]

    def __init__(self, function: Callable[..., object]) -> None:
        object.__setattr__(self, "_function", function)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"an attribute {name} is set where there is none")

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)


class _Vocabulary(pickle.Unpickler):
    """The reader: gives descriptions for the few words that it knows, and refuses all others."""

    def __init__(self, stream: BinaryIO, is_torchscript: bool) -> None:
        super().__init__(stream)
        self._is_torchscript = is_torchscript

    def find_class(self, module: str, name: str) -> Any:
        """What a word stands for."""
        full = f"{module}.{name}"
        if full in _WORDS:
            return _WORDS[full]
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if module == "torch" and name in DTYPES:
            return name
        if _is_harmless(full) or (self._is_torchscript and full.startswith("__torch__.")):
            return type("Shell", (_Shell,), {})
        raise _UnsafeWordError(full)

    def persistent_load(self, pid: Any) -> _Storage:
        """A block of bytes in a member of the archive."""
        kind, dtype, key, _device, n_items = pid[:5]
        if kind != "storage" or dtype not in DTYPES:
            raise pickle.UnpicklingError(f"unknown kind of storage {kind!r} {dtype!r}")
        return _Storage(str(key), str(dtype), int(n_items))


def _is_harmless(word: str) -> bool:
    """Whether a word of a pickle names something that only describes a training run, and may become an empty shell."""
    return word.partition(".")[0] in _HARMLESS_PACKAGES or word in _HARMLESS_NAMES


class _UnsafeWordError(pickle.UnpicklingError):
    """A pickle uses a word that is not in the vocabulary."""


def _tensor(storage: object, offset: int, shape: Sequence[int], stride: Sequence[int], *_rest: object) -> TensorLayout:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without storage")
    layout = TensorLayout(
        storage.key, storage.dtype, int(offset), tuple(int(n) for n in shape), tuple(int(n) for n in stride)
    )
    last = layout.offset + sum((n - 1) * step for n, step in zip(layout.shape, layout.stride))
    n_items = math.prod(layout.shape)
    is_inside = last < storage.n_items and n_items <= storage.n_items and len(layout.shape) == len(layout.stride)
    if min((0, layout.offset, *layout.shape, *layout.stride)) < 0 or (n_items and not is_inside):
        raise pickle.UnpicklingError(f"a tensor of shape {layout.shape} lies outside its storage")
    return layout


def _first(value: object, *_rest: object) -> object:
    return value


_WORDS: Mapping[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "builtins.dict": dict,
    "torch._utils._rebuild_tensor_v2": _Word(_tensor),
    "torch._utils._rebuild_parameter": _Word(_first),
    "torch._utils._rebuild_parameter_with_state": _Word(_first),
    "torch.Size": _Word(lambda sizes=(): tuple(sizes)),
    **{
        f"torch.jit._pickle.{name}": _Word(_first)
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
        with zipfile.ZipFile(path) as archive:
            folder, data, is_torchscript = _read_members(archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ModelError(f"{path} is cut off or damaged: {error}.", COPY_AGAIN) from error
    except _NotAnArchiveError as error:
        raise ModelError(f"{path} is a zip file, but not one that PyTorch wrote: {error}.") from error
    content = _read_pickle(path, io.BytesIO(data), is_torchscript)
    return Archive(_require_tensors(path, content), is_torchscript, folder)


def read_old_file(path: Path) -> Mapping[str, TensorLayout]:
    """Find out what tensors a file holds that is no zip archive: what ``torch.save`` wrote before PyTorch 1.6.

    Args:
        path: The file.

    Raises:
        ModelError: It is none, is damaged, holds no tensors, or its pickle uses words that could run code.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        content = _read_pickle(path, stream, is_torchscript=False)
        if content == _OLD_MAGIC:
            for _part in ("protocol", "facts about the machine", "content"):
                content = _read_pickle(path, stream, is_torchscript=False)
        else:
            raise ModelError(f"{path} is a pickle, but not one that PyTorch wrote.", "A checkpoint is needed.")
    return _require_tensors(path, content)


def _require_tensors(path: Path, content: object) -> Mapping[str, TensorLayout]:
    try:
        tensors = dict(named_tensors(content))
    except RecursionError as error:
        raise ModelError(f"{path} is damaged: its modules are nested without end.", COPY_AGAIN) from error
    if not tensors:
        raise ModelError(f"{path} holds no tensors.", "A checkpoint with the weights of a model is needed.")
    return tensors


class _NotAnArchiveError(Exception):
    """A zip file of somebody else."""


def _read_members(archive: zipfile.ZipFile) -> Tuple[str, bytes, bool]:
    """Folder of the members, the pickle, whether it is TorchScript."""
    names = set(archive.namelist())
    pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise _NotAnArchiveError("it has no data.pkl")
    folder = pickles[0][: -len("data.pkl")]
    if folder + "byteorder" in names and archive.read(folder + "byteorder").strip() != b"little":
        raise _NotAnArchiveError("it was written on a big-endian machine")
    if archive.getinfo(pickles[0]).file_size > _LARGEST_PICKLE_BYTES:
        raise _NotAnArchiveError("its data.pkl is too large")
    return folder, archive.read(pickles[0]), folder + "constants.pkl" in names


def _read_pickle(path: Path, stream: BinaryIO, is_torchscript: bool) -> object:
    """The next pickle of a stream."""
    begin = stream.tell()
    try:
        for opcode, _argument, _position in pickletools.genops(stream):
            if opcode.name.startswith("EXT"):  # words from a table of the process, past the vocabulary
                raise _UnsafeWordError("an extension code")
        end = stream.tell()
        stream.seek(begin)
        content = _Vocabulary(stream, is_torchscript).load()
    except _UnsafeWordError as error:
        raise ModelError(f"{path} is not safe to load: its pickle asks for {error}.", _UNSAFE_HINT) from error
    except OSError:
        raise
    except Exception as error:  # a damaged pickle may end in any exception, and all mean the same
        raise ModelError(f"{path} is damaged: its pickle cannot be read ({error}).", COPY_AGAIN) from error
    stream.seek(end)
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
    """
    found = dict(_walk(_weights(content, is_tensor), "", is_tensor, set()))
    prefix = "module."
    if found and all(name.startswith(prefix) for name in found):
        found = {name.partition(".")[2]: tensor for name, tensor in found.items()}
    yield from found.items()


def _weights(content: object, is_tensor: Union[type, Tuple[type, ...]]) -> object:
    if isinstance(content, Mapping) and not any(isinstance(value, is_tensor) for value in content.values()):
        for key in ("state_dict", "model_state_dict", "model"):
            if isinstance(content.get(key), (Mapping, _Shell)):
                return content[key]
    return content


def _walk(
    node: object, name: str, is_tensor: Union[type, Tuple[type, ...]], seen: Set[int]
) -> Iterator[Tuple[str, Any]]:
    """Each mapping or module once, so that neither a loop nor a web of them has no end."""
    if isinstance(node, is_tensor):
        yield name, node
        return
    children = node.state if isinstance(node, _Shell) else node
    if not isinstance(children, Mapping) or id(node) in seen:
        return
    seen.add(id(node))
    for key, value in children.items():
        if isinstance(key, str):
            yield from _walk(value, f"{name}.{key}" if name else key, is_tensor, seen)
