# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas of the classes of a map, whole or by polygon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorDestination,
)

from ..engine.config import AREA_MEASURES, AreasConfig
from ..engine.errors import EngineError
from .base import SpecialAlgorithm
from .outputs import file_output, require_distinct_outputs, vector_output, written_files
from .parameter_kinds import choice, decimal, file_destination, helped, report_parameter
from .parameter_values import choice_value, is_given, string_value
from .sources import find_raster_problem, raster_source, vector_source
from .styling import style_when_loaded, titled


class Areas(SpecialAlgorithm):
    """Measures the areas of a map's classes."""

    ICON = "areas.svg"
    GROUP = "landcover"

    def __init__(self) -> None:
        super().__init__()
        self._map = ""
        self._confidence = ""
        self._polygons = ("", "")  # source and layer; all three set by prepareAlgorithm
        self._written = ""

    def name(self) -> str:
        """Permanent id."""
        return "areas"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Areas of a class map")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "area,zonal statistics,zonal histogram,land cover,statistics,share,hectares,area estimation,polygons"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr(
            "Measures the area of each class of a map, whole or in polygons, on the ellipsoid or in the CRS."
        )

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Measures how much of a map each class covers: pixels, shares and areas in m², of the whole map and in "
            "each polygon of a layer. Polygons may overlap and may have another coordinate system; a pixel "
            "belongs to a polygon when its centre lies in it.\n"
            "With a confidence raster, areas weighted by confidence are given as well. With the report of “Assess "
            "accuracy of a class map”, the areas of the whole map are corrected for the map's errors and get "
            "confidence intervals (Olofsson et al. 2014)."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        for parameter in [*self._inputs(), *self._options(), *self._destinations()]:
            self.addParameter(parameter)
        for name, label in (
            ("CLASSIFIED_AREA", self.tr("Classified area of the map, m²")),
            ("UNCLASSIFIED_AREA", self.tr("Area of the map without a class, m²")),
            ("CLASS_COUNT", self.tr("Number of classes that occur")),
            ("POLYGON_COUNT", self.tr("Number of polygons")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, label))
        for name, label in (
            ("LARGEST_CLASS", self.tr("Class with the largest area")),
            ("CLASS_AREAS", self.tr("Areas by class of the whole map, as JSON")),
            ("ADJUSTED_AREAS", self.tr("Area-adjusted estimates of the whole map, as JSON")),
            ("MEASURED_ON", self.tr("What areas were measured on: ellipsoid, crs, or pixels where there are no areas")),
            ("STATUS", self.tr("Status")),
        ):
            self.addOutput(QgsProcessingOutputString(name, label))

    def _inputs(self) -> List[QgsProcessingParameterDefinition]:
        polygons = QgsProcessingParameterFeatureSource(
            "POLYGONS", self.tr("Polygons to measure in"), [QgsProcessing.TypeVectorPolygon], optional=True
        )
        name_field = QgsProcessingParameterField(
            "NAME_FIELD", self.tr("Name field of the polygons"), parentLayerParameterName="POLYGONS", optional=True
        )
        return [
            helped(
                QgsProcessingParameterRasterLayer("MAP", self.tr("Class map")),
                self.tr("Raster of class ids, such as the output of “Classify hyperspectral scene”; 0 is no class."),
            ),
            helped(polygons, self.tr("Areas are given in each of them, beside those of the whole map.")),
            helped(name_field, self.tr("Field that names the polygons in table and report. Empty: they are numbered.")),
            helped(
                QgsProcessingParameterRasterLayer("CONFIDENCE", self.tr("Confidence"), optional=True),
                self.tr("Raster of how sure the map is of each pixel, 0 to 1, as a classification writes it."),
            ),
            helped(
                QgsProcessingParameterFile(
                    "ACCURACY_REPORT",
                    self.tr("Accuracy report"),
                    optional=True,
                    fileFilter=self.tr("Accuracy reports (*.json *.html)"),
                ),
                self.tr(
                    "JSON that “Assess accuracy of a class map” has written beside its report, or that report, for the "
                    "same map. Adjusts the areas of the whole map for its errors."
                ),
            ),
        ]

    def _options(self) -> List[QgsProcessingParameterDefinition]:
        return [
            helped(
                choice("MEASURE", self.tr("Measure areas on"), AREA_MEASURES, AreasConfig.measure),
                self.tr(
                    "ellipsoid: the area on the earth's surface, on the ellipsoid of the map's coordinate system, "
                    "whatever its projection. crs: the area in the plane of the map's projected coordinate system, as "
                    "its pixel size says."
                ),
            ),
            helped(
                decimal(
                    "CONFIDENCE_LEVEL",
                    self.tr("Level of the confidence intervals"),
                    AreasConfig.confidence_level,
                    (0.5, 0.9999),
                    4,
                ),
                self.tr("Of adjusted areas. 0.95: intervals that hold in 95 of 100 cases."),
                advanced=True,
            ),
        ]

    def _destinations(self) -> List[QgsProcessingParameterDefinition]:
        vector = QgsProcessingParameterVectorDestination(
            "OUTPUT",
            self.tr("Polygons with areas"),
            QgsProcessing.TypeVectorPolygon,
            optional=True,
            createByDefault=False,
        )
        return [
            report_parameter(self.tr("Self-contained HTML with bars; the same as JSON is written beside it.")),
            file_destination(
                "TABLE",
                self.tr("Table"),
                self.tr("CSV files (*.csv)"),
                self.tr("One row for each class of the map and of each polygon."),
                create_by_default=False,
            ),
            helped(
                vector, self.tr("The polygons with fields of area, share and pixels of each class; needs polygons.")
            ),
        ]

    def find_problem(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> str:
        """Check what needs polygons, and that rasters can be loaded."""
        for name in ("NAME_FIELD", "OUTPUT"):
            if is_given(parameters, name) and not is_given(parameters, "POLYGONS"):
                return self.tr("{} needs POLYGONS, and none are given. Choose a polygon layer.").format(name)
        problems = (find_raster_problem(self, parameters, name, context) for name in ("MAP", "CONFIDENCE"))
        return next(filter(None, problems), "")

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Turn the layers into paths; runs in the main thread."""
        self._map = raster_source(self, parameters, "MAP", context, feedback)
        self._confidence = raster_source(self, parameters, "CONFIDENCE", context, feedback)
        self._polygons = vector_source(self, parameters, "POLYGONS", context, feedback)
        return True

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        paths = {name: file_output(self, parameters, name, context) for name in ("REPORT", "TABLE")}
        paths["OUTPUT"] = vector_output(self, parameters, "OUTPUT", context)
        require_distinct_outputs(paths)
        accuracy_report = string_value(self, parameters, "ACCURACY_REPORT", context)
        try:
            config = AreasConfig(
                map=self._map,
                polygons=self._polygons[0],
                polygons_layer=self._polygons[1],
                name_field=string_value(self, parameters, "NAME_FIELD", context),
                measure=choice_value(self, parameters, "MEASURE", context),
                confidence=self._confidence,
                accuracy_report=str(Path(accuracy_report).absolute()) if accuracy_report else "",
                report=paths["REPORT"],
                table=paths["TABLE"],
                vector=paths["OUTPUT"],
                confidence_level=self.parameterAsDouble(parameters, "CONFIDENCE_LEVEL", context),
            )
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        result = self.run_job("areas", config.to_json(), feedback)
        self._written = paths["OUTPUT"]
        return {**written_files(paths, feedback), **_values(result)}

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """Name the layer when it is loaded; runs in the main thread."""
        style_when_loaded(context, self._written, titled(self.tr("Areas – {}"), self._map))
        return {}


def _values(result: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        "CLASSIFIED_AREA": result["classified_area_m2"],
        "UNCLASSIFIED_AREA": result["unclassified_area_m2"],
        "CLASS_COUNT": result["n_classes"],
        "POLYGON_COUNT": result["n_polygons"],
        "LARGEST_CLASS": result["largest_class"],
        "CLASS_AREAS": json.dumps(result["class_areas"], ensure_ascii=False),
        "ADJUSTED_AREAS": json.dumps(result["area_adjusted"], ensure_ascii=False),
        "MEASURED_ON": result["measure"],
        "STATUS": result["status"],
    }
