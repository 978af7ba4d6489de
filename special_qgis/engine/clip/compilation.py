# SPDX-License-Identifier: GPL-2.0-or-later
"""Dense features by a tower that ``torch.compile`` has made machine code for, and the error where it cannot.

PyTorch needs a C++ compiler for that on a CPU, Triton on a GPU; Windows has neither unless somebody installed it.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import torch

from ..errors import CompileError
from .dense import dense_features
from .tower import is_compiled

__all__ = ["compiled_features"]


def compiled_features(
    visual: Any, images: torch.Tensor, between_blocks: Optional[Callable[[], None]] = None
) -> Tuple[torch.Tensor, torch.Tensor]:
    """What ``dense_features`` gives, compiled; the first call takes seconds, later ones find what it made.

    Args:
        visual: ``model.visual`` of an open_clip model whose tower is a ViT, in ``eval()``, compiled already or not.
        images: (batch, 3, rows, cols), float32 or the tower's type, on the tower's device, normalised as the model
            wants it, sides whole patches.
        between_blocks: Called before each block; what it raises ends the computation.

    Raises:
        CompileError: This PyTorch, system or device cannot compile, or no further form of a tower in this process.
        ConfigError: The tower is not such a ViT.
        InputError: The images' shape does not fit.
    """
    try:
        compiled = visual if is_compiled(visual) else torch.compile(visual, fullgraph=True)
    except (RuntimeError, OSError) as error:  # never on this Python or system; no folder for what is compiled
        raise _compile_error(error) from error
    dynamo = torch._dynamo.exc  # there once something was compiled
    try:
        return dense_features(compiled, images, between_blocks=between_blocks)
    except dynamo.TorchDynamoException as error:
        raise _compile_error(error) from error
    except dynamo.FailOnRecompileLimitHit as error:
        raise CompileError(
            "PyTorch has compiled towers and windows of as many forms in this process as it allows.",
            "Score this one in a new process, or leave the option compile out.",
        ) from error


def _compile_error(error: BaseException) -> CompileError:
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    return CompileError(
        f"PyTorch cannot compile the image tower: {reason}.",
        "It needs a C++ compiler on a CPU, Triton on a GPU; the option compile can be left out.",
    )
