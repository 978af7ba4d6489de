# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of all jobs and stages as frozen dataclasses, under one name: validated when made, the same through JSON.

May import the engine's ground modules.
"""

from __future__ import annotations

from .campaign import ANY_SCENE, OUTPUT_CHOICES, ScenesConfig
from .jobs import (
    AREA_MEASURES,
    DEVICES,
    LEARNING_PRESETS,
    PRESETS,
    PRIOR_PRESETS,
    SOURCES,
    ApplyConfig,
    AreasConfig,
    AssessConfig,
    ClassifyConfig,
    PriorJobConfig,
    RefineJobConfig,
    TrueColourConfig,
    used_network,
    used_prior,
)
from .models import DownloadModelConfig, ImportModelConfig, ListModelsConfig, RemoveModelConfig, RuntimeCheckConfig
from .options import require
from .outputs import MapOutputConfig, OutputConfig, RefineOutputConfig
from .products import MASK_MEANINGS, OVERLAPS, ImportProductConfig
from .scene import QUANTITIES, SceneConfig
from .stages import (
    BLENDINGS,
    PRECISIONS,
    RANDOM_SETS,
    SPECTRAL_PX,
    TEMPLATE_SETS,
    UNEVEN_SIDES,
    UPSAMPLERS,
    ClipConfig,
    PriorConfig,
    RefineConfig,
    parse_scales,
)

__all__ = [
    "ANY_SCENE",
    "AREA_MEASURES",
    "BLENDINGS",
    "DEVICES",
    "LEARNING_PRESETS",
    "MASK_MEANINGS",
    "OUTPUT_CHOICES",
    "OVERLAPS",
    "PRECISIONS",
    "PRESETS",
    "PRIOR_PRESETS",
    "QUANTITIES",
    "RANDOM_SETS",
    "SOURCES",
    "SPECTRAL_PX",
    "TEMPLATE_SETS",
    "UNEVEN_SIDES",
    "UPSAMPLERS",
    "ApplyConfig",
    "AreasConfig",
    "AssessConfig",
    "ClassifyConfig",
    "ClipConfig",
    "DownloadModelConfig",
    "ImportModelConfig",
    "ImportProductConfig",
    "ListModelsConfig",
    "MapOutputConfig",
    "OutputConfig",
    "PriorConfig",
    "PriorJobConfig",
    "RefineConfig",
    "RefineJobConfig",
    "RefineOutputConfig",
    "RemoveModelConfig",
    "RuntimeCheckConfig",
    "SceneConfig",
    "ScenesConfig",
    "TrueColourConfig",
    "parse_scales",
    "require",
    "used_network",
    "used_prior",
]
