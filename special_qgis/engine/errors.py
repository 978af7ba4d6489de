# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors of the engine: what every stage raises when it cannot go on.

Each class inherits the project's root and the built-in that fits, so that callers may catch either. A message has
three sentences: what is wrong, with which value; what is accepted; what to do next. The last one is kept apart as
``hint`` so that a dialog can show it on its own line.
"""

from __future__ import annotations


class EngineError(Exception):
    """Root of all errors that the engine raises on purpose.

    Args:
        message: What is wrong, with which value, and what is accepted.
        hint: What the user can do next; empty when the message says it all.
    """

    kind = "engine"  # word that crosses the process boundary in an ``error`` event

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ConfigError(EngineError, ValueError):
    """A parameter has a value that is not accepted."""

    kind = "config"


class InputError(EngineError, ValueError):
    """The data given cannot be used as they are."""

    kind = "input"


class ClassListError(InputError):
    """The list of class names cannot be understood."""

    kind = "classes"


class SpectraError(InputError):
    """Wavelengths are missing, contradictory or do not cover what a stage needs."""

    kind = "spectra"


class RasterReadError(EngineError, OSError):
    """A raster or vector source cannot be read."""

    kind = "read"


class RasterWriteError(EngineError, OSError):
    """An output cannot be written."""

    kind = "write"


class CompileError(EngineError, RuntimeError):
    """PyTorch cannot make machine code for a network here."""

    kind = "compile"


class RuntimeMissingError(EngineError, RuntimeError):
    """A stage needs packages that the interpreter does not have."""

    kind = "runtime"


class ModelError(EngineError, ValueError):
    """A checkpoint cannot be used: not there, not the one it should be, damaged, unsafe, or of another architecture."""

    kind = "model"


class ModelFolderError(EngineError, OSError):
    """The folder of models cannot be used, or another process is changing it."""

    kind = "models"


class DownloadError(EngineError, OSError):
    """A file cannot be downloaded."""

    kind = "download"


class RefinementError(EngineError, ArithmeticError):
    """Training diverged or gave a map of hardly any information; the first stage's result is the one to use.

    Args:
        message: What happened, with which value, and what is accepted.
        reason: Reason in one word: "loss", "collapse" or "disagreement".
        hint: What the user can do next.
    """

    kind = "refinement"

    def __init__(self, message: str, reason: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class Cancelled(Exception):  # noqa: N818 - a request, not an error
    """The user cancelled. Not an ``EngineError``, so that no error handler swallows it."""
