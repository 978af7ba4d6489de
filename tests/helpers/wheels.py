# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes tiny pure-Python wheels, so that an installation can be tried without a network."""

from __future__ import annotations

import zipfile
from pathlib import Path


def make_wheel(
    folder: Path, distribution: str, module: str, source: str, requires: str = "", version: str = "1.0"
) -> Path:
    """Make a wheel with one module.

    Args:
        folder: Where to put it.
        distribution: Name of the distribution, with underscores.
        module: Name of the module.
        source: Text of the module.
        requires: Requirement on another distribution; "" = none.
        version: Version of the distribution.
    """
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{distribution}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    files = {
        f"{module}.py": source,
        f"{info}/METADATA": metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    path = folder / f"{distribution}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return path
