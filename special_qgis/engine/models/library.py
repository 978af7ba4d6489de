# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of models: which are there, which one a name means, which one is taken when none is named.

Only files are looked at; nothing is downloaded, whatever is missing. A file put into the folder by hand counts too:
under the name of its file, or that of the known checkpoint whose file is called so.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional

from ..errors import EngineError, ModelError, ModelFolderError
from ..files.data_folder import data_folder, expand_home, is_file
from ..files.process_lock import LockHeldError, hold
from ..files.resources import resource_path
from ..texts.plain_text import shorten
from .card import CARD_SUFFIX, ModelCard, card_path, read_card
from .inspection import inspect
from .registry import (
    CLIP,
    DEMO_NAME,
    REGISTRY,
    UNKNOWN_HASH,
    UNKNOWN_LICENCE,
    UPSAMPLER,
    ModelEntry,
    entry_named,
    entry_of_file_name,
)

FOLDER_VARIABLE = "SPECIAL_MODEL_DIR"  # environment variable: the folder of models
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")

_LOCK_NAME = ".models.lock"


@dataclass(frozen=True)
class InstalledModel:
    """A model that is there."""

    name: str
    path: Path
    kind: str  # CLIP or UPSAMPLER; "" where nobody has looked into the file yet
    card: Optional[ModelCard]  # None where the file was put there by hand, and for the demo model
    entry: Optional[ModelEntry]  # None where the plugin does not know it by name

    @property
    def is_demo(self) -> bool:
        """Whether it is the small model that ships with the plugin."""
        return self.name == DEMO_NAME

    @property
    def architecture(self) -> str:
        """Architecture; "" where the file has not been inspected yet."""
        if self.card is not None:
            return self.card.architecture
        return self.entry.architecture if self.entry is not None else ""

    @property
    def licence(self) -> str:
        """Licence; "" = not known."""
        if self.card is not None and self.card.licence:
            return self.card.licence
        return (self.entry.licence or "") if self.entry is not None else ""

    @property
    def shown_licence(self) -> str:
        """The licence, or the words for one that is not known."""
        return self.licence or (UNKNOWN_LICENCE if self.entry is not None else "not known")

    @property
    def source(self) -> str:
        """Where it came from, or where such a file is offered."""
        if self.card is not None and self.card.source:
            return self.card.source
        return self.entry.page if self.entry is not None else ""

    @property
    def wanted_sha256(self) -> str:
        """Hash that the file must have; "" = not known."""
        if self.card is not None:
            return self.card.sha256
        return (self.entry.sha256 or "") if self.entry is not None else ""


def models_folder(configured: str = "") -> Path:
    """The folder of models, there or not.

    Args:
        configured: Folder that is set in QGIS; "" = none. ``SPECIAL_MODEL_DIR`` wins over it.
    """
    named = os.environ.get(FOLDER_VARIABLE, "").strip() or configured.strip()
    return expand_home(named).absolute() if named else data_folder() / "models"


