# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of the jobs as frozen dataclasses: one comment a field, validated when made, to and from JSON.

A job crosses the process boundary as the JSON form of one of these; the report stores the same JSON as provenance.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Mapping, Type

from ..source_kinds import AUTOMATIC, source_kinds, source_names
from .options import Options, require, require_choice
from .outputs import MapOutputConfig, OutputConfig, RefineOutputConfig, fitting_outputs
from .scene import SceneConfig
from .stages import ClipConfig, PriorConfig, RefineConfig

SOURCES = source_names()  # where the class evidence comes from, of those that the package brings
PRESETS = ("default", "fast", "paper")  # fast = rules alone, no network; paper = the published constants
PRIOR_PRESETS = ("default", "fast")  # of the spectral prior by itself
LEARNING_PRESETS = ("default", "paper")  # of the network stage by itself
DEVICES = ("automatic", "cpu", "cuda")  # where heavy stages run
AREA_MEASURES = ("ellipsoid", "crs")  # areas on the ellipsoid of the map's CRS, or in the plane of that CRS


@dataclass(frozen=True)
class ClassifyConfig(Options):
    """The main job: scene and class names to map, confidence and report."""

    NESTED: ClassVar[Mapping[str, Type[Options]]] = {
        "scene": SceneConfig,
        "outputs": OutputConfig,
        "clip": ClipConfig,
        "prior": PriorConfig,
        "network": RefineConfig,
    }

    scene: SceneConfig
    classes: str  # class list as typed, or the path of a class file
    outputs: OutputConfig = field(default_factory=OutputConfig)
    source: str = AUTOMATIC  # one of source_names()
    preset: str = "default"  # one of PRESETS
    device: str = "automatic"  # one of DEVICES
    seed: int = 0  # seed of all random draws
    min_confidence: float = 0.0  # pixels below stay unclassified (0 in the map)
    refine: bool = True  # learn the scene with the network; never with the preset fast
    model: str = ""  # name of an installed image-text model, or path of a checkpoint; "" = the best installed
    upsampler: str = ""  # name or path of a learned upsampler; "" = the one installed, if any
    models_folder: str = ""  # where models are installed; "" = the usual folder
    height: str = ""  # raster of heights above ground, or of elevations beside a terrain model; any grid; "" = none
    terrain: str = ""  # raster of the ground's elevations, subtracted from height; any grid; "" = heights are above it
    clip: ClipConfig = field(default_factory=ClipConfig)  # not read with the preset paper
    prior: PriorConfig = field(default_factory=PriorConfig)
    network: RefineConfig = field(default_factory=RefineConfig)  # not read with the preset paper

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", fitting_outputs(self.outputs, OutputConfig))
        _require_source(self.source)
        require_choice("preset", self.preset, PRESETS)
        has_surface = bool(self.height) or not self.terrain
        require(
            has_surface, "terrain", "empty where there is no height", self.terrain, "Give the surface model as height."
        )
        _require_run_options(self.device, self.seed, self.min_confidence)
        if self.outputs.classifier:
            require(
                self.wants_network,
                "outputs.classifier",
                "empty where the network stage is switched off",
                self.outputs.classifier,
                "Switch the network stage on, or leave the classifier out.",
            )

    @property
    def wants_network(self) -> bool:
        """Whether the network stage is to run."""
        return self.refine and self.preset != "fast"

    @property
    def used_prior(self) -> PriorConfig:
        """Options of the spectral prior with the preset taken in."""
        return used_prior(self.prior, self.preset)

    @property
    def used_network(self) -> RefineConfig:
        """Options of the network stage with the preset taken in."""
        return used_network(self.network, self.preset)

    @property
    def used_clip(self) -> ClipConfig:
        """Options of the image-text model with preset and seed taken in."""
        chosen = ClipConfig.published() if self.preset == "paper" else self.clip
        return dataclasses.replace(chosen, seed=self.seed)


