# SPDX-License-Identifier: GPL-2.0-or-later
"""The second stage by itself: a scene and any class raster to a refined map."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterRasterLayer,
)

from ..engine.config import RefineJobConfig, RefineOutputConfig
from .base import NEEDED
from .class_parameters import optional_classes_parameter
from .map_base import MapAlgorithm
from .parameter_kinds import decimal, helped
from .parameter_values import choice_value, classes_value
from .run_parameters import device_parameter, learning_preset_parameter, min_confidence_parameter, seed_parameter
from .scene_parameters import area_parameters, input_parameter, memory_parameter, reading_parameters
from .sources import find_raster_problem, raster_source

_RASTER_INPUTS = ("LABELS", "LABEL_CONFIDENCE")


class Refine(MapAlgorithm):
    """Learns a scene from an old or noisy map and maps it again."""

    JOB = "refine"
    OUTPUTS = RefineOutputConfig
    RUNTIME = NEEDED

    def __init__(self) -> None:
        super().__init__()
        self._label_sources = dict.fromkeys(_RASTER_INPUTS, "")  # set by prepareAlgorithm

    def name(self) -> str:
        """Permanent id."""
        return "refine"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Refine class map")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "hyperspectral,land cover,classification,noisy labels,update map,old map,osm,weak labels,mamba,network"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Learns a scene's spectra from an old, coarse or noisy class raster and maps the scene again.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Give a hyperspectral scene and any class raster of the area: an old map, rasterised vector data, the "
            "result of another method, pseudo-labels corrected by hand. A network learns the scene's full spectra from "
            "these labels, finds out by itself which of them to trust, and maps the scene again. Pixels without a "
            "label (0 or nodata) are mapped too.\n"
            "The class raster may lie on another grid; it is taken at the nearest pixel. Classes keep their names and "
            "colours and are numbered 1, 2, … in the order of their values."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        labels = helped(
            QgsProcessingParameterRasterLayer("LABELS", self.tr("Class raster to learn from")),
            self.tr("Raster of class ids; 0 or nodata says nothing about a pixel."),
        )
        confidence = helped(
            QgsProcessingParameterRasterLayer("LABEL_CONFIDENCE", self.tr("Confidence of the labels"), optional=True),
            self.tr("Raster of how sure each label is, 0 to 1, such as that of a classification. Empty: all alike."),
        )
        assumed = helped(
            decimal(
                "ASSUMED_CONFIDENCE",
                self.tr("Confidence of labels without one"),
                RefineJobConfig.assumed_confidence,
                (0.001, 1.0),
                3,
            ),
            self.tr("How sure labels are where no confidence raster is given."),
            advanced=True,
        )
        plain = [input_parameter(), labels, confidence, learning_preset_parameter(), min_confidence_parameter()]
        advanced = [optional_classes_parameter(), assumed, *reading_parameters()]
        advanced += [seed_parameter(), device_parameter(), memory_parameter()]
        for parameter in [*plain, *area_parameters(), *advanced]:
            self.addParameter(parameter)
        self.add_map_outputs()
        self.add_learning_outputs()

    def find_problem(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> str:
        """Check what does not need pixels."""
        problems = (find_raster_problem(self, parameters, name, context) for name in _RASTER_INPUTS)
        return super().find_problem(parameters, context) or next(filter(None, problems), "")

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Turn the layers into paths; runs in the main thread."""
        self._label_sources = {
            name: raster_source(self, parameters, name, context, feedback) for name in _RASTER_INPUTS
        }
        return super().prepareAlgorithm(parameters, context, feedback)

    def make_config(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, outputs: RefineOutputConfig
    ) -> RefineJobConfig:
        """Options of the job."""
        return RefineJobConfig(
            scene=self.prepared_scene(),
            labels=self._label_sources["LABELS"],
            label_confidence=self._label_sources["LABEL_CONFIDENCE"],
            classes=classes_value(self, parameters, context),
            outputs=outputs,
            preset=choice_value(self, parameters, "PRESET", context),
            device=choice_value(self, parameters, "DEVICE", context),
            seed=self.parameterAsInt(parameters, "SEED", context),
            min_confidence=self.parameterAsDouble(parameters, "MIN_CONFIDENCE", context),
            assumed_confidence=self.parameterAsDouble(parameters, "ASSUMED_CONFIDENCE", context),
        )
