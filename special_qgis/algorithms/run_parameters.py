# SPDX-License-Identifier: GPL-2.0-or-later
"""The parameters of a run that several algorithms share: preset, source, threshold, seed, device."""

from __future__ import annotations

from typing import Sequence

from qgis.core import QgsProcessingParameterBoolean, QgsProcessingParameterDefinition

from ..engine.config import (
    DEVICES,
    LEARNING_PRESETS,
    PRESETS,
    PRIOR_PRESETS,
    SOURCES,
    ClassifyConfig,
    PriorJobConfig,
    RefineJobConfig,
)
from ..translation import translate
from .parameter_kinds import choice, decimal, helped, whole_number

_MAX_SEED = 2**31 - 1


def _preset(presets: Sequence[str], default: str, text: str) -> QgsProcessingParameterDefinition:
    return helped(choice("PRESET", translate("SpecialParameters", "Preset"), presets, default), text)


def preset_parameter() -> QgsProcessingParameterDefinition:
    """The preset of a whole classification."""
    return _preset(
        PRESETS,
        ClassifyConfig.preset,
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
        ClassifyConfig.preset,
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
        PriorJobConfig.preset,
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
        RefineJobConfig.preset,
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
            translate("SpecialParameters", "Learn the scene with the network"),
            defaultValue=ClassifyConfig.refine,
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
        choice("SOURCE", translate("SpecialParameters", "Evidence for the classes"), SOURCES, ClassifyConfig.source),
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
            default=ClassifyConfig.min_confidence,
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
        whole_number("SEED", translate("SpecialParameters", "Random seed"), ClassifyConfig.seed, _MAX_SEED),
        translate("SpecialParameters", "The same seed and the same inputs give the same map."),
        advanced=True,
    )


def device_parameter() -> QgsProcessingParameterDefinition:
    """Where heavy stages run."""
    return helped(
        choice("DEVICE", translate("SpecialParameters", "Device"), DEVICES, ClassifyConfig.device),
        translate(
            "SpecialParameters",
            "automatic: a graphics card that PyTorch can use, else the processor. cpu: never a graphics card. cuda: an "
            "NVIDIA graphics card, or an error where there is none.",
        ),
        advanced=True,
    )
