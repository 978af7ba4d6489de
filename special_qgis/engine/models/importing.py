# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings a checkpoint into the folder of models: copied under a temporary name, hashed, looked into, then renamed.

Whatever goes wrong before the renaming leaves nothing behind. One lock keeps two imports apart.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator, Optional

from ..errors import ConfigError, ModelError, ModelFolderError
from ..files.data_folder import is_file
from ..files.durable_files import sync_folder
from ..progress import NullProgress, Progress, SubProgress, check_cancelled
from ..texts.plain_text import shorten
from .architecture import QUICK_SUFFIX
from .card import ModelCard, card_path, write_card
from .hashing import BLOCK_BYTES, check_hash, require_sha256, sha256_of
from .inspection import SAFETENSORS, FileFacts, inspect
from .library import FOLDER_VARIABLE, SUFFIXES, InstalledModel, folder_lock, list_models
from .registry import DEMO_NAME, ModelEntry, entry_named, entry_of_file_name, entry_of_hash

PARTIAL_PREFIX = ".importing-"  # of files that are not whole yet

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_GENERIC_STEMS = ("open_clip_pytorch_model", "open_clip_model", "pytorch_model", "model", "checkpoint", "epoch_latest")
_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_USUAL = re.compile(r"vit-(s|b|l|h|g|bigg|e)-\d+(-\d+)?|jbu-(one|stack)")  # names that sizes alone decide
_HASH_DIGITS = 8  # of a name that is made up
SPACE_HINT = f"Free some space, or set {FOLDER_VARIABLE} to a folder on another disk."
FOLDER_HINT = f"Set {FOLDER_VARIABLE} to a folder that you may write to."


@dataclass(frozen=True)
class Wish:
    """What the user gives for the model that is brought in; whatever is left out is found out."""

    name: str = ""  # "" = that of the known checkpoint, else made from the file's
    sha256: str = ""  # hash that the file must have; "" = that of the known checkpoint, else any
    architecture: str = ""  # open_clip's name; "" = told from the file
    licence: str = ""  # "" = that of the known checkpoint, else not known
    source: str = ""  # page or address; "" = the path

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", require_sha256(self.sha256))
        if self.name and (not _NAME.fullmatch(self.name) or _WINDOWS_DEVICES.fullmatch(self.name)):
            raise ConfigError(
                f"The name of a model must be letters, digits, “.”, “_” and “-”; got {self.name!r}.",
                "Name it for example my-clip-1.",
            )
        if self.name.lower() == DEMO_NAME:
            raise ConfigError(f"The name {DEMO_NAME!r} belongs to the plugin's own model.", "Choose another name.")


def import_file(source: Path, folder: Path, wish: Wish, progress: Progress) -> InstalledModel:
    """Copy a checkpoint into the folder of models.

    A file that is there already, under the same name and with the same hash, is left as it is.

    Args:
        source: The file.
        folder: The folder of models.
        wish: Name, hash, architecture, licence and source that the user gives; what is left out is found out.
        progress: Receives the share of the work done, and warnings; checked for cancel at every block.

    Raises:
        ModelError: No checkpoint, wrong hash, damaged, unsafe, of an unsupported architecture, or the name is taken.
        ModelFolderError: The folder cannot be written, is full, or another import is running.
        Cancelled: The user cancelled; nothing is left.
    """
    if not is_file(source):
        raise ModelError(f"There is no file {shorten(str(source), 300)}.", "Give the path of a checkpoint.")
    entry = entry_named(wish.name) if wish.name else entry_of_file_name(source.name)
    check_length(source.name, entry, source.stat().st_size)
    inspect(source)  # what is no checkpoint need not be copied
    with folder_lock(folder), _nothing_left(folder) as partial:
        sha256 = _copy(source, partial, SubProgress(progress, 0.0, 0.95))
        wish = replace(wish, source=wish.source or str(source.absolute()))
        model = adopt(partial, folder, wish, source, sha256)
    tell_unverified(model, wish, progress)
    progress.report(1.0, f"{model.name} is installed")
    return model


