# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job: scene and class names to a styled map, confidence and report."""

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

from ..engine.config import ClassifyConfig, OutputConfig
from ..engine.errors import EngineError
from .outputs import file_output, raster_output, require_distinct_outputs, written_files
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
    raster_destination,
    reading_parameters,
    report_parameter,
    seed_parameter,
    source_parameter,
)
from .scene_base import SceneAlgorithm
from .styling import style_when_loaded

_RASTERS = ("OUTPUT", "CONFIDENCE", "PROBABILITIES")


class Classify(SceneAlgorithm):
    """Maps land cover from class names alone."""

    ICON = "classify.svg"
    GROUP = "landcover"

    def __init__(self) -> None:
        super().__init__()
        self._written: Dict[str, str] = {}

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
            "raster. No labelled pixels are needed, nothing is downloaded: the names are matched to physical evidence "
            "in the spectra (vegetation, water, soil, built-up surfaces, shadow).\n"
            "Names that the plugin does not know, and names that spectra cannot tell apart, are reported and not "
            "guessed: read the warnings in the log and in the report."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        self._add_inputs()
        self._add_destinations()
        self._add_values()

    def _add_inputs(self) -> None:
        plain = [
            input_parameter(),
            classes_parameter(),
            source_parameter(),
            preset_parameter(),
            min_confidence_parameter(),
        ]
        advanced = [*reading_parameters(), seed_parameter(), device_parameter(), memory_parameter()]
        for parameter in [*plain, *area_parameters(), *advanced]:
            self.addParameter(parameter)

    def _add_destinations(self) -> None:
        destinations = [
            raster_destination(
                "OUTPUT",
                self.tr("Land cover"),
                self.tr("GeoTIFF with class ids 1, 2, … in the order typed; 0 is nodata. Its style lies beside it."),
            ),
            optional_raster_destination(
                "CONFIDENCE",
                self.tr("Confidence"),
                self.tr("Best minus second-best probability of each pixel, 0 to 1."),
                create_by_default=True,
            ),
            optional_raster_destination(
                "PROBABILITIES",
                self.tr("Class probabilities"),
                self.tr("One band a class, named after it."),
                create_by_default=False,
            ),
            report_parameter(
                self.tr(
                    "Self-contained HTML: map, areas, confidence, mean spectra, warnings, settings. The same as JSON "
                    "is written beside it."
                )
            ),
        ]
        for destination in destinations:
            self.addParameter(destination)

    def _add_values(self) -> None:
        self.addOutput(QgsProcessingOutputNumber("CLASSIFIED_AREA", self.tr("Classified area in square metres")))
        self.addOutput(QgsProcessingOutputNumber("MEAN_CONFIDENCE", self.tr("Mean confidence")))
        self.addOutput(QgsProcessingOutputString("CLASS_AREAS", self.tr("Areas per class, as JSON")))
        self.addOutput(QgsProcessingOutputNumber("CLASS_COUNT", self.tr("Number of classes")))
        self.addOutput(QgsProcessingOutputString("STATUS", self.tr("Status")))

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        paths = {name: raster_output(self, parameters, name, context) for name in _RASTERS}
        paths["REPORT"] = file_output(self, parameters, "REPORT", context)
        require_distinct_outputs(paths)
        result = self.run_job("classify", self._config(parameters, context, paths).to_json(), feedback)
        self._written = {name: path for name, path in paths.items() if path}
        return {**written_files(paths, feedback), **_values(result)}

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """Have the layers styled when they are loaded; runs in the main thread."""
        scene = self.prepared_scene().source
        for name, title in (
            ("OUTPUT", self.tr("Land cover – {}")),
            ("CONFIDENCE", self.tr("Confidence – {}")),
            ("PROBABILITIES", self.tr("Class probabilities – {}")),
        ):
            if name in self._written:
                style_when_loaded(context, self._written[name], title, scene, is_confidence=name == "CONFIDENCE")
        return {}

    def _config(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, paths: Mapping[str, str]
    ) -> ClassifyConfig:
        try:
            return ClassifyConfig(
                scene=self.prepared_scene(),
                classes=classes_value(self, parameters, context),
                outputs=OutputConfig(paths["OUTPUT"], paths["CONFIDENCE"], paths["PROBABILITIES"], paths["REPORT"]),
                source=choice_value(self, parameters, "SOURCE", context),
                preset=choice_value(self, parameters, "PRESET", context),
                device=choice_value(self, parameters, "DEVICE", context),
                seed=self.parameterAsInt(parameters, "SEED", context),
                min_confidence=self.parameterAsDouble(parameters, "MIN_CONFIDENCE", context),
            )
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error


def _values(result: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        "CLASSIFIED_AREA": result["classified_area_m2"],
        "MEAN_CONFIDENCE": result["mean_confidence"],
        "CLASS_AREAS": json.dumps(result["class_areas"], ensure_ascii=False),
        "CLASS_COUNT": result["class_count"],
        "STATUS": result["status"],
    }
