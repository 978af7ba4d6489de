# SPDX-License-Identifier: GPL-2.0-or-later
"""What the class table shows, without any widget: rows as typed, and what the engine makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from ..engine.classes.classes import LandCoverClass, class_file_of, parse_classes
from ..engine.classes.files import read_class_file
from ..engine.classes.text import ClassEntry, format_entry, parse_entries
from ..engine.errors import EngineError
from ..engine.spectral_prior.interpretation import Interpretation, interpret
from ..translation import translate


@dataclass(frozen=True)
class ClassRow:
    """One class as it stands in the table."""

    name: str = ""
    words: str = ""  # other words as typed: separated by commas, in double quotes where a word holds one
    colour: Optional[str] = None  # "#rrggbb" where the user chose one

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been typed."""
        return not self.name.strip() and not self.words.strip()

    def entry(self) -> ClassEntry:
        """The row in the engine's form."""
        return ClassEntry(self.name.strip(), _aliases_from_words(self.words), self.colour)


@dataclass(frozen=True)
class RowFinding:
    """What the engine says about one row."""

    colour: str = ""  # the colour the map will have; "" while it is not known
    meaning: str = ""
    is_doubtful: bool = False  # not known, or not separable from another class


@dataclass(frozen=True)
class Finding:
    """What the engine says about all rows."""

    rows: Tuple[RowFinding, ...]
    problem: str = ""  # why the list is not accepted
    warnings: Tuple[str, ...] = ()


def _aliases_from_words(words: str) -> Tuple[str, ...]:
    try:
        entries = parse_entries(f"x: {words}")
    except EngineError:
        entries = []
    if len(entries) == 1:
        return entries[0].aliases
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _words_from_aliases(aliases: Tuple[str, ...]) -> str:
    return format_entry(ClassEntry("x", aliases)).partition(": ")[2]


def rows_from_text(text: str) -> List[ClassRow]:
    """Rows of a typed list or a class file.

    Raises:
        ClassListError: The text or file holds no class list.
    """
    path = class_file_of(text)
    entries = parse_entries(text) if path is None else read_class_file(path)
    return [ClassRow(entry.name, _words_from_aliases(entry.aliases), entry.colour) for entry in entries]


def text_from_rows(rows: Sequence[ClassRow]) -> str:
    """The typed form of rows, one class a line; empty rows are left out."""
    return "\n".join(format_entry(row.entry()) for row in rows if not row.is_empty)


def examine(rows: Sequence[ClassRow]) -> Finding:
    """Ask the engine what it makes of the rows; nothing is raised, a problem is part of the answer."""
    filled = [index for index, row in enumerate(rows) if not row.is_empty]
    if len(filled) < 2:
        return Finding(tuple(RowFinding(row.colour or "") for row in rows))
    try:
        classes = parse_classes(text_from_rows(rows))
    except EngineError as error:
        return Finding(tuple(RowFinding(row.colour or "") for row in rows), str(error))
    interpretation = interpret(classes)
    findings = dict(zip(filled, _row_findings(classes, interpretation)))
    return Finding(
        tuple(findings.get(index, RowFinding()) for index in range(len(rows))), "", tuple(interpretation.warnings)
    )


def _row_findings(classes: Sequence[LandCoverClass], interpretation: Interpretation) -> List[RowFinding]:
    names: Dict[int, str] = {one.id: one.name for one in classes}
    found = []
    for one, meaning in zip(classes, interpretation.classes):
        text = meaning.materials
        finding = RowFinding(one.colour, text, not meaning.known)
        inseparable = _others_of(one.id, interpretation.inseparable, names)
        similar = _others_of(one.id, interpretation.similar, names)
        if inseparable:
            doubt = translate("ClassTable", "not separable from {}").format(inseparable)
            finding = replace(finding, meaning=f"{doubt} ({text})", is_doubtful=True)
        elif similar:
            doubt = translate("ClassTable", "similar to {}").format(similar)
            finding = replace(finding, meaning=f"{text} – {doubt}")
        found.append(finding)
    return found


def _others_of(class_id: int, groups: Sequence[Sequence[int]], names: Dict[int, str]) -> str:
    others = [other for ids in groups if class_id in ids for other in ids if other != class_id]
    return ", ".join(names[other] for other in others)
