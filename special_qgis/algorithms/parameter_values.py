# SPDX-License-Identifier: GPL-2.0-or-later
"""How the values of parameters are read, and their description.

Choices hold words; positions are accepted as well, because many scripts send them.
"""

from __future__ import annotations

from html import escape
from typing import Any, Dict, Mapping

from qgis.core import NULL, QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingParameterEnum

from ..engine.classes.classes import class_file_of
from ..engine.files.data_folder import expand_home
from .scene_parameters import MIB, NO_SENSOR


def is_given(parameters: Mapping[str, Any], name: str) -> bool:
    """Whether an optional parameter has a value."""
    value = parameters.get(name)
    return not (value is None or value == NULL or value == "")


def with_enum_words(algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """Parameters with the positions of choices replaced by their words.

    Args:
        algorithm: Whose choices these are.
        parameters: Values as they came.

    Returns:
        A copy; values that are neither a word nor a position are left as they are, for the usual check to refuse.
    """
    normal = dict(parameters)
    for definition in algorithm.parameterDefinitions():
        if isinstance(definition, QgsProcessingParameterEnum) and definition.name() in normal:
            normal[definition.name()] = _enum_word(normal[definition.name()], definition)
    return normal


def _enum_word(value: Any, definition: QgsProcessingParameterEnum) -> Any:
    words = definition.options()
    if isinstance(value, str) and value in words:
        return value
    if value == "":
        return definition.defaultValue()
    position = int(value) if isinstance(value, (int, str)) and str(value).isdecimal() else -1
    return words[position] if 0 <= position < len(words) else value


def choice_value(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """Word of a choice; its default where an optional one is left empty."""
    word = algorithm.parameterAsEnumString(with_enum_words(algorithm, parameters), name, context)
    return str(word or algorithm.parameterDefinition(name).defaultValue())


def sensor_value(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], context: QgsProcessingContext
) -> str:
    """Key of the sensor; empty when the file's own wavelengths are wanted."""
    word = choice_value(algorithm, parameters, "SENSOR", context)
    return "" if word == NO_SENSOR else word


def string_value(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """A text, without white space around it."""
    return str(algorithm.parameterAsString(dict(parameters), name, context)).strip()


def classes_value(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], context: QgsProcessingContext
) -> str:
    """The class list, or the absolute path of a class file, as the worker has another working folder."""
    text = string_value(algorithm, parameters, "CLASSES", context)
    path = class_file_of(text)
    return text if path is None else str(expand_home(path).absolute())


def memory_budget_bytes(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], context: QgsProcessingContext
) -> int:
    """Memory for blocks; 0 = chosen by the engine."""
    return int(algorithm.parameterAsInt(dict(parameters), "MEMORY", context)) * MIB


def describe_parameters(algorithm: QgsProcessingAlgorithm) -> str:
    """Label and help of each parameter, one a line, as rich text."""
    texts = [(p.description(), p.help()) for p in algorithm.parameterDefinitions() if p.help()]
    return "\n".join(f"<b>{escape(label, quote=False)}:</b> {escape(text, quote=False)}" for label, text in texts)
