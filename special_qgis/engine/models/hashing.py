# SPDX-License-Identifier: GPL-2.0-or-later
"""SHA-256 of files, block by block, with progress and cancel."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from ..errors import ConfigError, ModelError
from ..progress import Progress, check_cancelled

BLOCK_BYTES = 4 * 2**20


def sha256_of(path: Path, progress: Progress) -> str:
    """Hash of a file, in lower-case hexadecimal digits.

    Args:
        path: The file.
        progress: Receives the share of the file that is hashed; checked for cancel at every block.

    Raises:
        OSError: The file cannot be read.
        Cancelled: The user cancelled.
    """
    digest = hashlib.sha256()
    n_bytes = max(1, path.stat().st_size)
    n_read = 0
    with path.open("rb") as stream:
        while True:
            check_cancelled(progress)
            block = stream.read(BLOCK_BYTES)
            if not block:
                return digest.hexdigest()
            digest.update(block)
            n_read += len(block)
            progress.report(n_read / n_bytes, f"Checking {path.name}")


def require_sha256(text: str) -> str:
    """A hash as typed, in lower case; "" stays "".

    Raises:
        ConfigError: It is no SHA-256.
    """
    digits = text.strip().lower()
    if digits and not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ConfigError(
            f"The SHA-256 must be 64 hexadecimal digits; got {text!r}.", "Copy it from the page of the checkpoint."
        )
    return digits


def check_hash(file: str, wanted: str, got: str, is_guess: bool = False) -> None:
    """Refuse a file that is not the one it should be.

    Args:
        file: Name of the file, for the message.
        wanted: Hash that it should have; "" = not known, so any is accepted.
        got: Hash that it has.
        is_guess: Whether what the file should be was taken from its name alone.

    Raises:
        ModelError: They differ.
    """
    if wanted and wanted != got:
        other = " Another model on purpose needs a name of its own." if is_guess else ""
        raise ModelError(
            f"{file} is not the file that was expected: its SHA-256 is {got}, wanted is {wanted}.",
            f"Download it again from its page; if the hash stays the same, do not use the file.{other}",
        )
