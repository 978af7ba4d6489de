# SPDX-License-Identifier: GPL-2.0-or-later
"""The spectral prior alone: probabilities per class from spectra and names."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
)

from ..engine.config import PriorJobConfig
from ..engine.errors import EngineError
from .class_parameters import classes_parameter
from .outputs import raster_output
from .parameter_kinds import raster_destination
from .parameter_values import choice_value, classes_value
from .run_parameters import prior_preset_parameter, seed_parameter
from .scene_base import SceneAlgorithm
from .scene_parameters import area_parameters, input_parameter, memory_parameter, reading_parameters
from .styling import style_when_loaded, titled


class SpectralPriorAlgorithm(SceneAlgorithm):
    """Turns class names into probabilities, one band a class."""

    ICON = "classify.svg"
    GROUP = "landcover"

    def __init__(self) -> None:
        super().__init__()
        self._written = ""

    def name(self) -> str:
        """Permanent id."""
        return "spectralprior"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Class probabilities from spectra and names")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "hyperspectral,probability,soft classification,spectral prior,indices,evidence,water,vegetation,soil"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Writes one probability band a class, from physical evidence in the spectra.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Computes for each pixel and each typed class how well the spectrum fits the meaning of the name: "
            "vegetation, water, built-up and dryness indices, brightness and shadow. Works on any sensor that covers "
            "the visible and near-infrared range.\n"
            "Use it to see the evidence behind a map, or as input of an analysis of your own. Classes whose names "
            "cannot be told apart get equal probabilities, and the log says so."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        plain = [input_parameter(), classes_parameter(), prior_preset_parameter(), *area_parameters()]
        for parameter in [*plain, *reading_parameters(), seed_parameter(), memory_parameter()]:
            self.addParameter(parameter)
        self.addParameter(
            raster_destination(
                "OUTPUT",
                self.tr("Class probabilities"),
                self.tr("GeoTIFF with one band a class, named after it; the bands of a pixel sum to 1."),
            )
        )
        self.addOutput(QgsProcessingOutputNumber("CLASS_COUNT", self.tr("Number of classes")))
        self.addOutput(QgsProcessingOutputString("INTERPRETATION", self.tr("Meaning of each name, as JSON")))
        self.addOutput(QgsProcessingOutputString("STATUS", self.tr("Status")))

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        output = raster_output(self, parameters, "OUTPUT", context)
        try:
            config = PriorJobConfig(
                scene=self.prepared_scene(),
                classes=classes_value(self, parameters, context),
                probabilities=output,
                preset=choice_value(self, parameters, "PRESET", context),
                seed=self.parameterAsInt(parameters, "SEED", context),
            )
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        result = self.run_job("spectral_prior", config.to_json(), feedback)
        self._written = output
        return {
            "OUTPUT": output,
            "CLASS_COUNT": result["class_count"],
            "INTERPRETATION": json.dumps(result["classes"], ensure_ascii=False),
            "STATUS": result["status"],
        }

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """Name the layer when it is loaded; runs in the main thread."""
        name = titled(self.tr("Class probabilities – {}"), self.prepared_scene().source)
        style_when_loaded(context, self._written, name)
        return {}
