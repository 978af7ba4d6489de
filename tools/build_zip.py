# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds ``dist/special_qgis-<version>.zip``, the file that users install, from a fresh staging.

The same sources give the same bytes: names are sorted, times are those of the ZIP format's beginning, modes are fixed.
"""

from __future__ import annotations

import argparse
import configparser
import sys
import tempfile
import zipfile
from pathlib import Path

from stage_plugin import FILE_MODE, PLUGIN_NAME, REPOSITORY, stage

DEFAULT_FOLDER = REPOSITORY / "dist"
SIZE_LIMIT_BYTES = 8_000_000  # ours; the repository of plugins takes 25 MB
_FIRST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def plugin_version(metadata: Path) -> str:
    """Version named in ``metadata.txt``."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(metadata.read_text(encoding="utf-8"))
    return parser["general"]["version"]


def build_zip(folder: Path = DEFAULT_FOLDER, repository: Path = REPOSITORY) -> Path:
    """Stage into a temporary folder and pack it.

    Returns:
        The zip file, whole: it is moved in place when written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{PLUGIN_NAME}-{plugin_version(repository / 'metadata.txt')}.zip"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        staged = Path(scratch) / PLUGIN_NAME
        stage(staged, repository)
        partial = Path(scratch) / target.name
        _pack(staged, partial)
        size_bytes = partial.stat().st_size
        if size_bytes > SIZE_LIMIT_BYTES:
            raise SystemExit(f"{target.name} has {size_bytes} bytes; at most {SIZE_LIMIT_BYTES} are wanted.")
        partial.replace(target)
    return target


def _pack(staged: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in staged.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(staged.parent).as_posix(), date_time=_FIRST_ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, so that the mode below is read on every platform alike
            entry.external_attr = (0o100000 | FILE_MODE) << 16
            archive.writestr(entry, path.read_bytes(), compresslevel=9)


def main() -> int:
    """Build the zip and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="where to put it (default: %(default)s)")
    target = build_zip(parser.parse_args().folder)
    print(f"{target} ({target.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
