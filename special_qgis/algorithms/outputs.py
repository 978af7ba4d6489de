# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths of outputs as the worker needs them: absolute, and empty where an optional output is left out."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import Any, Dict, Mapping

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingException, QgsProcessingFeedback

from ..translation import translate
from .parameter_values import is_given


def raster_output(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """Path of a raster output; its layer is loaded afterwards where the user asked for it."""
    return _layer_output(algorithm, parameters, name, context)


def vector_output(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """Path of a vector output; its layer is loaded afterwards where the user asked for it."""
    return _layer_output(algorithm, parameters, name, context)


def _layer_output(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> str:
    if not is_given(parameters, name):
        return ""
    return _absolute(algorithm.parameterAsOutputLayer(dict(parameters), name, context))


def file_output(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """Path of a file output."""
    if not is_given(parameters, name):
        return ""
    return _absolute(algorithm.parameterAsFileOutput(dict(parameters), name, context))


def written_files(paths: Mapping[str, str], feedback: QgsProcessingFeedback) -> Dict[str, str]:
    """The outputs that were written, as results of an algorithm.

    QGIS's batch dialog breaks off at its end when a result is an HTML file (qgis/QGIS#47884, still so in 3.40), so
    there the report is written but not named.

    Args:
        paths: Paths by name of the output; empty = left out.
        feedback: Feedback of the run.
    """
    is_batch = feedback.metaObject().className().endswith("BatchFeedback")
    return {name: path for name, path in paths.items() if path and not (is_batch and name == "REPORT")}


def require_distinct_outputs(paths: Mapping[str, str]) -> None:
    """Refuse two outputs with one path, because the second would replace the first.

    Raises:
        QgsProcessingException: Two outputs have the same path.
    """
    owners: Dict[str, str] = {}
    for name, path in paths.items():
        owner = owners.setdefault(os.path.normcase(path), name) if path else name
        if owner != name:
            raise QgsProcessingException(
                translate(
                    "SpecialOutputs",
                    "{} and {} have the same path, {}. Each output needs a file of its own. Change one of them.",
                ).format(owner, name, path)
            )


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else ""
