# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of the stages of the method: spectral prior, CLIP, learning from noisy labels. One comment a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from ..errors import ConfigError
from .options import Options, require, require_choice

__all__ = [
    "BLENDINGS",
    "PRECISIONS",
    "RANDOM_SETS",
    "SPECTRAL_PX",
    "TEMPLATE_SETS",
    "UNEVEN_SIDES",
    "UPSAMPLERS",
    "ClipConfig",
    "PriorConfig",
    "RefineConfig",
    "parse_scales",
]

RANDOM_SETS = ("even", "confident")  # all pixels alike, soft targets [ours]; by confidence, one-hot targets [ref]
UNEVEN_SIDES = ("pad", "resize")  # repeat the edge [ours]; resize the image to multiples of four and back [ref]
TEMPLATE_SETS = ("both", "openai", "remote_sensing")  # prompt templates of the text encoder
UPSAMPLERS = ("automatic", "jbu_one", "jbu_stack", "bilateral", "bilinear")  # feature upsampling
BLENDINGS = ("hann", "mean")  # weights of overlapping windows
PRECISIONS = ("automatic", "float32", "bfloat16", "float16")  # of the image tower
SPECTRAL_PX = ("all", "confident")  # all that the network gives the class [ours]; its confident set alone [ref]


@dataclass(frozen=True)
class PriorConfig(Options):
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
class ClipConfig(Options):
    """How the first stage scores pixels with a CLIP model; sources in square brackets: ref = as published, ours."""

    window_px: int = 0  # side of a window [ref 224]; 0 = the side of the images that the model was trained on
    stride_px: int = 0  # from one window to the next [ref 112]; 0 = half a window
    scales: Tuple[float, ...] = ()  # factors of the image's size [ref 1, 2]; () = by the size of a pixel on the ground
    blending: str = "hann"  # one of BLENDINGS [ref mean]
    upsampler: str = "automatic"  # one of UPSAMPLERS; automatic = learned where there are weights, else bilateral
    templates: str = "both"  # one of TEMPLATE_SETS [ref openai]
    use_aliases: bool = True  # add the words of the shipped dictionary [ours]
    temperature: float = 50.0  # of the softmax over queries [ref]
    cls_debias: float = 0.3  # share of the class token's cosine that is taken off [ref]
    tolerance: float = 0.0  # relative error of the features' length that compression may make [ours]; 0 = exact
    precision: str = "automatic"  # one of PRECISIONS; automatic = the fastest that the device computes natively
    batch: int = 0  # windows at once; 0 = by memory and time
    compile: bool = False  # the image tower, by torch.compile [ours]; takes seconds before the first window
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
        )

    def __post_init__(self) -> None:
        require_choice("blending", self.blending, BLENDINGS)
        require_choice("upsampler", self.upsampler, UPSAMPLERS)
        require_choice("templates", self.templates, TEMPLATE_SETS)
        require_choice("precision", self.precision, PRECISIONS)
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
class RefineConfig(Options):
    """How the network stage learns from noisy labels; sources in square brackets: ref = as published, ours."""

    epochs: int = 20  # [ref]
    iterations_per_epoch: int = 20  # training steps [ref]
    warm_up_epochs: int = 10  # without confident and hard sets [ref]
    learning_rate: float = 1e-3  # of Adam, at the start [ref]
    final_learning_rate: float = 1e-4  # at the last step, reached along a cosine [ref]
    random_px: int = 500  # drawn for each class and step [ref]
    random_set: str = "even"  # one of RANDOM_SETS
    target_power: float = 2.0  # of the first stage's probabilities as targets of the even set and in the fusion [ours]
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
    fuse_stage_one: bool = True  # fuse network and first stage by the noise transition matrix [ours]
    error_rounds: int = 3  # iterations of Richardson–Lucy unfolding of the network before that; 0 = none [ours]
    least_share: float = 0.35  # of the network in the map, where it bears the first stage out; 1 = it decides [ours]
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
            least_share=1.0,
            uneven_sides="resize",
        )

    def __post_init__(self) -> None:
        require_choice("random_set", self.random_set, RANDOM_SETS)
        require_choice("spectral_px", self.spectral_px, SPECTRAL_PX)
        require_choice("uneven_sides", self.uneven_sides, UNEVEN_SIDES)
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
        require(0.0 <= self.least_share <= 1.0, "least_share", "from 0 to 1", self.least_share)
        require(0.0 <= self.average_decay < 1.0, "average_decay", "from 0 to below 1", self.average_decay)


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
