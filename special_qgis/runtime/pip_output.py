# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what pip says: how far it is, as far as it shows, and why it failed."""

from __future__ import annotations

from typing import Sequence, Tuple

from ..engine.progress import Progress

_COUNTED = ("Collecting ", "Requirement already satisfied: ")
_SHOWN = (*_COUNTED, "Downloading ", "Using cached ", "Processing ", "Installing collected packages")
_INSTALLING_AT = 0.8  # fraction at which pip begins to unpack; it says no more from there on
_MESSAGE_CHARS = 100

# Words in pip's output, what they mean, what to do; the first that is found counts.
_CAUSES: Tuple[Tuple[Tuple[str, ...], str, str], ...] = (
    (
        ("No space left on device", "Errno 28", "not enough space on the disk"),
        "The disk is full.",
        "Free some disk space, or set SPECIAL_DATA_DIR to a folder on another disk.",
    ),
    (
        ("not a valid wheel", "BadZipFile", "is invalid", "not a zip file", "has an invalid wheel", "bad RECORD"),
        "A wheel is broken.",
        "Remove it from the folder of wheels, or clear pip's cache (pip cache purge), and try again.",
    ),
    (
        ("DO NOT MATCH THE HASHES",),
        "A package is not the one that the lock file names.",
        "Clear pip's cache (pip cache purge) and try again; if it happens again, please report it.",
    ),
    (
        ("ProxyError", "407 Proxy", "NewConnectionError", "NameResolutionError", "Failed to establish", "SSLError",
         "ConnectTimeoutError", "ReadTimeoutError", "CERTIFICATE_VERIFY_FAILED", "Network is unreachable"),
        "The package index cannot be reached.",
        "Check the network and the proxy in QGIS's options, or install from a folder of wheels.",
    ),
    (
        ("ResolutionImpossible", "conflicting dependencies"),
        "The packages contradict QGIS's own.",
        "Please report this with the log and the versions of QGIS and its Python.",
    ),
    (
        ("No matching distribution found", "Could not find a version"),
        "A package is not offered for this version of Python and this system.",
        "Add the missing wheel to the folder of wheels, or check which index pip is set to use.",
    ),
)  # fmt: skip


class PipProgress:
    """Turns pip's lines into progress.

    Args:
        feedback: Receives progress and messages.
        n_distributions: How many distributions the lock file names; not all are for this system, so it may end early.
    """

    def __init__(self, feedback: Progress, n_distributions: int) -> None:
        self._feedback = feedback
        self._n_expected = max(1, n_distributions)
        self._n_seen = 0
        self._fraction = 0.0

    def read(self, line: str) -> None:
        """Take one line of pip's output."""
        text = line.strip()
        if text.startswith(_COUNTED):
            self._n_seen += 1
            self._fraction = _INSTALLING_AT * min(1.0, self._n_seen / self._n_expected)
        elif text.startswith("Installing collected packages"):
            self._fraction = _INSTALLING_AT
            text = "Unpacking the packages; this takes minutes"
        if line.strip().startswith(_SHOWN):
            self._feedback.report(self._fraction, text[:_MESSAGE_CHARS])


def explain_pip_failure(lines: Sequence[str]) -> Tuple[str, str]:
    """Say why pip failed.

    Args:
        lines: Last lines of its output.

    Returns:
        Message, with pip's own last error in it, and hint.
    """
    output = "\n".join(lines)
    errors = [line.strip() for line in lines if line.strip().startswith("ERROR:")] or [
        line.strip() for line in lines if line.strip()
    ]
    said = f' pip said: "{errors[-1][:300]}"' if errors else ""
    for words, meaning, hint in _CAUSES:
        if any(word in output for word in words):
            return meaning + said, hint
    return "pip could not install the packages." + said, "See the log for the whole output."
