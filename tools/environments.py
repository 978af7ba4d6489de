# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the two Python environments of the Makefile in a cache outside the checkout, and prints where they are.

``runtime`` holds what the engine's heavy stages import and is built by the plugin's own installer; ``dev`` holds the
test and check tools and sees the runtime's packages after its own. Both sit on QGIS's Python (``/usr/bin/python3``),
so that GDAL, NumPy and QGIS are those of the system. A folder's name ends with the hash of its lock file: a changed
lock makes a new folder, and an old checkout finds its old one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from special_qgis.runtime.layout import is_ready, runtime_folder  # noqa: E402 - found once the path is set

RUNTIME_LOCK = REPOSITORY / "resources" / "runtime-requirements.txt"
DEV_LOCK = REPOSITORY / "tools" / "dev-requirements.txt"
QGIS_PYTHON = "/usr/bin/python3"
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"  # this file is run by QGIS's Python
DEV_IMPORTS = "import pytest, pytest_timeout, hypothesis, mypy, bandit, detect_secrets, flake8, numpy, osgeo.gdal"
FOREIGN_VARIABLES = ("PYTHON", "VIRTUAL_ENV", "QGIS_")  # belong to whoever calls, and would leak into the environment


def cache_folder() -> Path:
    """Where environments are kept: SPECIAL_CACHE, else the user's cache folder, else one in the temporary folder."""
    named = os.environ.get("SPECIAL_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    home = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    folder = (Path(base) if base else Path(home) / ".cache") / "special_qgis"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"special_qgis-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise SystemExit(f"{folder} belongs to another user. Name a cache folder in SPECIAL_CACHE.") from None
    return folder


def make_runtime() -> Path:
    """Build the runtime with the plugin's own installer unless it is there."""
    folder = runtime_folder(cache_folder(), RUNTIME_LOCK)
    if not is_ready(folder):
        _say(f"installing the engine's runtime into {folder} (about 6 GB, once)")
        install = [QGIS_PYTHON, "-m", "special_qgis.runtime", "install"]
        _run([*install, "--folder", str(cache_folder()), "--lock", str(RUNTIME_LOCK)])
    return folder


def make_dev() -> Path:
    """Build the development environment unless it is there."""
    digest = hashlib.sha256(DEV_LOCK.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"dev-py{PYTHON_VERSION}-{digest}"
    if folder.exists():
        return folder
    _say(f"installing test and check tools into {folder} (once)")
    cache_folder().mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _run([QGIS_PYTHON, "-m", "venv", "--system-site-packages", str(made)])
        python = str(made / "bin" / "python")
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(DEV_LOCK)])
        _run([python, "-c", DEV_IMPORTS])
        made.rename(folder)  # its scripts still name the old folder, so tools are started with `python -m`
    except OSError:
        if not folder.exists():  # else somebody else was quicker
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def link_runtime(dev: Path, runtime: Path) -> None:
    """Let the development environment import the runtime's packages, after its own."""
    packages = Path("lib") / f"python{PYTHON_VERSION}" / "site-packages"
    path_file = dev / packages / "zz_special_runtime.pth"
    text = f"{runtime / packages}\n"
    if not path_file.exists() or path_file.read_text(encoding="utf-8") != text:
        path_file.write_text(text, encoding="utf-8")


def _clean_environment() -> Dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_VARIABLES)}


def _run(command: List[str]) -> None:
    done = subprocess.run(command, env=_clean_environment(), cwd=REPOSITORY, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise SystemExit(f"environments: {' '.join(command)} ended with exit code {done.returncode}.")


def _say(text: str) -> None:
    sys.stderr.write(f"environments: {text}\n")
    sys.stderr.flush()


def main() -> int:
    """Make what was asked for and print its folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("cache", "runtime", "dev", "dev-without-runtime"))
    kind = parser.parse_args().kind
    if kind == "cache":
        folder = cache_folder()
    elif kind == "runtime":
        folder = make_runtime()
    else:
        folder = make_dev()
        if kind == "dev":
            link_runtime(folder, make_runtime())
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
