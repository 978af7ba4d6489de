# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the two lock files: every package the runtime and the development environment need, pinned for all platforms.

The resolver is uv's universal one, which resolves for every Python version and platform at once and writes the
environment markers; pip alone resolves only for the machine it runs on. Run with the development environment's Python.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

TOOLS = Path(__file__).resolve().parent
REPOSITORY = TOOLS.parent


@dataclass(frozen=True)
class Lock:
    """One lock file and what it is made from."""

    source: Path
    target: Path
    oldest_python: str
    constraints: Optional[Path] = None
    left_out: Tuple[str, ...] = ()  # packages that come from elsewhere and must not be pinned


LOCKS = (
    Lock(
        source=TOOLS / "runtime-requirements.in",
        target=REPOSITORY / "resources" / "runtime-requirements.txt",
        oldest_python="3.9",
        constraints=TOOLS / "runtime-numpy.in",
        left_out=("numpy",),
    ),
    Lock(
        source=TOOLS / "dev-requirements.in",
        target=TOOLS / "dev-requirements.txt",
        oldest_python="3.11",
        left_out=("numpy",),
    ),
)


def resolve(lock: Lock) -> str:
    """Resolve one lock and return its text."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--no-header", "--no-annotate"]
    command += ["--no-config", "--native-tls", "--python-version", lock.oldest_python]
    if lock.constraints:
        command += ["--constraint", str(lock.constraints)]
    for name in lock.left_out:
        command += ["--no-emit-package", name]
    command.append(str(lock.source))
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    pins = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    source = lock.source.relative_to(REPOSITORY).as_posix()
    return "\n".join([f"# Written by tools/lock_requirements.py from {source}; do not edit.", *pins, ""])


def main() -> int:
    """Write both locks."""
    for lock in LOCKS:
        lock.target.write_text(resolve(lock), encoding="utf-8")
        print(lock.target.relative_to(REPOSITORY))
    return 0


if __name__ == "__main__":
    sys.exit(main())
