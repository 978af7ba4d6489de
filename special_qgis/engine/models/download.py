# SPDX-License-Identifier: GPL-2.0-or-later
"""Downloads a checkpoint into the folder of models; the only module of the engine that touches the network.

What has arrived stays under a temporary name when the connection breaks or the user cancels, together with what the
server said about it, and the next attempt goes on from there if the server's file is still the same (``If-Range``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterator, Mapping, Optional

from ..errors import DownloadError, ModelError, ModelFolderError
from ..progress import Progress, SubProgress, check_cancelled
from ..texts.plain_text import parse_json
from .hashing import sha256_of
from .importing import (
    Wish,
    adopt,
    check_length,
    explain_write_error,
    find_entry,
    remove_left_over,
    require_space,
    tell_unverified,
)
from .library import InstalledModel, folder_lock
from .registry import ModelEntry
from .transfer import Answer, BrokenTransferError, RangeRefusedError, Transfer, check_url, shown_url

PARTIAL_PREFIX = ".download-"
_ATTEMPTS = 5  # in a row that get no further
_FIRST_PAUSE_S = 0.5  # doubled after each attempt
_POLL_S = 0.1
_LENGTH_DIGITS = 18  # of a length that can be believed


@dataclass(frozen=True)
class _Remembered:
    """What the server said about the file that has partly arrived."""

    etag: str = ""
    last_modified: str = ""
    n_total: int = -1  # length of the whole file; -1 = not known

    @property
    def validator(self) -> str:
        """What ``If-Range`` sends; "" where it cannot be known whether the file is still the same."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


def download_model(url: str, folder: Path, wish: Wish, progress: Progress, proxy: str = "") -> InstalledModel:
    """Download a checkpoint and make it a model.

    Args:
        url: Address of the file.
        folder: The folder of models.
        wish: Name, hash, architecture, licence and source that the user gives; what is left out is found out.
        progress: Receives progress, messages and warnings; checked for cancel while waiting and at every block.
        proxy: URL of an HTTP proxy; "" = that of the environment, if any.

    Raises:
        DownloadError: The server cannot be reached, refuses, or breaks off again and again; what has arrived stays for
            the next attempt.
        ModelError: Wrong hash or length, no checkpoint, unsafe, or of an unsupported architecture; nothing stays.
        ModelFolderError: The folder cannot be written, is full, or another import is running.
        Cancelled: The user cancelled; what has arrived stays for the next attempt.
    """
    url = check_url(url)
    file_name = _file_name(url)
    wish = replace(wish, source=wish.source or shown_url(url))
    with folder_lock(folder), _explained_errors(folder):
        remove_left_over(folder)
        partial = folder / f"{PARTIAL_PREFIX}{hashlib.sha256(url.encode('utf-8')).hexdigest()[:16]}.part"
        entry = find_entry(wish, file_name, "")
        _fetch(url, partial, entry, _Attempts(SubProgress(progress, 0.0, 0.9), proxy))
        try:
            check_length(file_name, entry, partial.stat().st_size)
            sha256 = sha256_of(partial, SubProgress(progress, 0.9, 1.0))
            model = adopt(partial, folder, wish, Path(file_name), sha256)
        except ModelError:
            forget(partial)
            raise
        forget(partial)
    tell_unverified(model, wish, progress)
    progress.report(1.0, f"{model.name} is installed")
    return model


def forget(partial: Path) -> None:
    """Remove what has arrived of a file, and what is remembered about it."""
    partial.unlink(missing_ok=True)
    _memory_of(partial).unlink(missing_ok=True)


class _Attempts:
    """Progress and proxy of all attempts, and how many failed in a row."""

    def __init__(self, progress: Progress, proxy: str) -> None:
        self.progress = progress
        self.proxy = proxy
        self._n_failed = 0
        self._furthest = 0  # bytes

    def note_position(self, n_done: int) -> None:
        """So many bytes are there. Only what no attempt had before counts: a server may break at one place for ever."""
        if n_done > self._furthest:
            self._furthest = n_done
            self._n_failed = 0

    def note_failure(self, url: str, error: BrokenTransferError) -> None:
        """An attempt has failed: wait a while, or give up.

        Raises:
            DownloadError: It was one too many.
            Cancelled: The user cancelled.
        """
        self._n_failed += 1
        if self._n_failed >= _ATTEMPTS:
            raise DownloadError(
                f"{shown_url(url)} cannot be downloaded: {error}.",
                "Check the network and the proxy in QGIS's options, then run it again: it goes on where it stopped. "
                "Or download the file on another machine and import it.",
            ) from error
        self.progress.info(f"No connection, or it broke off ({error}); trying again.")
        until = time.monotonic() + _FIRST_PAUSE_S * 2 ** (self._n_failed - 1)
        while time.monotonic() < until:
            check_cancelled(self.progress)
            time.sleep(_POLL_S)


