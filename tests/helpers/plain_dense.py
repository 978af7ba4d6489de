# SPDX-License-Identifier: GPL-2.0-or-later
"""The formulae of dense features, literally: one image, one head at a time, attention written out.

The specification that ``dense.dense_features`` is tested against; far too slow for scenes.
"""

from __future__ import annotations

from typing import Any, List, Tuple

import torch

from special_qgis.engine.clip.dense import join_heads, split_heads
from special_qgis.engine.clip.tower import check_images, check_tower, embed_patches


def plain_dense_features(visual: Any, images: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """The same as ``dense.dense_features``; arguments, results and errors are the same too."""
    check_tower(visual)
    check_images(visual, images)
    pairs = [_one_image(visual, image[None]) for image in images]
    return torch.cat([features for features, _ in pairs]), torch.cat([first for _, first in pairs])


def _one_image(visual: Any, image: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    tokens = embed_patches(visual, image)
    batch_first = bool(getattr(visual.transformer, "batch_first", False))
    for block in visual.transformer.resblocks[:-1]:
        tokens = block(tokens) if batch_first else block(tokens.transpose(0, 1)).transpose(0, 1)
    last = visual.transformer.resblocks[-1]
    q, k, v = split_heads(last.attn, last.ln_1(tokens))
    heads: List[torch.Tensor] = []
    for head in range(q.shape[1]):
        weights = torch.stack([_self_similarity(x[0, head]) for x in (q, k, v)]).sum(0)
        heads.append(weights @ v[0, head])
    out = visual.ln_post(join_heads(last, torch.stack(heads)[None])) @ visual.proj
    patch_rows = image.shape[2] // visual.conv1.stride[0]
    return out[:, 1:].transpose(1, 2).reshape(1, out.shape[2], patch_rows, -1), out[:, 0]


def _self_similarity(x: torch.Tensor) -> torch.Tensor:
    """softmax(x xᵀ / √d) of (tokens, d)."""
    scores: torch.Tensor = x @ x.T / x.shape[1] ** 0.5
    return torch.softmax(scores, dim=1)
