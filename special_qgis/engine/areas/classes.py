# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes of a map as its areas are summed: values that share a name are one class, as in the accuracy assessment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Sequence, Tuple

from ..classes.text import comparison_key, nameless
from ..rasters.legend import Legend, fallback_colour


@dataclass(frozen=True)
class AreaClass:
    """A class of a map.

    Attributes:
        name: As in the map's legend; "class 3" where that has none. No two classes of a map have the same.
        values: In the map, ascending; at least one.
        colour: "#rrggbb".
    """

    name: str
    values: Tuple[int, ...]
    colour: str

    @property
    def ids(self) -> str:
        """Its values as text, "3" or "3 7"."""
        return " ".join(map(str, self.values))


def gather_classes(values: Iterable[int], legend: Legend) -> Tuple[AreaClass, ...]:
    """Classes of a map: those of its legend, whether they occur or not, and whatever else occurs.

    Args:
        values: Class values that occur.
        legend: Names, colours and values that the map holds for its classes.
    """
    names: Dict[str, str] = {}
    members: Dict[str, List[int]] = {}
    for value in sorted({*values, *legend.names}):
        name = legend.names.get(value) or nameless(value)
        key = comparison_key(name)
        names.setdefault(key, name)
        members.setdefault(key, []).append(value)
    return tuple(
        AreaClass(names[key], tuple(found), legend.colours.get(found[0]) or fallback_colour(index))
        for index, (key, found) in enumerate(members.items())
    )


def names_tell(classes: Sequence[AreaClass]) -> bool:
    """Whether a name says more than its class's value."""
    return any(one.name != nameless(one.values[0]) for one in classes)
