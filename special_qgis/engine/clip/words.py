# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that a small checkpoint has learnt, and those of a class name that it has not.

A checkpoint with a short vocabulary takes all other words for the same, so the user is warned before the run.
"""

from __future__ import annotations

import re
from typing import Iterable, Tuple

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words_in(text: str) -> Tuple[str, ...]:
    """Words of a name in lower case, in their order; hyphens, underscores and punctuation part words."""
    return tuple(_WORD.findall(text.lower()))


def unknown_words(text: str, known: Iterable[str]) -> Tuple[str, ...]:
    """Words of a name that a checkpoint never learnt.

    Args:
        text: A class name or an alias, as typed.
        known: Words that the checkpoint learnt, lower case.

    Returns:
        Each unknown word once, in the order of the name; empty where all are known.
    """
    learnt = frozenset(known)
    return tuple(dict.fromkeys(word for word in words_in(text) if word not in learnt))
