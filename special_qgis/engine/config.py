# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of every stage as frozen dataclasses: one comment a field, validated when made, to and from JSON.

A job crosses the process boundary as the JSON form of one of these; the report stores the same JSON as provenance.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple, Type, TypeVar

from .errors import ConfigError

SOURCES = ("automatic", "spectral")  # where the class evidence comes from
PRESETS = ("default", "fast")  # default = spectral prior adapted to the scene, fast = rules alone
DEVICES = ("automatic", "cpu")  # where heavy stages run
QUANTITIES = ("automatic", "reflectance", "radiance")  # physical quantity of the scene's values
RANDOM_SETS = (
    "even",
    "confident",
)  # all pixels alike with stage 1's probabilities [ours]; the sure ones, one-hot [ref]
TEMPLATE_SETS = ("both", "openai", "remote_sensing")  # prompt templates of the text encoder
UPSAMPLERS = ("automatic", "jbu_one", "jbu_stack", "bilateral", "bilinear")  # from patches to pixels
BLENDINGS = ("hann", "mean")  # weights of overlapping windows
PRECISIONS = ("automatic", "float32", "bfloat16", "float16")  # of the image tower
SPECTRAL_PX = ("all", "confident")  # all that the network gives the class [ours]; its confident set alone [ref]

ConfigT = TypeVar("ConfigT", bound="_Config")


def require(condition: bool, name: str, accepted: str, got: object, hint: str = "") -> None:
    """Raise unless a field's value is accepted.

    Args:
        condition: Whether the value is accepted.
        name: Name of the field.
        accepted: What is accepted, in words.
        got: The value that came.
        hint: What to do next.

    Raises:
        ConfigError: The condition is false.
    """
    if not condition:
        raise ConfigError(f"{name} must be {accepted}; got {got!r}.", hint)


def _require_choice(name: str, value: str, choices: Tuple[str, ...]) -> None:
    require(value in choices, name, "one of " + ", ".join(choices), value)


_KINDS: Dict[str, Tuple[Tuple[type, ...], str]] = {
    "str": ((str,), "a text"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
}


def _require_kind(name: str, value: object, annotation: str) -> None:
    """Raise where a plain field came as another kind of JSON value; a bool is no number here."""
    if annotation in _KINDS:
        kinds, words = _KINDS[annotation]
        require(isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)), name, words, value)


