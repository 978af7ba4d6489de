# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the engine's private runtime: a virtual environment of QGIS's own Python, filled by pip from one lock file.

It grows under a temporary name, is tried out by importing what it is for, is then renamed and marked as whole. Whatever
happens before that leaves nothing but pip's own cache, so that the next attempt goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence

from ..engine.errors import ConfigError, EngineError
from ..engine.files.data_folder import data_folder, expand_home
from ..engine.files.process_lock import LockHeldError, hold
from ..engine.files.resources import plugin_version
from ..engine.progress import Progress, SubProgress
from ..process.interpreters import Interpreter, clean_environment, light_interpreter
from ..process.logged_process import FinishedProcess, run_logged
from ..process.worker_client import run_job
from .layout import (
    LIGHT_MODULES,
    PARTIAL_PREFIX,
    default_lock,
    is_ready,
    required_modules,
    requirement_lines,
    runtime_folder,
    runtime_python,
    write_marker,
)
from .pip_output import PipProgress, explain_pip_failure

INDEXES = ("default", "cpu")  # where packages come from: pip's own settings; the same with CPU builds of PyTorch

# PyTorch's own index of CPU builds; its versions carry "+cpu", which pip prefers to the plain ones of the same number.
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_GPU_PREFIXES = ("nvidia-", "cuda-", "triton")  # of distributions that a CPU build of PyTorch does not need
_CUDA_BYTES, _CPU_BYTES = 6_500_000_000, 2_500_000_000  # size of a runtime; pip's cache may add half of that
_WHEEL_GROWTH = 4  # a runtime is smaller than this many times its wheels
_HARMFUL_PIP_SETTINGS = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_CONSTRAINT", "PIP_REQUIRE_VIRTUALENV")
_LOG_NAME = "install.log"
_RENAME_ATTEMPTS = 6


class RuntimeInstallError(EngineError, RuntimeError):
    """The runtime cannot be installed or removed."""

    kind = "install"


@dataclass(frozen=True)
class RuntimeOptions:
    """How to install the runtime."""

    index: str = "default"  # one of INDEXES
    wheel_folder: str = ""  # folder with all wheels, for machines without network; "" = from the index
    proxy: str = ""  # URL of the proxy; "" = that of the environment, if any
    folder: str = ""  # data folder; "" = SPECIAL_DATA_DIR or the platform's custom
    lock: str = ""  # lock file; "" = the plugin's
    reinstall: bool = False  # also when a whole one is there, to repair it

    def __post_init__(self) -> None:
        if self.index not in INDEXES:
            raise ConfigError(f"index must be one of {', '.join(INDEXES)}; got {self.index!r}.")
        if self.wheel_folder and not list(Path(self.wheel_folder).glob("*.whl")):
            raise ConfigError(
                f"wheel_folder must be a folder with wheels (*.whl); {self.wheel_folder!r} has none.",
                "Fill it on a machine with network: pip download --only-binary :all: -r runtime-requirements.txt.",
            )
        if self.lock and not Path(self.lock).is_file():
            raise ConfigError(f"lock must be a requirements file; {self.lock!r} is none.")

    @property
    def data(self) -> Path:
        """The data folder."""
        return expand_home(self.folder).absolute() if self.folder else data_folder()

    @property
    def lock_path(self) -> Path:
        """The lock file."""
        return Path(self.lock).absolute() if self.lock else default_lock()


