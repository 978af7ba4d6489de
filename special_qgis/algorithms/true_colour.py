# SPDX-License-Identifier: GPL-2.0-or-later
"""True colour: a band-interpolated RGB picture of a scene."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
)

from ..engine.config import TrueColourConfig
from ..engine.errors import EngineError
from .outputs import raster_output
from .parameter_kinds import decimal, helped, raster_destination
from .scene_base import SceneAlgorithm
from .scene_parameters import area_parameters, input_parameter, memory_parameter, reading_parameters
from .styling import style_when_loaded, titled

_LONGEST_NM = 20000.0


class TrueColour(SceneAlgorithm):
    """Renders a scene as the eye would see it."""

    ICON = "scene.svg"
    GROUP = "scene"

    def __init__(self) -> None:
        super().__init__()
        self._written = ""

    def name(self) -> str:
        """Permanent id."""
        return "truecolour"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("True-colour image")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        return self.tr("hyperspectral,rgb,true color,true colour,composite,quicklook,preview,stretch").split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Renders red, green and blue from the scene's bands, interpolated by wavelength.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Interpolates the scene's spectra at a red, a green and a blue wavelength and stretches the three "
            "together, so that colours stay in balance. Pixels without data become transparent.\n"
            "With other wavelengths (850, 655 and 553 nm, for example) it gives false colour."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        for parameter in [input_parameter(), *area_parameters(), *self._colours(), *self._quantiles()]:
            self.addParameter(parameter)
        for parameter in [*reading_parameters(), memory_parameter()]:
            self.addParameter(parameter)
        self.addParameter(
            raster_destination(
                "OUTPUT",
                self.tr("True colour"),
                self.tr("GeoTIFF with red, green, blue and transparency, 8 bits each."),
            )
        )
        self.addOutput(QgsProcessingOutputString("STATUS", self.tr("Status")))

    def _colours(self) -> list[Any]:
        text = self.tr("Wavelength in nm; interpolated between the two nearest bands.")
        colours = [
            ("RED", self.tr("Red, nm"), TrueColourConfig.red_nm),
            ("GREEN", self.tr("Green, nm"), TrueColourConfig.green_nm),
        ]
        colours.append(("BLUE", self.tr("Blue, nm"), TrueColourConfig.blue_nm))
        return [helped(decimal(name, label, nm, (1.0, _LONGEST_NM), 1), text) for name, label, nm in colours]

    def _quantiles(self) -> list[Any]:
        return [
            helped(
                decimal("LOW_QUANTILE", self.tr("Black at quantile"), TrueColourConfig.low_quantile, (0.0, 1.0), 4),
                self.tr("Quantile of all three channels together that becomes black."),
                advanced=True,
            ),
            helped(
                decimal("HIGH_QUANTILE", self.tr("White at quantile"), TrueColourConfig.high_quantile, (0.0, 1.0), 4),
                self.tr("Quantile of all three channels together that becomes white."),
                advanced=True,
            ),
        ]

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        output = raster_output(self, parameters, "OUTPUT", context)
        try:
            config = TrueColourConfig(
                scene=self.prepared_scene(),
                output=output,
                red_nm=self.parameterAsDouble(parameters, "RED", context),
                green_nm=self.parameterAsDouble(parameters, "GREEN", context),
                blue_nm=self.parameterAsDouble(parameters, "BLUE", context),
                low_quantile=self.parameterAsDouble(parameters, "LOW_QUANTILE", context),
                high_quantile=self.parameterAsDouble(parameters, "HIGH_QUANTILE", context),
            )
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        result = self.run_job("true_colour", config.to_json(), feedback)
        self._written = output
        return {"OUTPUT": output, "STATUS": result.get("status", "ok")}

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """Name the layer when it is loaded; runs in the main thread."""
        name = titled(self.tr("True colour – {}"), self.prepared_scene().source)
        style_when_loaded(context, self._written, name)
        return {}
