# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job: scene and class names to a styled map, confidence and report."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from qgis.core import QgsProcessingContext

from .names_base import NamesAlgorithm
from .parameter_kinds import optional_raster_destination
from .run_parameters import preset_parameter, refine_parameter


class Classify(NamesAlgorithm):
    """Maps land cover from class names alone."""

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
            "raster. No labelled pixels are needed: the names are matched to physical evidence in the spectra "
            "(vegetation, water, soil, built-up surfaces, shadow) and, where a CLIP model is installed, to what the "
            "image looks like; then a network learns the scene's full spectra from those noisy labels and maps it "
            "again.\n"
            "Names that the plugin does not know, and names that spectra cannot tell apart, are reported and not "
            "guessed: read the warnings in the log and in the report."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        self.add_inputs([refine_parameter(), preset_parameter()])
        self.add_map_outputs()
        self.addParameter(
            optional_raster_destination(
                "PSEUDO_LABELS",
                self.tr("Pseudo-labels"),
                self.tr("Classes of the first stage: what the network learnt from."),
                create_by_default=False,
            )
        )
        self.add_agreement()
        self.add_learning_outputs()

    def wants_refinement(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> bool:
        """Whether the second stage is to run."""
        return bool(self.parameterAsBool(parameters, "REFINE", context))
