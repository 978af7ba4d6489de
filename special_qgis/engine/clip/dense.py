# SPDX-License-Identifier: GPL-2.0-or-later
"""Dense features of an open_clip vision transformer: one vector per patch in the space of the text embeddings.

All blocks but the last run as trained. Of the last block only the attention's output is kept, without residual and
MLP, and its queries, keys and values attend each to themselves, so that a patch looks at patches like it. The tower
object is used as it is; of a compiled one, each block and the last attention run compiled.
``tests/helpers/plain_dense.py`` is the specification.

Source: Li et al. 2024, SegEarth-OV, arXiv 2410.01768, section 3; open_clip's modules for all that is as trained.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import torch
from torch.nn import functional

from .tower import check_images, check_tower, embed_patches

__all__ = ["dense_features", "last_attention"]


def dense_features(
    visual: Any, images: torch.Tensor, modified: bool = True, between_blocks: Optional[Callable[[], None]] = None
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Features of every patch, and of the class token by the same last block.

    Args:
        visual: ``model.visual`` of an open_clip model whose tower is a ViT, as it is or as ``torch.compile`` gives it;
            switch it to ``eval()`` first.
        images: (batch, 3, rows, cols), float32 or the tower's type, on the tower's device, normalised as the model
            wants it, sides whole patches, any size.
        modified: Whether the last block is the modified one; False = as trained, so that the class token is the
            model's image embedding.
        between_blocks: Called before each block; what it raises ends the computation.

    Returns:
        (batch, dimensions, patch rows, patch cols) and (batch, dimensions), not normalised, in the tower's type.

    Raises:
        ConfigError: The tower is not such a ViT.
        InputError: The images' shape does not fit.
        torch._dynamo.exc.TorchDynamoException: A compiled tower cannot be compiled here.
    """
    check_tower(visual)
    check_images(visual, images)
    tokens = _through_blocks(visual, embed_patches(visual, images), modified, between_blocks or _go_on)
    tokens = visual.ln_post(tokens)
    projected = tokens @ visual.proj.to(tokens.dtype)
    rows, cols = (int(n) // int(p) for n, p in zip(images.shape[2:], visual.conv1.stride))
    features = projected[:, 1:].transpose(1, 2).reshape(len(images), -1, rows, cols)
    return features, projected[:, 0]


def _go_on() -> None:
    """Nothing ends the computation."""


def _through_blocks(
    visual: Any, tokens: torch.Tensor, modified: bool, between_blocks: Callable[[], None]
) -> torch.Tensor:
    """(batch, tokens, width) through the blocks, whichever order of axes they want."""
    blocks = visual.transformer.resblocks
    batch_first = bool(getattr(visual.transformer, "batch_first", False))
    x = tokens if batch_first else tokens.transpose(0, 1)
    run_block = _compiled_like(visual, _run_block, 0 if batch_first else 1)
    for block in blocks[:-1] if modified else blocks:
        between_blocks()
        x = run_block(block, x)
    x = x if batch_first else x.transpose(0, 1)
    between_blocks()
    return _compiled_like(visual, last_attention, 0)(blocks[-1], x) if modified else x


_BlockFunction = Callable[[Any, torch.Tensor], torch.Tensor]  # of a block and the tokens that enter it


def _compiled_like(visual: Any, function: _BlockFunction, batch_axis: int) -> _BlockFunction:
    """The function compiled by the backend and options of a compiled tower; as it is where the tower is not compiled.

    All blocks of a form share what is compiled, which takes half the time that the whole tower would. The
    size of the batch stays open, so that a smaller last one costs no time again; a batch of one is a form of its own.
    """
    context = getattr(visual, "dynamo_ctx", None)
    if context is None:
        return function
    compiled: _BlockFunction = context(function)

    def run(block: Any, tokens: torch.Tensor) -> torch.Tensor:
        torch._dynamo.maybe_mark_dynamic(tokens, batch_axis)
        return compiled(block, tokens)

    return run


def _run_block(block: Any, tokens: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = block(tokens)
    return out


def last_attention(block: Any, tokens: torch.Tensor) -> torch.Tensor:
    """The last block's attention, each of queries, keys and values attending to themselves, summed.

    Norms and scales that the block applies to its attention's output are kept, as they belong to it.

    Args:
        block: Residual attention block of open_clip.
        tokens: (batch, tokens, width) in the block's type, float32, bfloat16 or float16.

    Returns:
        (batch, tokens, width): ``out_proj((softmax(qqᵀ/√d) + softmax(kkᵀ/√d) + softmax(vvᵀ/√d)) v)``.
    """
    attention = block.attn
    q, k, v = split_heads(attention, block.ln_1(tokens))
    mixed = sum(functional.scaled_dot_product_attention(x, x, v) for x in (q, k, v))
    return join_heads(block, mixed)


def split_heads(attention: Any, tokens: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values: three times (batch, heads, tokens, width of a head)."""
    projected = functional.linear(tokens, attention.in_proj_weight, attention.in_proj_bias)
    split = projected.reshape(*projected.shape[:2], 3, int(attention.num_heads), -1)
    q, k, v = split.permute(2, 0, 3, 1, 4).contiguous()
    if hasattr(attention, "ln_q"):  # open_clip's own attention; PyTorch's has none
        q, k = attention.ln_q(q), attention.ln_k(k)
    return q, k, v


def join_heads(block: Any, mixed: Any) -> torch.Tensor:
    """(batch, heads, tokens, width of a head) through the attention's output projection: (batch, tokens, width)."""
    attention = block.attn
    if getattr(attention, "head_scale", None) is not None:
        mixed = mixed * attention.head_scale
    joined = mixed.transpose(1, 2).flatten(2)
    if hasattr(attention, "ln_inner"):
        joined = attention.ln_inner(joined)
    out = attention.out_proj(joined)
    for name in ("ln_attn", "ls_1"):  # LayerScale may work in place, on a tensor of ours
        if hasattr(block, name):
            out = getattr(block, name)(out)
    result: torch.Tensor = out
    return result
