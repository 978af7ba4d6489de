# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scene's outputs depend on, as one hash: options, input files, version, packages and models.

A file counts as unchanged when its size, its time stamp and samples of its content are: a new file of the same size and
time differs in its samples, and a scene of many gigabytes is not read once more for it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

from osgeo import gdal

from ..classes.classes import class_file_of
from ..config import ClassifyConfig
from ..files.resources import plugin_version
from ..models.library import models_folder
from ..outputs.output_set import files_of_source
from ..rasters.gdal_exceptions import use_exceptions

__all__ = ["fingerprint", "is_light", "list_inputs"]

_N_SAMPLES, _SAMPLE_BYTES = 16, 2**16  # of a file: its beginning, its end and between
_STAGE_PACKAGES = ("torch", "open_clip", "sklearn", "safetensors", "numba")  # decide which stages run


def list_inputs(config: ClassifyConfig) -> List[Dict[str, Any]]:
    """All files that a scene's outputs depend on, each with size, time stamp and hash of samples of its content.

    Args:
        config: Options of the scene.
    """
    paths: Dict[str, None] = {}
    named = (class_file_of(config.classes) or "", config.model, config.upsampler, config.height, config.terrain)
    for source in (*config.scene.files, *named):
        if source:
            paths.update(dict.fromkeys([source, *map(str, files_of_source(source))]))
    paths.update(dict.fromkeys(map(str, _model_files(config))))
    return [stamp for stamp in map(_stamp, paths) if stamp is not None]


def fingerprint(config: ClassifyConfig, inputs: List[Dict[str, Any]]) -> str:
    """Hash of everything that decides a scene's outputs.

    Args:
        config: Options of the scene.
        inputs: Input files of the scene, as ``list_inputs`` describes them.

    Returns:
        SHA-256 as hexadecimal digits.
    """
    content = {
        "version": plugin_version(),
        "packages": [] if is_light(config) else _found_packages(),
        "options": config.to_json(),
        "inputs": inputs,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def is_light(config: ClassifyConfig) -> bool:
    """Whether a scene needs neither the network nor an image-text model, so that NumPy and GDAL are all it can use."""
    return config.source == "spectral" and not config.wants_network


def _found_packages() -> List[str]:
    """Packages of the stages that this Python has; a stage whose packages are missing is left out of the map."""
    return [name for name in _STAGE_PACKAGES if importlib.util.find_spec(name) is not None]


def _model_files(config: ClassifyConfig) -> List[Path]:
    """Installed models, one of which may be chosen."""
    folder = models_folder(config.models_folder)
    if config.source == "spectral" or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _stamp(path: str) -> Dict[str, Any] | None:
    """Size, time stamp and hash of samples of a file; None where the name is no file's."""
    use_exceptions()
    if path.startswith("/vsi"):
        return _stamp_on_network(path)
    try:
        status = Path(path).stat()
        if not Path(path).is_file():
            return None
        with Path(path).open("rb") as stream:
            digest = hashlib.sha256()
            for offset, length in _sample_places(status.st_size):
                stream.seek(offset)
                digest.update(stream.read(length))
    except (OSError, ValueError):  # the name of a subdataset or a connection; or the job itself will tell
        return None
    return {"path": path, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest.hexdigest()}


def _stamp_on_network(path: str) -> Dict[str, Any] | None:
    """As ``_stamp`` for a file of GDAL's file systems."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        status = gdal.VSIStatL(path)
        stream = gdal.VSIFOpenL(path, "rb") if status is not None else None
        if stream is None:
            return None
        digest = hashlib.sha256()
        try:
            for offset, length in _sample_places(status.size):
                gdal.VSIFSeekL(stream, offset, 0)
                digest.update(gdal.VSIFReadL(1, length, stream) or b"")
        finally:
            gdal.VSIFCloseL(stream)
    except RuntimeError:  # the job itself will tell
        return None
    finally:
        gdal.PopErrorHandler()
    return {"path": path, "bytes": status.size, "mtime_ns": status.mtime * 10**9, "sha256": digest.hexdigest()}


def _sample_places(size: int) -> List[Tuple[int, int]]:
    """Offsets and lengths of the samples of a file: all of a small one."""
    if size <= _N_SAMPLES * _SAMPLE_BYTES:
        return [(0, size)]
    last = size - _SAMPLE_BYTES
    return [(last * number // (_N_SAMPLES - 1), _SAMPLE_BYTES) for number in range(_N_SAMPLES)]
