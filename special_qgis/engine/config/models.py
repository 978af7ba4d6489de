# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of the jobs on models and on the runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from .options import Options, require


@dataclass(frozen=True)
class RuntimeCheckConfig(Options):
    """What to find out about the interpreter that runs the engine."""

    modules: Tuple[str, ...] = ("numpy", "osgeo.gdal")  # names to import


@dataclass(frozen=True)
class ListModelsConfig(Options):
    """Which models are there."""

    folder: str = ""  # folder of models; "" = SPECIAL_MODEL_DIR, else below the data folder


@dataclass(frozen=True)
class ImportModelConfig(Options):
    """Copy a checkpoint into the folder of models."""

    file: str  # path of the checkpoint
    name: str = ""  # to call it by; "" = that of the known checkpoint, else made from the file's
    sha256: str = ""  # that the file must have; "" = that of the known checkpoint, else any
    architecture: str = ""  # open_clip's name; "" = found from the file
    licence: str = ""  # to remember; "" = that of the known checkpoint
    folder: str = ""  # folder of models; "" = SPECIAL_MODEL_DIR, else below the data folder

    def __post_init__(self) -> None:
        require(bool(self.file.strip()), "file", "the path of a checkpoint", self.file)


@dataclass(frozen=True)
class DownloadModelConfig(Options):
    """Download a checkpoint into the folder of models; never part of a run that makes a map."""

    model: str  # name of a known checkpoint, or an address
    name: str = ""  # to call it by; "" = that of the known checkpoint, else made from the file's
    sha256: str = ""  # that the file must have; "" = that of the known checkpoint, else any
    architecture: str = ""  # open_clip's name; "" = found from the file
    licence: str = ""  # to remember; "" = that of the known checkpoint
    proxy: str = ""  # URL of an HTTP proxy; "" = that of the environment
    folder: str = ""  # folder of models; "" = SPECIAL_MODEL_DIR, else below the data folder

    def __post_init__(self) -> None:
        require(bool(self.model.strip()), "model", "the name of a known checkpoint, or an address", self.model)


@dataclass(frozen=True)
class RemoveModelConfig(Options):
    """Remove a model from the folder of models."""

    name: str  # of an installed model
    folder: str = ""  # folder of models; "" = SPECIAL_MODEL_DIR, else below the data folder

    def __post_init__(self) -> None:
        require(bool(self.name.strip()), "name", "the name of an installed model", self.name)
