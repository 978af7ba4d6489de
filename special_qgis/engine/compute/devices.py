# SPDX-License-Identifier: GPL-2.0-or-later
"""Where PyTorch computes: the graphics card that was chosen or found, else the processor. Needs PyTorch."""

from __future__ import annotations

import torch

from ..config import DEVICES
from ..errors import ConfigError

__all__ = ["choose_device", "device_name", "is_out_of_memory"]


def choose_device(wanted: str) -> torch.device:
    """The device that a word of ``config.DEVICES`` stands for on this machine.

    Raises:
        ConfigError: There is no such word, or CUDA is chosen and PyTorch finds no card that it can use.
    """
    if wanted not in DEVICES:
        raise ConfigError(f"The device must be one of {', '.join(DEVICES)}; got {wanted!r}.")
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        built = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is a build without CUDA"
        raise ConfigError(
            f"The device is {wanted!r}, and PyTorch {torch.__version__}, which {built}, finds no graphics card that it "
            f"can use; one of {', '.join(DEVICES)} is accepted.",
            "Choose automatic or cpu, or check the NVIDIA driver and the runtime with 'Check runtime'.",
        )
    return torch.device("cuda" if has_cuda and wanted != "cpu" else "cpu")


def device_name(device: torch.device) -> str:
    """A device in words."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means too little memory, on the graphics card or in the computer."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in ("out of memory", "can't allocate memory", "not enough memory")
    )
