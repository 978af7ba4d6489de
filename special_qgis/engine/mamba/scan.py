# SPDX-License-Identifier: GPL-2.0-or-later
"""Selective scan: one signature, several backends, one choice.

``y_t = c_t h_t + d x_t`` with ``h_t = exp(delta_t a) h_{t-1} + delta_t b_t x_t`` (Gu and Dao 2023, equations 2 and 4,
with the simplified discretisation of b that the published code uses). All backends agree in values and gradients.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable, Dict

import torch

from special_qgis.engine.errors import ConfigError

from ..compute.compiled_kernels import has_numba
from .cuda_scan import has_mamba_ssm, scan_mamba_ssm
from .lanes_scan import scan_in_lanes
from .reference_scan import scan_in_order

__all__ = ["AUTOMATIC", "SCAN_BACKENDS", "choose_scan_backend", "selective_scan"]

AUTOMATIC = "automatic"


def _scan_numba(*inputs: torch.Tensor) -> torch.Tensor:
    """``numba_scan.scan_compiled``, imported when first used."""
    made: torch.Tensor = _numba_module().scan_compiled(*inputs)
    return made


def _numba_module() -> Any:
    return importlib.import_module(".numba_scan", __package__)


SCAN_BACKENDS: Dict[str, Callable[..., torch.Tensor]] = {
    "reference": scan_in_order,
    "lanes": scan_in_lanes,
    "numba": _scan_numba,
    "mamba-ssm": scan_mamba_ssm,
}


def choose_scan_backend(device: torch.device, dtype: torch.dtype, wanted: str = AUTOMATIC) -> str:
    """Name of the backend that is used: the fastest that works, or the wanted one.

    Args:
        device: Device of the tensors.
        dtype: Number type of the tensors.
        wanted: A key of ``SCAN_BACKENDS``, or "automatic".

    Raises:
        ConfigError: The wanted backend does not exist, or cannot work here.
    """
    if wanted not in (*SCAN_BACKENDS, AUTOMATIC):
        raise ConfigError(
            f"The scan backend must be one of {', '.join((AUTOMATIC, *SCAN_BACKENDS))}; got {wanted!r}.",
            "Use automatic.",
        )
    usable = {"reference": True, "lanes": True}
    if dtype == torch.float32:
        usable["numba"] = device.type == "cpu" and has_numba()
        usable["mamba-ssm"] = device.type == "cuda" and has_mamba_ssm()
    if wanted == AUTOMATIC:
        return next((name for name in ("mamba-ssm", "numba") if usable.get(name)), "lanes")
    if not usable.get(wanted):
        raise ConfigError(
            f"The scan backend {wanted!r} cannot work on {device.type} in {dtype}: "
            "numba needs a CPU, mamba-ssm an NVIDIA GPU, both need their package and float32.",
            "Use automatic.",
        )
    return wanted


def selective_scan(
    x: torch.Tensor,
    delta: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    c: torch.Tensor,
    d: torch.Tensor,
    backend: str = AUTOMATIC,
) -> torch.Tensor:
    """Scan by the backend of choice; arguments and result as ``reference_scan.scan_in_order``.

    Raises:
        ConfigError: The backend does not exist, or cannot work on these tensors.
    """
    return SCAN_BACKENDS[choose_scan_backend(x.device, x.dtype, backend)](x, delta, a, b, c, d)