def tell_unverified(model: InstalledModel, wish: Wish, progress: Progress) -> None:
    """Warn of a model without a known hash that it has not been compared with anything.

    Args:
        model: The model, just brought in.
        wish: What the user gave for the model.
        progress: Receives the warning.
    """
    if not wish.sha256 and not (model.entry is not None and model.entry.sha256) and model.card is not None:
        progress.warn(
            f"The right SHA-256 of {model.name} is not known, so nothing tells whether the file is what its authors "
            f"published. It is {model.card.sha256}; compare it with their page before you use the model."
        )


def adopt(partial: Path, folder: Path, wish: Wish, origin: Path, sha256: str) -> InstalledModel:
    """Make a whole file in the folder a model: judge it, write its card, give it its name. The lock is held.

    Args:
        partial: The file, under a temporary name in the folder; gone afterwards.
        folder: The folder of models.
        wish: Name, hash, architecture, licence and source that the user gives; what is left out is found out.
        origin: Path that the file had; only its name and what lies beside it count.
        sha256: Hash of the file.

    Raises:
        ModelError: Wrong hash, unusable, or the name is taken by another file.
        OSError: The folder cannot be written.
    """
    entry = find_entry(wish, origin.name, sha256)
    check_hash(origin.name, wish.sha256 or (entry.sha256 or "" if entry else ""), sha256, is_guess=not wish.name)
    try:
        facts = inspect(partial, beside=origin)
    except ModelError as error:
        raise ModelError(error.message.replace(str(partial), origin.name), error.hint) from error
    check_architecture(origin.name, wish.architecture or (entry.architecture if entry else ""), facts)
    card = _make_card(wish, entry, origin, sha256, facts)
    card = replace(card, size_bytes=partial.stat().st_size)
    target = folder / card.file
    present = next((model for model in list_models(folder) if model.name.lower() == card.name.lower()), None)
    if present is not None and present.card is not None and present.card.sha256 == sha256:
        partial.unlink()
        return present
    by_hand = present.path if present is not None and present.card is None else target
    if (present is not None and present.card is not None) or not _is_absent_or_same(by_hand, sha256):
        raise ModelError(
            f"The name {card.name!r} is taken in {folder} by another file.",
            "Choose another name, or remove that model.",
        )
    write_card(card_path(folder, card.name), card)  # first, so that the file never stands there without
    partial.replace(target)
    if by_hand != target:
        by_hand.unlink(missing_ok=True)  # the same file, under a name of its own
    sync_folder(folder)
    return InstalledModel(card.name, target, card.kind, card, entry_named(card.name))


def find_entry(wish: Wish, file_name: str, sha256: str) -> Optional[ModelEntry]:
    """The known checkpoint that a file is, or claims to be by its name."""
    if wish.name:
        return entry_named(wish.name)
    return entry_of_hash(sha256) or entry_of_file_name(file_name)


def check_length(file_name: str, entry: Optional[ModelEntry], n_bytes: int) -> None:
    """Refuse a file of another length than the known checkpoint has.

    Raises:
        ModelError: The lengths differ.
    """
    if entry is not None and entry.size_bytes is not None and n_bytes != entry.size_bytes:
        raise ModelError(
            f"{file_name} is {n_bytes} bytes long; {entry.title} has {entry.size_bytes} bytes.",
            f"Download it again from {entry.page}.",
        )


def check_architecture(file_name: str, wanted: str, facts: FileFacts) -> None:
    """Refuse a file whose weights are of another architecture than was named.

    An architecture of unusual sizes is judged when the model is loaded.

    Args:
        file_name: Name of the file, for the message.
        wanted: Architecture as the user named it; "" = any.
        facts: What the file holds.

    Raises:
        ModelError: They differ.
    """
    plain = wanted.lower().replace(QUICK_SUFFIX, "").replace("/", "-")
    found = facts.architecture.lower().replace(QUICK_SUFFIX, "")
    if _USUAL.fullmatch(plain) and plain != found:
        raise ModelError(
            f"{file_name} holds {facts.architecture}, not {wanted}.",
            "Choose the right file, or name another architecture.",
        )


