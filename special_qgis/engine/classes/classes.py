# SPDX-License-Identifier: GPL-2.0-or-later
"""Land-cover classes: what the user typed, checked, numbered 1…K in the order typed, each with a colour.

Takes one string, the typed list or the path of a class file, and gives ``LandCoverClass`` objects. Their ids are the
values of the class raster; 0 is kept for pixels without a class.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from ..errors import ClassListError
from ..files.resources import resource_path
from .colours import choose_colours
from .files import class_file_of, read_class_file
from .text import MAX_NAME_CHARS, ClassEntry, comparison_key, parse_entries, shorten

__all__ = [
    "MAX_CLASSES",
    "MAX_NAME_CHARS",
    "LandCoverClass",
    "class_file_of",
    "load_presets",
    "parse_classes",
]

MAX_CLASSES = 255  # values 1…255 of an 8-bit raster; 0 is no data


@dataclass(frozen=True)
class LandCoverClass:
    """One class of the map."""

    id: int  # value in the class raster, 1…K
    name: str  # as typed, white space trimmed
    aliases: Tuple[str, ...]  # other words for the same class
    colour: str  # "#rrggbb"

    @property
    def queries(self) -> Tuple[str, ...]:
        """All the words that stand for this class, its name first."""
        return (self.name, *self.aliases)

    @property
    def rgb(self) -> Tuple[int, int, int]:
        """Red, green and blue of the colour, 0…255."""
        return int(self.colour[1:3], 16), int(self.colour[3:5], 16), int(self.colour[5:7], 16)


def parse_classes(text_or_path: str) -> Tuple[LandCoverClass, ...]:
    """Read a class list.

    A string that ends with .txt, .csv, .json or .qml and has neither a line break nor ``;`` is the path of a class
    file; anything else is the list itself, in the grammar of ``classes.text``. Classes without a colour get one by
    their meaning, different from all others.

    Args:
        text_or_path: Class list as typed, or the path of a class file.

    Returns:
        Classes with ids 1…K in the order given.

    Raises:
        ClassListError: The list cannot be read, has fewer than 2 or more than 255 classes, or names or colours that
            are empty, malformed or used twice.
    """
    path = class_file_of(text_or_path)
    entries = parse_entries(text_or_path) if path is None else read_class_file(path)
    _check_count(entries, text_or_path if path is None else path)
    _check_unique_names(entries)
    _check_unique_colours(entries)
    colours = choose_colours([(entry.name, *entry.aliases) for entry in entries], [entry.colour for entry in entries])
    return tuple(
        LandCoverClass(number, entry.name, entry.aliases, colour)
        for number, (entry, colour) in enumerate(zip(entries, colours), start=1)
    )


def load_presets() -> Mapping[str, str]:
    """Ready-made class lists by their names, in the order to offer them."""
    content = json.loads(resource_path("class_presets.json").read_text(encoding="utf-8"))
    return {preset["name"]: preset["classes"] for preset in content["presets"]}


def _check_count(entries: List[ClassEntry], given: str) -> None:
    accepted = f"from 2 to {MAX_CLASSES} are accepted."
    if len(entries) > MAX_CLASSES:
        raise ClassListError(
            f"The class list has {len(entries)} classes; {accepted}", "Leave some out or join similar ones."
        )
    if len(entries) < 2:
        found = f"only one class, {shorten(entries[0].name)}" if entries else "no class"
        raise ClassListError(
            f"The class list {shorten(given.strip())} has {found}; {accepted}",
            'Separate classes with ; or line breaks, as in "water; trees; bare soil", '
            "or give the path of a .txt, .csv, .json or .qml file.",
        )


def _check_unique_names(entries: List[ClassEntry]) -> None:
    owners: Dict[str, int] = {}
    for index, entry in enumerate(entries):
        for word in (entry.name, *entry.aliases):
            owner = owners.setdefault(comparison_key(word), index)
            if owner != index:
                raise ClassListError(
                    f"The name or word {shorten(word)} stands for class {owner + 1}, {shorten(entries[owner].name)}, "
                    f"and for class {index + 1}, {shorten(entry.name)}; each may stand for one class only, "
                    "and case and spaces make no difference.",
                    "Rename one of them or leave the word out.",
                )


def _check_unique_colours(entries: List[ClassEntry]) -> None:
    owners: Dict[Optional[str], int] = {}
    for index, entry in enumerate(entries):
        owner = owners.setdefault(entry.colour, index) if entry.colour else index
        if owner != index:
            raise ClassListError(
                f"The colour {entry.colour} is given to class {owner + 1}, {shorten(entries[owner].name)}, "
                f"and to class {index + 1}, {shorten(entry.name)}; each class needs a colour of its own.",
                "Change one of them or leave it out, then one that differs is chosen.",
            )
