# SPDX-License-Identifier: GPL-2.0-or-later
"""The manifest of a finished scene: what it was made from, what was made, and what came out.

A scene is finished when its manifest says so for the same inputs and options and all its outputs are there. It is
written after the outputs and removed before they are made again, so it never speaks of others than those.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from ..outputs.output_set import OutputSet
from ..texts.decoding import read_text_file
from ..texts.plain_text import parse_json

__all__ = ["MANIFEST_NAME", "Manifest", "measure_outputs", "read_manifest", "remove_manifest", "write_manifest"]

MANIFEST_NAME = "scene.json"
VERSION = 1  # of the manifest's keys; another one is not read


@dataclass(frozen=True)
class Manifest:
    """What is known of a finished scene."""

    fingerprint: str  # of inputs and options
    options: Mapping[str, Any]  # JSON form of the job's configuration
    inputs: Any  # from fingerprint.list_inputs
    outputs: Mapping[str, int]  # bytes of each output by its name in the scene's folder
    result: Mapping[str, Any]  # of the job
    seconds: float  # that the job took

    def holds(self, folder: Path, fingerprint: str) -> bool:
        """Whether the outputs in a folder are those of a fingerprint, whole."""
        return self.fingerprint == fingerprint and all(
            (folder / name).is_file() and (folder / name).stat().st_size == n_bytes
            for name, n_bytes in self.outputs.items()
        )


def read_manifest(folder: Path) -> Optional[Manifest]:
    """The manifest of a scene's folder; None where there is none that can be read."""
    try:
        content: Dict[str, Any] = parse_json(read_text_file(folder / MANIFEST_NAME))
        if content.pop("manifest_version") != VERSION:
            return None
        manifest = Manifest(**content)
        is_whole = isinstance(manifest.outputs, dict) and isinstance(manifest.result, dict)
        return manifest if is_whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or of something else: not finished
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a scene's folder, whole or not at all.

    Raises:
        RasterWriteError: It cannot be written.
    """
    content = {
        "manifest_version": VERSION,
        "fingerprint": manifest.fingerprint,
        "seconds": manifest.seconds,
        "outputs": dict(manifest.outputs),
        "result": dict(manifest.result),
        "inputs": manifest.inputs,
        "options": dict(manifest.options),
    }
    with OutputSet() as outputs:
        outputs.text(str(folder / MANIFEST_NAME), json.dumps(content, indent=1, allow_nan=False) + "\n")
        outputs.commit()


def remove_manifest(folder: Path) -> None:
    """Take the manifest away, because its outputs are going to be made again.

    Raises:
        OSError: It cannot be removed.
    """
    (folder / MANIFEST_NAME).unlink(missing_ok=True)


def measure_outputs(folder: Path, paths: Mapping[str, Any]) -> Dict[str, int]:
    """Bytes of each output by its name in the folder.

    Args:
        folder: Folder of the scene.
        paths: Path by name of the output; empty = it was not made.
    """
    return {Path(path).name: (folder / Path(path).name).stat().st_size for path in paths.values() if path}
