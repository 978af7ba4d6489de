# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked of a batch and what the right answer is: texts, and the share of each concept in every patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from .materials import NAMES, SHADOW_BIT
from .tokens import Rows, draw_text, hide_words, tokenize
from .words import SYNONYMS, assign_materials, draw_concepts

HIDDEN_SHARE = 0.04
NOTHING = -1e4  # logit of a place in the table of queries that no concept takes


@dataclass(frozen=True)
class Queries:
    """What each group of a batch is asked.

    Attributes:
        rows: (texts, CONTEXT) int64 rows of the small embedding, all groups' texts one after another.
        place: (groups, most) int64 index into the texts, -1 where a group has fewer.
        lookup: (groups, 256) int64 label -> concept of the group; most = unknown.
    """

    rows: torch.Tensor
    place: torch.Tensor
    lookup: torch.Tensor

    @property
    def most(self) -> int:
        """Concepts of the group that has most."""
        return self.place.shape[1]


def draw_queries(rng: np.random.Generator, rows: Rows, n_groups: int, device: torch.device) -> Queries:
    """Concepts, synonyms and templates for the groups of a batch."""
    concepts = [draw_concepts(rng) for _ in range(n_groups)]
    most = max(len(group) for group in concepts)
    texts: List[str] = []
    place = np.full((n_groups, most), -1, np.int64)
    lookup = np.full((n_groups, 256), most, np.int64)
    for g, group in enumerate(concepts):
        for c, concept in enumerate(group):
            place[g, c] = len(texts)
            texts.append(draw_text(rng, str(rng.choice(SYNONYMS[concept]))))
        found = assign_materials(NAMES, group)
        lookup[g, : len(NAMES)] = np.where(found < 0, most, found)
        in_shadow = group.index("shadow") if "shadow" in group else lookup[g, : len(NAMES)]
        lookup[g, SHADOW_BIT : SHADOW_BIT + len(NAMES)] = in_shadow
    hidden = hide_words(rng, rows.row_of[tokenize(texts)], HIDDEN_SHARE)
    return Queries(*(torch.from_numpy(array).to(device) for array in (hidden, place, lookup)))


def patch_shares(labels: torch.Tensor, queries: Queries, cell_px: int) -> torch.Tensor:
    """Share of each concept in every patch.

    Args:
        labels: (n, rows, cols) uint8, n a multiple of the groups.
        queries: What is asked.
        cell_px: Side of a patch in label pixels.

    Returns:
        (n, patches, most + 1) float32; the last one is the share of what no concept covers.
    """
    n, rows, cols = labels.shape
    n_groups = len(queries.lookup)
    grouped = labels.reshape(n_groups, -1).long()
    found = torch.gather(queries.lookup, 1, grouped).reshape(n, rows, cols)
    cells = found.reshape(n, rows // cell_px, cell_px, cols // cell_px, cell_px).permute(0, 1, 3, 2, 4)
    cells = cells.reshape(n, -1, cell_px**2)
    shares = torch.zeros((*cells.shape[:2], queries.most + 1), device=labels.device)
    ones = torch.full(cells.shape, 1.0 / cell_px**2, device=labels.device)
    return shares.scatter_add_(2, cells, ones)


def dense_loss(
    tokens: torch.Tensor, texts: torch.Tensor, shares: torch.Tensor, queries: Queries, scale: float, debias: float
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of every patch with the shares of its concepts.

    Args:
        tokens: (n, 1 + patches, embed), the class token first.
        texts: (texts, embed).
        shares: (n, patches, most + 1).
        queries: What was asked.
        scale: Factor on the cosine.
        debias: Share of the class token's cosine that is taken off.

    Returns:
        The loss, and the share of patches whose commonest known concept is found.
    """
    tokens, texts = F.normalize(tokens.float(), dim=-1), F.normalize(texts.float(), dim=-1)
    n_groups, most = queries.place.shape
    asked = texts[queries.place.clamp(min=0)]  # (groups, most, embed)
    grouped = tokens.reshape(n_groups, -1, *tokens.shape[1:])
    cosines = torch.einsum("gntd,gcd->gntc", grouped, asked)
    logits = scale * (cosines[:, :, 1:] - debias * cosines[:, :, :1])
    logits = logits.masked_fill((queries.place < 0)[:, None, None, :], NOTHING)
    target = shares[..., :most].reshape(logits.shape)
    entropy = -(target * F.log_softmax(logits, dim=-1)).sum(-1)
    weight = (target * _balance(target)).sum(-1) / target.sum(-1).clamp(min=1e-6)
    loss = (entropy * weight).sum() / (target.sum(-1) * weight).sum().clamp(min=1.0)
    known = target.sum(-1) > 0.5
    right = (logits.argmax(-1) == target.argmax(-1))[known].float().mean()
    return loss, right


def _balance(target: torch.Tensor) -> torch.Tensor:
    """Weight of each group's concepts, larger for the rare ones: (groups, 1, 1, most)."""
    share = target.mean(dim=(1, 2), keepdim=True)
    return (share + 0.01).pow(-0.3)