def remove_left_over(folder: Path) -> None:
    """Remove what interrupted imports left; only called while the lock is held."""
    for path in folder.glob(f"{PARTIAL_PREFIX}*"):
        path.unlink(missing_ok=True)


def require_space(folder: Path, n_bytes: int) -> None:
    """Refuse before anything is written where the disk has too little space.

    Raises:
        ModelFolderError: It has.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < n_bytes:
        raise ModelFolderError(
            f"The disk of {folder} has {free_bytes / 1e6:,.0f} MB free; the file needs {n_bytes / 1e6:,.0f} MB.",
            SPACE_HINT,
        )


def explain_write_error(folder: Path, error: OSError) -> ModelFolderError:
    """The error for a file that cannot be written into the folder."""
    if error.errno == errno.ENOSPC:
        return ModelFolderError(f"The disk of {folder} is full.", SPACE_HINT)
    return ModelFolderError(f"The folder of models {folder} cannot be written: {error}.", FOLDER_HINT)


@contextlib.contextmanager
def _nothing_left(folder: Path) -> Iterator[Path]:
    """A temporary name in the folder; whatever is there at the end is removed."""
    partial = folder / f"{PARTIAL_PREFIX}{secrets.token_hex(6)}"
    try:
        remove_left_over(folder)
        yield partial
    except OSError as error:
        if isinstance(error, ModelFolderError):
            raise
        raise explain_write_error(folder, error) from error
    finally:
        with contextlib.suppress(OSError):  # the next import tries again
            partial.unlink()


def _copy(source: Path, target: Path, progress: Progress) -> str:
    """Copy a file, see it safely on disk, and give its hash."""
    n_bytes = source.stat().st_size
    require_space(target.parent, n_bytes)
    digest, n_done = hashlib.sha256(), 0
    with source.open("rb") as incoming, target.open("xb") as outgoing:
        while True:
            check_cancelled(progress)
            block = incoming.read(BLOCK_BYTES)
            if not block:
                break
            digest.update(block)
            outgoing.write(block)
            n_done += len(block)
            progress.report(n_done / max(1, n_bytes), f"Copying {source.name}")
        outgoing.flush()
        os.fsync(outgoing.fileno())
    return digest.hexdigest()


def _is_absent_or_same(path: Path, sha256: str) -> bool:
    return not path.exists() or sha256_of(path, NullProgress()) == sha256


def _make_card(wish: Wish, entry: Optional[ModelEntry], origin: Path, sha256: str, facts: FileFacts) -> ModelCard:
    name = wish.name or (entry.name if entry else _name_from(origin, sha256, facts))
    suffix = origin.suffix.lower() if origin.suffix.lower() in SUFFIXES else ".pt"
    return ModelCard(
        name=name,
        file=name + (".safetensors" if facts.file_format == SAFETENSORS else suffix),
        kind=facts.kind,
        architecture=wish.architecture or facts.architecture,
        sha256=sha256,
        size_bytes=0,
        licence=wish.licence or (entry.licence or "" if entry else ""),
        source=wish.source or (entry.page if entry else ""),
        imported_at=f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        file_format=facts.file_format,
        named_architecture=wish.architecture,
        quick_gelu=True if wish.architecture.lower().endswith(QUICK_SUFFIX) else entry.quick_gelu if entry else None,
        config=facts.config,
    )


def _name_from(origin: Path, sha256: str, facts: FileFacts) -> str:
    """A name made from the file's, or from its architecture and hash where the file's has nothing to make one from."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", origin.stem).strip("-._")
    if not stem or stem.lower() in (*_GENERIC_STEMS, DEMO_NAME) or _WINDOWS_DEVICES.fullmatch(stem):
        kind = re.sub(r"[^A-Za-z0-9]+", "-", facts.architecture).strip("-").lower()
        return f"{kind}-{sha256[:_HASH_DIGITS]}"
    return stem[:80]
