# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stage by itself: scene and class names to noisy labels, confidence and probabilities."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .names_base import NamesAlgorithm
from .run_parameters import first_stage_preset_parameter


class PseudoLabels(NamesAlgorithm):
    """Labels pixels from class names, without learning the scene."""

    def name(self) -> str:
        """Permanent id."""
        return "pseudolabels"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Pseudo-labels from class names")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        words = "hyperspectral,land cover,zero-shot,pseudo-label,weak labels,training samples,spectral prior"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("The first stage of the classification alone: noisy labels with confidence, from class names.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Labels every pixel from the class names alone, as the first stage of “Classify hyperspectral scene” does, "
            "and stops there: labels, their confidence and, if wanted, the probability of every class.\n"
            "Use it to look at the evidence, to correct labels by hand before “Refine class map”, or as weak labels "
            "for a method of your own. MIN_CONFIDENCE keeps only the sure ones."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        self.add_inputs([first_stage_preset_parameter()])
        self.add_map_outputs()
        self.add_agreement()
