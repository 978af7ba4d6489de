# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stage by itself: scene and class names to noisy labels, confidence and probabilities."""

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
    first_stage_preset_parameter,
    input_parameter,
    memory_parameter,
    min_confidence_parameter,
    reading_parameters,
    seed_parameter,
    source_parameter,
)


class PseudoLabels(MapAlgorithm):
    """Labels pixels from class names, without learning the scene."""

    JOB = "classify"

    def name(self) -> str:
        """Permanent id."""
        return "pseudolabels"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Pseudo-labels from class names")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "hyperspectral,land cover,zero-shot,pseudo-label,weak labels,training samples,spectral prior"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("The first stage of the classification alone: noisy labels with confidence, from class names.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Labels every pixel from the class names alone, as the first stage of “Classify hyperspectral scene” does, "
            "and stops there: labels, their confidence and, if wanted, the probability of every class.\n"
            "Use it to look at the evidence, to correct labels by hand before “Refine class map”, or as weak labels "
            "for a method of your own. MIN_CONFIDENCE keeps only the sure ones."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        plain = [
            input_parameter(),
            classes_parameter(),
            source_parameter(),
            model_parameter(),
            first_stage_preset_parameter(),
            min_confidence_parameter(),
        ]
        advanced = [*clip_parameters(), *reading_parameters(), seed_parameter(), device_parameter()]
        for parameter in [*plain, *area_parameters(), *advanced, memory_parameter()]:
            self.addParameter(parameter)
        self.add_map_outputs()
        self.addParameter(agreement_destination())

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
            seed=self.parameterAsInt(parameters, "SEED", context),
            min_confidence=self.parameterAsDouble(parameters, "MIN_CONFIDENCE", context),
            device=choice_value(self, parameters, "DEVICE", context),
            refine=False,
            **clip_options(self, parameters, context),
        )

    def runtime_for(self, config: ClassifyConfig) -> str:
        """The private runtime only where an image–text model is wanted."""
        return PREFERRED if has_model(config.source, config.model) else LIGHT
