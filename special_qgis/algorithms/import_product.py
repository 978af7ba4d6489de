# SPDX-License-Identifier: GPL-2.0-or-later
"""Import a sensor product: one GeoTIFF with all tags, and its quality layers as a mask."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
)

from ..engine.config import ImportProductConfig
from ..engine.config.products import parse_quality
from ..engine.errors import EngineError
from ..engine.products.opening import is_product
from .base import SpecialAlgorithm
from .outputs import raster_output
from .parameter_kinds import helped, optional_raster_destination, raster_destination
from .parameter_values import choice_value, string_value
from .scene_parameters import product_parameters
from .sources import absolute_path
from .styling import style_when_loaded, titled


class ImportProduct(SpecialAlgorithm):
    """Writes a sensor product as a raster that QGIS opens."""

    ICON = "scene.svg"
    GROUP = "scene"

    def __init__(self) -> None:
        super().__init__()
        self._source, self._written = "", ""

    def name(self) -> str:
        """Permanent id."""
        return "importproduct"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Import sensor product")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        return self.tr("hyperspectral,import,EnMAP,PRISMA,EMIT,DESIS,NEON,Tanager,AVIRIS,Hyperion,mask").split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Writes a product as its agency delivers it as one GeoTIFF with wavelengths, and its mask.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Reads a sensor product as downloaded and writes one GeoTIFF with its wavelengths, widths, bad bands, "
            "scale, nodata value and place, and the product's quality layers as a mask of 1 = valid, 0 = left out.\n"
            "The other tools read products directly; import one to see it in QGIS or to use it elsewhere."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        self.addParameter(
            helped(
                QgsProcessingParameterFile(
                    "FILE",
                    self.tr("Sensor product"),
                    fileFilter=self.tr("All files") + " (*)",  # not *.*, which folders without a dot do not match
                ),
                self.tr("Any file of the product, its metadata, its folder, or its ZIP as downloaded."),
            )
        )
        for parameter in product_parameters():
            self.addParameter(parameter)
        self.addParameter(
            raster_destination("OUTPUT", self.tr("Scene"), self.tr("GeoTIFF with one band a wavelength and all tags."))
        )
        self.addParameter(
            optional_raster_destination(
                "MASK",
                self.tr("Mask of the quality layers"),
                self.tr("GeoTIFF: 1 = valid, 0 = left out."),
                create_by_default=False,
            )
        )
        self.addOutput(QgsProcessingOutputString("PRODUCT", self.tr("Product")))
        self.addOutput(QgsProcessingOutputNumber("BANDS", self.tr("Bands written")))
        self.addOutput(QgsProcessingOutputString("STATUS", self.tr("Status")))

    def find_problem(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> str:
        """Check what does not need the product's pixels."""
        parse_quality(string_value(self, parameters, "QUALITY_LAYERS", context))
        text = string_value(self, parameters, "FILE", context)
        if text and not is_product(text):
            return self.tr(
                "“{}” is no sensor product that is known here. A file of a product, its folder or its ZIP is accepted. "
                "Rasters that QGIS opens need no import."
            ).format(text)
        return ""

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        output, mask = (raster_output(self, parameters, name, context) for name in ("OUTPUT", "MASK"))
        self._source = absolute_path(string_value(self, parameters, "FILE", context))
        try:
            config = ImportProductConfig(
                source=self._source,
                output=output,
                mask=mask,
                quality_layers=string_value(self, parameters, "QUALITY_LAYERS", context),
                detector_overlap=choice_value(self, parameters, "DETECTOR_OVERLAP", context),
            )
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        result = self.run_job("import_product", config.to_json(), feedback)
        self._written = output
        found = {"OUTPUT": output, "PRODUCT": result["product"], "BANDS": result["bands"], "STATUS": result["status"]}
        return {**found, "MASK": mask} if mask else found

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """Name the layer when it is loaded; runs in the main thread."""
        style_when_loaded(context, self._written, titled("{}", self._source))
        return {}
