# SPDX-License-Identifier: GPL-2.0-or-later
"""What the algorithms share that map a scene from class names: the parameters of the first stage, and their options."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
)

from ..engine.config import ClassifyConfig, OutputConfig
from .base import LIGHT, PREFERRED
from .class_parameters import classes_parameter
from .clip_parameters import agreement_destination, clip_options, clip_parameters, has_model
from .height_parameters import height_parameters, height_sources
from .map_base import MapAlgorithm
from .model_choice import model_parameter
from .parameter_values import choice_value, classes_value
from .run_parameters import device_parameter, min_confidence_parameter, seed_parameter, source_parameter
from .scene_parameters import area_parameters, input_parameter, memory_parameter, reading_parameters


class NamesAlgorithm(MapAlgorithm):
    """Base of the algorithms that start from class names."""

    JOB = "classify"

    def __init__(self) -> None:
        super().__init__()
        self._heights: Dict[str, Any] = {}  # fields of ClassifyConfig, set by prepareAlgorithm

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Turn the layers into paths; runs in the main thread."""
        self._heights = height_sources(self, parameters, context, feedback)
        return super().prepareAlgorithm(parameters, context, feedback)

    def wants_refinement(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> bool:
        """Whether the second stage is to run."""
        return False

    def add_inputs(self, own: Sequence[QgsProcessingParameterDefinition]) -> None:
        """Declare all inputs.

        Args:
            own: Those of the algorithm itself, shown after the source of the evidence.
        """
        plain = [input_parameter(), classes_parameter(), source_parameter(), model_parameter(), *own]
        run = [device_parameter(), memory_parameter(), seed_parameter()]
        advanced = [*reading_parameters(), *height_parameters(), *run, *clip_parameters()]
        for parameter in [*plain, min_confidence_parameter(), *area_parameters(), *advanced]:
            self.addParameter(parameter)

    def add_agreement(self) -> None:
        """Declare the raster of the sources' agreement."""
        self.addParameter(agreement_destination())

    def make_config(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, outputs: OutputConfig
    ) -> ClassifyConfig:
        """Options of the job."""
        return ClassifyConfig(
            scene=self.prepared_scene(),
            outputs=outputs,
            refine=self.wants_refinement(parameters, context),
            **self._heights,
            **method_options(self, parameters, context),
        )

    def runtime_for(self, config: ClassifyConfig) -> str:
        """The private runtime only where the network stage or an image–text model is wanted."""
        return runtime_of(config)


def method_options(
    algorithm: QgsProcessingAlgorithm, parameters: Dict[str, Any], context: QgsProcessingContext
) -> Dict[str, Any]:
    """Fields of ``ClassifyConfig`` that say how class names become a map.

    Raises:
        EngineError: The named model is not there, or an option is not accepted.
    """
    return {
        "classes": classes_value(algorithm, parameters, context),
        "source": choice_value(algorithm, parameters, "SOURCE", context),
        "preset": choice_value(algorithm, parameters, "PRESET", context),
        "device": choice_value(algorithm, parameters, "DEVICE", context),
        "seed": algorithm.parameterAsInt(parameters, "SEED", context),
        "min_confidence": algorithm.parameterAsDouble(parameters, "MIN_CONFIDENCE", context),
        **clip_options(algorithm, parameters, context),
    }


def runtime_of(config: ClassifyConfig) -> str:
    """The private runtime only where the network stage or an image–text model is wanted."""
    return PREFERRED if config.wants_network or has_model(config.source, config.model) else LIGHT
