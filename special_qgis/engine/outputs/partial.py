# SPDX-License-Identifier: GPL-2.0-or-later
"""Hidden folders beside the targets, in which outputs grow until they are whole.

A process that is killed cannot remove them itself. So whoever starts a job names a journal, a small text file, in the
environment; the job writes the path of each folder there before it makes it, and the starter removes what is left,
once a commit that the job had begun is at its end (``leftover``).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import List

PREFIX = ".special-"  # of the folders' names
OWNER = "owner"  # file in a folder: whose it is, locked while that process lives
JOURNAL_VARIABLE = "SPECIAL_OUTPUT_JOURNAL"  # environment variable with the path of the journal


def make_partial_folder(target: Path) -> Path:
    """Make a hidden folder beside a target, on the same file system, and note it in the journal if there is one.

    Args:
        target: Path of the output that will be moved there when whole.

    Returns:
        The new, empty folder.

    Raises:
        OSError: The folder cannot be made.
    """
    folder = target.absolute().parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    journal = os.environ.get(JOURNAL_VARIABLE, "")
    if journal:
        with Path(journal).open("a", encoding="ascii") as stream:
            stream.write(json.dumps(str(folder)) + "\n")  # ASCII escapes keep any path, also an undecodable one
    folder.mkdir()
    return folder


def noted_folders(journal: Path) -> List[Path]:
    """Folders that a job noted in its journal and that are still there.

    Only folders that carry our prefix are given, whatever the journal says.

    Args:
        journal: The file that the job was given; one that does not exist means that nothing was begun.
    """
    if not journal.exists():
        return []
    lines = journal.read_text(encoding="ascii", errors="replace").splitlines()
    folders = [_folder_of(line) for line in lines]
    return [folder for folder in folders if folder is not None and folder.is_dir()]


def remove_folder(folder: Path) -> None:
    """Remove a hidden folder, the file that names its owner last, so that a removal cut short can be finished later.

    Args:
        folder: The folder; what cannot be removed stays.
    """
    with contextlib.suppress(OSError):
        for child in sorted(folder.iterdir(), key=lambda child: child.name == OWNER):
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child, ignore_errors=True)
            else:
                child.unlink()
        folder.rmdir()


def _folder_of(line: str) -> Path | None:
    """Folder that a line of the journal names; None for a line cut short or a name that is not ours."""
    try:
        folder = Path(json.loads(line))
    except (ValueError, TypeError):
        return None
    return folder if folder.name.startswith(PREFIX) else None
