# SPDX-License-Identifier: GPL-2.0-or-later
"""Who owns a hidden folder, and the removal of those whose job was killed together with whoever started it.

A job holds a lock on the file ``owner`` in its folder for as long as it lives; the system lets go of it when the job
dies, also in another container. The file names the computer and its boot, because a lock may mean nothing to another
computer on the same network folder. A process number alone decides nothing: other containers count from 1 too.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import time
from pathlib import Path
from typing import Any, Dict, Optional

from ..files.process_lock import try_take
from .moves import recover
from .partial import OWNER, PREFIX, remove_folder

_NAME = re.compile(re.escape(PREFIX) + r"(\d+)-[0-9a-f]{8}")
_LARGEST_OWNER_BYTES = 4096
_UNSIGNED_S = 3600.0  # age from which an empty folder without owner is that of a job killed as it began


def sign_folder(folder: Path) -> Optional[int]:
    """Take a hidden folder into possession.

    Args:
        folder: The folder, of this process.

    Returns:
        File descriptor to keep open for as long as the folder is needed; None where its file system knows no locks,
        and then no other process will ever take the folder for abandoned.

    Raises:
        OSError: The folder cannot be written to.
    """
    owner = folder / OWNER
    try:
        descriptor = try_take(owner)
    except OSError:
        descriptor = None
    if descriptor is None:
        owner.write_text(json.dumps({**_here(), "locked": False}), encoding="ascii")
        return None
    os.write(descriptor, json.dumps({**_here(), "locked": True}).encode("ascii"))  # only now do others look at the lock
    return descriptor


def remove_abandoned(parent: Path) -> None:
    """Finish what dead jobs left in a folder: commits that they had begun, then their hidden folders.

    Args:
        parent: Folder of targets. Hidden folders that cannot be removed stay.

    Raises:
        OSError: A commit that a dead job had begun cannot be brought to its end.
    """
    for folder in parent.glob(PREFIX + "*"):
        if _is_stillborn(folder):
            with contextlib.suppress(OSError):  # somebody else was quicker, or it is not empty any more
                shutil.rmtree(folder)
        elif is_abandoned(folder):
            recover(folder)
            remove_folder(folder)


def is_abandoned(folder: Path) -> bool:
    """Whether a folder is one of ours, made by a job of this computer that is gone; when in doubt, not."""
    if _NAME.fullmatch(folder.name) is None or folder.is_symlink() or not _is_of_this_user(folder):
        return False
    owner = _read_owner(folder / OWNER)
    if not owner.get("locked"):
        return False
    here = _here()
    is_same_boot = bool(here["boot"]) and owner.get("boot") == here["boot"]
    if not is_same_boot and owner.get("host") != here["host"]:
        return False
    return is_free(folder)


def is_free(folder: Path) -> bool:
    """Whether no process holds the lock of a folder; also of one that has none."""
    try:
        descriptor = try_take(folder / OWNER, make=False)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def _is_stillborn(folder: Path) -> bool:
    """Whether a folder was made by a job that was killed before it could sign, or after it had removed all else."""
    try:
        if _NAME.fullmatch(folder.name) is None or folder.is_symlink() or not _is_of_this_user(folder):
            return False
        is_old = time.time() - folder.stat().st_mtime > _UNSIGNED_S
        return is_old and all(file.name == OWNER and file.stat().st_size == 0 for file in folder.iterdir())
    except OSError:
        return False


def _is_of_this_user(folder: Path) -> bool:
    """Whether this user made a folder, so that its journal may be believed."""
    try:
        return not hasattr(os, "geteuid") or folder.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _read_owner(path: Path) -> Dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = json.loads(stream.read(_LARGEST_OWNER_BYTES))
    except (OSError, ValueError, RecursionError):  # not signed, or not by this version
        return {}
    return content if isinstance(content, dict) else {}


def _here() -> Dict[str, str]:
    """This computer and its boot, by names that no two share; "" where the system does not say."""
    machine = _first_line("/etc/machine-id")
    return {"host": f"{platform.node()} {machine}".strip(), "boot": _first_line("/proc/sys/kernel/random/boot_id")}


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()[:100]
    except OSError:
        return ""
