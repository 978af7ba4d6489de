# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from typing import Any, Callable

import pytest

from special_qgis.engine.config import (
    AreasConfig,
    AssessConfig,
    ClassifyConfig,
    OutputConfig,
    PriorConfig,
    PriorJobConfig,
    RefineConfig,
    SceneConfig,
    ScenesConfig,
    TrueColourConfig,
)
from special_qgis.engine.errors import ConfigError, EngineError

SCENE = SceneConfig("scene.tif", extent=(0.0, 0.0, 10.0, 5.0), bad_bands="1-3")
CONFIGS = [
    SCENE,
    ClassifyConfig(SCENE, "water; tree", OutputConfig(map="map.tif"), preset="fast", prior=PriorConfig(n_rounds=3)),
    PriorJobConfig(SCENE, "water; tree", "p.tif"),
    TrueColourConfig(SCENE, "rgb.tif"),
    AssessConfig("map.tif", "reference.tif"),
    AreasConfig("map.tif", "polygons.gpkg", vector="areas.gpkg", measure="crs"),
    RefineConfig.published(),
    ScenesConfig(("a.tif", "*.dat"), "out", ClassifyConfig(SceneConfig("*"), "water; tree"), ("report",), workers=2),
]


def campaign(**options: Any) -> ScenesConfig:
    given = {"scenes": ("a",), "output_folder": "out", "classify": ClassifyConfig(SCENE, "a;b"), **options}
    return ScenesConfig(**given)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_config_through_json_is_the_same(config: Any) -> None:
    text = json.dumps(config.to_json())
    assert type(config).from_json(json.loads(text)) == config


