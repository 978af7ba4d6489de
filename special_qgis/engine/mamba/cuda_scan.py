# SPDX-License-Identifier: GPL-2.0-or-later
"""Selective scan by the CUDA kernel of the package ``mamba-ssm``, where that is installed."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any, Optional

import torch

__all__ = ["has_mamba_ssm", "scan_mamba_ssm"]


@lru_cache(maxsize=1)
def _interface() -> Optional[Any]:
    """The package's module, or None where it is missing, has no kernel or does not fit this PyTorch."""
    try:
        return importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    except (ImportError, OSError):
        return None


def has_mamba_ssm() -> bool:
    """Whether the package's kernel can be used on this machine."""
    return torch.cuda.is_available() and getattr(_interface(), "selective_scan_cuda", None) is not None


def scan_mamba_ssm(
    x: torch.Tensor, delta: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor
) -> torch.Tensor:
    """Selective scan, equal to ``scan_in_order``, for float32 tensors on a CUDA device."""
    scanned: torch.Tensor = _interface().selective_scan_fn(x, delta, a, b, c, d)  # type: ignore[union-attr]
    return scanned