def _fetch(url: str, partial: Path, entry: Optional[ModelEntry], attempts: _Attempts) -> None:
    """Attempt after attempt until the file is whole."""
    while True:
        try:
            _attempt(url, partial, entry, attempts)
            return
        except BrokenTransferError as error:
            attempts.note_failure(url, error)


def _attempt(url: str, partial: Path, entry: Optional[ModelEntry], attempts: _Attempts) -> None:
    remembered = _recall(partial)
    n_there = partial.stat().st_size if partial.exists() and remembered.validator else 0
    if 0 < remembered.n_total == n_there:
        return
    if 0 <= remembered.n_total < n_there:  # not what was remembered
        n_there = 0
    with Transfer(url, _range_headers(n_there, remembered), attempts.proxy, attempts.progress) as transfer:
        try:
            answer = transfer.answer()
        except RangeRefusedError:
            forget(partial)
            raise
        if answer.status == 206 and not _is_same_file(answer, remembered):
            forget(partial)
            raise BrokenTransferError("the file on the server is another one by now")
        n_begin = n_there if _goes_on(answer, n_there) else 0
        expected = _expected(answer, n_begin)
        _require_room(partial, entry, expected, n_begin)
        _remember(partial, answer, expected)
        n_done = n_begin
        with partial.open("r+b" if n_begin else "wb") as stream:
            stream.seek(n_begin)
            for block in transfer.blocks():
                stream.write(block)
                n_done += len(block)
                attempts.note_position(n_done)
                if expected > 0:
                    attempts.progress.report(n_done / expected, f"Downloading {_file_name(url)}")
            stream.flush()
            os.fsync(stream.fileno())
    if expected >= 0 and n_done < expected:
        raise BrokenTransferError(f"it ended after {n_done} of {expected} bytes")


def _range_headers(n_there: int, remembered: _Remembered) -> Dict[str, str]:
    return {"Range": f"bytes={n_there}-", "If-Range": remembered.validator} if n_there else {}


def _goes_on(answer: Answer, n_there: int) -> bool:
    """Whether the body goes on where we are; a server may also send the whole file again."""
    match = re.match(r"bytes (\d{1,18})-", answer.headers.get("content-range", ""))
    if answer.status == 206 and n_there and match and int(match.group(1)) == n_there:
        return True
    if answer.status == 206:
        raise BrokenTransferError("the server sent another part of the file than was asked for")
    return False


def _is_same_file(answer: Answer, remembered: _Remembered) -> bool:
    """Whether a part is of the file that is partly there: by its length and by what the server calls its version."""
    total = _expected(answer, 0) if "content-range" in answer.headers else -1
    versions = (("etag", remembered.etag), ("last-modified", remembered.last_modified))
    told = [(answer.headers[key], before) for key, before in versions if key in answer.headers and before]
    is_same_length = total == remembered.n_total or -1 in (total, remembered.n_total)
    return is_same_length and all(now == before for now, before in told)


def _expected(answer: Answer, n_begin: int) -> int:
    """Length of the whole file; -1 where the server does not give it."""
    match = re.match(r"bytes \d{1,18}-\d{1,18}/(\d{1,18})$", answer.headers.get("content-range", ""))
    if match:
        return int(match.group(1))
    length = answer.headers.get("content-length", "")
    return n_begin + int(length) if length.isdecimal() and len(length) <= _LENGTH_DIGITS else -1


def _require_room(partial: Path, entry: Optional[ModelEntry], expected: int, n_begin: int) -> None:
    """Refuse a wrong length or a lack of space before the body is fetched."""
    if expected >= 0:
        try:
            check_length("The file on the server", entry, expected)
            require_space(partial.parent, expected - n_begin)
        except ModelError:
            forget(partial)
            raise


def _memory_of(partial: Path) -> Path:
    return partial.with_suffix(".json")


def _remember(partial: Path, answer: Answer, n_total: int) -> None:
    content: Mapping[str, object] = {
        "etag": answer.headers.get("etag", ""),
        "last_modified": answer.headers.get("last-modified", ""),
        "n_total": n_total,
    }
    _memory_of(partial).write_text(json.dumps(content), encoding="utf-8")


def _recall(partial: Path) -> _Remembered:
    try:
        content = parse_json(_memory_of(partial).read_text(encoding="utf-8"))
        return _Remembered(str(content["etag"]), str(content["last_modified"]), int(content["n_total"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):  # nothing is known, so the download begins anew
        return _Remembered()


def _file_name(url: str) -> str:
    path = url.partition("?")[0].partition("#")[0].rstrip("/")
    return re.sub(r"[^A-Za-z0-9._-]", "_", path.rpartition("/")[2]) or "checkpoint"


@contextlib.contextmanager
def _explained_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, (ModelFolderError, DownloadError)):
            raise
        raise explain_write_error(folder, error) from error
