# SPDX-License-Identifier: GPL-2.0-or-later
"""The provider lists exactly the public API, with all that makes an algorithm usable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from qgis.core import QgsApplication, QgsProcessingAlgorithm, QgsProcessingParameterDefinition

from special_qgis.engine.config import (
    AssessConfig,
    ClassifyConfig,
    ClipConfig,
    PriorJobConfig,
    RefineJobConfig,
    SceneConfig,
    TrueColourConfig,
)

STORED = Path(__file__).resolve().parent.parent / "data" / "public_api.json"
NEED_RUNTIME = ("applyclassifier", "refine")
NAMES = (
    *NEED_RUNTIME,
    "areas",
    "assess",
    "checkruntime",
    "classify",
    "importproduct",
    "classifyscenes",
    "inspectscene",
    "installmodel",
    "installruntime",
    "pseudolabels",
    "spectralprior",
    "truecolour",
)


def algorithm(name: str) -> QgsProcessingAlgorithm:
    found = QgsApplication.processingRegistry().createAlgorithmById(f"special:{name}")
    assert found is not None
    return found


def public_api() -> Dict[str, Dict[str, List[str]]]:
    """Ids, parameter keys and output names, in the order that they are declared."""
    provider = QgsApplication.processingRegistry().providerById("special")
    return {
        one.id(): {
            "parameters": [definition.name() for definition in one.parameterDefinitions()],
            "outputs": [definition.name() for definition in one.outputDefinitions()],
        }
        for one in sorted(provider.algorithms(), key=lambda one: one.id())
    }


def test_public_api_of_provider_equals_stored_list(plugin: Any) -> None:
    assert public_api() == json.loads(STORED.read_text(encoding="utf-8"))


DEFAULTS = [
    *((name, "SEED", ClassifyConfig.seed) for name in ("classify", "pseudolabels", "spectralprior", "refine")),
    *((name, "DEVICE", ClassifyConfig.device) for name in ("classify", "pseudolabels", "refine", "applyclassifier")),
    *((name, "QUANTITY", SceneConfig.quantity) for name in ("classify", "truecolour", "inspectscene")),
    *((name, "MEMORY", SceneConfig.memory_budget_bytes) for name in ("classify", "truecolour")),
    ("classify", "DROP_WATER_VAPOUR", SceneConfig.drop_water_vapour),
    ("classify", "PRESET", ClassifyConfig.preset),
    ("classify", "SOURCE", ClassifyConfig.source),
    ("classify", "REFINE", ClassifyConfig.refine),
    ("classify", "MIN_CONFIDENCE", ClassifyConfig.min_confidence),
    ("classify", "WINDOW", ClipConfig.window_px),
    ("classify", "STRIDE", ClipConfig.stride_px),
    ("classify", "UPSAMPLING", ClipConfig.upsampler),
    ("classify", "BLENDING", ClipConfig.blending),
    ("classify", "TEMPLATES", ClipConfig.templates),
    ("classify", "USE_ALIASES", ClipConfig.use_aliases),
    ("spectralprior", "PRESET", PriorJobConfig.preset),
    ("refine", "PRESET", RefineJobConfig.preset),
    ("refine", "ASSUMED_CONFIDENCE", RefineJobConfig.assumed_confidence),
    ("truecolour", "RED", TrueColourConfig.red_nm),
    ("truecolour", "GREEN", TrueColourConfig.green_nm),
    ("truecolour", "BLUE", TrueColourConfig.blue_nm),
    ("truecolour", "LOW_QUANTILE", TrueColourConfig.low_quantile),
    ("truecolour", "HIGH_QUANTILE", TrueColourConfig.high_quantile),
    ("assess", "CONFIDENCE_LEVEL", AssessConfig.confidence_level),
]


@pytest.mark.parametrize(("name", "key", "value"), DEFAULTS, ids=[f"{name}-{key}" for name, key, _ in DEFAULTS])
def test_default_of_parameter_is_that_of_the_configuration(plugin: Any, name: str, key: str, value: Any) -> None:
    assert algorithm(name).parameterDefinition(key).defaultValue() == value


@pytest.mark.parametrize("name", NAMES)
def test_algorithm_has_texts_icon_and_help(plugin: Any, name: str) -> None:
    one = algorithm(name)
    assert one.displayName() and one.group() and one.groupId().islower()
    assert one.shortDescription().endswith(".")
    assert len(one.tags()) >= 5
    assert Path(one.svgIconPath()).is_file() and not one.icon().isNull()
    assert one.helpUrl().endswith(f"#special{name}")
    assert len(one.shortHelpString()) > 100


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_upper_case_key_label_and_help(plugin: Any, name: str) -> None:
    one = algorithm(name)
    for definition in one.parameterDefinitions():
        assert definition.name() == definition.name().upper()
        assert definition.description()
        assert definition.help().endswith("."), definition.name()


@pytest.mark.parametrize("name", NAMES)
def test_algorithm_may_run_outside_the_main_thread(plugin: Any, name: str) -> None:
    assert not algorithm(name).flags() & QgsProcessingAlgorithm.FlagNoThreading


@pytest.mark.parametrize("name", NAMES)
def test_algorithm_can_execute_without_private_runtime_or_says_how_to_install_it(plugin: Any, name: str) -> None:
    can, reason = algorithm(name).canExecute()
    assert can == (name not in NEED_RUNTIME)
    assert ("Install runtime" in reason) == (name in NEED_RUNTIME)


@pytest.mark.parametrize("name", NEED_RUNTIME)
def test_algorithm_can_execute_with_a_runtime(plugin: Any, with_runtime: str, name: str) -> None:
    assert algorithm(name).canExecute() == (True, "")


def test_expert_parameters_of_classify_are_advanced(plugin: Any) -> None:
    advanced = QgsProcessingParameterDefinition.FlagAdvanced
    one = algorithm("classify")
    found = [d.name() for d in one.parameterDefinitions() if not d.flags() & advanced]
    inputs = ["INPUT", "CLASSES", "SOURCE", "MODEL", "REFINE", "PRESET", "MIN_CONFIDENCE", "EXTENT", "AOI"]
    rasters = ["OUTPUT", "CONFIDENCE", "PROBABILITIES", "REPORT", "PSEUDO_LABELS", "AGREEMENT", "CLASSIFIER"]
    assert found == [*inputs, *rasters]


def test_documentation_of_parameters_is_up_to_date(plugin: Any, repository: Path) -> None:
    import document_parameters

    stored = (repository / "docs" / "parameters.md").read_text(encoding="utf-8")
    assert stored == document_parameters.render(), "run tools/document_parameters.py"


def test_setup_algorithms_offer_no_batch(plugin: Any) -> None:
    batch = QgsProcessingAlgorithm.FlagSupportsBatch
    without = [name for name in NAMES if not algorithm(name).flags() & batch]
    assert without == ["checkruntime", "installmodel", "installruntime"]
