# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the real ``qgis_process`` on the staged plugin, in a profile of its own. Standard library only.

How the plugin gets enabled: ``qgis_process`` loads only plugins whose metadata say ``hasProcessingProvider=yes`` and
whose folder name is true in section ``[PythonPlugins]`` of ``profiles/default/QGIS/QGIS3.ini`` below the folder that
``QGIS_CUSTOM_CONFIG_PATH`` names. ``qgis_process plugins enable <folder>`` writes just that line (seen with 3.22), so
the profile is written ready and one start of QGIS is saved. ``QGIS_PLUGINPATH`` names the folder that *holds* the
plugin's folder. Tests take the fixture ``qgis_process``; others write
``QgisProcess(profile, build_folder).run_algorithm("special:classify", {"INPUT": …})``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

PLUGIN_NAME = "special_qgis"
DEFAULT_TIMEOUT_S = 300.0
_JSON_INPUT_SINCE = (3, 24)  # older ones know only ``-- KEY=VALUE``

# What Qt and embedded Python say at every start of QGIS on a headless machine; never about the plugin.
_START_NOISE = re.compile(
    r"^(QStandardPaths: .*|<string>:1: DeprecationWarning: setapi\(\) is deprecated"
    r"|.*Problem with GRASS installation.*|libEGL warning:.*|MESA: .*)$"
)


@dataclass(frozen=True)
class Completed:
    """What one run of ``qgis_process`` left."""

    command: Tuple[str, ...]
    rc: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> str:
        """Standard error without what QGIS itself says at every start."""
        return "\n".join(line for line in self.stderr.splitlines() if not _START_NOISE.match(line)).strip()

    @property
    def json(self) -> Dict[str, Any]:
        """Standard output of a ``--json`` run."""
        start = self.stdout.find("{")
        if start < 0:
            raise ValueError(f"no JSON from {' '.join(self.command)} (exit code {self.rc}): {self.stdout}{self.stderr}")
        parsed: Dict[str, Any] = json.loads(self.stdout[start:])
        return parsed

    @property
    def results(self) -> Dict[str, Any]:
        """Outputs of an algorithm that was run with ``--json``."""
        found: Dict[str, Any] = self.json["results"]
        return found


class QgisProcess:
    """A ``qgis_process`` with a profile of its own and the staged plugin enabled.

    Args:
        profile: Empty or missing folder for the profile (settings, caches); outlives the object.
        plugin_folder: Folder that holds ``special_qgis/``, usually ``build/``; None starts QGIS without the plugin.
        extra_env: Variables added to the environment of every run.
    """

    def __init__(
        self, profile: Path, plugin_folder: Optional[Path] = None, extra_env: Optional[Mapping[str, str]] = None
    ) -> None:
        self.profile = Path(profile)
        self.plugin_folder = plugin_folder
        self.extra_env = dict(extra_env or {})
        self.executable = find_executable()
        if plugin_folder is not None:
            _enable_plugin(self.profile)

    def environment(self) -> Dict[str, str]:
        """Environment of a run: the caller's, without what belongs to the caller's own Python."""
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PIP_", "VIRTUAL_ENV", "QGIS_", "PYTEST_"))
        }
        env.update(
            QT_QPA_PLATFORM="offscreen",
            QGIS_CUSTOM_CONFIG_PATH=str(self.profile),
            PATH=os.pathsep.join(["/usr/bin", "/bin", env.get("PATH", "")]).rstrip(os.pathsep),
            PYTHONDONTWRITEBYTECODE="1",
            LC_ALL=env.get("LC_ALL", "C.UTF-8"),
        )
        if self.plugin_folder is not None:
            env["QGIS_PLUGINPATH"] = str(self.plugin_folder)
        env.update(self.extra_env)
        return env

    def command(self, *args: str) -> List[str]:
        """Command line of a run, for a caller that wants to start the process itself."""
        return [self.executable, *args]

    def run(
        self, *args: str, stdin: Optional[str] = None, timeout_s: float = DEFAULT_TIMEOUT_S, cwd: Optional[Path] = None
    ) -> Completed:
        """Run with these arguments and wait; never raises for an exit code.

        Raises:
            subprocess.TimeoutExpired: It took longer than ``timeout_s``; the process is gone.
        """
        command = self.command(*args)
        done = subprocess.run(
            command,
            input=stdin if stdin is not None else "",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=self.environment(),
            cwd=cwd,
            timeout=timeout_s,
            check=False,
        )
        return Completed(tuple(command), done.returncode, done.stdout, done.stderr)

    def run_algorithm(
        self,
        algorithm: str,
        parameters: Mapping[str, Any],
        as_json: bool = True,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        cwd: Optional[Path] = None,
    ) -> Completed:
        """Run an algorithm with ``-- KEY=VALUE`` parameters, which every version understands.

        Args:
            algorithm: Id, or path of a model.
            parameters: Values by key; a list gives the key once for each item, booleans become true/false.
            as_json: Ask for results as JSON (``Completed.results``), else as text with a progress line.
            timeout_s: Longest time to wait.
            cwd: Working folder of the process.
        """
        options = ["--json"] if as_json else []
        return self.run(
            *options, "run", algorithm, "--", *parameter_arguments(parameters), timeout_s=timeout_s, cwd=cwd
        )

    def run_algorithm_from_stdin(
        self, algorithm: str, parameters: Mapping[str, Any], timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> Completed:
        """Run an algorithm with parameters as JSON on standard input; QGIS 3.24 and later."""
        return self.run("run", algorithm, "-", stdin=json.dumps({"inputs": dict(parameters)}), timeout_s=timeout_s)

    def version(self) -> Tuple[int, int]:
        """Major and minor version of QGIS."""
        found = re.search(r"QGIS\s+(\d+)\.(\d+)", self.run("--version").stdout)
        if not found:
            raise RuntimeError("qgis_process --version names no version")
        return int(found.group(1)), int(found.group(2))

    def takes_json_input(self) -> bool:
        """Whether this QGIS reads parameters as JSON from standard input."""
        return self.version() >= _JSON_INPUT_SINCE


def parameter_arguments(parameters: Mapping[str, Any]) -> List[str]:
    """Parameters in the ``KEY=VALUE`` form of the command line."""
    arguments = []
    for key, value in parameters.items():
        values: Sequence[Any] = value if isinstance(value, (list, tuple)) else [value]
        for item in values:
            text = str(item).lower() if isinstance(item, bool) else str(item)
            arguments.append(f"{key}={text}")
    return arguments


def find_executable() -> str:
    """Path of ``qgis_process``, without the distribution's shell wrapper where there is one.

    Raises:
        FileNotFoundError: QGIS is not installed.
    """
    for name in ("qgis_process.bin", "qgis_process"):
        path = shutil.which(name, path=os.pathsep.join(["/usr/bin", os.environ.get("PATH", "")]))
        if path:
            return path
    raise FileNotFoundError("qgis_process is not installed. Run 'make bootstrap'.")


def _enable_plugin(profile: Path) -> None:
    settings = profile / "profiles" / "default" / "QGIS" / "QGIS3.ini"
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(f"[PythonPlugins]\n{PLUGIN_NAME}=true\n", encoding="utf-8")
