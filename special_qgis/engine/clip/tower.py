# SPDX-License-Identifier: GPL-2.0-or-later
"""What dense scoring needs of an open_clip visual tower: the check that a tower has it, and its embedding of patches.

The tower's own modules are used as they are; nothing of the object is changed.
"""

from __future__ import annotations

from typing import Any, Tuple

import torch
from torch.nn import functional

from ..errors import ConfigError, InputError

__all__ = [
    "check_images",
    "check_tower",
    "embed_patches",
    "image_side_px",
    "is_compiled",
    "patch_px",
    "uncompiled",
]

_NEEDED = ("conv1", "class_embedding", "positional_embedding", "grid_size", "ln_pre", "transformer", "ln_post", "proj")
_ACCEPTED = "open_clip's VisionTransformer with a class token is accepted, as in OpenAI's ViT-B and ViT-L."
_REMEDY = "Choose a checkpoint of a ViT architecture such as ViT-B-16 or ViT-L-14."


def is_compiled(visual: Any) -> bool:
    """Whether a tower is one that ``torch.compile`` gave."""
    return hasattr(visual, "_orig_mod")


def uncompiled(visual: Any) -> Any:
    """The tower within a compiled one; the tower itself where it is not compiled."""
    return getattr(visual, "_orig_mod", visual)


def check_tower(visual: Any) -> None:
    """Make sure that dense scores can be taken from a visual tower.

    Args:
        visual: ``model.visual`` of an open_clip model, compiled by ``torch.compile`` or not.

    Raises:
        ConfigError: It is another kind of network, or pools its patches in another way than through a class token.
    """
    kind = type(uncompiled(visual)).__name__
    missing = [name for name in _NEEDED if getattr(visual, name, None) is None]
    if missing or not len(getattr(visual.transformer, "resblocks", ())):
        raise _refusal(f"The model's visual tower is a {kind} without {missing[0] if missing else 'residual blocks'}")
    if getattr(visual, "attn_pool", None) is not None:
        raise _refusal(f"The model's visual tower, a {kind}, pools its patches by attention")
    if getattr(visual, "pool_type", "tok") != "tok":
        raise _refusal(f"The model's visual tower, a {kind}, pools its patches by {visual.pool_type!r}")
    if visual.proj.ndim != 2 or visual.positional_embedding.shape[0] != visual.grid_size[0] * visual.grid_size[1] + 1:
        raise _refusal(f"The model's visual tower, a {kind}, has no position for a class token")
    attention = getattr(visual.transformer.resblocks[-1], "attn", None)
    if getattr(attention, "in_proj_weight", None) is None or getattr(attention, "logit_scale", None) is not None:
        raise _refusal(f"The last block of the model's visual tower has {type(attention).__name__} of another form")


def _refusal(what: str) -> ConfigError:
    return ConfigError(f"{what}; {_ACCEPTED}", _REMEDY)


def patch_px(visual: Any) -> Tuple[int, int]:
    """Height and width of a patch."""
    height, width = visual.conv1.stride
    return int(height), int(width)


def image_side_px(visual: Any) -> int:
    """Side of the images that the tower was trained on, the longer one."""
    patch = patch_px(visual)
    return max(int(n) * p for n, p in zip(visual.grid_size, patch))


def check_images(visual: Any, images: torch.Tensor) -> None:
    """Make sure that a batch can be cut into patches.

    Raises:
        InputError: Its shape does not fit.
    """
    height, width = patch_px(visual)
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % height or images.shape[3] % width:
        raise InputError(
            f"Images have shape {tuple(images.shape)}; (batch, 3, rows, cols), rows a multiple of {height} and cols "
            f"of {width} is accepted.",
            "Pad the images to whole patches.",
        )
    if min(images.shape[2:]) == 0:
        raise InputError(f"Images have shape {tuple(images.shape)}; at least one patch is needed.")


def embed_patches(visual: Any, images: torch.Tensor) -> torch.Tensor:
    """Tokens that enter the first block.

    Args:
        visual: ``model.visual`` of an open_clip model whose tower is a ViT.
        images: (batch, 3, rows, cols), float32 or the tower's type, normalised as the model wants it, sides whole
            patches.

    Returns:
        (batch, 1 + patches, width), the class token first, positions added, ``ln_pre`` applied.
    """
    patches = visual.conv1(images.to(visual.conv1.weight.dtype))
    grid = (int(patches.shape[2]), int(patches.shape[3]))
    tokens = patches.flatten(2).transpose(1, 2)
    first = visual.class_embedding.to(tokens.dtype).expand(tokens.shape[0], 1, -1)
    tokens = torch.cat([first, tokens], dim=1)
    embedded: torch.Tensor = visual.ln_pre(tokens + positions(visual, grid).to(tokens.dtype))
    return embedded


def positions(visual: Any, grid: Tuple[int, int]) -> torch.Tensor:
    """Positions of a grid of patches: (1 + patches, width), bicubically interpolated where the size differs."""
    stored: torch.Tensor = visual.positional_embedding
    trained = tuple(int(n) for n in visual.grid_size)
    if grid == trained:
        return stored
    work = stored if stored.dtype == torch.float64 else stored.float()
    image = work[1:].reshape(1, *trained, -1).permute(0, 3, 1, 2)
    resized = functional.interpolate(image, size=grid, mode="bicubic", align_corners=False)
    return torch.cat([work[:1], resized[0].flatten(1).T])
