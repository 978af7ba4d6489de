# SPDX-License-Identifier: GPL-2.0-or-later
"""The parameters with which an algorithm asks for class names."""

from __future__ import annotations

from qgis.core import QgsProcessingParameterDefinition, QgsProcessingParameterString

from ..translation import translate
from .parameter_kinds import helped

CLASS_TABLE_WIDGET = __package__.rpartition(".")[0] + ".gui.class_wrappers.ClassListWidgetWrapper"


def classes_parameter() -> QgsProcessingParameterDefinition:
    """The class names."""
    parameter = QgsProcessingParameterString(
        "CLASSES", translate("SpecialParameters", "Classes to map"), multiLine=True
    )
    parameter.setMetadata({"widget_wrapper": {"class": CLASS_TABLE_WIDGET}})
    return helped(parameter, _class_list_help())


def optional_classes_parameter() -> QgsProcessingParameterDefinition:
    """The class names where another input may bring them."""
    parameter = QgsProcessingParameterString(
        "CLASSES", translate("SpecialParameters", "Names of the classes"), multiLine=True, optional=True
    )
    start = translate("SpecialParameters", "Empty: the names and colours that the class raster brings along.")
    return helped(parameter, f"{start} {_class_list_help()}", advanced=True)


def _class_list_help() -> str:
    return translate(
        "SpecialParameters",
        "One class a line, or separated by semicolons: “water: river, lake, pond #1f78b4”. Other words for the "
        "same class follow a colon, a colour follows #; both may be left out. The path of a class file (.txt, "
        ".csv, .json, .qml) is accepted in place of the text. Ids in the map follow this order.",
    )
