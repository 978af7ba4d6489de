# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the results of jobs that map go: one class a job, so that options say only what a job makes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Type, TypeVar

from .options import Options, require

OutputsT = TypeVar("OutputsT", bound="MapOutputConfig")


@dataclass(frozen=True)
class MapOutputConfig(Options):
    """Where the results of any job that maps go, such as apply; an empty path leaves the output out."""

    map: str = ""  # class raster, GeoTIFF
    confidence: str = ""  # best minus second-best probability, float32 GeoTIFF
    probabilities: str = ""  # one band a class, float32 GeoTIFF
    report: str = ""  # HTML; the same content goes beside it as .json


@dataclass(frozen=True)
class RefineOutputConfig(MapOutputConfig):
    """Where the results of refine go: of a job that learns the scene."""

    pseudo_labels: str = ""  # class raster of the first stage, what the network learnt from, GeoTIFF
    classifier: str = ""  # trained network for other scenes of the sensor, .safetensors


@dataclass(frozen=True)
class OutputConfig(RefineOutputConfig):
    """Where the results of classify go: of a job whose first stage has sources of evidence."""

    agreement: str = ""  # source agreement of the first stage, 0 to 1, float32 GeoTIFF


def fitting_outputs(outputs: OutputsT, kind: Type[OutputsT]) -> OutputsT:
    """Outputs as the class of a job.

    Raises:
        ConfigError: An output is named that the job does not make.
    """
    if type(outputs) is kind:
        return outputs
    known = [f.name for f in dataclasses.fields(kind)]
    others = {name: path for name, path in outputs.to_json().items() if name not in known and path}
    for name, path in others.items():
        accepted = "empty, because this job does not make it"
        require(False, f"outputs.{name}", accepted, path, f"Leave it out; this job makes {', '.join(known)}.")
    return kind(**{name: getattr(outputs, name) for name in known if hasattr(outputs, name)})
