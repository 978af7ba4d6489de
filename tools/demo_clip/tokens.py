# SPDX-License-Identifier: GPL-2.0-or-later
"""CLIP's tokens, cut down to those that the demo's words and templates use; one shared row stands for all others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import List, Sequence, Tuple

import numpy as np
import open_clip

from .words import REMOTE_TEMPLATES, all_names

CONTEXT = 24
UNKNOWN_ROW = 0  # the end token must keep the highest row, because CLIP finds the end of a text by arg-max
_PLACE = "{}"


@lru_cache(maxsize=1)
def _tokenizer() -> open_clip.tokenizer.SimpleTokenizer:
    return open_clip.tokenizer.SimpleTokenizer(context_length=CONTEXT)


def tokenize(texts: Sequence[str]) -> np.ndarray:
    """(n, CONTEXT) int64 token ids."""
    return _tokenizer()(list(texts)).numpy()


@lru_cache(maxsize=1)
def templates() -> Tuple[str, ...]:
    """OpenAI's 80 templates and those for remote sensing, with {} for the name."""
    openai = [template(_PLACE) for template in open_clip.OPENAI_IMAGENET_TEMPLATES]
    return (*openai, *REMOTE_TEMPLATES)


@dataclass(frozen=True)
class Rows:
    """Which row of the small embedding a token has.

    Attributes:
        token_ids: (n,) int64, ascending; row k + 1 belongs to token_ids[k], row 0 to every other token.
        row_of: (vocabulary,) int64.
    """

    token_ids: np.ndarray
    row_of: np.ndarray

    @classmethod
    def of_words(cls) -> Rows:
        """Rows for all that training can say."""
        texts: List[str] = [*all_names()]
        texts += [template.replace(_PLACE, "water") for template in templates()]
        token_ids = np.unique(tokenize(texts))
        row_of = np.full(_tokenizer().vocab_size, UNKNOWN_ROW, np.int64)
        row_of[token_ids] = np.arange(1, len(token_ids) + 1)
        return cls(token_ids, row_of)


def draw_text(rng: np.random.Generator, name: str) -> str:
    """The bare name, or the name in a random template."""
    kind = rng.random()
    if kind < 0.2:
        return name
    pool = REMOTE_TEMPLATES if kind < 0.45 else templates()
    return pool[int(rng.integers(len(pool)))].replace(_PLACE, name)


def hide_words(rng: np.random.Generator, rows: np.ndarray, share: float) -> np.ndarray:
    """Make some rows the unknown one, never the start, the end or the padding.

    Args:
        rng: Source of chance.
        rows: (n, CONTEXT) int64.
        share: Share of rows to hide.
    """
    end = rows.argmax(axis=1)[:, None]
    place = np.arange(rows.shape[1])[None, :]
    inside = (place > 0) & (place < end)
    hidden = inside & (rng.random(rows.shape) < share) & (inside.sum(axis=1, keepdims=True) > 1)
    return np.where(hidden, UNKNOWN_ROW, rows)
