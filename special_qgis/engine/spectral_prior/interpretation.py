# SPDX-License-Identifier: GPL-2.0-or-later
"""What the spectral prior makes of the typed classes: material groups, unknown names, names it cannot separate.

Takes the classes, gives per class the weights of its material groups and a sentence that the user reads. Names that
stand for the same materials get the very same weights, so that nothing but another source can rank them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional, Sequence, Tuple

from .lexicon import GroupWeights, Lexicon, load_lexicon, mean_weights

if TYPE_CHECKING:
    from ..classes.classes import LandCoverClass

SAME_MATERIALS_OVERLAP = 0.7  # shared weight from which two names stand for the same materials
SIMILAR_MATERIALS_OVERLAP = 0.5  # weight shared by families of groups from which spectra separate two names poorly
_SHOWN_GROUPS = 4  # in the sentence about a class; the rest is "..."


@dataclass(frozen=True)
class ClassInterpretation:
    """What one class stands for."""

    class_id: int
    name: str
    known: bool
    groups: Mapping[str, float]  # material group -> weight, sum 1, heaviest first; empty where not known
    materials: str  # the groups in words: "clay tile or brick, bitumen, …"
    is_small_object: bool = False  # covers little of any scene, such as cars

    @property
    def text(self) -> str:
        """Name and materials: "roof → clay tile or brick, bitumen, …"."""
        return f"{self.name} → {self.materials}"


@dataclass(frozen=True)
class Interpretation:
    """What all classes stand for."""

    classes: Tuple[ClassInterpretation, ...]  # in the order typed
    inseparable: Tuple[Tuple[int, ...], ...]  # class ids that stand for the same materials
    similar: Tuple[Tuple[int, ...], ...]  # class ids of similar materials, some of which differ
    warnings: Tuple[str, ...]

    @property
    def n_known(self) -> int:
        """Number of classes whose name the lexicon knows."""
        return sum(one.known for one in self.classes)

    @property
    def precedence(self) -> Tuple[int, ...]:
        """Row of each class in the order in which equals win: small things last, else as typed."""
        rows = range(len(self.classes))
        return tuple(sorted(rows, key=lambda row: (self.classes[row].is_small_object, row)))

    @property
    def group_names(self) -> Tuple[str, ...]:
        """Material groups of any class, sorted."""
        return tuple(sorted({group for one in self.classes for group in one.groups}))


def interpret(classes: Sequence[LandCoverClass], lexicon: Optional[Lexicon] = None) -> Interpretation:
    """Find what each class stands for and which classes spectra cannot separate.

    Args:
        classes: Classes as typed.
        lexicon: Where names are looked up; the plugin's own by default.
    """
    lexicon = lexicon or load_lexicon()
    weights = {one.id: class_groups(one, lexicon) for one in classes}
    known = {class_id: groups for class_id, groups in weights.items() if groups}
    inseparable = link_by_overlap(known, SAME_MATERIALS_OVERLAP)
    families = {class_id: lexicon.families_of(groups) for class_id, groups in known.items()}
    similar = tuple(ids for ids in link_by_overlap(families, SIMILAR_MATERIALS_OVERLAP) if ids not in inseparable)
    for ids in inseparable:
        shared = mean_weights([weights[class_id] for class_id in ids])
        weights.update(dict.fromkeys(ids, shared))
    interpreted = tuple(
        ClassInterpretation(
            one.id,
            one.name,
            bool(weights[one.id]),
            weights[one.id],
            _in_words(weights[one.id], lexicon),
            lexicon.is_small_object(one.name),
        )
        for one in classes
    )
    found = Interpretation(interpreted, inseparable, similar, ())
    warnings = (
        *_unknown_warnings(classes, weights, lexicon),
        *_passed_over_warnings(found, lexicon),
        *_overlap_warnings(classes, found),
    )
    return replace(found, warnings=warnings)


def class_groups(one: LandCoverClass, lexicon: Lexicon) -> GroupWeights:
    """Material groups of a class: per group the largest weight among its name and aliases, scaled to sum 1.

    Taking the largest makes synonyms cost nothing ("water: river, lake") while aliases of other materials widen the
    class. Names that are not known are left out; a class of none but such names has no groups.
    """
    largest: Dict[str, float] = {}
    for query in one.queries:
        for group, weight in (lexicon.lookup(query) or {}).items():
            largest[group] = max(largest.get(group, 0.0), weight)
    total = sum(largest.values())
    return mean_weights([{group: weight / total for group, weight in largest.items()}]) if largest else {}


def link_by_overlap(weights: Mapping[int, GroupWeights], least: float) -> Tuple[Tuple[int, ...], ...]:
    """Sets of two or more classes, linked wherever two share enough weight.

    Args:
        weights: Class id -> weights of its groups.
        least: Shared weight that links.
    """
    sets: List[List[int]] = []
    for class_id, groups in weights.items():
        near = [other for ids in sets for other in ids if overlap(groups, weights[other]) >= least]
        apart = [ids for ids in sets if not set(ids) & set(near)]
        joined = [other for ids in sets if set(ids) & set(near) for other in ids]
        sets = [*apart, [*joined, class_id]]
    return tuple(sorted(tuple(sorted(ids)) for ids in sets if len(ids) > 1))


def overlap(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Weight that two sets of groups share, in [0, 1]; 1 where they are the same."""
    return sum(min(weight, other.get(group, 0.0)) for group, weight in one.items())


def _in_words(groups: GroupWeights, lexicon: Lexicon) -> str:
    if not groups:
        return "not known to the spectral prior"
    shown = ", ".join(lexicon.groups[group] for group in list(groups)[:_SHOWN_GROUPS])
    return shown + (", …" if len(groups) > _SHOWN_GROUPS else "")


def _unknown_warnings(
    classes: Sequence[LandCoverClass], weights: Mapping[int, GroupWeights], lexicon: Lexicon
) -> List[str]:
    found = []
    for one in classes:
        if not weights[one.id]:
            near = next((term for term in map(lexicon.suggest, one.queries) if term), None)
            advice = (
                f"If “{near}” is meant, type “{one.name}: {near}”."
                if near
                else "Add a common English word for it after a colon, as in “Gewässer: water”."
            )
            found.append(
                f"The spectral prior does not know “{one.name}”, so spectra say nothing about this class. {advice}"
            )
    return found


def _passed_over_warnings(found: Interpretation, lexicon: Lexicon) -> List[str]:
    """Names of which a part is not known, so that what is left may mean something else."""
    told = []
    for one in found.classes:
        words = lexicon.read(one.name).passed_over if one.known else ()
        if words:
            quoted = ", ".join(f"“{word}”" for word in words)
            told.append(
                f"The spectral prior does not know {quoted} in “{one.name}” and reads the name as {one.materials}. "
                f"If that is not what it means, give it another word, for example “{one.name}: soil”."
            )
    return told


def _overlap_warnings(classes: Sequence[LandCoverClass], found: Interpretation) -> List[str]:
    names = {one.id: f"“{one.name}”" for one in classes}
    order = [found.classes[row].class_id for row in found.precedence]
    same = [
        f"Spectra cannot separate {', '.join(names[class_id] for class_id in ids)}: they stand for the same materials. "
        f"{names[min(ids, key=order.index)]} takes the pixels of all, with confidence 0. Merge them into one class."
        for ids in found.inseparable
    ]
    near = [
        f"Spectra separate {', '.join(names[class_id] for class_id in ids)} poorly: they stand for similar materials. "
        "Expect confusion and low confidence among them, or merge some."
        for ids in found.similar
    ]
    return same + near
