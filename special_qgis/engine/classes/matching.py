# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds which classes of a map and of a reference are the same: by name where both have names, else by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Sequence, Tuple

from ..errors import InputError
from .text import comparison_key, nameless


@dataclass(frozen=True)
class ClassMatch:
    """One list of classes for both rasters."""

    names: Tuple[str, ...]  # K classes: the map's by value, then those that only the reference has
    map_index: Mapping[int, int]  # value in the map -> index of its class
    reference_index: Mapping[int, int]  # value in the reference -> index of its class
    by: str  # "name" or "number"
    only_in_map: Tuple[str, ...]
    only_in_reference: Tuple[str, ...]


def match_classes(
    map_values: Iterable[int],
    map_names: Mapping[int, str],
    reference_values: Iterable[int],
    reference_names: Mapping[int, str],
    reference_has_ids: bool = True,
) -> ClassMatch:
    """Match the classes that occur in a map and in a reference.

    Names are compared without case and surplus spaces. Values of one raster that share a name are one class. Words
    that are all numbers, as in a text field of ids, are numbers; names that only repeat the value, "class 3", are none.

    Args:
        map_values: Class values that occur in the map, 1 or more.
        map_names: Class names of the map by value; may be empty.
        reference_values: Class values that occur in the reference, 1 or more.
        reference_names: Class names of the reference by value; may be empty.
        reference_has_ids: Whether the reference's values are ids; False where they only number its names in the order
            found.

    Raises:
        InputError: They have no class in common.
    """
    map_names, reference_names = _telling(map_names), _telling(reference_names)
    ours = {v: map_names.get(v, str(v)) for v in sorted(map_values)}
    theirs = {v: reference_names.get(v, str(v)) for v in sorted(reference_values)}
    by_name = bool(map_names and reference_names) or not reference_has_ids
    match = _join("name", _keyed(ours), ours, _keyed(theirs), theirs)
    if by_name and (_have_common(match) or not all(name.isdigit() for name in theirs.values())):
        return _checked(match, ours, theirs)
    ids = {v: int(name) if by_name else v for v, name in theirs.items()}
    labels = {number: theirs[v] for v, number in ids.items()}
    shown = {v: map_names.get(v, labels.get(v, str(v))) for v in ours}
    match = _join("number", {v: str(v) for v in ours}, shown, {v: str(n) for v, n in ids.items()}, theirs)
    return _checked(match, ours, theirs)


def _telling(names: Mapping[int, str]) -> Mapping[int, str]:
    """The names, or none where all of them only repeat their value."""
    return {} if all(name == nameless(value) for value, name in names.items()) else names


def _keyed(names: Mapping[int, str]) -> Dict[int, str]:
    return {value: comparison_key(name) for value, name in names.items()}


def _join(
    by: str,
    map_keys: Mapping[int, str],
    map_names: Mapping[int, str],
    reference_keys: Mapping[int, str],
    reference_names: Mapping[int, str],
) -> ClassMatch:
    """Put the classes of both into one list; equal keys are the same class."""
    index: Dict[str, int] = {}
    names: List[str] = []
    for keys, labels in ((map_keys, map_names), (reference_keys, reference_names)):
        for value, key in keys.items():
            if key not in index:
                index[key] = len(names)
                names.append(labels[value])
    ours, theirs = set(map_keys.values()), set(reference_keys.values())
    return ClassMatch(
        names=_distinct(names),
        map_index={value: index[key] for value, key in map_keys.items()},
        reference_index={value: index[key] for value, key in reference_keys.items()},
        by=by,
        only_in_map=tuple(names[i] for key, i in index.items() if key not in theirs),
        only_in_reference=tuple(names[i] for key, i in index.items() if key not in ours),
    )


def _distinct(names: Sequence[str]) -> Tuple[str, ...]:
    """Number the repetitions of a name, so that figures by name do not collide."""
    seen: Dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(result)


def _have_common(match: ClassMatch) -> bool:
    return bool(set(match.map_index.values()) & set(match.reference_index.values()))


def _checked(match: ClassMatch, ours: Mapping[int, str], theirs: Mapping[int, str]) -> ClassMatch:
    if not _have_common(match):
        raise InputError(
            f"Map and reference have no class in common, compared by {match.by}: the map has {_listed(ours)}; "
            f"the reference has {_listed(theirs)}.",
            "Give both the same class names, or the same class numbers.",
        )
    return match


def _listed(names: Mapping[int, str]) -> str:
    shown = [name if name == str(value) else f"{value} {name}" for value, name in list(names.items())[:12]]
    return ", ".join(shown) + (", …" if len(names) > 12 else "")
