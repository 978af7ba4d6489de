# SPDX-License-Identifier: GPL-2.0-or-later
"""A saved classifier on another scene of the same sensor: train once, map many."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from qgis.core import QgsProcessingContext, QgsProcessingParameterFile

from ..engine.config import ApplyConfig, MapOutputConfig
from .base import NEEDED
from .map_base import MapAlgorithm
from .parameter_kinds import helped
from .parameter_values import choice_value, string_value
from .run_parameters import device_parameter, min_confidence_parameter
from .scene_parameters import area_parameters, input_parameter, memory_parameter, reading_parameters


class ApplyClassifier(MapAlgorithm):
    """Maps a scene with a network trained on another."""

    JOB = "apply_classifier"
    OUTPUTS = MapOutputConfig
    RUNTIME = NEEDED

    def name(self) -> str:
        """Permanent id."""
        return "applyclassifier"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Apply classifier")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "hyperspectral,land cover,classification,batch,many scenes,time series,trained network,inference"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Maps another scene of the same sensor with a classifier saved by a classification.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Maps a scene with the network that “Classify hyperspectral scene” or “Refine class map” has trained on "
            "another scene and saved as CLASSIFIER: other flight lines, other dates, in a batch. The scene needs the "
            "bands of the classifier; wavelengths that are off by less than half a band spacing are interpolated, "
            "others are refused.\n"
            "The classifier knows the light and the atmosphere of the scene it has learnt. Surface reflectance of the "
            "same sensor and season works best; look at the confidence before trusting a map."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        classifier = helped(
            QgsProcessingParameterFile("CLASSIFIER", self.tr("Classifier"), extension="safetensors"),
            self.tr("File that a classification or a refinement has written as its classifier."),
        )
        plain = [input_parameter(), classifier, min_confidence_parameter()]
        for parameter in [
            *plain,
            *area_parameters(),
            *reading_parameters(),
            device_parameter(),
            memory_parameter(),
        ]:
            self.addParameter(parameter)
        self.add_map_outputs()

    def make_config(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, outputs: MapOutputConfig
    ) -> ApplyConfig:
        """Options of the job."""
        return ApplyConfig(
            scene=self.prepared_scene(),
            classifier=str(Path(string_value(self, parameters, "CLASSIFIER", context)).absolute()),
            outputs=outputs,
            device=choice_value(self, parameters, "DEVICE", context),
            min_confidence=self.parameterAsDouble(parameters, "MIN_CONFIDENCE", context),
        )
