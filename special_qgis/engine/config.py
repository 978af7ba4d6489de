# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of every stage as frozen dataclasses: one comment a field, validated when made, to and from JSON.

A job crosses the process boundary as the JSON form of one of these; the report stores the same JSON as provenance.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple, Type, TypeVar

from .errors import ConfigError

SOURCES = ("automatic", "spectral", "clip")  # where the class evidence comes from
PRESETS = ("default", "fast", "paper")  # fast = rules alone, no network; paper = the published constants
PRIOR_PRESETS = ("default", "fast")  # of the spectral prior by itself
LEARNING_PRESETS = ("default", "paper")  # of the network stage by itself
DEVICES = ("automatic", "cpu", "cuda")  # where heavy stages run
QUANTITIES = ("automatic", "reflectance", "radiance")  # physical quantity of the scene's values
RANDOM_SETS = (
    "even",
    "confident",
)  # all pixels alike with stage 1's probabilities [ours]; the sure ones, one-hot [ref]
UNEVEN_SIDES = ("pad", "resize")  # repeat the edge [ours]; resize the image to multiples of four and back [ref]
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
    target_power: float = 2.0  # of stage 1's probabilities as targets of the even set and in the fusion [ours]
    class_balance: float = 0.5  # of the even set: 0 = classes weigh as many pixels as they have, 1 = all alike [ours]
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
    training_tiles: int = 16  # images of that size that a larger scene is learnt from [ours]
    patches_per_side: int = 4  # of such an image: patches from all over the scene, side by side; 1 = a window [ours]
    scene_norms: bool = True  # windows of a larger scene are normalised as all training images together [ours]
    halo_px: int = 32  # least overlap of inference windows [ours]
    average_decay: float = 0.98  # of the running mean of weights that makes the map; 0 = last weights [ours]
    fuse_stage_one: bool = True  # weigh stage 1 by how far the network bears it out, and combine both [ours]
    error_rounds: int = 3  # of undoing, before that, the errors that the network learnt from stage 1; 0 = none [ours]
    uneven_sides: str = "pad"  # one of UNEVEN_SIDES: what the network does with sides that are no multiples of four

    @classmethod
    def published(cls) -> RefineConfig:
        """The published constants, without our additions."""
        return cls(
            random_set="confident",
            target_power=1.0,
            class_balance=0.0,
            spectral_px="confident",
            relative_noise=False,
            tile_px=512,
            patches_per_side=1,
            scene_norms=False,
            average_decay=0.0,
            fuse_stage_one=False,
            error_rounds=0,
            uneven_sides="resize",
        )

    def __post_init__(self) -> None:
        _require_choice("random_set", self.random_set, RANDOM_SETS)
        _require_choice("spectral_px", self.spectral_px, SPECTRAL_PX)
        _require_choice("uneven_sides", self.uneven_sides, UNEVEN_SIDES)
        for name in ("epochs", "iterations_per_epoch", "random_px", "training_tiles", "confidence_components"):
            require(getattr(self, name) >= 1, name, "1 or more", getattr(self, name))
        for name in ("spectral_components", "spectral_dimensions"):
            require(getattr(self, name) >= 1, name, "1 or more", getattr(self, name))
        require(0 <= self.warm_up_epochs <= self.epochs, "warm_up_epochs", "from 0 to epochs", self.warm_up_epochs)
        falling = 0.0 < self.final_learning_rate <= self.learning_rate
        rates = (self.learning_rate, self.final_learning_rate)
        require(falling, "learning_rate, final_learning_rate", "above 0 and not rising", rates)
        require(0.0 < self.target_power <= 10.0, "target_power", "above 0 and at most 10", self.target_power)
        require(0.0 <= self.class_balance <= 1.0, "class_balance", "from 0 to 1", self.class_balance)
        for name in ("confident_weight", "hard_weight", "noise"):
            require(getattr(self, name) >= 0.0, name, "0 or more", getattr(self, name))
        require(0.0 < self.confident_share <= 1.0, "confident_share", "above 0 and at most 1", self.confident_share)
        require(self.candidate_px >= 1000, "candidate_px", "1000 or more", self.candidate_px)
        ordered = 0.0 <= self.low_quantile < self.high_quantile <= 1.0
        require(ordered, "low_quantile, high_quantile", "0 <= low < high <= 1", (self.low_quantile, self.high_quantile))
        require(self.tile_px >= 32, "tile_px", "32 or more", self.tile_px)
        patches = 1 <= self.patches_per_side <= self.tile_px // 8
        require(patches, "patches_per_side", "from 1 to an eighth of tile_px", self.patches_per_side)
        require(0 <= self.halo_px <= self.tile_px // 4, "halo_px", "from 0 to a quarter of tile_px", self.halo_px)
        require(0 <= self.error_rounds <= 100, "error_rounds", "from 0 to 100", self.error_rounds)
        require(0.0 <= self.average_decay < 1.0, "average_decay", "from 0 to below 1", self.average_decay)


@dataclass(frozen=True)
class OutputConfig(_Config):
    """Where results go; an empty path leaves the output out."""

    map: str = ""  # class raster, GeoTIFF
    confidence: str = ""  # best minus second-best probability, float32 GeoTIFF
    probabilities: str = ""  # one band a class, float32 GeoTIFF
    report: str = ""  # HTML; the same content goes beside it as .json
    pseudo_labels: str = ""  # class raster of the first stage, what the network learnt from, GeoTIFF
    classifier: str = ""  # trained network for other scenes of the sensor, .safetensors
    agreement: str = ""  # of the first stage's two sources, 0 to 1, float32 GeoTIFF


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
    refine: bool = True  # learn the scene with the network; never with the preset fast
    model: str = ""  # name of an installed image-text model, or path of a checkpoint; "" = the best installed
    upsampler: str = ""  # name or path of a learned upsampler; "" = the one installed, if any
    models_folder: str = ""  # where models are installed; "" = the usual folder
    clip: ClipConfig = field(default_factory=ClipConfig)  # not read with the preset paper
    prior: PriorConfig = field(default_factory=PriorConfig)
    network: RefineConfig = field(default_factory=RefineConfig)  # not read with the preset paper

    def __post_init__(self) -> None:
        _require_choice("source", self.source, SOURCES)
        _require_choice("preset", self.preset, PRESETS)
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
        """Whether the second stage is to run."""
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


def parse_scales(text: str) -> Tuple[float, ...]:
    """Scale factors as typed: "1, 2"; "" and "automatic" = by the size of a pixel on the ground.

    Raises:
        ConfigError: Something else than numbers.
    """
    words = text.replace(";", ",").split(",")
    if text.strip().lower() in ("", "automatic"):
        return ()
    try:
        return tuple(float(word) for word in words)
    except ValueError as error:
        raise ConfigError(
            f"scales must be factors separated by commas, or automatic; got {text!r}.", "Type for example 1, 2."
        ) from error


def _require_run_options(device: str, seed: int, min_confidence: float) -> None:
    _require_choice("device", device, DEVICES)
    require(0 <= seed < 2**31, "seed", "a whole number from 0 to 2147483647", seed)
    require(0.0 <= min_confidence < 1.0, "min_confidence", "from 0 to below 1", min_confidence)


def used_prior(prior: PriorConfig, preset: str) -> PriorConfig:
    """Options of the spectral prior with a preset taken in."""
    return dataclasses.replace(prior, adapt=False) if preset == "fast" else prior


def used_network(network: RefineConfig, preset: str) -> RefineConfig:
    """Options of the network stage with a preset taken in."""
    return RefineConfig.published() if preset == "paper" else network


@dataclass(frozen=True)
class RefineJobConfig(_Config):
    """The network stage by itself: a scene and any class raster, such as an old map, to a refined map."""

    scene: SceneConfig
    labels: str  # class raster on any grid; 0 = says nothing
    label_confidence: str = ""  # raster of how sure each label is, 0 to 1, on any grid; "" = all alike
    classes: str = ""  # names and colours in the order of the ids; "" = those of the class raster
    outputs: OutputConfig = field(default_factory=OutputConfig)
    preset: str = "default"  # one of LEARNING_PRESETS
    device: str = "automatic"  # one of DEVICES
    seed: int = 0  # of everything drawn at random
    min_confidence: float = 0.0  # pixels below stay unclassified (0 in the map)
    assumed_confidence: float = 0.9  # of labels whose confidence is not given
    network: RefineConfig = field(default_factory=RefineConfig)  # not read with the preset paper

    def __post_init__(self) -> None:
        require(bool(self.labels.strip()), "labels", "the path of a class raster", self.labels)
        _require_choice("preset", self.preset, LEARNING_PRESETS)
        _require_run_options(self.device, self.seed, self.min_confidence)
        accepted = 0.0 < self.assumed_confidence <= 1.0
        require(accepted, "assumed_confidence", "above 0 and at most 1", self.assumed_confidence)

    @property
    def used_network(self) -> RefineConfig:
        """Options of the network stage with the preset taken in."""
        return used_network(self.network, self.preset)


@dataclass(frozen=True)
class ApplyConfig(_Config):
    """A saved classifier on another scene of the same sensor."""

    scene: SceneConfig
    classifier: str  # file that classify or refine has written
    outputs: OutputConfig = field(default_factory=OutputConfig)
    device: str = "automatic"  # one of DEVICES
    min_confidence: float = 0.0  # pixels below stay unclassified (0 in the map)
    sample_px: int = 50_000  # pixels that the report's spectra and the check of units are taken from

    def __post_init__(self) -> None:
        require(bool(self.classifier.strip()), "classifier", "the path of a classifier file", self.classifier)
        _require_run_options(self.device, 0, self.min_confidence)
        require(self.sample_px >= 1000, "sample_px", "1000 or more", self.sample_px)


@dataclass(frozen=True)
class PriorJobConfig(_Config):
    """Spectral prior alone: probabilities per class."""

    scene: SceneConfig
    classes: str  # class list as typed, or the path of a class file
    probabilities: str  # GeoTIFF to write, one band a class
    preset: str = "default"  # one of PRIOR_PRESETS
    seed: int = 0  # of the pixel sample
    prior: PriorConfig = field(default_factory=PriorConfig)

    def __post_init__(self) -> None:
        _require_choice("preset", self.preset, PRIOR_PRESETS)
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


@dataclass(frozen=True)
class ListModelsConfig(_Config):
    """Which models are there."""

    folder: str = ""  # folder of models; "" = SPECIAL_MODEL_DIR, else below the data folder


@dataclass(frozen=True)
class ImportModelConfig(_Config):
    """Copy a checkpoint into the folder of models."""

    file: str  # path of the checkpoint
    name: str = ""  # to call it by; "" = that of the known checkpoint, else made from the file's
    sha256: str = ""  # that the file must have; "" = that of the known checkpoint, else any
    architecture: str = ""  # open_clip's name; "" = told from the file
    licence: str = ""  # to remember; "" = that of the known checkpoint
    folder: str = ""  # folder of models; "" = SPECIAL_MODEL_DIR, else below the data folder

    def __post_init__(self) -> None:
        require(bool(self.file.strip()), "file", "the path of a checkpoint", self.file)


@dataclass(frozen=True)
class DownloadModelConfig(_Config):
    """Download a checkpoint into the folder of models; never part of a run that makes a map."""

    model: str  # name of a known checkpoint, or an address
    name: str = ""  # to call it by; "" = that of the known checkpoint, else made from the file's
    sha256: str = ""  # that the file must have; "" = that of the known checkpoint, else any
    architecture: str = ""  # open_clip's name; "" = told from the file
    licence: str = ""  # to remember; "" = that of the known checkpoint
    proxy: str = ""  # URL of an HTTP proxy; "" = that of the environment
    folder: str = ""  # folder of models; "" = SPECIAL_MODEL_DIR, else below the data folder

    def __post_init__(self) -> None:
        require(bool(self.model.strip()), "model", "the name of a known checkpoint, or an address", self.model)


@dataclass(frozen=True)
class RemoveModelConfig(_Config):
    """Remove a model from the folder of models."""

    name: str  # of an installed model
    folder: str = ""  # folder of models; "" = SPECIAL_MODEL_DIR, else below the data folder

    def __post_init__(self) -> None:
        require(bool(self.name.strip()), "name", "the name of an installed model", self.name)


_NESTED: Dict[Tuple[str, str], Type[_Config]] = {
    ("ClassifyConfig", "scene"): SceneConfig,
    ("ClassifyConfig", "outputs"): OutputConfig,
    ("ClassifyConfig", "clip"): ClipConfig,
    ("ClassifyConfig", "prior"): PriorConfig,
    ("ClassifyConfig", "network"): RefineConfig,
    ("RefineJobConfig", "scene"): SceneConfig,
    ("RefineJobConfig", "outputs"): OutputConfig,
    ("RefineJobConfig", "network"): RefineConfig,
    ("ApplyConfig", "scene"): SceneConfig,
    ("ApplyConfig", "outputs"): OutputConfig,
    ("PriorJobConfig", "scene"): SceneConfig,
    ("PriorJobConfig", "prior"): PriorConfig,
    ("TrueColourConfig", "scene"): SceneConfig,
}
