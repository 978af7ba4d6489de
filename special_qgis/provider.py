# SPDX-License-Identifier: GPL-2.0-or-later
"""The Processing provider: names its algorithms one by one, so that the list is what is tested."""

from __future__ import annotations

from typing import List

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithms.apply_classifier import ApplyClassifier
from .algorithms.areas import Areas
from .algorithms.assess import Assess
from .algorithms.check_runtime import CheckRuntime
from .algorithms.classify import Classify
from .algorithms.classify_scenes import ClassifyScenes
from .algorithms.import_product import ImportProduct
from .algorithms.inspect_scene import InspectScene
from .algorithms.install_model import InstallModel
from .algorithms.install_runtime import InstallRuntime
from .algorithms.pseudo_labels import PseudoLabels
from .algorithms.refine import Refine
from .algorithms.spectral_prior import SpectralPriorAlgorithm
from .algorithms.true_colour import TrueColour
from .engine.areas.vector_formats import FORMATS
from .engine.files.resources import plugin_version, resource_path
from .translation import translate

ALGORITHMS = (
    Classify,
    ClassifyScenes,
    PseudoLabels,
    Refine,
    ApplyClassifier,
    SpectralPriorAlgorithm,
    TrueColour,
    InspectScene,
    ImportProduct,
    Assess,
    Areas,
    CheckRuntime,
    InstallRuntime,
    InstallModel,
)


class SpecialProvider(QgsProcessingProvider):
    """Lists the plugin's algorithms; needs neither a runtime nor weights."""

    def id(self) -> str:
        """Permanent id, the part of an algorithm's id before the colon."""
        return "special"

    def name(self) -> str:
        """Name in the toolbox."""
        return "SPECIAL"

    def longName(self) -> str:
        """Name with what the provider is for."""
        return translate("SpecialProvider", "SPECIAL – land cover from class names")

    def versionInfo(self) -> str:
        """Version of the plugin, written to the log of each run."""
        return plugin_version()

    def icon(self) -> QIcon:
        """Icon in the toolbox."""
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        """Path of the icon."""
        return str(resource_path("icons", "icon.svg"))

    def supportedOutputRasterLayerExtensions(self) -> List[str]:
        """Extensions of rasters that the engine writes."""
        return ["tif", "tiff"]

    def supportedOutputVectorLayerExtensions(self) -> List[str]:
        """Extensions of vector layers that the engine writes."""
        return [suffix.lstrip(".") for suffix in FORMATS]

    def defaultVectorFileExtension(self, hasGeometry: bool = True) -> str:  # noqa: N803 - QGIS's own signature
        """Extension of vector layers where none is named."""
        return "gpkg"

    def loadAlgorithms(self) -> None:
        """Register one of each algorithm."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
