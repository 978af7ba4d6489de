# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembles ``build/special_qgis/``, the plugin as QGIS loads it, from the checkout.

Only files that changed are written and files that no longer belong there are removed, so it may run at any time, also
while QGIS has the plugin loaded. ``QGIS_PLUGINPATH=build`` makes QGIS see the result.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import sys
from pathlib import Path
from typing import Dict, Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
PLUGIN_NAME = "special_qgis"
DEFAULT_TARGET = REPOSITORY / "build" / PLUGIN_NAME

FOLDERS = {PLUGIN_NAME: "", "resources": "resources"}  # folder of the checkout -> folder in the plugin
FILES = ("metadata.txt", "LICENSE", "README.md", "CHANGELOG.md")
LEFT_OUT_FOLDERS = {"__pycache__"}
LEFT_OUT_SUFFIXES = {".pyc", ".pyo", ".orig", ".rej", ".swp"}
FILE_MODE = 0o644


def plan_files(repository: Path = REPOSITORY) -> Dict[str, Path]:
    """What the plugin consists of.

    Returns:
        Path inside the plugin (with forward slashes) -> file of the checkout, sorted by the former.

    Raises:
        FileNotFoundError: A file that every plugin needs is missing.
    """
    plan: Dict[str, Path] = {}
    for source, target in FOLDERS.items():
        for path in _files_below(repository / source):
            inside = Path(target) / path.relative_to(repository / source)
            plan[inside.as_posix()] = path
    for name in FILES:
        path = repository / name
        if not path.is_file():
            raise FileNotFoundError(f"{name} is missing in {repository}, and no plugin is whole without it.")
        plan[name] = path
    return dict(sorted(plan.items()))


def stage(target: Path = DEFAULT_TARGET, repository: Path = REPOSITORY) -> int:
    """Make ``target`` equal to the plan.

    Returns:
        Number of files written or removed.
    """
    plan = plan_files(repository)
    changed = _remove_others(target, set(plan))
    for inside, source in plan.items():
        path = target / inside
        if path.is_file() and filecmp.cmp(source, path, shallow=False):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.part")
        shutil.copyfile(source, partial)
        partial.chmod(FILE_MODE)
        partial.replace(path)
        changed += 1
    return changed


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT_FOLDERS and not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix not in LEFT_OUT_SUFFIXES:
                yield Path(parent, name)


def _remove_others(target: Path, wanted: set[str]) -> int:
    removed = 0
    for parent, folders, names in os.walk(target, topdown=False):
        for name in names:
            path = Path(parent, name)
            inside = path.relative_to(target).as_posix()
            if inside not in wanted and not name.endswith(".part"):
                path.unlink()
                removed += 1
        for name in folders:
            path = Path(parent, name)
            if not any(path.iterdir()):
                path.rmdir()
    return removed


def main() -> int:
    """Stage and say what was done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, default=DEFAULT_TARGET, help="folder to make (default: %(default)s)")
    target = parser.parse_args().target
    changed = stage(target)
    print(f"{target}: {'up to date' if changed == 0 else f'{changed} files changed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
