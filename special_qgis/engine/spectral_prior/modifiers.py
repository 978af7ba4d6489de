# SPDX-License-Identifier: GPL-2.0-or-later
"""Modifiers: words that change what a land-cover name is made of, such as senesced, flooded or snow-covered.

Takes the words that stand with a name and its material groups, gives the groups after every modifier among them. A
modifier turns groups into others; groups that it does not name stay. "non" before it takes its meaning away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple

ANY_GROUP, SAME_GROUP = "*", "="  # in the data: all groups that are not named; the group itself
_DENIALS = frozenset({"non", "un", "never", "not"})


@dataclass(frozen=True)
class Modifier:
    """What one modifier turns material groups into."""

    turns: Mapping[str, Mapping[str, float]]  # group, or ``ANY_GROUP`` -> weights, sum 1
    only_if: Tuple[str, ...] = ()  # groups of which a name must have one; empty = any name

    def apply(self, groups: Mapping[str, float]) -> Dict[str, float]:
        """Groups after the modifier.

        Args:
            groups: Material group -> weight, sum 1.

        Returns:
            Weights that sum to 1, heaviest first.
        """
        if self.only_if and not set(self.only_if) & set(groups):
            return dict(groups)
        turned: Dict[str, float] = {}
        for group, weight in groups.items():
            parts = self.turns.get(group, self.turns.get(ANY_GROUP, {SAME_GROUP: 1.0}))
            for part, share in parts.items():
                key = group if part == SAME_GROUP else part
                turned[key] = turned.get(key, 0.0) + weight * share
        return dict(sorted(turned.items(), key=lambda item: -item[1]))


def find_modifiers(words: Sequence[str], known: Iterable[str]) -> Tuple[List[str], Set[int]]:
    """Modifiers among words, longest first at each place.

    Args:
        words: Words of a name, singular.
        known: Terms of all modifiers.

    Returns:
        The modifiers in their order, without those that are denied, and the indices of all words that are part of one.
    """
    terms = frozenset(known)
    longest = max((term.count(" ") + 1 for term in terms), default=0)
    found: List[str] = []
    used: Set[int] = set()
    start = 0
    while start < len(words):
        sizes = range(min(longest, len(words) - start), 0, -1)
        rest = words[start:]
        size = next((n for n in sizes if " ".join(rest[:n]) in terms), 0)
        if size:
            used.update(range(start, start + size))
            if start == 0 or words[start - 1] not in _DENIALS:
                found.append(" ".join(rest[:size]))
        start += max(size, 1)
    return found, used
