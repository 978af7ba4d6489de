# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of models as QGIS's settings have it, and the parameter with which an algorithm asks for a model.

self.addParameter(model_parameter())                       # in initAlgorithm; the key is MODEL
model = model_value(self, parameters, context)             # None = nothing named and no CLIP installed
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterString,
    QgsSettings,
)

from ..engine.models.library import InstalledModel, choose_default_model, find_model, models_folder
from ..translation import translate
from .parameter_kinds import helped
from .parameter_values import string_value

FOLDER_SETTING = "special/models_folder"


def qgis_models_folder() -> Path:
    """The folder of models: ``SPECIAL_MODEL_DIR``, else that of QGIS's settings, else below the data folder."""
    return models_folder(str(QgsSettings().value(FOLDER_SETTING, "") or ""))


def model_parameter() -> QgsProcessingParameterDefinition:
    """The CLIP model."""
    return helped(
        QgsProcessingParameterString("MODEL", translate("SpecialParameters", "CLIP model"), optional=True),
        translate(
            "SpecialParameters",
            "Name of an installed model (“Check runtime” lists them), or the path of a checkpoint that open_clip can "
            "load. Empty: the best one that is installed. “demo” is the small model that ships with the plugin; it is "
            "never taken unless it is named.",
        ),
    )


def model_value(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], context: QgsProcessingContext
) -> Optional[InstalledModel]:
    """The model that is meant.

    Only files are looked at, so this may be asked in ``find_problem`` as well.

    Args:
        algorithm: Whose parameter it is.
        parameters: Values as they came.
        context: Of the run.

    Returns:
        The named one, else the best that is installed, but never the demo model; None where no CLIP is installed.

    Raises:
        ModelError: The named one is not there; the message says which file to bring, from where, and where to put it.
    """
    named = string_value(algorithm, parameters, "MODEL", context)
    folder = qgis_models_folder()
    return find_model(named, folder) if named else choose_default_model(folder)
