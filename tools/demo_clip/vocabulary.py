# SPDX-License-Identifier: GPL-2.0-or-later
"""Teaches the text tower its words before there are pictures.

From random weights all texts begin as nearly one vector, and pictures cannot be told apart by texts that are alike. So
every concept gets a direction of its own, at right angles to all others, and the tower learns to send each of its names
there in any template. Training with pictures then moves the concepts to where they belong.
"""

from __future__ import annotations

import numpy as np
import open_clip
import torch
import torch.nn.functional as F  # noqa: N812

from .network import EMBED
from .tokens import Rows, draw_text, hide_words, tokenize
from .words import SYNONYMS

BATCH = 64
RATE = 1e-3
SCALE = 20.0
HIDDEN_SHARE = 0.04


def teach_words(model: open_clip.CLIP, rows: Rows, seed: int, steps: int) -> float:
    """Train the text tower alone.

    Args:
        model: Changed in place; its picture tower is left alone.
        rows: Rows of the small embedding.
        seed: Of the directions and of all draws.
        steps: Of the optimiser.

    Returns:
        Share of the last fifty batches' texts that are nearest to their own concept.
    """
    rng = np.random.default_rng([seed, 2])
    concepts = list(SYNONYMS)
    directions = torch.from_numpy(np.linalg.qr(rng.standard_normal((EMBED, len(concepts))))[0].T.astype(np.float32))
    weights = [p for name, p in model.named_parameters() if not name.startswith("visual.")]
    optimiser = torch.optim.AdamW(weights, lr=RATE, betas=(0.9, 0.98), weight_decay=0.0)
    right = []
    for step in range(steps):
        chosen = rng.integers(len(concepts), size=BATCH)
        texts = [draw_text(rng, str(rng.choice(SYNONYMS[concepts[index]]))) for index in chosen]
        tokens = torch.from_numpy(hide_words(rng, rows.row_of[tokenize(texts)], HIDDEN_SHARE))
        cosines = F.normalize(model.encode_text(tokens), dim=-1) @ directions.T
        target = torch.from_numpy(chosen)
        loss = F.cross_entropy(SCALE * cosines, target)
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 30) * min(1.0, 2 * (steps - step) / steps)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        right.append(float((cosines.argmax(1) == target).float().mean()))
    return float(np.mean(right[-50:]))
