# SPDX-License-Identifier: GPL-2.0-or-later
"""Definitions of the parameters that several algorithms share, and how their values are read.

Choices are enumerations with static strings: a script, a model or a batch file holds ``spectral``, not ``1``. Numbers
are accepted as well, because many scripts send positions.
"""

from __future__ import annotations

from html import escape
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from qgis.core import (
    NULL,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QCoreApplication

from ..engine.classes.classes import class_file_of
from ..engine.config import DEVICES, LEARNING_PRESETS, PRESETS, PRIOR_PRESETS, QUANTITIES, SOURCES
from ..engine.data_folder import expand_home
from ..engine.scene.sensors import SENSORS

translate = QCoreApplication.translate

NO_SENSOR = "from the file"  # first choice of SENSOR
CLASS_TABLE_WIDGET = __package__.rpartition(".")[0] + ".gui.class_wrappers.ClassListWidgetWrapper"
_MIB = 1024 * 1024
_MAX_SEED = 2**31 - 1


def helped(
    parameter: QgsProcessingParameterDefinition, text: str, advanced: bool = False
) -> QgsProcessingParameterDefinition:
    """Attach the help of a parameter, and mark it as advanced if asked."""
    parameter.setHelp(text)
    if advanced:
        parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
    return parameter


def choice(name: str, label: str, words: Sequence[str]) -> QgsProcessingParameterEnum:
    """An enumeration of words, the first being the default."""
    return QgsProcessingParameterEnum(
        name, label, options=list(words), allowMultiple=False, defaultValue=words[0], usesStaticStrings=True
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


def whole_number(name: str, label: str, largest: Optional[int] = None) -> QgsProcessingParameterNumber:
    """A whole number from 0, which it begins with.

    Args:
        name: Key.
        label: Label.
        largest: Largest value accepted; None = there is none.
    """
    kind = QgsProcessingParameterNumber.Integer
    limit = {} if largest is None else {"maxValue": largest}
    return QgsProcessingParameterNumber(name, label, kind, defaultValue=0, minValue=0, **limit)


def input_parameter() -> QgsProcessingParameterDefinition:
    """The scene."""
    return helped(
        QgsProcessingParameterRasterLayer("INPUT", translate("SpecialParameters", "Hyperspectral scene")),
        translate(
            "SpecialParameters",
            "Raster with many narrow bands: reflectance or radiance, in any format that GDAL reads (ENVI, GeoTIFF, …). "
            "Band-centre wavelengths are taken from the file.",
        ),
    )


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


def _preset(presets: Sequence[str], text: str) -> QgsProcessingParameterDefinition:
    return helped(choice("PRESET", translate("SpecialParameters", "Preset"), presets), text)


def preset_parameter() -> QgsProcessingParameterDefinition:
    """The preset of a whole classification."""
    return _preset(
        PRESETS,
        translate(
            "SpecialParameters",
            "default: the evidence is adapted to the scene and learnt by the network. fast: rules alone, without "
            "adaptation and network; for a first look at a large scene. paper: the network with the published "
            "constants, without our repairs and additions.",
        ),
    )


def first_stage_preset_parameter() -> QgsProcessingParameterDefinition:
    """The preset of the first stage by itself."""
    return _preset(
        PRESETS,
        translate(
            "SpecialParameters",
            "default: the evidence is adapted to the scene. fast: rules alone, without adaptation. paper: a CLIP model "
            "with the published constants, without our additions.",
        ),
    )


def prior_preset_parameter() -> QgsProcessingParameterDefinition:
    """The preset of the spectral prior by itself."""
    return _preset(
        PRIOR_PRESETS,
        translate(
            "SpecialParameters",
            "default: the evidence is adapted to the scene. fast: rules alone, without adaptation; "
            "for a first look at a large scene.",
        ),
    )


def learning_preset_parameter() -> QgsProcessingParameterDefinition:
    """The preset of the network stage by itself."""
    return _preset(
        LEARNING_PRESETS,
        translate(
            "SpecialParameters",
            "default: with our repairs and additions. paper: the published constants, without them.",
        ),
    )


def refine_parameter() -> QgsProcessingParameterDefinition:
    """Whether the second stage runs."""
    return helped(
        QgsProcessingParameterBoolean(
            "REFINE",
            translate("SpecialParameters", "Learn the scene with the network (second stage)"),
            defaultValue=True,
        ),
        translate(
            "SpecialParameters",
            "A network learns the full spectra from the first stage's noisy labels and maps the scene again. Needs the "
            "runtime (“Install runtime”); without it the first stage's map is written and the log says so.",
        ),
    )


def source_parameter() -> QgsProcessingParameterDefinition:
    """Where evidence comes from."""
    return helped(
        choice("SOURCE", translate("SpecialParameters", "Evidence for the classes"), SOURCES),
        translate(
            "SpecialParameters",
            "automatic: the spectral evidence, fused with CLIP where a model is installed. spectral: only physical "
            "evidence from the spectra and the meaning of the names; needs no weights and no downloads. clip: only "
            "what the true-colour image looks like to a CLIP model; visible bands suffice.",
        ),
    )


def min_confidence_parameter() -> QgsProcessingParameterDefinition:
    """The threshold below which a pixel stays unclassified."""
    return helped(
        decimal(
            "MIN_CONFIDENCE",
            translate("SpecialParameters", "Leave unclassified below confidence"),
            default=0.0,
            limits=(0.0, 0.999),
            decimals=3,
        ),
        translate(
            "SpecialParameters",
            "Pixels whose confidence (best minus second-best probability, 0 to 1) is lower get 0 in the map. "
            "0 classifies every valid pixel.",
        ),
    )


def seed_parameter() -> QgsProcessingParameterDefinition:
    """Seed of everything drawn at random."""
    return helped(
        whole_number("SEED", translate("SpecialParameters", "Random seed"), _MAX_SEED),
        translate("SpecialParameters", "The same seed and the same inputs give the same map."),
        advanced=True,
    )


def device_parameter() -> QgsProcessingParameterDefinition:
    """Where heavy stages run."""
    return helped(
        choice("DEVICE", translate("SpecialParameters", "Device"), DEVICES),
        translate(
            "SpecialParameters",
            "automatic: a graphics card that PyTorch can use, else the processor. cpu: never a graphics card. cuda: an "
            "NVIDIA graphics card, or an error where there is none.",
        ),
        advanced=True,
    )


def area_parameters() -> List[QgsProcessingParameterDefinition]:
    """Parameters that limit the work to a part of the scene."""
    return [
        helped(
            QgsProcessingParameterExtent("EXTENT", translate("SpecialParameters", "Extent"), optional=True),
            translate(
                "SpecialParameters",
                "Only this rectangle is read; outputs are cropped to the pixels whose centres lie in it. "
                "Empty: the whole scene.",
            ),
        ),
        helped(
            QgsProcessingParameterFeatureSource(
                "AOI",
                translate("SpecialParameters", "Area of interest"),
                [QgsProcessing.TypeVectorPolygon],
                optional=True,
            ),
            translate(
                "SpecialParameters",
                "Polygons; pixels whose centres lie outside are left out. The coordinate system may differ from the "
                "scene's.",
            ),
        ),
    ]


def reading_parameters() -> List[QgsProcessingParameterDefinition]:
    """Advanced parameters that say how the file is to be understood."""
    return [_wavelengths(), _sensor(), _bad_bands(), _drop_water_vapour(), _quantity(), _mask()]


def _wavelengths() -> QgsProcessingParameterDefinition:
    return helped(
        QgsProcessingParameterString("WAVELENGTHS", translate("SpecialParameters", "Wavelengths"), optional=True),
        translate(
            "SpecialParameters",
            "Band centres of a file that has none, as many numbers as bands, such as “418.2, 423.9, 429.3 nm”. Without "
            "a unit, nm or µm is told from the size of the numbers. Empty: from the file or the sensor.",
        ),
        advanced=True,
    )


def _sensor() -> QgsProcessingParameterDefinition:
    sensors = ", ".join(f"{key} = {sensor.label}" for key, sensor in SENSORS.items())
    text = translate(
        "SpecialParameters",
        "Nominal band centres of a known sensor, for a file that has no wavelengths. Sensors: {}.",
    )
    return helped(
        choice("SENSOR", translate("SpecialParameters", "Sensor"), [NO_SENSOR, *SENSORS]),
        text.format(sensors),
        advanced=True,
    )


def _bad_bands() -> QgsProcessingParameterDefinition:
    return helped(
        QgsProcessingParameterString("BAD_BANDS", translate("SpecialParameters", "Bands to leave out"), optional=True),
        translate(
            "SpecialParameters",
            "Band numbers, ranges or wavelength ranges: “1-5, 100, 1340-1460nm”. Bands that the file marks as bad, "
            "and constant ones, are left out anyway.",
        ),
        advanced=True,
    )


def _drop_water_vapour() -> QgsProcessingParameterDefinition:
    return helped(
        QgsProcessingParameterBoolean(
            "DROP_WATER_VAPOUR",
            translate("SpecialParameters", "Leave out bands that water vapour absorbs"),
            defaultValue=True,
        ),
        translate("SpecialParameters", "1340–1460 nm, 1790–1960 nm and above 2450 nm."),
        advanced=True,
    )


def _quantity() -> QgsProcessingParameterDefinition:
    return helped(
        choice("QUANTITY", translate("SpecialParameters", "Quantity of the values"), QUANTITIES),
        translate(
            "SpecialParameters",
            "automatic: from the file, with a warning where the spectra look otherwise. reflectance: values "
            "proportional to surface reflectance, in any scale. radiance: a simple atmospheric correction is applied.",
        ),
        advanced=True,
    )


def _mask() -> QgsProcessingParameterDefinition:
    return helped(
        QgsProcessingParameterRasterLayer("MASK", translate("SpecialParameters", "Mask"), optional=True),
        translate(
            "SpecialParameters",
            "Raster on the scene's pixel grid; pixels with 0 or nodata are left out (clouds, for example).",
        ),
        advanced=True,
    )


def memory_parameter() -> QgsProcessingParameterDefinition:
    """Memory for blocks of pixels."""
    return helped(
        whole_number("MEMORY", translate("SpecialParameters", "Memory for blocks of pixels, MiB")),
        translate(
            "SpecialParameters", "0: a quarter of the free memory, at most 512. The result does not depend on it."
        ),
        advanced=True,
    )


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
            normal[definition.name()] = _enum_word(normal[definition.name()], definition.options())
    return normal


def _enum_word(value: Any, words: Sequence[str]) -> Any:
    if isinstance(value, str) and value in words:
        return value
    if value == "":
        return words[0]
    position = int(value) if isinstance(value, (int, str)) and str(value).isdecimal() else -1
    return words[position] if 0 <= position < len(words) else value


def choice_value(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """Word of a choice."""
    return str(algorithm.parameterAsEnumString(with_enum_words(algorithm, parameters), name, context))


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
    return int(algorithm.parameterAsInt(dict(parameters), "MEMORY", context)) * _MIB


def describe_parameters(algorithm: QgsProcessingAlgorithm) -> str:
    """Label and help of each parameter, one a line, as rich text."""
    texts = [(p.description(), p.help()) for p in algorithm.parameterDefinitions() if p.help()]
    return "\n".join(f"<b>{escape(label, quote=False)}:</b> {escape(text, quote=False)}" for label, text in texts)
