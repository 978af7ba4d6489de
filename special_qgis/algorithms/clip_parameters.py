# SPDX-License-Identifier: GPL-2.0-or-later
"""Parameters of the image–text model for the algorithms that run the first stage, and how their values are read."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterString,
)

from ..engine.config import BLENDINGS, TEMPLATE_SETS, UPSAMPLERS, ClipConfig, parse_scales
from ..engine.models.library import choose_default_model
from ..engine.source_kinds import AUTOMATIC, source_kind
from ..translation import translate
from .model_choice import model_value, qgis_models_folder
from .parameter_kinds import choice, helped, optional_raster_destination, whole_number
from .parameter_values import choice_value, string_value


def clip_parameters() -> List[QgsProcessingParameterDefinition]:
    """Advanced options of the image–text model."""
    return [
        _scales(),
        _size(
            "WINDOW",
            translate("SpecialParameters", "Side of a window, pixels (0 = automatic)"),
            ClipConfig.window_px,
            translate("SpecialParameters", "0: the side of the images that the model was trained on."),
        ),
        _size(
            "STRIDE",
            translate("SpecialParameters", "Step from window to window, pixels (0 = automatic)"),
            ClipConfig.stride_px,
            translate("SpecialParameters", "0: half a window."),
        ),
        _upsampling(),
        _blending(),
        _templates(),
        _use_aliases(),
    ]


def _scales() -> QgsProcessingParameterDefinition:
    return helped(
        QgsProcessingParameterString(
            "SCALES", translate("SpecialParameters", "Scales of the image"), defaultValue="automatic"
        ),
        translate(
            "SpecialParameters",
            "Factors that the image is resampled by, such as “1, 2”; the probabilities of all are averaged. automatic: "
            "by the size of a pixel on the ground, 1 and 2 where that is unknown.",
        ),
        advanced=True,
    )


def _size(name: str, label: str, default: int, text: str) -> QgsProcessingParameterDefinition:
    return helped(whole_number(name, label, default, 4096), text, advanced=True)


def _upsampling() -> QgsProcessingParameterDefinition:
    return helped(
        choice(
            "UPSAMPLING", translate("SpecialParameters", "From patches to pixels"), UPSAMPLERS, ClipConfig.upsampler
        ),
        translate(
            "SpecialParameters",
            "automatic: learned (JBU) where an upsampler is installed, else bilateral, guided by the scene's "
            "spectra. bilinear: no guide.",
        ),
        advanced=True,
    )


def _blending() -> QgsProcessingParameterDefinition:
    return helped(
        choice("BLENDING", translate("SpecialParameters", "Blending of windows"), BLENDINGS, ClipConfig.blending),
        translate("SpecialParameters", "hann: smooth weights. mean: plain average, as published."),
        advanced=True,
    )


def _templates() -> QgsProcessingParameterDefinition:
    return helped(
        choice("TEMPLATES", translate("SpecialParameters", "Prompt templates"), TEMPLATE_SETS, ClipConfig.templates),
        translate(
            "SpecialParameters",
            "Sentences that each name is put into: the 80 of OpenAI, ours for remote sensing, or both.",
        ),
        advanced=True,
    )


def _use_aliases() -> QgsProcessingParameterDefinition:
    return helped(
        QgsProcessingParameterBoolean(
            "USE_ALIASES",
            translate("SpecialParameters", "Also use words of the dictionary"),
            defaultValue=ClipConfig.use_aliases,
        ),
        translate(
            "SpecialParameters",
            "Common other words for a name (“tree”: “forest”, “woods”) are compared with the image too; the report "
            "lists them.",
        ),
        advanced=True,
    )


def agreement_destination() -> QgsProcessingParameterDefinition:
    """The agreement of the two sources."""
    return optional_raster_destination(
        "AGREEMENT",
        translate("SpecialParameters", "Agreement of the sources"),
        translate(
            "SpecialParameters",
            "How far the image–text model and the spectral prior say the same of a pixel, 0 to 1; needs both.",
        ),
        create_by_default=False,
    )


def clip_options(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], context: QgsProcessingContext
) -> Dict[str, Any]:
    """Fields of ``ClassifyConfig`` for the image–text model.

    Raises:
        EngineError: The named model is not there, or an option is not accepted.
    """
    named = string_value(algorithm, parameters, "MODEL", context)
    model = model_value(algorithm, parameters, context) if named else None
    return {
        "model": str(model.path) if model is not None else "",
        "models_folder": str(qgis_models_folder()),
        "clip": ClipConfig(
            scales=parse_scales(string_value(algorithm, parameters, "SCALES", context)),
            window_px=algorithm.parameterAsInt(dict(parameters), "WINDOW", context),
            stride_px=algorithm.parameterAsInt(dict(parameters), "STRIDE", context),
            upsampler=choice_value(algorithm, parameters, "UPSAMPLING", context),
            blending=choice_value(algorithm, parameters, "BLENDING", context),
            templates=choice_value(algorithm, parameters, "TEMPLATES", context),
            use_aliases=algorithm.parameterAsBool(dict(parameters), "USE_ALIASES", context),
        ),
    }


def has_model(source: str, model: str) -> bool:
    """Whether an image–text model may come into play: one is named, demanded, or installed.

    Args:
        source: One of ``config.SOURCES``.
        model: Path of the named one; "" = none.
    """
    if source == AUTOMATIC:
        return bool(model) or choose_default_model(qgis_models_folder()) is not None
    return source_kind(source).needs_model
