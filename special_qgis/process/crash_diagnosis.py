# SPDX-License-Identifier: GPL-2.0-or-later
"""Says in words why a worker ended without a word of its own, from its exit code and the end of its log."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

_MEMORY = (
    "Close other programs, set a smaller memory budget under the advanced parameters, or limit the work to an extent."
)
_REPORT = "Run it once more; if it happens again, please report it with the log."
_RUNTIME = "Run 'Check runtime' to see what the engine's Python can import, then 'Install runtime' to repair it."
_INSTALL = "Repair or reinstall QGIS, then run 'Check runtime'."


class Diagnosis(NamedTuple):
    """Why a worker ended."""

    kind: str  # as in an ``error`` event: memory, crash, runtime or stopped
    message: str
    hint: str


_MEMORY_END = Diagnosis("memory", "The system ended the worker, most likely because memory ran out", _MEMORY)
_OUTSIDE_END = Diagnosis("stopped", "Something outside QGIS ended the worker", "Run it again.")
_ACCESS = Diagnosis("crash", "A library used by the worker crashed (invalid memory access)", _REPORT)
_ABORT = Diagnosis("crash", "A library used by the worker gave up (abort)", _REPORT)
_ILLEGAL = Diagnosis(
    "crash", "A library used by the worker needs a newer processor (illegal instruction)", "Use another machine."
)
_MAPPED = Diagnosis(
    "crash",
    "The worker lost access to a file or to memory while using it (bus error)",
    "Check that the disk is not full and that no input was changed or removed meanwhile.",
)

_SIGNALS: Dict[int, Diagnosis] = {
    1: _OUTSIDE_END,
    2: _OUTSIDE_END,
    4: _ILLEGAL,
    6: _ABORT,
    7: _MAPPED,
    9: _MEMORY_END,
    10: _MAPPED,  # macOS
    11: _ACCESS,
    15: _OUTSIDE_END,
}

_WINDOWS: Dict[int, Diagnosis] = {
    0xC0000005: _ACCESS,
    0xC0000017: _MEMORY_END,
    0xC000001D: _ILLEGAL,
    0xC00000FD: Diagnosis("crash", "A library used by the worker crashed (stack overflow)", _REPORT),
    0xC000012D: _MEMORY_END,
    0xC0000135: Diagnosis("runtime", "A library (DLL) that the worker needs is missing", _INSTALL),
    0xC0000139: Diagnosis("runtime", "A library (DLL) that the worker needs has the wrong version", _INSTALL),
    0xC000013A: _OUTSIDE_END,
    0xC0000142: Diagnosis("runtime", "A library (DLL) that the worker needs could not start", _INSTALL),
    0xC0000409: _ABORT,
}

# Words at the end of a log that tell more than the exit code does, and what they mean.
_TRACES: Tuple[Tuple[str, Diagnosis], ...] = (
    ("MemoryError", _MEMORY_END._replace(message="Memory ran out in the worker")),
    ("No module named", Diagnosis("runtime", "The engine's Python lacks a module", _RUNTIME)),
    ("ImportError", Diagnosis("runtime", "The engine's Python cannot load a module", _RUNTIME)),
    ("DLL load failed", Diagnosis("runtime", "The engine's Python cannot load a library (DLL)", _RUNTIME)),
    ("init_fs_encoding", Diagnosis("runtime", "The engine's Python cannot start", _RUNTIME)),
)


def diagnose(exit_code: int, log_end: str) -> Diagnosis:
    """Say why a worker ended.

    Args:
        exit_code: Exit code of the process; minus the signal's number on POSIX, on Windows signed or not.
        log_end: Last lines of what it wrote to standard error.
    """
    unsigned = exit_code & 0xFFFFFFFF
    signal_number = -exit_code if -65 < exit_code < 0 else exit_code - 128 if 128 < exit_code < 193 else 0
    if signal_number in _SIGNALS:
        return _with_detail(_SIGNALS[signal_number], f"signal {signal_number}")
    if signal_number and exit_code < 0:
        return _with_detail(Diagnosis("crash", "The worker crashed", _REPORT), f"signal {signal_number}")
    if unsigned in _WINDOWS:
        return _with_detail(_WINDOWS[unsigned], f"code 0x{unsigned:08X}")
    for words, diagnosis in _TRACES:
        if words in log_end:
            return _with_detail(diagnosis, f"exit code {exit_code}")
    return _with_detail(Diagnosis("crash", "The worker ended without a result", _REPORT), f"exit code {exit_code}")


def _with_detail(diagnosis: Diagnosis, detail: str) -> Diagnosis:
    return diagnosis._replace(message=f"{diagnosis.message} ({detail}).")
