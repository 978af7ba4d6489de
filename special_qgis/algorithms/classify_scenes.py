# SPDX-License-Identifier: GPL-2.0-or-later
"""A campaign: many scenes with one class list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputHtml,
    QgsProcessingOutputNumber,
    QgsProcessingOutputRasterLayer,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMultipleLayers,
)

from ..engine.classes.classes import parse_classes
from ..engine.config import ANY_SCENE, OUTPUT_CHOICES, ClassifyConfig, SceneConfig, ScenesConfig
from ..engine.config.campaign import MOST_WORKERS
from ..engine.errors import EngineError
from ..engine.scene.spectra import parse_wavelengths
from .base import PREFERRED, SpecialAlgorithm
from .class_parameters import classes_parameter
from .clip_parameters import clip_parameters
from .model_choice import model_parameter
from .names_base import method_options, runtime_of
from .outputs import written_files
from .parameter_kinds import helped, whole_number
from .parameter_values import classes_value, is_given, string_value
from .run_parameters import (
    device_parameter,
    min_confidence_parameter,
    preset_parameter,
    refine_parameter,
    seed_parameter,
    source_parameter,
)
from .scene_base import reading_options
from .scene_parameters import memory_parameter, reading_parameters
from .sources import absolute_path, find_raster_problem

_INPUTS = ("INPUTS", "FOLDER", "LIST")


class ClassifyScenes(SpecialAlgorithm):
    """Maps many scenes from one class list."""

    ICON = "classify.svg"
    GROUP = "landcover"
    RUNTIME = PREFERRED

    def __init__(self) -> None:
        super().__init__()
        self._scenes: List[str] = []  # set by prepareAlgorithm

    def name(self) -> str:
        """Permanent id."""
        return "classifyscenes"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Classify many hyperspectral scenes")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "hyperspectral,land cover,classification,batch,campaign,time series,flight lines,mosaic,parallel,stac"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr(
            "Maps many hyperspectral scenes with one class list, several at a time, and goes on where it stopped."
        )

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Does what “Classify hyperspectral scene” does for every scene of a folder, of a list or of the layers "
            "chosen, with one class list: several at a time, each in a process of its own. The output folder gets a "
            "folder for each scene, one report and table of all, and a virtual mosaic of the maps.\n"
            "A scene that cannot be mapped is reported and does not stop the others. Run with the same output folder "
            "again, scenes that are finished with the same inputs and options are skipped."
        )

    def cancelled_text(self) -> str:
        """What a user is told who has cancelled."""
        return self.tr("Cancelled; finished scenes are kept. Run it again to go on with the others.")

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        reading = [one for one in reading_parameters() if one.name() != "MASK"]
        plain = [*self._inputs(), classes_parameter(), source_parameter(), model_parameter(), refine_parameter()]
        advanced = [*reading, device_parameter(), memory_parameter(), seed_parameter(), *clip_parameters()]
        for parameter in [*plain, preset_parameter(), min_confidence_parameter(), *self._run(), *advanced]:
            self.addParameter(parameter)
        folder = QgsProcessingParameterFolderDestination("OUTPUT_FOLDER", self.tr("Output folder"))
        self.addParameter(
            helped(folder, self.tr("Gets a folder for each scene, campaign.html, .json and .csv, and mosaic.vrt."))
        )
        self.addOutput(QgsProcessingOutputHtml("REPORT", self.tr("Report")))
        self.addOutput(QgsProcessingOutputFile("TABLE", self.tr("Table of the scenes")))
        self.addOutput(QgsProcessingOutputRasterLayer("MOSAIC", self.tr("Mosaic of the maps")))
        for name, label in (
            ("SCENE_COUNT", self.tr("Number of scenes")),
            ("SKIPPED_COUNT", self.tr("Number of scenes that were finished before")),
            ("FAILED_COUNT", self.tr("Number of scenes that failed")),
            ("CLASSIFIED_AREA", self.tr("Classified area of all scenes in square metres")),
            ("MEAN_CONFIDENCE", self.tr("Mean confidence")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, label))
        self.addOutput(QgsProcessingOutputString("CLASS_AREAS", self.tr("Areas per class over all scenes, as JSON")))
        self.addOutput(QgsProcessingOutputString("STATUS", self.tr("Status")))

    def _inputs(self) -> List[QgsProcessingParameterDefinition]:
        layers = QgsProcessingParameterMultipleLayers(
            "INPUTS", self.tr("Hyperspectral scenes"), QgsProcessing.TypeRaster, optional=True
        )
        folder = QgsProcessingParameterFile(
            "FOLDER", self.tr("Folder of scenes"), QgsProcessingParameterFile.Folder, optional=True
        )
        text = self.tr("Lists of scenes (*.txt *.csv *.json *.geojson)")
        listed = QgsProcessingParameterFile("LIST", self.tr("List of scenes"), optional=True, fileFilter=text)
        return [
            helped(layers, self.tr("Raster layers or files with many narrow bands, in any format that GDAL reads.")),
            helped(folder, self.tr("Every raster in it with 8 bands or more is a scene; folders below are not read.")),
            helped(
                listed,
                self.tr(
                    "A text file with one path a line; a CSV file with a column “scene” and, where they differ, name, "
                    "wavelengths, sensor, bad_bands, quantity, mask, aoi, aoi_layer, extent and drop_water_vapour; or "
                    "a STAC item collection as JSON."
                ),
            ),
        ]

    def _run(self) -> List[QgsProcessingParameterDefinition]:
        outputs = QgsProcessingParameterEnum(
            "OUTPUTS",
            self.tr("Outputs beside the map"),
            options=list(OUTPUT_CHOICES),
            allowMultiple=True,
            defaultValue=list(ScenesConfig.outputs),
            optional=True,
            usesStaticStrings=True,
        )
        resume = QgsProcessingParameterBoolean(
            "RESUME", self.tr("Skip scenes that are finished"), defaultValue=ScenesConfig.resume
        )
        mosaic = QgsProcessingParameterBoolean(
            "MAKE_MOSAIC", self.tr("Make a virtual mosaic of the maps"), defaultValue=ScenesConfig.mosaic
        )
        workers = whole_number("WORKERS", self.tr("Scenes at a time"), ScenesConfig.workers, MOST_WORKERS)
        return [
            helped(outputs, self.tr("Files of each scene, as “Classify hyperspectral scene” writes them.")),
            helped(workers, self.tr("Number of processes. 0: by the cores and the free memory of this machine.")),
            helped(resume, self.tr("With the same inputs and options; others are mapped again."), advanced=True),
            helped(mosaic, self.tr("One for each coordinate reference system; it holds no pixels."), advanced=True),
        ]

    def find_problem(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> str:
        """Check what does not need the scenes' pixels."""
        if not any(is_given(parameters, name) and parameters[name] != [] for name in _INPUTS):
            return self.tr("No scene is given. Choose layers, a folder or a list of scenes.")
        parse_classes(classes_value(self, parameters, context))
        wavelengths = string_value(self, parameters, "WAVELENGTHS", context)
        if wavelengths:
            parse_wavelengths(wavelengths)
        values = parameters.get("INPUTS")
        for value in values if isinstance(values, list) else []:
            problem = find_raster_problem(self, {"INPUTS": value}, "INPUTS", context)
            if problem:
                return problem
        return ""

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Turn the layers into paths; runs in the main thread."""
        layers = self.parameterAsLayerList(parameters, "INPUTS", context) if is_given(parameters, "INPUTS") else []
        for layer in layers:
            if layer.providerType() != "gdal":
                raise QgsProcessingException(
                    self.tr("The layer “{}” is no file. Save it as a GeoTIFF and use that.").format(layer.name())
                )
        given = [string_value(self, parameters, name, context) for name in ("FOLDER", "LIST")]
        self._scenes = [absolute_path(layer.source().split("|")[0]) for layer in layers]
        self._scenes += [absolute_path(path) for path in given if path]
        return True

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        folder = str(Path(self.parameterAsString(parameters, "OUTPUT_FOLDER", context)).absolute())
        try:
            classify = ClassifyConfig(
                scene=SceneConfig(ANY_SCENE, **reading_options(self, parameters, context)),
                refine=self.parameterAsBool(parameters, "REFINE", context),
                **method_options(self, parameters, context),
            )
            config = ScenesConfig(
                scenes=tuple(self._scenes),
                output_folder=folder,
                classify=classify,
                outputs=tuple(self.parameterAsEnumStrings(parameters, "OUTPUTS", context)),
                workers=self.parameterAsInt(parameters, "WORKERS", context),
                resume=self.parameterAsBool(parameters, "RESUME", context),
                mosaic=self.parameterAsBool(parameters, "MAKE_MOSAIC", context),
            )
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        result = self.run_job("scenes", config.to_json(), feedback, runtime_of(classify))
        files = {"REPORT": result["report"], "TABLE": result["table"], "MOSAIC": result["mosaic"]}
        return {"OUTPUT_FOLDER": folder, **written_files(files, feedback), **_values(result)}


def _values(result: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        "SCENE_COUNT": result["n_scenes"],
        "SKIPPED_COUNT": result["n_skipped"],
        "FAILED_COUNT": result["n_failed"],
        "CLASSIFIED_AREA": result["classified_area_m2"],
        "MEAN_CONFIDENCE": result["mean_confidence"],
        "CLASS_AREAS": json.dumps(result["class_areas"], ensure_ascii=False),
        "STATUS": result["status"],
    }
