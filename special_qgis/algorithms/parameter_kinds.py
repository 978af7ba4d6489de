# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of parameters that the definitions are made of: with help, a choice of words, numbers, outputs.

Choices are enumerations with static strings: a script, a model or a batch file holds ``spectral``, not ``1``.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from qgis.core import (
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
)

from ..translation import translate


def helped(
    parameter: QgsProcessingParameterDefinition, text: str, advanced: bool = False
) -> QgsProcessingParameterDefinition:
    """Attach the help of a parameter, and mark it as advanced if asked."""
    parameter.setHelp(text)
    if advanced:
        parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
    return parameter


def choice(name: str, label: str, words: Sequence[str], default: str) -> QgsProcessingParameterEnum:
    """An enumeration of words."""
    return QgsProcessingParameterEnum(
        name, label, options=list(words), allowMultiple=False, defaultValue=default, usesStaticStrings=True
    )


def decimal(
    name: str, label: str, default: float, limits: Tuple[float, float], decimals: int
) -> QgsProcessingParameterNumber:
    """A number with decimals.

    Args:
        name: Key.
        label: Label.
        default: Value to begin with.
        limits: Smallest and largest value accepted.
        decimals: Number of decimals shown in dialogs.
    """
    parameter = QgsProcessingParameterNumber(
        name,
        label,
        QgsProcessingParameterNumber.Double,
        defaultValue=default,
        minValue=limits[0],
        maxValue=limits[1],
    )
    parameter.setMetadata({"widget_wrapper": {"decimals": decimals}})
    return parameter


def whole_number(name: str, label: str, default: int, largest: Optional[int] = None) -> QgsProcessingParameterNumber:
    """A whole number from 0.

    Args:
        name: Key.
        label: Label.
        default: Value to begin with.
        largest: Largest value accepted; None = there is none.
    """
    kind = QgsProcessingParameterNumber.Integer
    limit = {} if largest is None else {"maxValue": largest}
    return QgsProcessingParameterNumber(name, label, kind, defaultValue=default, minValue=0, **limit)


def raster_destination(name: str, label: str, text: str) -> QgsProcessingParameterDefinition:
    """A raster output that is always written."""
    return helped(QgsProcessingParameterRasterDestination(name, label), text)


def optional_raster_destination(
    name: str, label: str, text: str, create_by_default: bool
) -> QgsProcessingParameterDefinition:
    """A raster output that may be left out."""
    parameter = QgsProcessingParameterRasterDestination(name, label, optional=True, createByDefault=create_by_default)
    return helped(parameter, text)


def file_destination(
    name: str, label: str, file_filter: str, text: str, create_by_default: bool = True
) -> QgsProcessingParameterDefinition:
    """A file output that may be left out."""
    parameter = QgsProcessingParameterFileDestination(
        name, label, file_filter, optional=True, createByDefault=create_by_default
    )
    return helped(parameter, text)


def report_parameter(text: str) -> QgsProcessingParameterDefinition:
    """The HTML report."""
    label = translate("SpecialParameters", "Report")
    return file_destination("REPORT", label, translate("SpecialParameters", "HTML files (*.html)"), text)
