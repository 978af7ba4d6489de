# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be done with the folder of models, as jobs: list, import a file, download, remove."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from ..config import DownloadModelConfig, ImportModelConfig, ListModelsConfig, RemoveModelConfig
from ..errors import ConfigError, DownloadError
from ..files.data_folder import expand_home
from ..progress import Progress
from ..texts.plain_text import shorten
from .download import download_model
from .importing import Wish, import_file
from .library import InstalledModel, choose_default_model, list_models, models_folder, remove_model
from .registry import REGISTRY, UNKNOWN_HASH, ModelEntry, entry_named


def list_installed(config: ListModelsConfig, progress: Progress) -> Dict[str, Any]:
    """What is installed, what is taken when no model is named, and which checkpoints are known by name.

    Returns:
        ``folder``, ``default`` (name, or "" where no CLIP is installed), ``models`` and ``known`` (lists of objects).
    """
    return list_in(models_folder(config.folder))


def list_in(folder: Path) -> Dict[str, Any]:
    """The same for a folder.

    Raises:
        ModelFolderError: The folder cannot be read.
    """
    models = list_models(folder)
    default = choose_default_model(folder)
    names = {model.name for model in models}
    return {
        "folder": str(folder),
        "default": default.name if default else "",
        "models": [describe_model(model) for model in models],
        "known": [{**describe_entry(entry), "installed": entry.name in names} for entry in REGISTRY],
    }


def import_model(config: ImportModelConfig, progress: Progress) -> Dict[str, Any]:
    """Copy a file into the folder of models.

    Returns:
        The model, as in ``list_installed``.
    """
    wish = Wish(config.name, config.sha256, config.architecture, config.licence)
    model = import_file(expand_home(config.file), models_folder(config.folder), wish, progress)
    return describe_model(model)


def fetch_model(config: DownloadModelConfig, progress: Progress) -> Dict[str, Any]:
    """Download a known checkpoint, or a file from an address.

    Returns:
        The model, as in ``list_installed``.

    Raises:
        ConfigError: Neither a known name nor an address.
        DownloadError: Only the page of the checkpoint is known; the message names the next step.
    """
    folder = models_folder(config.folder)
    entry = entry_named(config.model)
    if entry is None and "://" not in config.model:
        raise ConfigError(
            f"{shorten(config.model, 200)} is neither a known checkpoint nor an address. Known are: "
            + ", ".join(known.name for known in REGISTRY)
            + ".",
            "Name one of them, or give an address that begins with https://.",
        )
    name = config.name or (entry.name if entry else "")
    wish = Wish(name, config.sha256, config.architecture, config.licence)
    url = _address(entry) if entry else config.model
    return describe_model(download_model(url, folder, wish, progress, config.proxy))


def remove_installed(config: RemoveModelConfig, progress: Progress) -> Dict[str, Any]:
    """Remove a model.

    Returns:
        ``removed``: the path that its file had.
    """
    return {"removed": str(remove_model(config.name, models_folder(config.folder)))}


def describe_model(model: InstalledModel) -> Dict[str, Any]:
    """A model as JSON values; sources that are not known are empty."""
    return {
        "name": model.name,
        "kind": model.kind,
        "architecture": model.architecture,
        "path": str(model.path),
        "size_bytes": model.path.stat().st_size,
        "sha256": model.wanted_sha256,
        "licence": model.shown_licence,
        "source": model.source,
        "imported_at": model.card.imported_at if model.card else "",
        "is_demo": model.is_demo,
    }


def describe_entry(entry: ModelEntry) -> Dict[str, Any]:
    """A known checkpoint as JSON values."""
    return {
        "name": entry.name,
        "title": entry.title,
        "kind": entry.kind,
        "architecture": entry.architecture,
        "file_name": entry.file_name,
        "page": entry.page,
        "url": entry.url,
        "licence": entry.shown_licence,
        "sha256": entry.sha256 or UNKNOWN_HASH,
    }


def _address(entry: ModelEntry) -> str:
    if not entry.url:
        raise DownloadError(
            f"{entry.title} has no address that is known for certain; its page is {entry.page}.",
            f"Download {entry.file_name} from there and import it under the name {entry.name}.",
        )
    return entry.url
