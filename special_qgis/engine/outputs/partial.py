# SPDX-License-Identifier: GPL-2.0-or-later
"""Hidden folders beside the targets, in which outputs grow until they are whole.

A process that is killed cannot remove them itself. So whoever starts a job names a journal, a small text file, in the
environment; the job writes the path of each folder there before it makes it, and the starter removes what is left.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import List

PREFIX = ".special-"  # of the folders' names
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


def remove_left_over(journal: Path) -> List[Path]:
    """Remove the folders that a dead job noted in its journal and did not remove itself.

    Only folders that carry our prefix are touched, whatever the journal says.

    Args:
        journal: The file that the job was given; one that does not exist means that nothing was begun.

    Returns:
        Folders that are still there because they could not be removed.
    """
    if not journal.exists():
        return []
    remaining = []
    for line in journal.read_text(encoding="ascii", errors="replace").splitlines():
        folder = _folder_of(line)
        if folder is None or not folder.is_dir():
            continue
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            remaining.append(folder)
    return remaining


def _folder_of(line: str) -> Path | None:
    """Folder that a line of the journal names; None for a line cut short or a name that is not ours."""
    try:
        folder = Path(json.loads(line))
    except (ValueError, TypeError):
        return None
    return folder if folder.name.startswith(PREFIX) else None
