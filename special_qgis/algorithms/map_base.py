# SPDX-License-Identifier: GPL-2.0-or-later
"""What the algorithms that map a scene share: their outputs, the numbers they hand back, the styles of their layers."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Type

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
)

from ..engine.config import MapOutputConfig, OutputConfig
from ..engine.errors import EngineError
from ..translation import translate
from .base import PREFERRED
from .outputs import file_output, raster_output, require_distinct_outputs, written_files
from .parameter_kinds import file_destination, optional_raster_destination, raster_destination, report_parameter
from .scene_base import SceneAlgorithm
from .styling import Placement, group_name, style_when_loaded, titled

# Field of the engine's options by key of the output.
_RASTERS = {
    "OUTPUT": "map",
    "CONFIDENCE": "confidence",
    "PROBABILITIES": "probabilities",
    "PSEUDO_LABELS": "pseudo_labels",
    "AGREEMENT": "agreement",
}
_FILES = {"REPORT": "report", "CLASSIFIER": "classifier"}
_FIELDS = {**_RASTERS, **_FILES}


def _tr(text: str) -> str:
    return translate("MapAlgorithm", text)


class MapAlgorithm(SceneAlgorithm):
    """Base of the algorithms whose ``OUTPUT`` is a class raster of a scene."""

    ICON = "classify.svg"
    GROUP = "landcover"
    RUNTIME = PREFERRED
    JOB = ""  # a key of engine.jobs.JOBS
    OUTPUTS: Type[MapOutputConfig] = OutputConfig  # what the job makes

    def __init__(self) -> None:
        super().__init__()
        self._written: Dict[str, str] = {}

    def make_config(self, parameters: Dict[str, Any], context: QgsProcessingContext, outputs: Any) -> Any:
        """Options of the job; may raise an ``EngineError``."""
        raise NotImplementedError

    def runtime_for(self, config: Any) -> str:
        """Which Python the job runs on."""
        return self.RUNTIME

    def add_map_outputs(self) -> None:
        """Declare map, confidence, probabilities, report and the numbers for models."""
        for destination in self._map_destinations():
            self.addParameter(destination)
        self.addOutput(QgsProcessingOutputNumber("CLASSIFIED_AREA", _tr("Classified area in square metres")))
        self.addOutput(QgsProcessingOutputNumber("MEAN_CONFIDENCE", _tr("Mean confidence")))
        self.addOutput(QgsProcessingOutputString("CLASS_AREAS", _tr("Areas per class, as JSON")))
        self.addOutput(QgsProcessingOutputNumber("CLASS_COUNT", _tr("Number of classes")))
        self.addOutput(QgsProcessingOutputString("STATUS", _tr("Status")))

    def add_learning_outputs(self) -> None:
        """Declare what the network stage adds."""
        self.addParameter(
            file_destination(
                "CLASSIFIER",
                _tr("Classifier"),
                _tr("Classifier files (*.safetensors)"),
                _tr(
                    "The trained network with everything that “Apply classifier” needs to map other scenes of the same "
                    "sensor."
                ),
                create_by_default=False,
            )
        )
        self.addOutput(QgsProcessingOutputNumber("CHANGED_SHARE", _tr("Share of pixels that the network changed")))

    def _map_destinations(self) -> List[Any]:
        return [
            raster_destination(
                "OUTPUT",
                _tr("Land cover"),
                _tr("GeoTIFF with class ids 1, 2, … in the classes' order; 0 is nodata. Its style lies beside it."),
            ),
            optional_raster_destination(
                "CONFIDENCE",
                _tr("Confidence"),
                _tr("Best minus second-best probability of each pixel, 0 to 1."),
                create_by_default=True,
            ),
            optional_raster_destination(
                "PROBABILITIES",
                _tr("Class probabilities"),
                _tr("One band a class, named after it."),
                create_by_default=False,
            ),
            report_parameter(
                _tr(
                    "Self-contained HTML: map, areas, confidence, mean spectra, warnings, settings. The same as JSON "
                    "is written beside it."
                )
            ),
        ]

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        paths = self._paths(parameters, context)
        require_distinct_outputs(paths)
        try:
            outputs = self.OUTPUTS(**{_FIELDS[name]: path for name, path in paths.items()})
            config = self.make_config(parameters, context, outputs)
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        result = self.run_job(self.JOB, config.to_json(), feedback, self.runtime_for(config))
        written = {name: result[_FIELDS[name]] for name in paths}
        self._written = {name: path for name, path in written.items() if path}
        return {**written_files(written, feedback), **_values(result)}

    def _paths(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Dict[str, str]:
        """Paths of the outputs that this algorithm has, by key; empty = left out."""
        declared = [definition.name() for definition in self.destinationParameterDefinitions()]
        rasters = {n: raster_output(self, parameters, n, context) for n in _RASTERS if n in declared}
        return {**rasters, **{n: file_output(self, parameters, n, context) for n in _FILES if n in declared}}

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """Have the layers styled when they are loaded; runs in the main thread."""
        scene = self.prepared_scene().source
        group = group_name(scene)
        layers = (  # from the top to the bottom of the group
            ("OUTPUT", _tr("Land cover – {}")),
            ("CONFIDENCE", _tr("Confidence – {}")),
            ("PSEUDO_LABELS", _tr("Pseudo-labels – {}")),
            ("AGREEMENT", _tr("Agreement of the sources – {}")),
            ("PROBABILITIES", _tr("Class probabilities – {}")),
        )
        for depth, (name, title) in enumerate(layers):
            if name in self._written:
                placement = Placement(group, len(layers) - depth, is_shown=name == "OUTPUT")
                is_confidence = name in ("CONFIDENCE", "AGREEMENT")
                style_when_loaded(context, self._written[name], titled(title, scene), is_confidence, placement)
        return {}


def _values(result: Mapping[str, Any]) -> Dict[str, Any]:
    values = {
        "CLASSIFIED_AREA": result["classified_area_m2"],
        "MEAN_CONFIDENCE": result["mean_confidence"],
        "CLASS_AREAS": json.dumps(result["class_areas"], ensure_ascii=False),
        "CLASS_COUNT": result["class_count"],
        "STATUS": result["status"],
    }
    return values if result["changed_share"] is None else {**values, "CHANGED_SHARE": result["changed_share"]}
