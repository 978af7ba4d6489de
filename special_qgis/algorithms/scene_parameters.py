# SPDX-License-Identifier: GPL-2.0-or-later
"""The parameters of a scene: the raster, the part of it, how it is to be understood, memory to read it in."""

from __future__ import annotations

from typing import List

from qgis.core import (
    QgsProcessing,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from ..engine.config import MASK_MEANINGS, OVERLAPS, QUANTITIES, SceneConfig
from ..engine.config.products import DEFAULT_QUALITY, QUALITY_KINDS
from ..engine.scene.sensors import SENSORS
from ..translation import translate
from .parameter_kinds import choice, helped, whole_number

NO_SENSOR = "from the file"  # first choice of SENSOR
MIB = 1024 * 1024  # bytes


def input_parameter() -> QgsProcessingParameterDefinition:
    """The scene."""
    return helped(
        QgsProcessingParameterRasterLayer("INPUT", translate("SpecialParameters", "Hyperspectral scene")),
        translate(
            "SpecialParameters",
            "Raster with many narrow bands: reflectance or radiance, in any format that GDAL reads (ENVI, GeoTIFF, …). "
            "Band-centre wavelengths are taken from the file. Products of EnMAP, PRISMA, EMIT, DESIS and others are "
            "read as downloaded: any of their files, the folder or the ZIP.",
        ),
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
    return [_wavelengths(), _sensor(), _bad_bands(), _drop_water_vapour(), _quantity(), _mask(), *_mask_and_product()]


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
        choice("SENSOR", translate("SpecialParameters", "Sensor"), [NO_SENSOR, *SENSORS], NO_SENSOR),
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
            defaultValue=SceneConfig.drop_water_vapour,
        ),
        translate("SpecialParameters", "1340–1460 nm, 1790–1960 nm and above 2450 nm."),
        advanced=True,
    )


def _quantity() -> QgsProcessingParameterDefinition:
    return helped(
        choice("QUANTITY", translate("SpecialParameters", "Quantity of the values"), QUANTITIES, SceneConfig.quantity),
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
            "Raster on the scene's pixel grid; its nodata pixels are left out, and those that the meaning says.",
        ),
        advanced=True,
    )


def _mask_and_product() -> List[QgsProcessingParameterDefinition]:
    meaning = helped(
        choice(
            "MASK_MEANING",
            translate("SpecialParameters", "Mask values that are left out"),
            MASK_MEANINGS,
            SceneConfig.mask_meaning,
        ),
        translate(
            "SpecialParameters",
            "zero: 0 is left out. nonzero: 1 and other values are left out, as in agencies' cloud masks. automatic: "
            "nonzero where the mask's name says cloud, shadow, cirrus, haze, snow, nodata, invalid or bad, else zero.",
        ),
        advanced=True,
    )
    return [_missing_in_older_models(meaning), *product_parameters()]


def product_parameters() -> List[QgsProcessingParameterDefinition]:
    """Parameters of reading a sensor product as it was downloaded."""
    kinds = ", ".join(QUALITY_KINDS)
    quality = helped(
        QgsProcessingParameterString(
            "QUALITY_LAYERS",
            translate("SpecialParameters", "Quality layers of a sensor product"),
            defaultValue=SceneConfig.quality_layers,
            optional=True,
        ),
        translate(
            "SpecialParameters",
            "What the product's own layers leave out: some of {}, with commas between them; none; or automatic: {}. "
            "Without effect on other rasters.",
        ).format(kinds, ", ".join(DEFAULT_QUALITY)),
        advanced=True,
    )
    overlap = helped(
        choice(
            "DETECTOR_OVERLAP",
            translate("SpecialParameters", "Detector in the overlap"),
            OVERLAPS,
            SceneConfig.detector_overlap,
        ),
        translate(
            "SpecialParameters",
            "Whose bands of a sensor product are kept where its two detectors see the same wavelengths. automatic: as "
            "the agency recommends (EnMAP vnir, PRISMA swir).",
        ),
        advanced=True,
    )
    return [quality, _missing_in_older_models(overlap)]


def _missing_in_older_models(parameter: QgsProcessingParameterDefinition) -> QgsProcessingParameterDefinition:
    """Mark a choice as optional, so that models saved before it was there stay valid; they run with its default."""
    parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagOptional)
    return parameter


def memory_parameter() -> QgsProcessingParameterDefinition:
    """Memory for blocks of pixels."""
    return helped(
        whole_number(
            "MEMORY",
            translate("SpecialParameters", "Memory for blocks of pixels, MiB (0 = automatic)"),
            SceneConfig.memory_budget_bytes // MIB,
        ),
        translate(
            "SpecialParameters", "0: a quarter of the free memory, at most 512. The result does not depend on it."
        ),
        advanced=True,
    )
