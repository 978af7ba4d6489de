# SPDX-License-Identifier: GPL-2.0-or-later
"""Where everything lies that outlives a session of QGIS and a version of the plugin: runtimes, models."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Mapping

from ..errors import ConfigError
from ..texts.plain_text import shorten

DATA_VARIABLE = "SPECIAL_DATA_DIR"  # environment variable: folder for everything that outlives a QGIS session


def data_folder() -> Path:
    """Folder for runtimes and whatever else outlives a session and a version of the plugin."""
    return data_folder_on(sys.platform, os.environ, Path.home())


def expand_home(path: str) -> Path:
    """A path whose ``~`` or ``~name`` stands for the home folder of this or another user.

    Args:
        path: The path as it was typed.

    Raises:
        ConfigError: There is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{shorten(path)} begins with a user's name that is not known here.", "Give the full path."
        ) from error


def is_file(path: Path) -> bool:
    """Whether there is a file of that name; not for a name that no file system takes, such as a very long one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def data_folder_on(platform: str, environ: Mapping[str, str], home: Path) -> Path:
    """Folder for lasting data by a platform's custom.

    Args:
        platform: Name of the platform, as ``sys.platform`` gives it.
        environ: Environment variables; ``SPECIAL_DATA_DIR`` wins over the platform's custom.
        home: Home folder of the user.
    """
    if environ.get(DATA_VARIABLE):
        return expand_home(environ[DATA_VARIABLE]).absolute()
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "special_qgis"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "special_qgis"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "special_qgis"
