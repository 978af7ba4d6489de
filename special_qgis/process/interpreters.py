# SPDX-License-Identifier: GPL-2.0-or-later
"""Which Python runs the engine, in which environment, and how a module of the plugin is started with it.

QGIS's own Python runs the light jobs, a private virtual environment the heavy ones. ``sys.executable`` is of no use: in
QGIS on Windows and macOS it is QGIS itself.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Dict, List, Mapping, Tuple

from ..engine.errors import RuntimeMissingError

_DROPPED_PREFIXES = ("PYTHON", "PIP_", "VIRTUAL_ENV", "QGIS_", "__PYVENV")  # would redirect another interpreter
_LENT_PACKAGES = ("numpy", "osgeo")  # found by QGIS perhaps in places that its interpreter alone does not look in

# Folders come last in the search path, so that nothing beside the plugin can stand in for NumPy or a standard module.
_BOOTSTRAP = (
    "import sys; "
    "module, folders = sys.argv[1], sys.argv[2:]; "
    "sys.argv[1:] = []; "
    "sys.path[:] = [folder for folder in sys.path if folder] + folders; "
    "import runpy; "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that can run the engine."""

    path: str  # of the program
    is_private: bool  # the plugin's own runtime, or one that SPECIAL_PYTHON names; False = QGIS's own Python
    description: str  # for people
    search_folders: Tuple[str, ...] = ()  # appended to its module search path


def light_interpreter() -> Interpreter:
    """QGIS's own Python, which runs everything that needs only NumPy and GDAL.

    Raises:
        RuntimeMissingError: Its program is at none of the places where QGIS's packages put it.
    """
    candidates = light_candidates(sys.platform, sys.base_prefix, sys.version_info[:2], os.environ)
    for candidate in candidates:
        if os.access(candidate, os.X_OK) and not Path(candidate).is_dir():
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            return Interpreter(str(candidate), False, f"QGIS's own Python {version} ({candidate})", lent_folders())
    raise RuntimeMissingError(
        "The program of QGIS's own Python is at none of the expected places: " + ", ".join(map(str, candidates)) + ".",
        "Repair or reinstall QGIS.",
    )


def light_candidates(
    platform: str, base_prefix: str, version: Tuple[int, ...], environ: Mapping[str, str]
) -> List[PurePath]:
    """Places where the program of QGIS's own Python may be, the likeliest first.

    Args:
        platform: Operating system, as ``sys.platform`` names it.
        base_prefix: Folder of QGIS's Python, its ``sys.base_prefix``.
        version: Major and minor version of QGIS's Python.
        environ: Environment variables of QGIS.
    """
    versioned = f"python{version[0]}.{version[1]}"
    if platform == "win32":
        folders = [PureWindowsPath(base_prefix)]
        if environ.get("OSGEO4W_ROOT"):
            folders.append(PureWindowsPath(environ["OSGEO4W_ROOT"]) / "bin")
        return [folder / name for folder in folders for name in ("python.exe", "python3.exe")]
    prefix = PurePosixPath(base_prefix)
    folders_posix = [prefix / "bin"]
    if platform == "darwin":
        bundles = [parent for parent in (prefix, *prefix.parents) if parent.name == "Contents"]
        folders_posix += [bundle / sub for bundle in bundles for sub in ("MacOS/bin", "MacOS", "Frameworks/bin")]
    return [folder / name for folder in folders_posix for name in (versioned, "python3")]


def lent_folders() -> Tuple[str, ...]:
    """Folders in which this process finds NumPy and GDAL's Python package; nothing is imported to find out."""
    folders = []
    for name in _LENT_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin:
            folders.append(str(Path(spec.origin).parent.parent))
    return tuple(dict.fromkeys(folders))


def plugin_parent() -> Path:
    """Folder that holds the package ``special_qgis``; links are kept, so that the package keeps its name."""
    return Path(__file__).absolute().parents[2]


def module_command(interpreter: Interpreter, module: str) -> List[str]:
    """Command that runs one of the plugin's modules as a program.

    Args:
        interpreter: Python to run it with.
        module: Full name of the module.
    """
    return [interpreter.path, "-u", "-c", _BOOTSTRAP, module, str(plugin_parent()), *interpreter.search_folders]


def clean_environment(is_private: bool, environ: Mapping[str, str], platform: str) -> Dict[str, str]:
    """Environment for the engine: as it is, less what would lead its Python to other modules or settings.

    What GDAL, PROJ and the system need to find their data and libraries stays.

    Args:
        is_private: Whether the interpreter is a runtime of its own, which must not see the user's site-packages.
            QGIS's own Python may have its NumPy there.
        environ: Environment of this process.
        platform: Operating system, as ``sys.platform`` names it.
    """
    clean = {name: value for name, value in environ.items() if not name.upper().startswith(_DROPPED_PREFIXES)}
    clean["PYTHONUTF8"] = "1"
    clean["PYTHONFAULTHANDLER"] = "1"  # a crash in a library leaves a stack in the log
    if is_private:
        clean["PYTHONNOUSERSITE"] = "1"
    if platform == "win32":
        clean["USE_PATH_FOR_GDAL_PYTHON"] = "YES"  # GDAL's Python package then finds its libraries by PATH
    return clean
