# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's private runtime: whether it is there and what it can do.

Light jobs need none; it holds PyTorch and what else the heavy stages import. ``python -m special_qgis.runtime`` shows
and installs it without QGIS.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from ..engine.errors import EngineError, RuntimeMissingError
from ..engine.files.data_folder import data_folder, expand_home
from ..engine.progress import NullProgress, Progress
from ..process.interpreters import Interpreter, light_interpreter
from ..process.worker_client import run_job
from .install import RuntimeInstallError, RuntimeOptions, install_lock, install_runtime
from .layout import (
    LIGHT_MODULES,
    NAME_PATTERN,
    default_lock,
    is_ready,
    required_modules,
    runtime_folder,
    runtime_python,
    runtimes_folder,
)

__all__ = [
    "InstalledRuntime",
    "Interpreter",
    "RuntimeInstallError",
    "RuntimeOptions",
    "RuntimeStatus",
    "check_light",
    "check_runtime",
    "find_runtime",
    "install_runtime",
    "light_interpreter",
    "list_runtimes",
    "remove_runtime",
]

PYTHON_VARIABLE = "SPECIAL_PYTHON"  # environment variable: an interpreter to use as the runtime


@dataclass(frozen=True)
class RuntimeStatus:
    """What is known about an interpreter after trying it."""

    interpreter: Optional[Interpreter]  # None = there is none
    python: str = ""  # its version
    versions: Dict[str, str] = field(default_factory=dict)  # of the modules that could be imported, by name
    gpu: str = ""  # device that PyTorch can use; "" = none
    cuda: str = ""  # version that PyTorch is built for; "" = a CPU build or no PyTorch
    problems: Tuple[str, ...] = ()  # what keeps it from working, in sentences

    @property
    def found(self) -> bool:
        """Whether there is an interpreter at all."""
        return self.interpreter is not None

    @property
    def is_healthy(self) -> bool:
        """Whether it can do what it is for."""
        return self.found and not self.problems


@dataclass(frozen=True)
class InstalledRuntime:
    """A private runtime on disk."""

    folder: Path
    is_current: bool  # whether this plugin in this QGIS uses it
    is_ready: bool  # False = broken, to be removed or installed again


def find_runtime() -> Optional[Interpreter]:
    """The interpreter for heavy jobs: the one ``SPECIAL_PYTHON`` names, else the private runtime if it is whole.

    Only looks at files, so it is quick enough to do before every run.

    Returns:
        None when nothing is installed.

    Raises:
        RuntimeMissingError: ``SPECIAL_PYTHON`` names something that cannot be run.
    """
    named = os.environ.get(PYTHON_VARIABLE, "")
    if named:
        return _named_interpreter(named)
    folder = runtime_folder(data_folder(), default_lock())
    if not is_ready(folder):
        return None
    return Interpreter(str(runtime_python(folder)), True, f"the plugin's private runtime ({folder})")


def _named_interpreter(named: str) -> Interpreter:
    path = expand_home(named)
    if path.is_dir() or not os.access(path, os.X_OK):
        raise RuntimeMissingError(
            f"The environment variable {PYTHON_VARIABLE} is {named!r}, which is not a program that can be run.",
            "Set it to the full path of a Python interpreter, for example /home/me/venv/bin/python, or unset it.",
        )
    return Interpreter(str(path.absolute()), True, f"the Python that {PYTHON_VARIABLE} names ({path})")


def check_runtime(feedback: Optional[Progress] = None) -> RuntimeStatus:
    """Find the runtime and import everything it is for, in a process of its own.

    Args:
        feedback: Receives progress and messages; checked for cancel; None = neither.

    Returns:
        What was found; whatever is wrong is in ``problems``.

    Raises:
        Cancelled: The user cancelled.
    """
    try:
        interpreter = find_runtime()
        modules = required_modules(default_lock())
    except EngineError as error:
        return RuntimeStatus(None, problems=(str(error),))
    if interpreter is None:
        return RuntimeStatus(None, problems=("The engine's runtime is not installed. Run 'Install runtime'.",))
    return check_interpreter(interpreter, modules, feedback or NullProgress())


def check_light(feedback: Optional[Progress] = None) -> RuntimeStatus:
    """Try QGIS's own Python, which runs the light jobs.

    Args:
        feedback: Receives progress and messages; checked for cancel; None = neither.

    Returns:
        What was found; whatever is wrong is in ``problems``.

    Raises:
        Cancelled: The user cancelled.
    """
    try:
        interpreter = light_interpreter()
    except RuntimeMissingError as error:
        return RuntimeStatus(None, problems=(str(error),))
    return check_interpreter(interpreter, LIGHT_MODULES, feedback or NullProgress())


def check_interpreter(interpreter: Interpreter, modules: Sequence[str], feedback: Progress) -> RuntimeStatus:
    """Import modules with an interpreter, in a process of its own.

    Args:
        interpreter: The interpreter.
        modules: Names of the modules.
        feedback: Receives progress and messages; checked for cancel.

    Raises:
        Cancelled: The user cancelled.
    """
    try:
        result = run_job("check_runtime", {"modules": list(modules)}, feedback, interpreter)
    except EngineError as error:
        return RuntimeStatus(interpreter, problems=(str(error),))
    problems = tuple(f"{name} cannot be imported: {reason}" for name, reason in result["problems"].items())
    return RuntimeStatus(interpreter, result["python"], result["versions"], result["gpu"], result["cuda"], problems)


def list_runtimes(data: Optional[Path] = None, lock: Optional[Path] = None) -> List[InstalledRuntime]:
    """All private runtimes on disk, also those of other versions of the plugin or of Python.

    Args:
        data: The data folder; None = the usual one.
        lock: The lock file that makes a runtime current; None = the plugin's.
    """
    data = data or data_folder()
    current = runtime_folder(data, lock or default_lock())
    folder = runtimes_folder(data)
    found = sorted(path for path in folder.iterdir() if NAME_PATTERN.fullmatch(path.name)) if folder.is_dir() else []
    return [InstalledRuntime(path, path == current, is_ready(path)) for path in found]


def remove_runtime(runtime: InstalledRuntime) -> None:
    """Remove a private runtime from disk.

    Args:
        runtime: One of ``list_runtimes``.

    Raises:
        RuntimeInstallError: An installation is running, or files are in use.
    """
    with install_lock(runtime.folder.parent):
        try:
            shutil.rmtree(runtime.folder)
        except OSError as error:
            raise RuntimeInstallError(
                f"The runtime {runtime.folder} cannot be removed: {error}.", "Close QGIS windows that use it."
            ) from error
