# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy of a class raster against a reference raster or vector layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterRasterLayer,
)

from ..engine.config import AssessConfig
from ..engine.errors import EngineError
from .base import SpecialAlgorithm
from .outputs import file_output, require_distinct_outputs, written_files
from .parameter_kinds import decimal, file_destination, helped, report_parameter
from .parameter_values import is_given, string_value
from .sources import find_raster_problem, raster_source, vector_source


class Assess(SpecialAlgorithm):
    """Compares a map with a reference."""

    ICON = "accuracy.svg"
    GROUP = "accuracy"

    def __init__(self) -> None:
        super().__init__()
        self._map = ""
        self._reference = ("", "")  # source and layer; set by prepareAlgorithm

    def name(self) -> str:
        """Permanent id."""
        return "assess"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Assess accuracy of a class map")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "accuracy,validation,confusion matrix,error matrix,kappa,f1,iou,overall accuracy,reference,ground truth"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Compares a class map with a reference: confusion matrix, accuracies, areas, with intervals.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Compares a class map with a reference, which is another class raster (on any grid) or a vector layer with "
            "a field of class ids or names. Gives overall and average accuracy, κ, precision, recall, F1 and IoU of "
            "each class, the confusion matrix, confidence intervals and area-adjusted figures.\n"
            "Classes are matched by name where both sides have names, else by id. Reference pixels without a class "
            "are left out."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        for parameter in [*self._inputs(), *self._destinations()]:
            self.addParameter(parameter)
        self.addOutput(QgsProcessingOutputFile("REPORT_JSON", self.tr("Report as JSON, beside the HTML")))
        self.addOutput(QgsProcessingOutputNumber("OVERALL_ACCURACY", self.tr("Overall accuracy")))
        self.addOutput(QgsProcessingOutputNumber("AVERAGE_ACCURACY", self.tr("Average accuracy")))
        self.addOutput(QgsProcessingOutputNumber("KAPPA", self.tr("Kappa")))
        self.addOutput(QgsProcessingOutputNumber("PIXELS", self.tr("Reference pixels compared")))
        self.addOutput(QgsProcessingOutputString("PER_CLASS", self.tr("Figures per class, as JSON")))

    def _inputs(self) -> list[Any]:
        polygons_and_points = [QgsProcessing.TypeVectorPolygon, QgsProcessing.TypeVectorPoint]
        return [
            helped(
                QgsProcessingParameterRasterLayer("MAP", self.tr("Class map")),
                self.tr("Raster of class ids, such as the output of “Classify hyperspectral scene”; 0 is no class."),
            ),
            helped(
                QgsProcessingParameterRasterLayer("REFERENCE", self.tr("Reference raster"), optional=True),
                self.tr("Raster of true class ids; 0 or nodata is unlabelled. Give this or a reference layer."),
            ),
            helped(
                QgsProcessingParameterFeatureSource(
                    "REFERENCE_LAYER", self.tr("Reference layer"), polygons_and_points, optional=True
                ),
                self.tr("Polygons or points of known class. Give this or a reference raster."),
            ),
            helped(
                QgsProcessingParameterField(
                    "FIELD",
                    self.tr("Class field of the reference layer"),
                    parentLayerParameterName="REFERENCE_LAYER",
                    optional=True,
                ),
                self.tr("Field with class ids or class names."),
            ),
            helped(
                decimal(
                    "CONFIDENCE_LEVEL",
                    self.tr("Level of the confidence intervals"),
                    AssessConfig.confidence_level,
                    (0.5, 0.9999),
                    4,
                ),
                self.tr("0.95: intervals that hold in 95 of 100 cases."),
                advanced=True,
            ),
        ]

    def _destinations(self) -> list[Any]:
        return [
            report_parameter(self.tr("Self-contained HTML with all figures; the same as JSON is written beside it.")),
            file_destination(
                "TABLE",
                self.tr("Table"),
                self.tr("CSV files (*.csv)"),
                self.tr("Confusion matrix and figures per class."),
                create_by_default=False,
            ),
        ]

    def find_problem(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> str:
        """Check that there is one reference, and a field where it is a layer."""
        has_raster = is_given(parameters, "REFERENCE")
        has_layer = is_given(parameters, "REFERENCE_LAYER")
        if has_raster == has_layer:
            found = self.tr("Both a reference raster and a reference layer are given.")
            if not has_raster:
                found = self.tr("No reference is given.")
            return found + " " + self.tr("One of the two is needed: REFERENCE or REFERENCE_LAYER.")
        if has_layer and not string_value(self, parameters, "FIELD", context):
            return self.tr(
                "No class field is given. A reference layer needs the field that holds its class ids or names. "
                "Choose it as FIELD."
            )
        return find_raster_problem(self, parameters, "MAP", context) or find_raster_problem(
            self, parameters, "REFERENCE", context
        )

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Turn the layers into paths; runs in the main thread."""
        self._map = raster_source(self, parameters, "MAP", context, feedback)
        raster = raster_source(self, parameters, "REFERENCE", context, feedback)
        vector, layer = vector_source(self, parameters, "REFERENCE_LAYER", context, feedback)
        self._reference = (raster or vector, layer)
        return True

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        paths = {name: file_output(self, parameters, name, context) for name in ("REPORT", "TABLE")}
        require_distinct_outputs(paths)
        reference, layer = self._reference
        try:
            config = AssessConfig(
                map=self._map,
                reference=reference,
                reference_layer=layer,
                reference_field=string_value(self, parameters, "FIELD", context),
                report=paths["REPORT"],
                table=paths["TABLE"],
                confidence_level=self.parameterAsDouble(parameters, "CONFIDENCE_LEVEL", context),
            )
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        result = self.run_job("assess", config.to_json(), feedback)
        beside = {"REPORT_JSON": str(Path(paths["REPORT"]).with_suffix(".json"))} if paths["REPORT"] else {}
        return {**written_files(paths, feedback), **beside, **_values(result)}


def _values(result: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        "OVERALL_ACCURACY": result["overall_accuracy"],
        "AVERAGE_ACCURACY": result["average_accuracy"],
        "KAPPA": result["kappa"],
        "PIXELS": result["n_px"],
        "PER_CLASS": json.dumps(result["per_class"], ensure_ascii=False),
    }