def install_runtime(options: RuntimeOptions, feedback: Progress) -> Interpreter:
    """Install the engine's private runtime, unless it is there already.

    Args:
        options: Where from and where to.
        feedback: Receives progress and messages; checked for cancel.

    Returns:
        The runtime's interpreter.

    Raises:
        RuntimeInstallError: Another installation is running, too little disk space, no network, a broken wheel, a
            package that cannot be imported ...; nothing is left of the attempt but the log.
        Cancelled: The user cancelled; nothing is left either.
    """
    target = runtime_folder(options.data, options.lock_path)
    if is_ready(target) and not options.reinstall:
        feedback.info(f"The runtime is installed already: {target}.")
        return _interpreter_of(target)
    _make_folder(target.parent)
    with install_lock(target.parent):
        if is_ready(target) and not options.reinstall:
            return _interpreter_of(target)  # made by another process a moment ago
        _remove_left_over(target.parent)
        _require_space(target.parent, needed_bytes(options))
        partial = target.parent / f"{PARTIAL_PREFIX}{target.name}-{secrets.token_hex(3)}"
        try:
            facts = _build(partial, options, feedback)
            _move_into_place(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        _finish(target, facts, SubProgress(feedback, 0.95, 1.0))
        _remove_left_over(target.parent)  # again: what a killed installation had started may have gone on for a while
    feedback.report(1.0, "The runtime is ready")
    return _interpreter_of(target)


@contextlib.contextmanager
def install_lock(runtimes: Path) -> Iterator[None]:
    """Context in which no other process installs or removes a runtime.

    Args:
        runtimes: Folder of all runtimes.

    Raises:
        RuntimeInstallError: Another process does so at the moment.
    """
    try:
        with hold(runtimes / ".install.lock"):
            yield
    except LockHeldError as error:
        raise RuntimeInstallError(
            f"Another installation of the runtime is running (process {error.holder or 'unknown'}).",
            "Wait until it has ended, then try again.",
        ) from error


def needed_bytes(options: RuntimeOptions, platform: str = sys.platform) -> int:
    """Free disk space that an installation should find, as far as it can be known beforehand.

    Args:
        options: The installation's options.
        platform: Operating system, as ``sys.platform`` names it; only Linux's default packages bring CUDA along.
    """
    if options.wheel_folder:
        return _WHEEL_GROWTH * sum(wheel.stat().st_size for wheel in Path(options.wheel_folder).glob("*.whl"))
    return _CUDA_BYTES if options.index == "default" and platform == "linux" else _CPU_BYTES


def pip_requirements(lock_text: str, index: str) -> List[str]:
    """Lines of the lock file that pip is given; for CPU builds without the packages that only a GPU needs.

    Args:
        lock_text: Text of the lock file.
        index: One of ``INDEXES``.
    """
    lines = requirement_lines(lock_text)
    return [line for line in lines if index != "cpu" or not line.lower().startswith(_GPU_PREFIXES)]


def pip_arguments(options: RuntimeOptions, requirements: Path, constraints: Path) -> List[str]:
    """Arguments of ``pip`` that fill the runtime: wheels only, so that no foreign build script runs.

    Args:
        options: The installation's options.
        requirements: File of what to install.
        constraints: File that keeps QGIS's own NumPy.
    """
    arguments = ["install", "--only-binary", ":all:", "--progress-bar", "off", "--no-warn-script-location"]
    if options.wheel_folder:
        arguments += ["--no-index", "--find-links", str(Path(options.wheel_folder).absolute())]
    elif options.index == "cpu":
        arguments += ["--extra-index-url", _CPU_INDEX]
    return [*arguments, "--requirement", str(requirements), "--constraint", str(constraints)]


def pip_environment(environ: Mapping[str, str], platform: str, proxy: str) -> Dict[str, str]:
    """Environment for pip: clean, but with the user's own settings of index, certificates and cache.

    Args:
        environ: Environment of this process.
        platform: Operating system, as ``sys.platform`` names it.
        proxy: URL of the proxy; it goes here, not to the command line, because it may hold a password.
    """
    environment = clean_environment(True, environ, platform)
    environment.update({name: value for name, value in environ.items() if name.startswith("PIP_")})
    for name in _HARMFUL_PIP_SETTINGS:
        environment.pop(name, None)
    environment.update({"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    if proxy:
        environment.update(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy))
    return environment


def _build(partial: Path, options: RuntimeOptions, feedback: Progress) -> Dict[str, str]:
    """Make the environment under its temporary name, fill it and try it out; gives what to remember of it."""
    base = light_interpreter()
    feedback.report(0.0, "Looking at QGIS's own Python")
    numpy_version = _require_modules(base, LIGHT_MODULES, SubProgress(feedback, 0.0, 0.01))["numpy"]
    log = partial.parent / _LOG_NAME
    log.write_text(f"Runtime {partial.name}, {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC\n", encoding="utf-8")
    environment = pip_environment(os.environ, sys.platform, options.proxy)
    shell = _Steps(environment, log, feedback)
    feedback.report(0.01, "Making the virtual environment")
    shell.make_environment(base.path, partial)
    python = str(runtime_python(partial))
    shell.require_pip(python)
    requirements, constraints = partial / "requirements.txt", partial / "constraints.txt"
    lines = pip_requirements(options.lock_path.read_text(encoding="utf-8"), options.index)
    requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
    constraints.write_text(f"numpy=={numpy_version}\n", encoding="utf-8")
    shell.install(python, pip_arguments(options, requirements, constraints), len(lines))
    feedback.report(0.9, "Trying out the packages")
    _require_modules(_interpreter_of(partial), required_modules(options.lock_path), SubProgress(feedback, 0.9, 0.95))
    return {"base": base.path, "numpy": numpy_version, "index": options.index, "plugin": plugin_version()}


class _Steps:
    """The programs that are run to build a runtime, with the log and the listener that they share."""

    def __init__(self, environment: Mapping[str, str], log: Path, feedback: Progress) -> None:
        self._environment = environment
        self._log = log
        self._feedback = feedback

    def make_environment(self, base: str, folder: Path) -> None:
        """Make a virtual environment without pip; what the base has stays visible in it."""
        done = self._run([base, "-m", "venv", "--system-site-packages", "--without-pip", str(folder)])
        if done.exit_code:
            raise RuntimeInstallError(
                f"QGIS's Python could not make a virtual environment: {done.last_line}", self._venv_hint()
            )

    def require_pip(self, python: str) -> None:
        """Make sure of pip: the base's own where it has one, else the one that Python brings along."""
        if self._run([python, "-m", "pip", "--version"]).exit_code == 0:
            return
        done = self._run([python, "-m", "ensurepip", "--default-pip"])
        if done.exit_code:
            raise RuntimeInstallError(f"QGIS's Python has no pip: {done.last_line}", self._venv_hint())

    def install(self, python: str, arguments: Sequence[str], n_distributions: int) -> None:
        """Let pip fill the environment."""
        progress = PipProgress(SubProgress(self._feedback, 0.03, 0.9), n_distributions)
        done = self._run([python, "-m", "pip", *arguments], progress.read)
        if done.exit_code:
            message, hint = explain_pip_failure(done.lines)
            raise RuntimeInstallError(message, f"{hint} The log is {self._log}.")

    def _run(self, command: Sequence[str], on_line: Optional[Callable[[str], None]] = None) -> FinishedProcess:
        try:
            return run_logged(command, self._environment, self._log, self._feedback, on_line)
        except OSError as error:
            raise RuntimeInstallError(f"{command[0]} cannot be started: {error}.", "Run 'Check runtime'.") from error

    def _venv_hint(self) -> str:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        return f"On Debian and Ubuntu install {package} (sudo apt install {package}). The log is {self._log}."


def _require_modules(interpreter: Interpreter, modules: Sequence[str], feedback: Progress) -> Dict[str, str]:
    """Versions of modules, all of which can be imported."""
    result = run_job("check_runtime", {"modules": list(modules)}, feedback, interpreter)
    if result["problems"]:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in result["problems"].items())
        raise RuntimeInstallError(
            f"Packages cannot be imported by {interpreter.description}: {reasons}.",
            "Install the runtime again; if it happens again, please report it.",
        )
    versions: Dict[str, str] = result["versions"]
    return versions


def _interpreter_of(folder: Path) -> Interpreter:
    return Interpreter(str(runtime_python(folder)), True, f"the plugin's private runtime ({folder})")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeInstallError(
            f"The folder {folder} cannot be made: {error}.", "Set SPECIAL_DATA_DIR to a folder you can write to."
        ) from error


def _remove_left_over(runtimes: Path) -> None:
    """Remove what interrupted installations left; only called while the lock is held."""
    for folder in runtimes.glob(f"{PARTIAL_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _require_space(folder: Path, n_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < n_bytes:
        raise RuntimeInstallError(
            f"The disk of {folder} has {free_bytes / 1e9:.1f} GB free; the runtime needs about {n_bytes / 1e9:.1f} GB.",
            "Free some space, set SPECIAL_DATA_DIR to a folder on another disk, or choose the smaller CPU packages.",
        )


def _move_into_place(partial: Path, target: Path) -> None:
    """Give a runtime its name; a scanner of viruses may hold files for a moment on Windows."""
    shutil.rmtree(target, ignore_errors=True)  # a broken one, or one to be replaced
    for attempt in range(_RENAME_ATTEMPTS):
        try:
            partial.rename(target)
        except OSError as error:
            if attempt == _RENAME_ATTEMPTS - 1:
                raise RuntimeInstallError(
                    f"The runtime cannot be moved to {target}: {error}.", "Close QGIS windows that use it, try again."
                ) from error
            time.sleep(0.5)
        else:
            return


def _finish(target: Path, facts: Mapping[str, str], feedback: Progress) -> None:
    """See that the runtime works under its final name, then mark it as whole."""
    try:
        _require_modules(_interpreter_of(target), LIGHT_MODULES, feedback)
        write_marker(target, facts)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
