# SPDX-License-Identifier: GPL-2.0-or-later
"""What a figure was measured on."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Dict, Optional

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("numpy", "sklearn", "torch", "numba", "osgeo.gdal")


def processor() -> str:
    """Name of the processor as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> Dict[str, str]:
    """Versions of Python and of the packages that matter, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name.rpartition(".")[2]] = importlib.import_module(name).__version__
        except ImportError:
            continue
    return found


def describe_machine() -> str:
    """One sentence about machine and versions."""
    told = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; {told}."


def show(text: str, results: Optional[Path]) -> None:
    """Print a table, and keep it in a file where there is one."""
    if results is not None:
        results.parent.mkdir(exist_ok=True)
        results.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def stage_tests_pass(*names: str) -> bool:
    """Run the unit tests of stages, whose report goes to standard error: no figure is printed while one fails.

    Args:
        names: Of the stages: "clip" stands for ``tests/unit/test_clip_*.py``.
    """
    folder = REPOSITORY / "tests" / "unit"
    tests = [str(path) for name in names for path in sorted(folder.glob(f"test_{name}_*.py"))]
    command = [sys.executable, "-m", "pytest", "-q", *tests]
    return subprocess.run(command, cwd=REPOSITORY, stdout=sys.stderr, check=False).returncode == 0