def list_models(folder: Path) -> List[InstalledModel]:
    """All models that are there, the demo model of the plugin last.

    Args:
        folder: The folder of models; one that does not exist holds none.

    Raises:
        ModelFolderError: The folder cannot be read.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    except OSError as error:
        raise ModelFolderError(
            f"The folder of models {folder} cannot be read: {error}.",
            f"Check its permissions, or set {FOLDER_VARIABLE}.",
        ) from error
    found = [_imported(folder, path) for path in files if path.name.endswith(CARD_SUFFIX)]
    imported = [model for model in found if model is not None]
    taken = {model.path.name for model in imported}
    by_hand = [_by_hand(path) for path in files if path.suffix.lower() in SUFFIXES and path.name not in taken]
    loose = [model for model in by_hand if not model.path.name.startswith(".")]
    demo = demo_model()
    return sorted(imported + loose, key=lambda model: model.name) + ([demo] if demo else [])


def demo_model() -> Optional[InstalledModel]:
    """The small model that ships with the plugin; None where it does not."""
    try:
        files = sorted(resource_path("models").glob("*.safetensors"))
    except EngineError:  # a package without resources/models
        return None
    return InstalledModel(DEMO_NAME, files[0], CLIP, None, None) if files else None


def find_model(name_or_path: str, folder: Path) -> InstalledModel:
    """The model that a name or a path means.

    Args:
        name_or_path: Name of an installed model, upper and lower case alike, or path of a checkpoint.
        folder: The folder of models.

    Raises:
        ModelError: It is not there; the message says which file to bring, from where, and where to put it.
    """
    wanted = name_or_path.strip()
    installed = list_models(folder)
    for model in installed:
        if wanted.lower() in (model.name.lower(), model.path.name.lower()):
            return model
    if wanted and _is_path(wanted):
        path = expand_home(wanted).absolute()
        if not is_file(path):
            raise ModelError(
                f"There is no checkpoint {shorten(str(path), 300)}.", "Give the path of a file, or the name of a model."
            )
        return next((model for model in installed if _is_same(model.path, path)), _by_hand(path))
    raise not_installed(wanted, folder, installed)


def choose_default_model(folder: Path) -> Optional[InstalledModel]:
    """The CLIP that is taken when none is named: the first of the registry's order, else any other by name.

    The demo model is never chosen. None when no CLIP is installed.

    Args:
        folder: The folder of models.
    """
    return _first_of_kind(folder, CLIP)


def choose_default_upsampler(folder: Path) -> Optional[InstalledModel]:
    """The upsampler that is taken when none is named, in the same order; None when none is installed.

    Args:
        folder: The folder of models.
    """
    return _first_of_kind(folder, UPSAMPLER)


def _first_of_kind(folder: Path, kind: str) -> Optional[InstalledModel]:
    order = {entry.name: rank for rank, entry in enumerate(REGISTRY)}
    models = [model for model in list_models(folder) if not model.is_demo]
    models.sort(key=lambda model: (not model.kind, order.get(model.name, len(order)), model.name))
    return next((model for model in models if (model.kind or _kind_of(model.path)) == kind), None)


def _kind_of(path: Path) -> str:
    """Kind of a model that was put there by hand; "" where it is none."""
    try:
        return inspect(path).kind
    except ModelError:  # said when the model is asked for by name
        return ""


def not_installed(name: str, folder: Path, installed: List[InstalledModel]) -> ModelError:
    """The error for a model that is not there: which file to bring, from where, and what to do with it."""
    entry = entry_named(name)
    if entry is None:
        names = ", ".join(model.name for model in installed) or "none"
        known = ", ".join(known.name for known in REGISTRY)
        return ModelError(
            f"There is no model {shorten(name, 200)} in {folder}. Installed: {names}. Known by name: {known}.",
            "Name one of them, or give the path of a file that open_clip can load.",
        )
    return ModelError(
        f"The model {entry.name} ({entry.title}) is not installed. It is the file {entry.file_name} from {entry.page} "
        f"(licence: {entry.shown_licence}; SHA-256: {entry.sha256 or UNKNOWN_HASH}).",
        f"Download it on a machine with network, then run ‘Install model’ in QGIS, or in a shell "
        f"python -m special_qgis.engine models import {entry.file_name} --name {entry.name}. "
        f"It can also be put by hand into {folder} as {entry.name}{Path(entry.file_name).suffix}.",
    )


def remove_model(name: str, folder: Path) -> Path:
    """Remove a model and its card from the folder.

    Args:
        name: Name of the installed model.
        folder: The folder of models.

    Returns:
        The path that its file had.

    Raises:
        ModelError: There is no such model, or it belongs to the plugin.
        ModelFolderError: The file cannot be removed, or an import is running.
    """
    model = next((model for model in list_models(folder) if model.name.lower() == name.strip().lower()), None)
    if model is None:
        raise not_installed(name.strip(), folder, list_models(folder))
    if model.is_demo:
        raise ModelError("The demo model is part of the plugin and cannot be removed.")
    with folder_lock(folder):
        try:
            model.path.unlink(missing_ok=True)
            card_path(folder, model.name).unlink(missing_ok=True)
        except OSError as error:
            raise ModelFolderError(
                f"The model {model.path} cannot be removed: {error}.", "Close QGIS windows and runs that use it."
            ) from error
    return model.path


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Context in which no other process changes the folder of models, which is made where it is missing.

    Args:
        folder: The folder of models.

    Raises:
        ModelFolderError: Another process is changing it, or it cannot be written.
    """
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(hold(folder / _LOCK_NAME))
        except LockHeldError as error:
            raise ModelFolderError(
                f"Another process is importing or removing a model in {folder} (process {error.holder or 'unknown'}).",
                "Wait until it has ended, then try again.",
            ) from error
        except OSError as error:
            raise ModelFolderError(
                f"The folder of models {folder} cannot be written: {error}.",
                f"Set {FOLDER_VARIABLE} to a folder that you may write to.",
            ) from error
        yield


def _imported(folder: Path, card_file: Path) -> Optional[InstalledModel]:
    """The model of a card; None where its file is missing, because an import was cut short or the file removed."""
    try:
        card = read_card(card_file)
    except ModelError:  # its model is then listed as one put there by hand
        return None
    path = folder / card.file
    return InstalledModel(card.name, path, card.kind, card, entry_named(card.name)) if path.is_file() else None


def _by_hand(path: Path) -> InstalledModel:
    entry = entry_named(path.stem) or entry_of_file_name(path.name)
    return InstalledModel(entry.name if entry else path.stem, path, entry.kind if entry else "", None, entry)


def _is_path(text: str) -> bool:
    return "/" in text or os.sep in text or Path(text).suffix.lower() in SUFFIXES


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
