# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the data files that ship with the plugin, in a staged plugin and in a source checkout alike."""

from __future__ import annotations

from pathlib import Path

from ..errors import EngineError

_PACKAGE_FOLDER = Path(__file__).resolve().parents[2]


def resource_path(*parts: str) -> Path:
    """Path of a file below ``resources/``.

    The staged plugin holds ``resources/`` inside the package, the source checkout beside it.

    Args:
        parts: Folder and file names below ``resources/``.

    Returns:
        An existing path.

    Raises:
        EngineError: The file is in neither place, so the installation is damaged.
    """
    for folder in (_PACKAGE_FOLDER, _PACKAGE_FOLDER.parent):
        path = folder.joinpath("resources", *parts)
        if path.exists():
            return path
    raise EngineError(
        f"The plugin's file resources/{'/'.join(parts)} is missing.",
        "Install the plugin again.",
    )


def metadata_path() -> Path:
    """Path of the plugin's ``metadata.txt``.

    Raises:
        EngineError: The file is missing, so the installation is damaged.
    """
    for folder in (_PACKAGE_FOLDER, _PACKAGE_FOLDER.parent):
        path = folder / "metadata.txt"
        if path.exists():
            return path
    raise EngineError("The plugin's file metadata.txt is missing.", "Install the plugin again.")


def plugin_version() -> str:
    """Version of the plugin, from ``metadata.txt``, the only place that holds it."""
    for line in metadata_path().read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "version":
            return value.strip()
    raise EngineError("The plugin's metadata.txt names no version.", "Install the plugin again.")
