# SPDX-License-Identifier: GPL-2.0-or-later
"""The parameters of heights: a raster of heights above ground, or a surface model with a terrain model."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterRasterLayer,
)

from ..translation import translate
from .parameter_kinds import helped
from .sources import raster_source

_FIELDS = {"HEIGHT": "height", "TERRAIN": "terrain"}  # of ClassifyConfig by key


def height_parameters() -> List[QgsProcessingParameterDefinition]:
    """Advanced parameters of the heights that join the evidence."""
    return [
        helped(
            QgsProcessingParameterRasterLayer("HEIGHT", translate("SpecialParameters", "Heights"), optional=True),
            translate(
                "SpecialParameters",
                "Raster of heights above ground (normalised surface model), or a surface model where “Terrain” is "
                "given; on any grid and in any coordinate system, metres unless it states another unit. It tells "
                "names that stand up (roof, tree, bridge) from names that lie flat (road, grass, water), which "
                "spectra may confuse. Pixels without a height are judged by the other evidence alone.",
            ),
            advanced=True,
        ),
        helped(
            QgsProcessingParameterRasterLayer("TERRAIN", translate("SpecialParameters", "Terrain"), optional=True),
            translate(
                "SpecialParameters",
                "Terrain model that is subtracted from “Heights”, on any grid and in any coordinate system. Empty: "
                "the heights are above ground already.",
            ),
            advanced=True,
        ),
    ]


def height_sources(
    algorithm: QgsProcessingAlgorithm,
    parameters: Mapping[str, Any],
    context: QgsProcessingContext,
    feedback: QgsProcessingFeedback,
) -> Dict[str, str]:
    """Fields of ``ClassifyConfig`` for heights, as sources that GDAL opens; runs in the main thread.

    Raises:
        QgsProcessingException: There is no such raster, or it is a picture without values.
    """
    return {field: raster_source(algorithm, parameters, key, context, feedback) for key, field in _FIELDS.items()}
