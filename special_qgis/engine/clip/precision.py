# SPDX-License-Identifier: GPL-2.0-or-later
"""How precisely the first stage computes, and how many windows at once.

Both follow from the machine and the model, never from the scene, so a scene gives the same map again.
"""

from __future__ import annotations

import copy
from typing import Any

import torch

from .tower import patch_px

__all__ = ["choose_batch", "choose_precision", "prepare_tower"]

FLOP_AT_ONCE = 150e9  # on a CPU: four windows of ViT-B/16, under a second on two cores, so that cancel answers in time
LARGEST_BATCH = 64
LARGEST_CPU_BATCH = 16  # a small model gains nothing by more, and the scores of its windows fill memory
SHARE_OF_MEMORY = 0.25  # of a GPU's free memory for the windows under way
COPIES = 40  # of a window's tokens that are in memory at once, attention and upsampling included

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """The tower's number type.

    Args:
        wanted: One of ``config.PRECISIONS``; "automatic" = float16 on CUDA, bfloat16 on a CPU that multiplies it in
            hardware, else float32.
        device: Where it will run.
    """
    if wanted != "automatic":
        return _DTYPES[wanted]
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if device.type == "cpu" and _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16, as far as this PyTorch shows."""
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name)()) for name in questions if hasattr(torch.cpu, name))


def choose_batch(wanted: int, visual: Any, window: tuple[int, int], device: torch.device) -> int:
    """Windows at once: what is wanted, else by time on a CPU and by free memory on a GPU, a power of two."""
    if wanted > 0:
        return wanted
    height, width = patch_px(visual)
    tokens = (window[0] // height) * (window[1] // width) + 1
    if device.type == "cuda":
        free_bytes, _ = torch.cuda.mem_get_info(device)
        wide = max(int(visual.conv1.out_channels) * tokens, 3 * 121 * window[0] * window[1] // COPIES)
        fits = free_bytes * SHARE_OF_MEMORY / (4.0 * COPIES * wide)
    else:
        flop = 2.0 * tokens * sum(parameter.numel() for parameter in visual.parameters())
        fits = min(FLOP_AT_ONCE / flop, LARGEST_CPU_BATCH)
    batch = 1
    while batch * 2 <= min(fits, LARGEST_BATCH):
        batch *= 2
    return batch


def prepare_tower(visual: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """The tower on a device in a type, for inference; a copy unless it is that already."""
    weight = visual.conv1.weight
    if weight.device == device and weight.dtype == dtype and not visual.training:
        return visual
    return copy.deepcopy(visual).to(device=device, dtype=dtype).eval()
