# SPDX-License-Identifier: GPL-2.0-or-later
"""Where private runtimes lie, which one belongs to this plugin and this QGIS, and when one is whole.

``<data folder>/runtimes/py311-1a2b3c4d/``: Python's version and the lock file's hash. A folder is a runtime when it has
the marker ``ready.json``, which is written last.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import List, Mapping, Tuple

from ..engine.files.resources import resource_path

LIGHT_MODULES = ("numpy", "osgeo.gdal")  # every interpreter of the engine has these
MARKER = "ready.json"
PARTIAL_PREFIX = ".partial-"  # of runtimes that are being built or were left half built
NAME_PATTERN = re.compile(r"py\d{2,3}-[0-9a-f]{8}")

# Modules by distribution, for distributions of the lock file that the engine imports by itself.
_MODULES: Mapping[str, str] = {
    "torch": "torch",
    "torchvision": "torchvision",
    "open-clip-torch": "open_clip",
    "numba": "numba",
    "scikit-learn": "sklearn",
}


def default_lock() -> Path:
    """The lock file that ships with the plugin.

    Raises:
        EngineError: It is missing, so the installation is damaged.
    """
    return resource_path("runtime-requirements.txt")


def runtimes_folder(data: Path) -> Path:
    """Folder of all runtimes inside the data folder."""
    return data / "runtimes"


def runtime_folder(data: Path, lock: Path, version: Tuple[int, ...] = sys.version_info[:2]) -> Path:
    """Folder of the runtime for a lock file and a version of Python, there or not.

    Args:
        data: The data folder.
        lock: The lock file; its line ends and comments do not count.
        version: Major and minor version of Python.
    """
    text = "\n".join(requirement_lines(lock.read_text(encoding="utf-8")))
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]
    return runtimes_folder(data) / f"py{version[0]}{version[1]}-{digest}"


def runtime_python(folder: Path, platform: str = sys.platform) -> Path:
    """Program of the Python of a runtime."""
    return folder / "Scripts" / "python.exe" if platform == "win32" else folder / "bin" / "python"


def is_ready(folder: Path) -> bool:
    """Whether a runtime is whole and its Python still there; nothing is started to find out."""
    return (folder / MARKER).is_file() and runtime_python(folder).exists()


def write_marker(folder: Path, facts: Mapping[str, str]) -> None:
    """Declare a runtime whole.

    Args:
        folder: The runtime's folder.
        facts: What to remember about how it was made.
    """
    (folder / MARKER).write_text(json.dumps(dict(facts), indent=2) + "\n", encoding="utf-8")


def requirement_lines(text: str) -> List[str]:
    """Lines of a lock file less comments, blank lines and blanks around."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def required_distributions(text: str) -> List[str]:
    """Names of the distributions that a lock file requires, normalised, each once, in the file's order."""
    names = [re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in requirement_lines(text)]
    return list(dict.fromkeys(re.sub(r"[-_.]+", "-", match.group()).lower() for match in names if match))


def required_modules(lock: Path) -> Tuple[str, ...]:
    """Modules that a runtime made from a lock file must be able to import.

    Args:
        lock: The lock file.
    """
    names = required_distributions(lock.read_text(encoding="utf-8"))
    return LIGHT_MODULES + tuple(_MODULES[name] for name in names if name in _MODULES)
