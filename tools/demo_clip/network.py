# SPDX-License-Identifier: GPL-2.0-or-later
"""The small CLIP: open_clip's model, its start values and its dense read-out.

Source of the read-out: SegEarth-OV, arXiv:2410.01768, section 3.3; the last block keeps the attention alone, with
softmax(qq) + softmax(kk) + softmax(vv), then the final norm and projection.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np
import open_clip
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from .tokens import CONTEXT

EMBED = 192
PATCH_PX = 8
IMAGE_PX = 96
GRID = IMAGE_PX // PATCH_PX
VOCABULARY = 49_408
PATCH_LENGTH = 7.0  # of a patch's token before the first norm, at the start
MEAN = (0.48145466, 0.4578275, 0.40821073)  # CLIP's
STD = (0.26862954, 0.26130258, 0.27577711)


def model_config(vocabulary: int = VOCABULARY) -> Dict[str, Any]:
    """open_clip's configuration."""
    return {
        "embed_dim": EMBED,
        "vision_cfg": {
            "image_size": IMAGE_PX,
            "layers": 5,
            "width": 192,
            "head_width": 64,
            "patch_size": PATCH_PX,
            "mlp_ratio": 4.0,
        },
        "text_cfg": {"context_length": CONTEXT, "vocab_size": vocabulary, "width": 192, "heads": 3, "layers": 2},
    }


def build_model(vocabulary: int, seed: int) -> open_clip.CLIP:
    """A fresh model: open_clip's start values, but faint sine positions and a last block whose tokens find each other.

    The dense read-out has no residual: with open_clip's start values its three attentions are nearly even, so that all
    patches come out alike.
    """
    torch.manual_seed(seed)
    model = open_clip.CLIP(**model_config(vocabulary))
    with torch.no_grad():
        model.visual.positional_embedding[1:] = 0.1 * sine_positions(GRID, 192)
        model.visual.transformer.resblocks[-1].attn.in_proj_weight.mul_(2.0)
    return model


def sine_positions(side: int, width: int) -> torch.Tensor:
    """Two-dimensional sine and cosine positions: (side², width) float32."""
    rates = 1.0 / 100.0 ** (torch.arange(width // 4) / (width // 4))
    at = torch.arange(side)[:, None] * rates[None, :]
    one = torch.cat([at.sin(), at.cos()], dim=1)  # (side, width / 2)
    rows = one[:, None, :].expand(side, side, -1)
    cols = one[None, :, :].expand(side, side, -1)
    return torch.cat([rows, cols], dim=-1).reshape(side * side, width)


def whiten_patches(model: open_clip.CLIP, images: torch.Tensor) -> None:
    """Set the patch filters to the principal components of real patches, half whitened.

    Fully whitened, three components of colour would drown among 189 of fine texture.

    Args:
        model: Model to change.
        images: (n, 3, rows, cols) float32, normalised.
    """
    patches = F.unfold(images, PATCH_PX, stride=PATCH_PX).transpose(1, 2).reshape(-1, 3 * PATCH_PX**2)
    variances, vectors = torch.linalg.eigh(torch.cov((patches - patches.mean(0)).T.double()))
    order = variances.argsort(descending=True)
    scale = (variances[order] / variances.mean() + 0.003) ** -0.25
    filters = (vectors[:, order] * scale).T[: model.visual.conv1.out_channels].float()
    length = (patches @ filters.T).norm(dim=1).mean()
    with torch.no_grad():
        model.visual.conv1.weight.copy_((PATCH_LENGTH / length * filters).reshape(model.visual.conv1.weight.shape))


def dense_tokens(visual: nn.Module, images: torch.Tensor, corner: Optional[Tuple[int, int]] = None) -> torch.Tensor:
    """Projected tokens of the dense read-out, not normalised.

    Args:
        visual: open_clip's VisionTransformer.
        images: (n, 3, rows, cols), normalised, sides a multiple of the patch.
        corner: Cell of the position grid where a smaller image lies; None = the positions are interpolated.

    Returns:
        (n, 1 + patches, embed): the class token, then the patches row by row.
    """
    x = visual.conv1(images)
    rows, cols = x.shape[-2:]
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([visual.class_embedding.to(x.dtype).expand(len(x), 1, -1), x], dim=1)
    x = visual.ln_pre(x + _positions(visual, rows, cols, corner).to(x.dtype))
    for block in visual.transformer.resblocks[:-1]:
        x = block(x)
    last = visual.transformer.resblocks[-1]
    return visual.ln_post(_self_attention(last.attn, last.ln_1(x))) @ visual.proj


def _positions(visual: nn.Module, rows: int, cols: int, corner: Optional[Tuple[int, int]]) -> torch.Tensor:
    table = visual.positional_embedding
    grid = table[1:].reshape(GRID, GRID, -1)
    if corner is not None:
        grid = grid[corner[0] : corner[0] + rows, corner[1] : corner[1] + cols]
    elif (rows, cols) != (GRID, GRID):
        planes = grid.permute(2, 0, 1)[None]
        grid = F.interpolate(planes, (rows, cols), mode="bicubic", align_corners=False)[0].permute(1, 2, 0)
    return torch.cat([table[:1], grid.reshape(rows * cols, -1)])


def _self_attention(attention: nn.MultiheadAttention, x: torch.Tensor) -> torch.Tensor:
    """Output of softmax(qq) + softmax(kk) + softmax(vv) on the values: (n, tokens, width)."""
    n, length, width = x.shape
    parts = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    heads = parts.reshape(n, length, 3, attention.num_heads, width // attention.num_heads).permute(2, 0, 3, 1, 4)
    values = heads[2]
    mixed = sum(F.scaled_dot_product_attention(part, part, values) for part in heads)
    return attention.out_proj(mixed.transpose(1, 2).reshape(n, length, width))


def normalise(pictures: torch.Tensor) -> torch.Tensor:
    """CLIP's normalisation of (n, 3, rows, cols) pictures in [0, 1]."""
    mean, std = (torch.tensor(values, dtype=pictures.dtype, device=pictures.device) for values in (MEAN, STD))
    return (pictures - mean[:, None, None]) / std[:, None, None]


def count_parameters(model: nn.Module) -> int:
    """Number of weights."""
    return int(np.sum([parameter.numel() for parameter in model.parameters()]))
