# SPDX-License-Identifier: GPL-2.0-or-later
"""The lexicon: which material groups a typed land-cover name stands for.

Takes a name as an analyst types it, gives weights of material groups that sum to 1, or None for a name it does not
know. Phrases win over words, the last known word of a name is its head ("dark water" is water), a material or a
colour before a thing says what the thing is made of ("asphalt road", "red roof"), and a modifier changes that
("senesced corn"). Words that stand nowhere in the data are handed back, so that the user is warned. The data are
in ``resources/lexicon.json``.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, List, Mapping, Optional, Tuple

from ..files.resources import resource_path
from .modifiers import Modifier, find_modifiers

GroupWeights = Dict[str, float]

_SEPARATORS = re.compile(r"\s*(?:,|&|\+|/|;|\band\b|\bor\b)\s*")
_BRACKETS = re.compile(r"[(\[{][^)\]}]*[)\]}]")
_PLACES = frozenset({"in", "under"})  # what stands behind them may change the name: "grass in shadow"
_PREPOSITIONS = frozenset({"of", "with", "on", "near", "for", "from", "at", "by", "along", "behind", "between", "over"})
_NEGATIONS = frozenset({"without", "no", "not", "except", "excluding"})  # what follows is not what the name means
_IRREGULAR = {"leaves": "leaf", "buses": "bus"}


@dataclass(frozen=True)
class Entry:
    """What one term stands for, and whether it is an ``object``, a ``material`` or neither (empty)."""

    groups: Mapping[str, float]
    role: str = ""
    takes_colours: bool = False


@dataclass(frozen=True)
class Reading:
    """What a name is read as."""

    groups: Optional[GroupWeights]  # weights that sum to 1, heaviest first; None for a name that is not known
    passed_over: Tuple[str, ...] = ()  # words of a known name that stand nowhere in the lexicon, in their order


@dataclass(frozen=True)
class Lexicon:
    """Terms, their entries, the colours of things and the names of the material groups."""

    groups: Mapping[str, str]  # key of a material group -> its name in words
    entries: Mapping[str, Entry]  # term, words joined by one space
    colours: Mapping[str, Mapping[str, float]]  # colour word -> what a thing of that colour is made of
    families: Tuple[Tuple[str, ...], ...]  # groups whose spectra differ in little but brightness or amount
    small_objects: FrozenSet[str]  # terms for things that cover little of any scene
    modifiers: Mapping[str, Modifier] = field(default_factory=dict)  # term -> what it turns groups into
    places: Mapping[str, str] = field(default_factory=dict)  # word behind "in" or "under" -> modifier
    neutral: FrozenSet[str] = frozenset()  # words that change nothing

    @property
    def longest_phrase(self) -> int:
        """Number of words of the longest term."""
        return max(term.count(" ") + 1 for term in self.entries)

    def lookup(self, name: str) -> Optional[GroupWeights]:
        """Material groups of a name.

        Words in brackets say more about a name that is known outside them, and count alone otherwise. Parts joined
        by "and", "or", a comma or a slash count equally; parts that are not known are left out.

        Args:
            name: Name as typed, in any case, singular or plural.

        Returns:
            Weights that sum to 1, heaviest first; None for a name of which no word is known.
        """
        return self.read(name).groups

    def read(self, name: str) -> Reading:
        """Material groups of a name, and the words of it that are passed over because nothing knows them.

        Args:
            name: Name as typed, in any case, singular or plural.
        """
        # "roof (metal)" is a metal roof
        text = normalise(name)
        outside = _BRACKETS.sub(" ", text)
        inside = " ".join(bracket[1:-1] for bracket in _BRACKETS.findall(text))
        parts = [words_of(part) for part in _SEPARATORS.split(outside)]
        # "corn, harvested": a part of modifiers alone speaks of the others
        loose = [
            word for words in parts if len(find_modifiers(words, self.modifiers)[1]) == len(words) for word in words
        ]
        found = [self._lookup_part(words, [*words_of(inside), *loose]) for words in parts]
        known = [groups for groups in found if groups is not None]
        if not known:
            return self.read(inside) if inside else Reading(None)
        return Reading(mean_weights(known), self._not_known(words_of(_before_negation(f"{outside} {inside}"))))

    def _not_known(self, words: List[str]) -> Tuple[str, ...]:
        """Words that are part of no term and no modifier, and that are neither colours nor neutral."""
        _, used = find_modifiers(words, (*self.modifiers, *self.entries))
        idle = _PREPOSITIONS | _PLACES | self.neutral | frozenset(self.colours) | frozenset({"and", "or"})
        return tuple(dict.fromkeys(word for i, word in enumerate(words) if i not in used and word not in idle))

    def families_of(self, groups: Mapping[str, float]) -> GroupWeights:
        """Weights of material groups gathered by family; a group without one stands for itself."""
        head = {group: family[0] for family in self.families for group in family}
        gathered: GroupWeights = {}
        for group, weight in groups.items():
            key = head.get(group, group)
            gathered[key] = gathered.get(key, 0.0) + weight
        return gathered

    def is_small_object(self, name: str) -> bool:
        """Whether a name stands for things that cover little of any scene, such as cars."""
        found = self._last_term(_heads_first(words_of(normalise(name)))[0])
        return found is not None and found[0] in self.small_objects

    def suggest(self, name: str) -> Optional[str]:
        """The known term most like a name that is not known, for "did you mean"; None where none is near."""
        near = difflib.get_close_matches(normalise(name).strip(), self.entries, n=1, cutoff=0.8)
        return near[0] if near else None

    def _lookup_part(self, words: List[str], bracketed: List[str]) -> Optional[GroupWeights]:
        heads = _heads_first(words)
        for head in heads:
            found = self._head_term(head)
            if found is not None:
                term, start = found
                groups = dict(self._material_of(term, bracketed + head[:start]))
                end = start + len(term.split())
                beside = head[:start] + head[end:]
                return self._modified(groups, [*bracketed, *beside], _behind_places(words))
        return None

    def _head_term(self, words: List[str]) -> Optional[Tuple[str, int]]:
        """As ``_last_term``; a modifier at the end gives way to a term before it ("forest flooded")."""
        found = self._last_term(words)
        while found is not None and found[0] in self.modifiers:
            before = self._last_term(words[: found[1]])
            if before is None:
                return found
            words, found = words[: found[1]], before
        return found

    def _modified(self, groups: GroupWeights, beside: List[str], behind: List[str]) -> GroupWeights:
        """Groups after the modifiers beside a term, and after the places that it stands in or under."""
        terms, _ = find_modifiers(beside, self.modifiers)
        for term in [*terms, *(self.places[word] for word in behind if word in self.places)]:
            groups = self.modifiers[term].apply(groups)
        return groups

    def _last_term(self, words: List[str]) -> Optional[Tuple[str, int]]:
        """The known term that ends last, the longest of those, and the index of its first word."""
        longest = self.longest_phrase
        for stop in range(len(words), 0, -1):
            for start in range(max(0, stop - longest), stop):
                term = " ".join(words[start:stop])
                if term in self.entries:
                    return term, start
        return None

    def _material_of(self, term: str, before: List[str]) -> Mapping[str, float]:
        """Groups of a term, narrowed by the materials or colours that stand before it."""
        entry = self.entries[term]
        if entry.role != "object":
            return entry.groups
        found = self._last_term(before)
        if found is not None and self.entries[found[0]].role == "material":
            return self.entries[found[0]].groups
        colours = [word for last, word in zip(["", *before], before) if word in self.colours and last != "non"]
        return self.colours[colours[-1]] if colours and entry.takes_colours else entry.groups


def load_lexicon() -> Lexicon:
    """The lexicon that ships with the plugin."""
    data = json.loads(resource_path("lexicon.json").read_text(encoding="utf-8"))
    entries = {
        term: Entry(entry["groups"], entry.get("role", ""), entry.get("takes_colours", False))
        for entry in data["entries"]
        for term in entry["terms"]
    }
    colours = {term: entry["groups"] for entry in data["colours"] for term in entry["terms"]}
    families = tuple(map(tuple, data["families"]))
    modifiers = {
        term: Modifier(one["turns"], tuple(one.get("only_if", ())))
        for one in data["modifiers"]
        for term in one["terms"]
    }
    return Lexicon(
        data["groups"],
        entries,
        colours,
        families,
        frozenset(data["small_objects"]),
        modifiers,
        data["places"],
        frozenset(data["neutral"]),
    )


def normalise(name: str) -> str:
    """A name in lower case, without accents, with spaces in place of hyphens and underscores."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return re.sub(r"[-_\u2010-\u2015.:'\"]+", " ", plain)


def words_of(text: str) -> List[str]:
    """The words of a normalised text, each in the singular, numbers left out."""
    return [singular(word) for word in re.findall(r"[^\W\d_]+", text)]


def singular(word: str) -> str:
    """Singular of an English noun by its ending; words that are singular already stay as they are."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("shes", "ches", "sses", "xes", "zes")):
        return word[:-2]
    if word.endswith("oes"):
        return word[:-2]
    return word[:-1]


def mean_weights(weights: List[GroupWeights]) -> GroupWeights:
    """Mean of several group weights, heaviest first; groups of equal weight in the order they came."""
    total: GroupWeights = {}
    for one in weights:
        for group, weight in one.items():
            total[group] = total.get(group, 0.0) + weight / len(weights)
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def _heads_first(words: List[str]) -> List[List[str]]:
    """Parts of a name between prepositions, the first one first: it holds the head ("roof with gravel")."""
    parts: List[List[str]] = [[]]
    for word in words:
        if word in _NEGATIONS:
            break
        if word in _PREPOSITIONS or word in _PLACES:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _behind_places(words: List[str]) -> List[str]:
    """Words behind "in", "under" and "covered with", up to the next preposition."""
    found: List[str] = []
    is_behind = False
    for before, word in zip(["", *words], words):
        if word in _NEGATIONS:
            break
        if word in _PREPOSITIONS or word in _PLACES:
            is_behind = word in _PLACES or before == "covered"
        elif is_behind:
            found.append(word)
    return found


def _before_negation(text: str) -> str:
    """A text up to "without" and the like: what follows is not meant."""
    words = text.split()
    stop = next((i for i, word in enumerate(words) if word in _NEGATIONS), len(words))
    return " ".join(words[:stop])