class _Config:
    """JSON form shared by all option classes."""

    def to_json(self) -> Dict[str, Any]:
        """The options as plain JSON values, nested options as objects."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls: Type[ConfigT], data: Mapping[str, Any]) -> ConfigT:
        """Make options from their JSON form; fields left out keep their defaults.

        Raises:
            ConfigError: An unknown field, a value of the wrong kind, or one that is not accepted.
        """
        known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(data) - set(known))
        if unknown:
            raise ConfigError(
                f"{cls.__name__} has no option {unknown[0]!r}.",
                "Known options are: " + ", ".join(sorted(known)) + ".",
            )
        values = {}
        for name, value in data.items():
            nested = _NESTED.get((cls.__name__, name))
            if nested is not None and isinstance(value, Mapping):
                value = nested.from_json(value)
            _require_kind(name, value, str(known[name].type))
            values[name] = tuple(value) if isinstance(value, list) else value
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"{cls.__name__} cannot be made from the options given: {error}.") from error


@dataclass(frozen=True)
class SceneConfig(_Config):
    """How to read a scene."""

    source: str  # anything GDAL opens
    wavelengths: str = ""  # typed band centres, nm or µm, with or without unit; "" = from the file
    sensor: str = ""  # key of sensors.SENSORS, used when the file has no wavelengths; "" = none
    bad_bands: str = ""  # band numbers and ranges, or wavelength ranges: "1-5, 100, 1340-1460nm"
    drop_water_vapour: bool = True  # leave out 1340-1460, 1790-1960 and > 2450 nm
    quantity: str = "automatic"  # one of QUANTITIES
    mask: str = ""  # raster on the scene's grid; 0 or nodata = leave out
    extent: Optional[Tuple[float, float, float, float]] = None  # xmin, ymin, xmax, ymax in the scene's CRS
    aoi: str = ""  # vector source whose polygons limit the work
    aoi_layer: str = ""  # layer of that source; "" = its first
    memory_budget_bytes: int = 0  # for blocks of pixels; 0 = a quarter of free memory, at most 512 MiB

    def __post_init__(self) -> None:
        require(bool(self.source.strip()), "source", "the path of a raster", self.source)
        _require_choice("quantity", self.quantity, QUANTITIES)
        require(self.memory_budget_bytes >= 0, "memory_budget_bytes", "0 or more", self.memory_budget_bytes)
        if self.extent is not None:
            ordered = len(self.extent) == 4 and self.extent[0] < self.extent[2] and self.extent[1] < self.extent[3]
            require(ordered, "extent", "xmin, ymin, xmax, ymax with xmin < xmax and ymin < ymax", self.extent)

    @property
    def files(self) -> List[str]:
        """Sources that are read, which no output may replace."""
        return [path for path in (self.source, self.mask, self.aoi) if path]


@dataclass(frozen=True)
class PriorConfig(_Config):
    """How class names become spectral evidence."""

    adapt: bool = True  # adapt to the scene by expectation-maximisation
    n_rounds: int = 8  # EM rounds; docs/method.md, section 4
    sample_px: int = 200_000  # pixels that scene statistics and the EM are estimated from
    exponent: float = 0.5  # output is P ** exponent, renormalised; docs/method.md, section 4

    def __post_init__(self) -> None:
        require(self.n_rounds >= 1, "n_rounds", "1 or more", self.n_rounds)
        require(self.sample_px >= 1000, "sample_px", "1000 or more", self.sample_px)
        require(0.0 < self.exponent <= 1.0, "exponent", "above 0 and at most 1", self.exponent)


@dataclass(frozen=True)
class ClipConfig(_Config):
    """How stage 1 scores pixels with a CLIP model; sources in square brackets: ref = as published, ours."""

    window_px: int = 0  # side of a window [ref 224]; 0 = the side of the images that the model was trained on
    stride_px: int = 0  # from one window to the next [ref 112]; 0 = half a window
    scales: Tuple[float, ...] = ()  # factors of the image's size [ref 1, 2]; () = by the size of a pixel on the ground
    blending: str = "hann"  # one of BLENDINGS [ref mean]
    upsampler: str = "automatic"  # one of UPSAMPLERS; automatic = learned where there are weights, else bilateral
    templates: str = "both"  # one of TEMPLATE_SETS [ref openai]
    use_aliases: bool = True  # add the words of the shipped dictionary [ours]
    temperature: float = 50.0  # of the softmax over queries [ref]
    cls_debias: float = 0.3  # share of the class token's cosine that is taken off [ref]
    tolerance: float = 0.001  # relative error of the features' length that compression may make [ours]; 0 = exact
    precision: str = "automatic"  # one of PRECISIONS; automatic = the fastest that the device computes natively
    batch: int = 0  # windows at once; 0 = by memory and time
    low_quantile: float = 0.001  # of the three colours together, mapped to 0 [ref]
    high_quantile: float = 0.999  # mapped to 1 [ref]
    seed: int = 0  # of the pixel sample that quantiles and principal components come from

    @classmethod
    def published(cls) -> ClipConfig:
        """The published constants, without our additions."""
        return cls(
            window_px=224,
            stride_px=112,
            scales=(1.0, 2.0),
            blending="mean",
            upsampler="jbu_one",
            templates="openai",
            use_aliases=False,
            tolerance=0.0,
        )

    def __post_init__(self) -> None:
        _require_choice("blending", self.blending, BLENDINGS)
        _require_choice("upsampler", self.upsampler, UPSAMPLERS)
        _require_choice("templates", self.templates, TEMPLATE_SETS)
        _require_choice("precision", self.precision, PRECISIONS)
        require(0 <= self.window_px <= 4096, "window_px", "from 0 to 4096", self.window_px)
        widest = self.window_px or 4096
        require(0 <= self.stride_px <= widest, "stride_px", "from 0 to window_px", self.stride_px)
        in_range = all(isinstance(f, (int, float)) and 0.125 <= f <= 8.0 for f in self.scales)
        require(
            in_range and len(set(self.scales)) == len(self.scales),
            "scales",
            "different factors from 1/8 to 8",
            self.scales,
        )
        require(0.0 < self.temperature <= 1000.0, "temperature", "above 0 and at most 1000", self.temperature)
        require(0.0 <= self.cls_debias <= 1.0, "cls_debias", "from 0 to 1", self.cls_debias)
        require(0.0 <= self.tolerance <= 0.1, "tolerance", "from 0 to 0.1", self.tolerance)
        require(0 <= self.batch <= 4096, "batch", "from 0 to 4096", self.batch)
        ordered = 0.0 <= self.low_quantile < self.high_quantile <= 1.0
        require(ordered, "low_quantile, high_quantile", "0 <= low < high <= 1", (self.low_quantile, self.high_quantile))
        require(0 <= self.seed < 2**31, "seed", "a whole number from 0 to 2147483647", self.seed)


@dataclass(frozen=True)
class RefineConfig(_Config):
    """How stage 2 learns from stage 1's noisy labels; sources in square brackets: ref = as published, ours."""

    epochs: int = 20  # [ref]
    iterations_per_epoch: int = 20  # training steps [ref]
    warm_up_epochs: int = 10  # without confident and hard sets [ref]
    learning_rate: float = 1e-3  # of Adam, at the start [ref]
    final_learning_rate: float = 1e-4  # at the last step, reached along a cosine [ref]
    random_px: int = 500  # drawn for each class and step [ref]
    random_set: str = "even"  # one of RANDOM_SETS
    confident_share: float = 0.2  # of the component of highest confidence [ref]
    confident_weight: float = 1.0  # of the loss on the confident set [ref]
    hard_weight: float = 0.1  # of the loss on the hard set [ref]
    confidence_components: int = 3  # of the mixture on the network's confidence [ref]
    spectral_components: int = 5  # of the mixture on the spectra of a class [ref]
    spectral_dimensions: int = 5  # principal components that it sees [ref]
    spectral_px: str = "all"  # one of SPECTRAL_PX: pixels of a class that its mixture is fitted on
    candidate_px: int = 50_000  # pixels that the mixtures are fitted on, drawn by seed [ours]
    noise: float = 0.1  # standard deviation; of a band's own spread if relative_noise, else of [0, 1] [ref]
    relative_noise: bool = True  # [ours]
    low_quantile: float = 0.0001  # of all values, mapped to 0 [ref]
    high_quantile: float = 0.9999  # mapped to 1 [ref]
    tile_px: int = 256  # side of training and inference windows; a scene of no more pixels is one window [ours]
    training_tiles: int = 16  # windows that a larger scene is learnt from [ours]
    halo_px: int = 32  # least overlap of inference windows [ours]
    average_decay: float = 0.98  # of the running mean of weights that makes the map; 0 = last weights [ours]
    fuse_stage_one: bool = True  # weigh stage 1 by how far the network bears it out, and combine both [ours]

    @classmethod
    def published(cls) -> RefineConfig:
        """The published constants, without our additions."""
        return cls(
            random_set="confident",
            spectral_px="confident",
            relative_noise=False,
            tile_px=512,
            average_decay=0.0,
            fuse_stage_one=False,
        )

    def __post_init__(self) -> None:
        _require_choice("random_set", self.random_set, RANDOM_SETS)
        _require_choice("spectral_px", self.spectral_px, SPECTRAL_PX)
        for name in ("epochs", "iterations_per_epoch", "random_px", "training_tiles", "confidence_components"):
            require(getattr(self, name) >= 1, name, "1 or more", getattr(self, name))
        for name in ("spectral_components", "spectral_dimensions"):
            require(getattr(self, name) >= 1, name, "1 or more", getattr(self, name))
        require(0 <= self.warm_up_epochs <= self.epochs, "warm_up_epochs", "from 0 to epochs", self.warm_up_epochs)
        falling = 0.0 < self.final_learning_rate <= self.learning_rate
        rates = (self.learning_rate, self.final_learning_rate)
        require(falling, "learning_rate, final_learning_rate", "above 0 and not rising", rates)
        for name in ("confident_weight", "hard_weight", "noise"):
            require(getattr(self, name) >= 0.0, name, "0 or more", getattr(self, name))
        require(0.0 < self.confident_share <= 1.0, "confident_share", "above 0 and at most 1", self.confident_share)
        require(self.candidate_px >= 1000, "candidate_px", "1000 or more", self.candidate_px)
        ordered = 0.0 <= self.low_quantile < self.high_quantile <= 1.0
        require(ordered, "low_quantile, high_quantile", "0 <= low < high <= 1", (self.low_quantile, self.high_quantile))
        require(self.tile_px >= 32, "tile_px", "32 or more", self.tile_px)
        require(0 <= self.halo_px <= self.tile_px // 4, "halo_px", "from 0 to a quarter of tile_px", self.halo_px)
        require(0.0 <= self.average_decay < 1.0, "average_decay", "from 0 to below 1", self.average_decay)


@dataclass(frozen=True)
class OutputConfig(_Config):
    """Where results go; an empty path leaves the output out."""

    map: str = ""  # class raster, GeoTIFF
    confidence: str = ""  # best minus second-best probability, float32 GeoTIFF
    probabilities: str = ""  # one band a class, float32 GeoTIFF
    report: str = ""  # HTML; the same content goes beside it as .json


@dataclass(frozen=True)
class ClassifyConfig(_Config):
    """The main job: scene and class names to map, confidence and report."""

    scene: SceneConfig
    classes: str  # class list as typed, or the path of a class file
    outputs: OutputConfig = field(default_factory=OutputConfig)
    source: str = "automatic"  # one of SOURCES
    preset: str = "default"  # one of PRESETS
    device: str = "automatic"  # one of DEVICES
    seed: int = 0  # of everything drawn at random
    min_confidence: float = 0.0  # pixels below stay unclassified (0 in the map)
    prior: PriorConfig = field(default_factory=PriorConfig)

    def __post_init__(self) -> None:
        _require_choice("source", self.source, SOURCES)
        _require_choice("preset", self.preset, PRESETS)
        _require_choice("device", self.device, DEVICES)
        require(0 <= self.seed < 2**31, "seed", "a whole number from 0 to 2147483647", self.seed)
        require(0.0 <= self.min_confidence < 1.0, "min_confidence", "from 0 to below 1", self.min_confidence)


@dataclass(frozen=True)
class PriorJobConfig(_Config):
    """Spectral prior alone: probabilities per class."""

    scene: SceneConfig
    classes: str  # class list as typed, or the path of a class file
    probabilities: str  # GeoTIFF to write, one band a class
    preset: str = "default"  # one of PRESETS
    seed: int = 0  # of the pixel sample
    prior: PriorConfig = field(default_factory=PriorConfig)

    def __post_init__(self) -> None:
        _require_choice("preset", self.preset, PRESETS)
        require(bool(self.probabilities.strip()), "probabilities", "the path of a GeoTIFF", self.probabilities)


@dataclass(frozen=True)
class TrueColourConfig(_Config):
    """Band-interpolated RGB."""

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
class AssessConfig(_Config):
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
class RuntimeCheckConfig(_Config):
    """What to find out about the interpreter that runs the engine."""

    modules: Tuple[str, ...] = ("numpy", "osgeo.gdal")  # names to import


_NESTED: Dict[Tuple[str, str], Type[_Config]] = {
    ("ClassifyConfig", "scene"): SceneConfig,
    ("ClassifyConfig", "outputs"): OutputConfig,
    ("ClassifyConfig", "prior"): PriorConfig,
    ("PriorJobConfig", "scene"): SceneConfig,
    ("PriorJobConfig", "prior"): PriorConfig,
    ("TrueColourConfig", "scene"): SceneConfig,
}
