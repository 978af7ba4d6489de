# SPDX-License-Identifier: GPL-2.0-or-later
"""One scene of a campaign as a task of plain values: skip it where it is finished, else map it and note it down.

Runs the same in a worker process of this machine and on a worker of a cluster; whatever goes wrong with a scene is
its outcome, so that one bad scene never ends a campaign.
"""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple

from ..config import ClassifyConfig
from ..errors import EngineError
from ..jobs import run_job
from ..progress import Progress
from ..worker import MEMORY_HINT, to_plain

__all__ = ["DONE", "FAILED", "SKIPPED", "Task", "run_task"]

DONE, SKIPPED, FAILED = "done", "skipped", "failed"  # how a scene ended


class Task(NamedTuple):
    """A scene to map; JSON values alone."""

    name: str
    folder: str  # that its outputs go into
    options: Mapping[str, Any]  # JSON form of ClassifyConfig
    resume: bool  # skip it where it is finished


def run_task(task: Task, progress: Progress) -> Dict[str, Any]:
    """Do a task.

    Args:
        task: The scene.
        progress: Receives progress, messages and warnings of the scene.

    Returns:
        ``status`` (DONE, SKIPPED or FAILED), ``result`` of the job, ``seconds``, and where it failed ``kind``,
        ``message`` and ``hint``.

    Raises:
        Cancelled: The user cancelled; nothing of this scene has been written.
    """
    began = time.monotonic()
    try:
        return _map_or_skip(task, progress)
    except EngineError as error:
        return failed(error.kind, error.message, error.hint, time.monotonic() - began)
    except MemoryError as error:
        return failed("memory", f"Memory ran out. {error}".strip(), MEMORY_HINT, time.monotonic() - began)
    except Exception as error:  # noqa: BLE001 - a fault of ours with one scene must not end the others
        traceback.print_exc()
        message = f"The engine stopped because of a fault of its own ({type(error).__name__}: {error})."
        return failed("bug", message, "Please report this, with the log.", time.monotonic() - began)


def failed(kind: str, message: str, hint: str = "", seconds: float = 0.0) -> Dict[str, Any]:
    """Outcome of a scene that cannot be mapped."""
    return {"status": FAILED, "result": {}, "seconds": seconds, "kind": kind, "message": message, "hint": hint}


def _map_or_skip(task: Task, progress: Progress) -> Dict[str, Any]:
    # imported here, so that a worker sets its number of threads before NumPy and GDAL are loaded
    from .fingerprint import fingerprint, list_inputs
    from .manifest import Manifest, measure_outputs, read_manifest, remove_manifest, write_manifest

    folder = Path(task.folder)
    config = ClassifyConfig.from_json(task.options)
    inputs = list_inputs(config)
    key = fingerprint(config, inputs)
    known = read_manifest(folder) if task.resume else None
    if known is not None and known.holds(folder, key):
        return {"status": SKIPPED, "result": dict(known.result), "seconds": known.seconds}
    remove_manifest(folder)
    began = time.monotonic()
    result = to_plain(run_job("classify", task.options, progress))
    seconds = time.monotonic() - began
    outputs = measure_outputs(folder, {name: result.get(name) for name in task.options["outputs"]})
    write_manifest(folder, Manifest(key, task.options, inputs, outputs, result, seconds))
    return {"status": DONE, "result": result, "seconds": seconds}
