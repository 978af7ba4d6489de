# SPDX-License-Identifier: GPL-2.0-or-later
"""The commit: finished files moved to their targets, all or none of them, whenever the process is killed.

Before the first file is moved, a journal with all moves is written into the first hidden folder and seen safely on the
disk; the other folders point to it. From then on the outputs count as written: whoever finds the journal of a dead
process carries the moves out to the end. When a move fails, the journal is renamed first, and whoever finds it under
that name takes the moves back. Every step can be repeated, so a recovery may be killed too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..files.durable_files import sync_folder, write_durably
from ..files.process_lock import try_take
from .partial import OWNER, PREFIX

_JOURNAL = "moves.json"  # in the first hidden folder of a job
_TURNED = "moves-back.json"  # its name once the moves are to be taken back
_POINTER = "moves-in.json"  # in its other ones: path of the first
_BACKUPS = "replaced"  # folder in a hidden folder: second names of files that will be replaced
_OURS = re.compile(re.escape(PREFIX) + r"\d+-[0-9a-f]{8}")
_RECOVERY_WAIT_S = 5.0  # for another process that recovers the same journal

Identity = Tuple[int, int, int]  # inode, time of the last change in ns, bytes


class Move(NamedTuple):
    """One step of a commit."""

    source: Optional[Path]  # finished file in a hidden folder; None = only take the target away
    target: Path
    backup: Optional[Path] = None  # second name of the file that was at the target; None = there was none
    old: Optional[Identity] = None  # of the file that was at the target


class MoveError(OSError):
    """A finished file cannot be moved; all targets are as they were.

    Args:
        target: Where it should have gone.
        reason: What the system says.
    """

    def __init__(self, target: Path, reason: OSError) -> None:
        super().__init__(reason.errno, reason.strerror or str(reason))
        self.target = target


def carry_out(moves: Sequence[Move], folders: Sequence[Path]) -> None:
    """Do all moves or none.

    Args:
        moves: What to do; targets lie beside the hidden folders, sources in them.
        folders: The hidden folders, one for each folder of targets; the first one gets the journal.

    Raises:
        MoveError: A move failed, and all targets are as they were.
        TornError: A move failed, and could not be taken back.
        OSError: A journal or a second name cannot be written; nothing was moved.
    """
    if not moves:
        return
    by_parent = {folder.parent: folder for folder in folders}
    prepared = [_prepare(move, by_parent[move.target.parent], number) for number, move in enumerate(moves)]
    for folder in folders[1:]:
        write_durably(folder / _POINTER, json.dumps(str(folders[0])).encode("ascii"))
    journal = folders[0] / _JOURNAL
    for folder in folders:
        sync_folder(folder.parent)  # the names of finished files went to the disk with the files
    target = Path()
    try:
        _write_journal(journal, prepared, folders)
        for move in prepared:
            target = move.target
            _move(move, is_first_try=True)
    except BaseException as error:
        has_begun = journal.exists()
        if has_begun:
            _turn_round(journal, prepared)
        if isinstance(error, OSError) and has_begun:
            raise MoveError(target, error) from error
        raise
    _close(journal, prepared)


class TornError(OSError):
    """Files could be neither moved nor put back. The journal stays, and the next run in that folder tries again."""


def recover(folder: Path) -> bool:
    """Bring a commit that a dead process had begun to its end.

    Args:
        folder: A hidden folder of that process; all its folders are looked after at once.

    Returns:
        Whether the outputs are in place now because of it; False where nothing had been begun, or it was taken back.

    Raises:
        OSError: A file cannot be moved now, or another process is at it; the journal stays for the next attempt.
    """
    first = _first_folder(folder)
    if not is_unfinished(first):
        return False
    descriptor = _take_patiently(first / OWNER)
    try:
        journal = first / (_TURNED if (first / _TURNED).exists() else _JOURNAL)
        moves = _read_journal(journal)
        if moves is None:  # finished by another process meanwhile
            return False
        _finish(journal, moves)
        return journal.name == _JOURNAL
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_unfinished(folder: Path) -> bool:
    """Whether a commit of a hidden folder waits for its end, so that nothing in the folder may be removed."""
    first = _first_folder(folder)
    return (first / _TURNED).exists() or (first / _JOURNAL).exists()


def _prepare(move: Move, folder: Path, number: int) -> Move:
    """The move with a second name for the file that it replaces, or a copy where there are no hard links."""
    if not os.path.lexists(move.target):
        return move
    (folder / _BACKUPS).mkdir(exist_ok=True)
    backup = folder / _BACKUPS / str(number)
    try:
        os.link(move.target, backup)
    except OSError:
        try:
            shutil.copy2(move.target, backup)
        except OSError as error:
            raise MoveError(move.target, error) from error
    return move._replace(backup=backup, old=_identity(move.target))


def _move(move: Move, is_first_try: bool) -> None:
    """Do one move; one that has been done already is left."""
    if move.source is not None:
        if is_first_try or move.source.exists():
            move.source.replace(move.target)
    elif is_first_try or (move.old is not None and _identity(move.target) == move.old):
        move.target.unlink()


def _undo(move: Move) -> None:
    """Take one move back; one that has not been done, or was taken back already, is left."""
    if move.backup is not None:
        if move.backup.exists():
            move.backup.replace(move.target)  # does nothing while both are names of one file
    elif move.source is not None and not move.source.exists():
        move.target.unlink(missing_ok=True)


def _turn_round(journal: Path, moves: Sequence[Move]) -> None:
    """Take back what has been done of the moves, after noting that this is what whoever goes on has to do."""
    try:
        turned = journal.replace(journal.with_name(_TURNED))  # needs no space on the disk
        sync_folder(journal.parent)
        _finish(turned, moves)
    except OSError as error:
        raise TornError(error.errno, f"{error}; the files that were there before are in {journal.parent}") from error


def _finish(journal: Path, moves: Sequence[Move]) -> None:
    for move in moves:
        if journal.name == _JOURNAL:
            _move(move, is_first_try=False)
        else:
            _undo(move)
    _close(journal, moves)


def _close(journal: Path, moves: Sequence[Move]) -> None:
    """The commit has ended, one way or the other: see the names on the disk, then let go of the journal."""
    for parent in {move.target.parent for move in moves}:
        sync_folder(parent)
    journal.unlink()


def _identity(path: Path) -> Optional[Identity]:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _write_journal(journal: Path, moves: Sequence[Move], folders: Sequence[Path]) -> None:
    content = {
        "folders": [str(folder) for folder in folders],
        "moves": [[_text(m.source), str(m.target), _text(m.backup), m.old and list(m.old)] for m in moves],
    }
    write_durably(journal, json.dumps(content).encode("ascii"))  # escapes keep any path, also an undecodable one


def _text(path: Optional[Path]) -> Optional[str]:
    return None if path is None else str(path)


def _read_journal(journal: Path) -> Optional[List[Move]]:
    """Moves of a journal; None where there is none, or one that this version did not write."""
    try:
        content: Dict[str, Any] = json.loads(journal.read_bytes())
        folders = [Path(folder) for folder in content["folders"]]
        moves = [
            Move(source and Path(source), Path(target), backup and Path(backup), old and tuple(old))
            for source, target, backup, old in content["moves"]
        ]
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return moves if all(_stays_beside(move, folders) for move in moves) else None


def _stays_beside(move: Move, folders: Sequence[Path]) -> bool:
    """Whether a move of a journal touches nothing but hidden folders of ours and the files beside them."""
    beside = [folder for folder in folders if folder.parent == move.target.parent and _OURS.fullmatch(folder.name)]
    inner = [path for path in (move.source, move.backup) if path is not None]
    return any(folder.is_dir() and all(folder in path.parents for path in inner) for folder in beside) and not any(
        ".." in path.parts for path in (*inner, move.target)
    )


def _first_folder(folder: Path) -> Path:
    """The hidden folder that has the journal of this one's job."""
    try:
        first = Path(json.loads((folder / _POINTER).read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):  # it is the first, or nothing was begun
        return folder
    return first if _OURS.fullmatch(first.name) else folder


def _take_patiently(owner: Path) -> Optional[int]:
    """The lock of a dead process's folder; None where there is none to take.

    Raises:
        OSError: Another process holds it and keeps it.
    """
    until = time.monotonic() + _RECOVERY_WAIT_S
    while True:
        try:
            descriptor = try_take(owner, make=False)
        except OSError:  # no such file, or a file system without locks
            return None
        if descriptor is not None:
            return descriptor
        if time.monotonic() > until:
            raise OSError(f"another process still uses the unfinished outputs in {owner.parent}")
        time.sleep(0.05)
