# SPDX-License-Identifier: GPL-2.0-or-later
"""Weights of a learned upsampler, read from the state dict of a public checkpoint.

Accepted are SimFeatUp's "JBU one", whose keys begin ``upsampler.up.``, and FeatUp's "JBU stack" with
``upsampler.up1.`` to ``up4.``. Below each step: ``range_temp``, ``sigma_spatial``, ``range_proj.0.*`` and
``range_proj.3.*`` (1×1 convolutions guide → 32 → 32), ``fixup_proj.0.*`` and ``fixup_proj.3.*`` (guide and kernel →
kernel → kernel); and for the whole ``upsampler.fixup_proj.1.*`` (1×1 convolution of the features). Whatever stands
before these names (``upsampler.``, ``model.``, nothing) makes no difference, and a state dict may lie in a
``state_dict`` or ``model`` of a training checkpoint.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Tuple, Union

import torch

from ...errors import ConfigError

__all__ = ["JbuStep", "JbuWeights", "read_weights"]

_STEP = re.compile(r"^(?P<prefix>.*?)(?P<step>up[1-4]?)\.range_temp$")
_SHAPES = "The keys and shapes of SimFeatUp's JBU one and FeatUp's JBU stack are accepted."
_REMEDY = "Choose the checkpoint of an upsampler that was trained for this model."


@dataclass(frozen=True, eq=False)  # what is made from a step is kept by the step itself
class JbuStep:
    """One step of joint bilateral upsampling by two."""

    temperature: float  # of the range kernel's softmax
    sigma: float  # of the spatial kernel, on a grid from −1 to 1
    radius: int  # of the neighbourhood
    range_in: torch.Tensor  # (key, guide channels)
    range_in_bias: torch.Tensor  # (key,)
    range_out: torch.Tensor  # (key, key)
    range_out_bias: torch.Tensor  # (key,)
    fix_in: torch.Tensor  # (taps, taps + guide channels)
    fix_in_bias: torch.Tensor  # (taps,)
    fix_out: torch.Tensor  # (taps, taps)
    fix_out_bias: torch.Tensor  # (taps,)

    @property
    def taps(self) -> int:
        """Number of neighbours."""
        return (2 * self.radius + 1) ** 2

    def log_spatial(self) -> torch.Tensor:
        """Logarithm of the spatial kernel: (taps,), row by row."""
        place = torch.linspace(-1.0, 1.0, 2 * self.radius + 1, dtype=self.range_in.dtype, device=self.range_in.device)
        return (-(place[:, None] ** 2 + place[None, :] ** 2) / (2.0 * self.sigma**2)).flatten()


@dataclass(frozen=True)
class JbuWeights:
    """A learned upsampler: its steps, each by two, and the last convolution of the features."""

    steps: Tuple[JbuStep, ...]  # one for JBU one, which is applied again and again; four for JBU stack
    fix: torch.Tensor  # (dimensions, dimensions)
    fix_bias: torch.Tensor  # (dimensions,)

    @property
    def kind(self) -> str:
        """ "jbu_one" or "jbu_stack", as in ``config.UPSAMPLERS``."""
        return "jbu_one" if len(self.steps) == 1 else "jbu_stack"

    @property
    def dimensions(self) -> int:
        """Of the features that it was trained for."""
        return int(self.fix.shape[0])

    def step(self, number: int) -> JbuStep:
        """The step with this number, from 0."""
        return self.steps[0] if len(self.steps) == 1 else self.steps[number]

    def n_steps(self, factor: float) -> int:
        """Steps that reach ``factor`` times the size, as far as there are some."""
        wanted = max(1, math.ceil(math.log2(factor)))
        return wanted if len(self.steps) == 1 else min(wanted, len(self.steps))

    def to(self, device: Any, dtype: torch.dtype) -> JbuWeights:
        """The same on a device, in another type."""
        return JbuWeights(
            tuple(_step_to(step, device, dtype) for step in self.steps),
            self.fix.to(device, dtype),
            self.fix_bias.to(device, dtype),
        )


def _step_to(step: JbuStep, device: Any, dtype: torch.dtype) -> JbuStep:
    tensors = {name: value for name, value in vars(step).items() if isinstance(value, torch.Tensor)}
    moved: Dict[str, Any] = {name: value.to(device, dtype) for name, value in tensors.items()}
    return replace(step, **moved)


def read_weights(state: Union[Mapping[str, Any], JbuWeights]) -> JbuWeights:
    """Read an upsampler's weights.

    Args:
        state: State dict, or a training checkpoint that holds one; weights already read are given back.

    Returns:
        Weights in the type that they are stored in.

    Raises:
        ConfigError: A key is missing or a shape does not fit; the message names it.
    """
    if isinstance(state, JbuWeights):
        return state
    for container in ("state_dict", "model"):
        if isinstance(state.get(container), Mapping):
            return read_weights(state[container])
    found: Dict[str, str] = {}
    for key in state:
        match = _STEP.match(key)
        if match:
            found[match["step"]] = match["prefix"]
    names = ["up"] if "up" in found else sorted(found)
    if not names or (names != ["up"] and names != [f"up{n}" for n in range(1, len(names) + 1)]):
        raise ConfigError(
            f"The upsampler's state dict has {len(state)} entries and no step of joint bilateral upsampling (no key "
            f"ends in up.range_temp, or up1.range_temp to up4.range_temp). {_SHAPES}",
            _REMEDY,
        )
    prefix = found[names[0]]
    steps = tuple(_read_step(state, f"{found[name]}{name}.") for name in names)
    fix = _tensor(state, f"{prefix}fixup_proj.1.weight").flatten(1)
    _check(fix.ndim == 2 and fix.shape[0] == fix.shape[1], f"{prefix}fixup_proj.1.weight", fix)
    return JbuWeights(steps, fix, _tensor(state, f"{prefix}fixup_proj.1.bias", (fix.shape[0],)))


def _read_step(state: Mapping[str, Any], prefix: str) -> JbuStep:
    range_in = _tensor(state, f"{prefix}range_proj.0.weight").flatten(1)
    key_dim, guide = range_in.shape
    fix_out = _tensor(state, f"{prefix}fixup_proj.3.weight").flatten(1)
    taps = fix_out.shape[0]
    side = math.isqrt(taps)
    _check(side**2 == taps and side % 2 == 1, f"{prefix}fixup_proj.3.weight", fix_out)
    temperature = math.exp(float(_tensor(state, f"{prefix}range_temp")))
    return JbuStep(
        temperature=min(max(temperature, 1e-4), 1e4),  # the bounds that FeatUp trains with
        sigma=float(_tensor(state, f"{prefix}sigma_spatial")),
        radius=side // 2,
        range_in=range_in,
        range_in_bias=_tensor(state, f"{prefix}range_proj.0.bias", (key_dim,)),
        range_out=_tensor(state, f"{prefix}range_proj.3.weight").flatten(1).reshape(-1, key_dim),
        range_out_bias=_tensor(state, f"{prefix}range_proj.3.bias"),
        fix_in=_matrix(state, f"{prefix}fixup_proj.0.weight", (taps, taps + guide)),
        fix_in_bias=_tensor(state, f"{prefix}fixup_proj.0.bias", (taps,)),
        fix_out=_matrix(state, f"{prefix}fixup_proj.3.weight", (taps, taps)),
        fix_out_bias=_tensor(state, f"{prefix}fixup_proj.3.bias", (taps,)),
    )


def _matrix(state: Mapping[str, Any], key: str, shape: Tuple[int, int]) -> torch.Tensor:
    matrix = _tensor(state, key).flatten(1)
    _check(tuple(matrix.shape) == shape, key, matrix)
    return matrix


def _tensor(state: Mapping[str, Any], key: str, shape: Tuple[int, ...] = ()) -> torch.Tensor:
    value = state.get(key)
    if value is None:
        raise ConfigError(f"The upsampler's state dict has no {key!r}. {_SHAPES}", _REMEDY)
    tensor = torch.as_tensor(value).detach()
    if not shape or tuple(tensor.shape) == shape:
        return tensor
    raise _misfit(key, tensor)


def _check(fits: bool, key: str, tensor: torch.Tensor) -> None:
    if not fits:
        raise _misfit(key, tensor)


def _misfit(key: str, tensor: torch.Tensor) -> ConfigError:
    return ConfigError(f"{key!r} of the upsampler's state dict has shape {tuple(tensor.shape)}. {_SHAPES}", _REMEDY)
