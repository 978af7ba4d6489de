# SPDX-License-Identifier: GPL-2.0-or-later
"""Where PyTorch computes: the graphics card that was asked for or found, else the processor."""

from __future__ import annotations

import torch

from ..config import DEVICES
from ..errors import ConfigError

__all__ = ["choose_device", "is_out_of_memory"]


def choose_device(wanted: str) -> torch.device:
    """The device that a word of ``config.DEVICES`` stands for on this machine.

    Raises:
        ConfigError: CUDA is asked for and PyTorch finds no card that it can use.
    """
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        built = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is a build without CUDA"
        raise ConfigError(
            f"The device is {wanted!r}, and PyTorch {torch.__version__}, which {built}, finds no graphics card that it "
            f"can use; one of {', '.join(DEVICES)} is accepted.",
            "Choose automatic or cpu, or check the NVIDIA driver and the runtime with 'Check runtime'.",
        )
    return torch.device("cuda" if has_cuda and wanted != "cpu" else "cpu")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the graphics card's memory ran out."""
    return isinstance(error, torch.cuda.OutOfMemoryError)
