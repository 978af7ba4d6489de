# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job: scene and class names to a styled map, confidence and report."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from qgis.core import QgsProcessingContext

from ..engine.config import ClassifyConfig, OutputConfig
from .base import LIGHT, PREFERRED
from .clip_parameters import agreement_destination, clip_options, clip_parameters, has_model
from .map_base import MapAlgorithm
from .model_choice import model_parameter
from .parameters import (
    area_parameters,
    choice_value,
    classes_parameter,
    classes_value,
    device_parameter,
    input_parameter,
    memory_parameter,
    min_confidence_parameter,
    optional_raster_destination,
    preset_parameter,
    reading_parameters,
    refine_parameter,
    seed_parameter,
    source_parameter,
)


class Classify(MapAlgorithm):
    """Maps land cover from class names alone."""

    JOB = "classify"

    def name(self) -> str:
        """Permanent id."""
        return "classify"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Classify hyperspectral scene")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "hyperspectral,land cover,classification,zero-shot,unsupervised,spectral,imaging spectroscopy,map"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Maps the land cover of a hyperspectral scene from typed class names, without labels.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Give a hyperspectral scene and the names of the classes you look for, and get a categorised, styled "
            "raster. No labelled pixels are needed: the names are matched to physical evidence in the spectra "
            "(vegetation, water, soil, built-up surfaces, shadow) and, where a CLIP model is installed, to what the "
            "image looks like; then a network learns the scene's full spectra from those noisy labels and maps it "
            "again.\n"
            "Names that the plugin does not know, and names that spectra cannot tell apart, are reported and not "
            "guessed: read the warnings in the log and in the report."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        plain = [
            input_parameter(),
            classes_parameter(),
            source_parameter(),
            model_parameter(),
            refine_parameter(),
            preset_parameter(),
            min_confidence_parameter(),
        ]
        advanced = [*clip_parameters(), *reading_parameters(), seed_parameter(), device_parameter()]
        advanced.append(memory_parameter())
        for parameter in [*plain, *area_parameters(), *advanced]:
            self.addParameter(parameter)
        self.add_map_outputs()
        self.addParameter(
            optional_raster_destination(
                "PSEUDO_LABELS",
                self.tr("Pseudo-labels"),
                self.tr("Classes of the first stage: what the network learnt from."),
                create_by_default=False,
            )
        )
        self.addParameter(agreement_destination())
        self.add_learning_outputs()

    def make_config(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, outputs: OutputConfig
    ) -> ClassifyConfig:
        """Options of the job."""
        return ClassifyConfig(
            scene=self.prepared_scene(),
            classes=classes_value(self, parameters, context),
            outputs=outputs,
            source=choice_value(self, parameters, "SOURCE", context),
            preset=choice_value(self, parameters, "PRESET", context),
            device=choice_value(self, parameters, "DEVICE", context),
            seed=self.parameterAsInt(parameters, "SEED", context),
            min_confidence=self.parameterAsDouble(parameters, "MIN_CONFIDENCE", context),
            refine=self.parameterAsBool(parameters, "REFINE", context),
            **clip_options(self, parameters, context),
        )

    def runtime_for(self, config: ClassifyConfig) -> str:
        """The private runtime only where the network stage or an image–text model is wanted."""
        return PREFERRED if config.wants_network or has_model(config.source, config.model) else LIGHT
