# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of a campaign: many scenes with one class list."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Dict, Mapping, Tuple, Type

from .jobs import ClassifyConfig
from .options import Options, require, require_choice
from .outputs import OutputConfig
from .scene import SceneConfig

ANY_SCENE = "*"  # source of the scene in options that serve every scene
SCENE_OUTPUTS: Mapping[str, str] = {  # file of each output of a scene, after the scene's name
    "map": "_map.tif",
    "confidence": "_confidence.tif",
    "probabilities": "_probabilities.tif",
    "pseudo_labels": "_pseudo_labels.tif",
    "agreement": "_agreement.tif",
    "classifier": "_classifier.safetensors",
    "report": "_report.html",
}
OUTPUT_CHOICES = tuple(name for name in SCENE_OUTPUTS if name != "map")
MOST_WORKERS = 60  # as many processes as Windows lets one wait for


@dataclass(frozen=True)
class ScenesConfig(Options):
    """A campaign: the job classify on every scene of a list."""

    NESTED: ClassVar[Mapping[str, Type[Options]]] = {"classify": ClassifyConfig}

    scenes: Tuple[str, ...]  # files, globs, folders, lists (.txt, .csv) and STAC item collections (.json)
    output_folder: str  # gets one folder a scene, the report and the mosaic
    classify: ClassifyConfig  # options of every scene; source of its scene ANY_SCENE, its outputs empty
    outputs: Tuple[str, ...] = ("confidence", "report")  # of OUTPUT_CHOICES, beside the map
    workers: int = 0  # processes on this machine; 0 = by cores and memory
    retries: int = 2  # of a scene whose worker died
    resume: bool = True  # skip scenes that are finished with the same inputs and options
    mosaic: bool = True  # virtual mosaic of the maps of each coordinate reference system

    def __post_init__(self) -> None:
        require(bool(self.scenes), "scenes", "one scene or list of scenes at least", self.scenes)
        require(
            all(isinstance(one, str) and one.strip() for one in self.scenes), "scenes", "paths of scenes", self.scenes
        )
        require(bool(self.output_folder.strip()), "output_folder", "the path of a folder", self.output_folder)
        require(0 <= self.workers <= MOST_WORKERS, "workers", f"from 0 to {MOST_WORKERS}", self.workers)
        require(0 <= self.retries <= 10, "retries", "from 0 to 10", self.retries)
        for name in self.outputs:
            require_choice("outputs", name, OUTPUT_CHOICES)
        hint = "A campaign names the files of every scene itself; choose which by the option outputs."
        given = {name: path for name, path in self.classify.outputs.to_json().items() if path}
        require(not given, "classify.outputs", "empty", given, hint)

    def scene_config(self, name: str, scene: SceneConfig, folder: Path) -> ClassifyConfig:
        """Options of the job classify for one scene.

        Args:
            name: Name of the scene in the campaign, which its files begin with.
            scene: How to read the scene.
            folder: Folder of the scene's outputs.

        Raises:
            ConfigError: The outputs do not fit the other options.
        """
        wanted: Dict[str, str] = {one: str(folder / f"{name}{SCENE_OUTPUTS[one]}") for one in ("map", *self.outputs)}
        return dataclasses.replace(self.classify, scene=scene, outputs=OutputConfig(**wanted))
