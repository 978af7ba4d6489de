# SPDX-License-Identifier: GPL-2.0-or-later
"""What the algorithms that read a hyperspectral scene share: the parameters of reading and their early checks."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
)

from ..engine.classes.classes import parse_classes
from ..engine.config import SceneConfig
from ..engine.config.products import parse_quality
from ..engine.errors import EngineError
from ..engine.scene.spectra import parse_wavelengths
from .base import SpecialAlgorithm
from .parameter_values import (
    choice_value,
    classes_value,
    is_given,
    memory_budget_bytes,
    sensor_value,
    string_value,
    with_enum_words,
)
from .sources import extent_in_scene, find_raster_problem, is_text_without_layer, raster_source, vector_source


def reading_options(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], context: QgsProcessingContext
) -> Dict[str, Any]:
    """Fields of ``SceneConfig`` that hold for any number of scenes."""
    return {
        "wavelengths": string_value(algorithm, parameters, "WAVELENGTHS", context),
        "sensor": sensor_value(algorithm, parameters, context),
        "bad_bands": string_value(algorithm, parameters, "BAD_BANDS", context),
        "drop_water_vapour": algorithm.parameterAsBool(dict(parameters), "DROP_WATER_VAPOUR", context),
        "quantity": choice_value(algorithm, parameters, "QUANTITY", context),
        "mask_meaning": choice_value(algorithm, parameters, "MASK_MEANING", context),
        "quality_layers": string_value(algorithm, parameters, "QUALITY_LAYERS", context),
        "detector_overlap": choice_value(algorithm, parameters, "DETECTOR_OVERLAP", context),
        "memory_budget_bytes": memory_budget_bytes(algorithm, parameters, context),
    }


class SceneAlgorithm(SpecialAlgorithm):
    """Base of the algorithms whose ``INPUT`` is a hyperspectral scene."""

    def __init__(self) -> None:
        super().__init__()
        self.scene: Optional[SceneConfig] = None  # set by prepareAlgorithm

    def find_problem(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> str:
        """Check what does not need the scene's pixels."""
        problem = find_raster_problem(self, parameters, "INPUT", context)
        if problem:
            return problem
        classes = self.parameterDefinition("CLASSES")
        is_optional = classes is not None and bool(classes.flags() & QgsProcessingParameterDefinition.FlagOptional)
        if classes is not None and not (is_optional and not is_given(parameters, "CLASSES")):
            parse_classes(classes_value(self, parameters, context))
        wavelengths = string_value(self, parameters, "WAVELENGTHS", context)
        if wavelengths:
            parse_wavelengths(wavelengths)
        parse_quality(string_value(self, parameters, "QUALITY_LAYERS", context))
        return ""

    def checkParameterValues(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[bool, str]:
        """Refuse early what can be seen without reading pixels; QGIS by itself accepts as scene what it can load."""
        accepted, message = super().checkParameterValues(parameters, context)
        if accepted or not is_text_without_layer(self, parameters, "INPUT", context):
            return accepted, message
        normal = with_enum_words(self, parameters)
        try:
            problem = self.find_problem(normal, context)
        except EngineError as error:
            problem = str(error)
        if problem:
            return False, problem
        others = [definition for definition in self.parameterDefinitions() if definition.name() != "INPUT"]
        if all(one.checkValueIsAcceptable(normal.get(one.name(), one.defaultValue()), context) for one in others):
            return True, ""
        return accepted, message

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Turn the layers into paths; runs in the main thread."""
        source = raster_source(self, parameters, "INPUT", context, feedback)
        aoi, aoi_layer = vector_source(self, parameters, "AOI", context, feedback)
        try:
            self.scene = SceneConfig(
                source=source,
                mask=raster_source(self, parameters, "MASK", context, feedback),
                extent=extent_in_scene(self, parameters, context, source),
                aoi=aoi,
                aoi_layer=aoi_layer,
                **reading_options(self, parameters, context),
            )
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        return True

    def prepared_scene(self) -> SceneConfig:
        """How to read the scene.

        Raises:
            QgsProcessingException: QGIS did not prepare the algorithm.
        """
        if self.scene is None:
            raise QgsProcessingException(self.tr("The algorithm was run without being prepared."))
        return self.scene