def _require_source(source: str) -> None:
    partial = [kind.name for kind in source_kinds() if kind.is_partial]
    require(
        source not in partial,
        "source",
        "one of " + ", ".join(source_names()),
        source,
        "It tells groups of classes apart only and makes no map alone: give its raster beside another source.",
    )
    require_choice("source", source, source_names())


def _require_run_options(device: str, seed: int, min_confidence: float) -> None:
    require_choice("device", device, DEVICES)
    require(0 <= seed < 2**31, "seed", "a whole number from 0 to 2147483647", seed)
    require(0.0 <= min_confidence < 1.0, "min_confidence", "from 0 to below 1", min_confidence)


def used_prior(prior: PriorConfig, preset: str) -> PriorConfig:
    """Options of the spectral prior with a preset taken in."""
    return dataclasses.replace(prior, adapt=False) if preset == "fast" else prior


def used_network(network: RefineConfig, preset: str) -> RefineConfig:
    """Options of the network stage with a preset taken in."""
    return RefineConfig.published() if preset == "paper" else network


@dataclass(frozen=True)
class RefineJobConfig(Options):
    """The network stage by itself: a scene and any class raster, such as an old map, to a refined map."""

    NESTED: ClassVar[Mapping[str, Type[Options]]] = {
        "scene": SceneConfig,
        "outputs": RefineOutputConfig,
        "network": RefineConfig,
    }

    scene: SceneConfig
    labels: str  # class raster on any grid; 0 = no label
    label_confidence: str = ""  # raster of the confidence of each label, 0 to 1, on any grid; "" = all alike
    classes: str = ""  # names and colours in the order of the ids; "" = those of the class raster
    outputs: RefineOutputConfig = field(default_factory=RefineOutputConfig)
    preset: str = "default"  # one of LEARNING_PRESETS
    device: str = "automatic"  # one of DEVICES
    seed: int = 0  # seed of all random draws
    min_confidence: float = 0.0  # pixels below stay unclassified (0 in the map)
    assumed_confidence: float = 0.9  # of labels whose confidence is not given
    network: RefineConfig = field(default_factory=RefineConfig)  # not read with the preset paper

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", fitting_outputs(self.outputs, RefineOutputConfig))
        require(bool(self.labels.strip()), "labels", "the path of a class raster", self.labels)
        require_choice("preset", self.preset, LEARNING_PRESETS)
        _require_run_options(self.device, self.seed, self.min_confidence)
        accepted = 0.0 < self.assumed_confidence <= 1.0
        require(accepted, "assumed_confidence", "above 0 and at most 1", self.assumed_confidence)

    @property
    def used_network(self) -> RefineConfig:
        """Options of the network stage with the preset taken in: old maps are refined to be changed, so it decides."""
        return dataclasses.replace(used_network(self.network, self.preset), least_share=1.0)


@dataclass(frozen=True)
class ApplyConfig(Options):
    """A saved classifier on another scene of the same sensor."""

    NESTED: ClassVar[Mapping[str, Type[Options]]] = {"scene": SceneConfig, "outputs": MapOutputConfig}

    scene: SceneConfig
    classifier: str  # file that classify or refine has written
    outputs: MapOutputConfig = field(default_factory=MapOutputConfig)
    device: str = "automatic"  # one of DEVICES
    min_confidence: float = 0.0  # pixels below stay unclassified (0 in the map)
    sample_px: int = 50_000  # pixels that the report's spectra and the check of units are taken from

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", fitting_outputs(self.outputs, MapOutputConfig))
        require(bool(self.classifier.strip()), "classifier", "the path of a classifier file", self.classifier)
        _require_run_options(self.device, 0, self.min_confidence)
        require(self.sample_px >= 1000, "sample_px", "1000 or more", self.sample_px)