@pytest.mark.parametrize(
    ("make", "field", "got"),
    [
        (lambda: SceneConfig(" "), "source", "' '"),
        (lambda: SceneConfig("a", quantity="albedo"), "quantity", "'albedo'"),
        (lambda: SceneConfig("a", extent=(1.0, 0.0, 0.0, 1.0)), "extent", r"\(1.0, 0.0, 0.0, 1.0\)"),
        (lambda: SceneConfig("a", memory_budget_bytes=-1), "memory_budget_bytes", "-1"),
        (lambda: PriorConfig(n_rounds=0), "n_rounds", "0"),
        (lambda: PriorConfig(sample_px=10), "sample_px", "10"),
        (lambda: PriorConfig(exponent=0.0), "exponent", "0.0"),
        (lambda: ClassifyConfig(SCENE, "a;b", source="magic"), "source", "'magic'"),
        (lambda: ClassifyConfig(SCENE, "a;b", preset="best"), "preset", "'best'"),
        (lambda: ClassifyConfig(SCENE, "a;b", device="tpu"), "device", "'tpu'"),
        (lambda: ClassifyConfig(SCENE, "a;b", seed=-1), "seed", "-1"),
        (lambda: ClassifyConfig(SCENE, "a;b", min_confidence=1.0), "min_confidence", "1.0"),
        (lambda: ClassifyConfig(SCENE, "a;b", min_confidence=float("nan")), "min_confidence", "nan"),
        (lambda: PriorJobConfig(SCENE, "a;b", ""), "probabilities", "''"),
        (lambda: TrueColourConfig(SCENE, "a.tif", low_quantile=0.9, high_quantile=0.1), "low_quantile", "0.9"),
        (lambda: RefineConfig(epochs=0), "epochs", "0"),
        (lambda: RefineConfig(warm_up_epochs=21), "warm_up_epochs", "21"),
        (lambda: RefineConfig(final_learning_rate=1.0), "learning_rate", r"\(0.001, 1.0\)"),
        (lambda: RefineConfig(random_set="odd"), "random_set", "'odd'"),
        (lambda: RefineConfig(uneven_sides="crop"), "uneven_sides", "'crop'"),
        (lambda: RefineConfig(halo_px=100), "halo_px", "100"),
        (lambda: RefineConfig(patches_per_side=33), "patches_per_side", "33"),
        (lambda: RefineConfig(target_power=0.0), "target_power", "0.0"),
        (lambda: RefineConfig(class_balance=1.5), "class_balance", "1.5"),
        (lambda: RefineConfig(error_rounds=-1), "error_rounds", "-1"),
        (lambda: RefineConfig(average_decay=1.0), "average_decay", "1.0"),
        (lambda: campaign(scenes=()), "scenes", r"\(\)"),
        (lambda: campaign(scenes=(" ",)), "scenes", r"\(' ',\)"),
        (lambda: campaign(output_folder=""), "output_folder", "''"),
        (lambda: campaign(workers=61), "workers", "61"),
        (lambda: campaign(retries=-1), "retries", "-1"),
        (lambda: campaign(outputs=("map",)), "outputs", "'map'"),
        (lambda: campaign(classify=ClassifyConfig(SCENE, "a;b", OutputConfig("m.tif"))), "classify.outputs", "m.tif"),
        (lambda: AssessConfig("", "b"), "map", "''"),
        (lambda: AssessConfig("a", "b", confidence_level=1.0), "confidence_level", "1.0"),
        (lambda: AreasConfig(" "), "map", "' '"),
        (lambda: AreasConfig("a", measure="acres"), "measure", "'acres'"),
        (lambda: AreasConfig("a", vector="b.gpkg"), "vector", "'b.gpkg'"),
        (lambda: AreasConfig("a", confidence_level=0.2), "confidence_level", "0.2"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_config_value_not_accepted_is_named(make: Callable[[], object], field: str, got: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{field}.* must be .*; got .*{got}"):
        make()


def test_config_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no option 'colour'\. Known options are: aoi, ") as caught:
        SceneConfig.from_json({"source": "a", "colour": 1})
    assert caught.value.hint.startswith("Known options are")


def test_config_missing_field_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="classes"):
        ClassifyConfig.from_json({"scene": {"source": "a"}})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PriorConfig.from_json({"n_rounds": "many"}), "n_rounds must be a whole number; got 'many'"),
        (lambda: PriorConfig.from_json({"n_rounds": True}), "n_rounds must be a whole number; got True"),
        (lambda: PriorConfig.from_json({"adapt": "no"}), "adapt must be true or false; got 'no'"),
        (lambda: PriorConfig.from_json({"exponent": None}), "exponent must be a number; got None"),
        (lambda: SceneConfig.from_json({"source": 7}), "source must be a text; got 7"),
    ],
    ids=["text for number", "bool for number", "text for bool", "null for number", "number for text"],
)
def test_config_wrong_kind_of_value_is_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_config_error_is_both_engine_error_and_value_error() -> None:
    with pytest.raises(EngineError):
        SceneConfig("")
    with pytest.raises(ValueError, match="source"):
        SceneConfig("")


def test_published_refinement_has_the_published_constants() -> None:
    config = RefineConfig.published()
    assert (config.epochs, config.iterations_per_epoch, config.warm_up_epochs) == (20, 20, 10)
    assert (config.learning_rate, config.final_learning_rate) == (1e-3, 1e-4)
    assert (config.random_px, config.random_set, config.confident_share) == (500, "confident", 0.2)
    assert (config.confident_weight, config.hard_weight) == (1.0, 0.1)
    assert (config.confidence_components, config.spectral_components, config.spectral_dimensions) == (3, 5, 5)
    assert (config.noise, config.relative_noise, config.tile_px) == (0.1, False, 512)
    assert (config.low_quantile, config.high_quantile) == (0.0001, 0.9999)
    assert (config.average_decay, config.fuse_stage_one, config.spectral_px) == (0.0, False, "confident")
    assert (config.uneven_sides, config.error_rounds, config.scene_norms) == ("resize", 0, False)
    assert (config.target_power, config.class_balance, config.patches_per_side) == (1.0, 0.0, 1)