@dataclass(frozen=True)
class PriorJobConfig(Options):
    """Spectral prior alone: probabilities per class."""

    NESTED: ClassVar[Mapping[str, Type[Options]]] = {"scene": SceneConfig, "prior": PriorConfig}

    scene: SceneConfig
    classes: str  # class list as typed, or the path of a class file
    probabilities: str  # GeoTIFF to write, one band a class
    preset: str = "default"  # one of PRIOR_PRESETS
    seed: int = 0  # of the pixel sample
    prior: PriorConfig = field(default_factory=PriorConfig)

    def __post_init__(self) -> None:
        require_choice("preset", self.preset, PRIOR_PRESETS)
        require(bool(self.probabilities.strip()), "probabilities", "the path of a GeoTIFF", self.probabilities)


@dataclass(frozen=True)
class TrueColourConfig(Options):
    """Band-interpolated RGB."""

    NESTED: ClassVar[Mapping[str, Type[Options]]] = {"scene": SceneConfig}

    scene: SceneConfig
    output: str  # uint8 GeoTIFF with an alpha band
    red_nm: float = 655.0  # the paper's wavelengths
    green_nm: float = 553.0
    blue_nm: float = 451.0
    low_quantile: float = 0.001  # of all three channels together, mapped to 0
    high_quantile: float = 0.999  # mapped to 1
    seed: int = 0  # of the pixel sample that quantiles are taken from

    def __post_init__(self) -> None:
        require(bool(self.output.strip()), "output", "the path of a GeoTIFF", self.output)
        ordered = 0.0 <= self.low_quantile < self.high_quantile <= 1.0
        require(ordered, "low_quantile, high_quantile", "0 <= low < high <= 1", (self.low_quantile, self.high_quantile))


@dataclass(frozen=True)
class AssessConfig(Options):
    """Accuracy of a class raster against a reference; never read by a stage that makes maps."""

    map: str  # class raster
    reference: str  # class raster on any grid, or a vector source
    reference_layer: str = ""  # layer of a vector source; "" = its first
    reference_field: str = ""  # field of a vector source that holds class ids or names
    report: str = ""  # HTML; "" = none
    table: str = ""  # CSV with confusion matrix and per-class figures; "" = none
    confidence_level: float = 0.95  # of the intervals

    def __post_init__(self) -> None:
        require(bool(self.map.strip()), "map", "the path of a class raster", self.map)
        require(bool(self.reference.strip()), "reference", "the path of a raster or vector", self.reference)
        require(0.5 <= self.confidence_level < 1.0, "confidence_level", "from 0.5 to below 1", self.confidence_level)


@dataclass(frozen=True)
class AreasConfig(Options):
    """Areas of the classes of a map, whole or by polygon."""

    map: str  # class raster
    polygons: str = ""  # vector source; "" = the whole map alone
    polygons_layer: str = ""  # layer of that source; "" = its first
    name_field: str = ""  # field of the polygons with their names; "" = they are numbered
    measure: str = "ellipsoid"  # one of AREA_MEASURES
    confidence: str = ""  # raster of the map's confidence, 0 to 1, on any grid; "" = none
    accuracy_report: str = ""  # JSON written by the job assess, or the HTML that it lies beside; "" = none
    report: str = ""  # HTML; the same content goes beside it as .json; "" = none
    table: str = ""  # CSV, one row a class and zone; "" = none
    vector: str = ""  # the polygons with the areas in their fields, .gpkg, .shp, .geojson or .fgb; "" = none
    confidence_level: float = 0.95  # of the intervals of area-adjusted estimates

    def __post_init__(self) -> None:
        require(bool(self.map.strip()), "map", "the path of a class raster", self.map)
        require_choice("measure", self.measure, AREA_MEASURES)
        require(0.5 <= self.confidence_level < 1.0, "confidence_level", "from 0.5 to below 1", self.confidence_level)
        for name in ("polygons_layer", "name_field", "vector"):
            value = getattr(self, name)
            require(
                bool(self.polygons) or not value, name, "empty where there are no polygons", value, "Give polygons."
            )
