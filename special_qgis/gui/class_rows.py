# SPDX-License-Identifier: GPL-2.0-or-later
"""What the class table shows, without any widget: rows as typed, and what the engine makes of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from ..engine.classes.classes import LandCoverClass, class_file_of, parse_classes
from ..engine.classes.colours import choose_colours
from ..engine.classes.files import read_class_file
from ..engine.classes.text import ClassEntry, comparison_key, format_entry, make_entry, parse_entries
from ..engine.errors import EngineError
from ..engine.spectral_prior.interpretation import Interpretation, interpret
from ..translation import translate

_LINE_BREAKS = re.compile("[\n\r\v\f\x85\u2028\u2029]+")
_SEPARATORS = re.compile("[;；؛]")
_SEPARATORS_AND_COMMAS = re.compile("[;；؛,，、،]")
_BULLET = re.compile(r"\s*(?:[-*•·–—]|\d+[.)])\s+(?=\S)")
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


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
    return [_row_of(entry) for entry in entries]


def text_from_rows(rows: Sequence[ClassRow]) -> str:
    """The typed form of rows, one class a line; empty rows are left out."""
    return "\n".join(format_entry(row.entry()) for row in rows if not row.is_empty)


def rows_from_list(text: str, split_commas: bool = False) -> List[ClassRow]:
    """Rows of a list that comes from anywhere: one row a name, whatever separates the names.

    Line breaks and ``;`` separate classes, in each of which the grammar of class lists holds; what breaks it is taken
    as a name. Tabs separate the cells of a row that comes from a spreadsheet: its number is left out, then come the
    name, other words and a colour, if any. Bullets and numbers before all lines of a list are left out.

    Args:
        text: What was typed or pasted.
        split_commas: Take commas for separators too, in a line that says nothing else about a class.
    """
    lines = [line for line in _LINE_BREAKS.split(text) if line.strip()]
    if any("\t" in line.strip() for line in lines):
        return [row for row in map(_row_of_cells, lines) if not row.is_empty]
    if len(lines) > 1 and all(_BULLET.match(line) for line in lines):
        lines = [_BULLET.sub("", line, count=1) for line in lines]
    return [row for line in lines for row in _rows_of_line(line, split_commas)]


def _row_of_cells(line: str) -> ClassRow:
    cells = [" ".join(cell.strip().strip('"').split()) for cell in line.split("\t")]
    colour = next((cell.lower() for cell in cells if _COLOUR.fullmatch(cell)), None)
    words = [cell for cell in cells if cell and not _COLOUR.fullmatch(cell)]
    if len(words) > 1 and _NUMBER.fullmatch(words[0]):
        words = words[1:]
    return ClassRow(words[0] if words else "", ", ".join(words[1:]), colour)


def _rows_of_line(line: str, split_commas: bool) -> List[ClassRow]:
    try:
        return [_row_of(entry) for entry in parse_entries(line)]
    except EngineError:
        separators = _SEPARATORS_AND_COMMAS if split_commas and ":" not in line else _SEPARATORS
        names = (" ".join(piece.split()) for piece in separators.split(line))
        return [ClassRow(name) for name in names if name]


def _row_of(entry: ClassEntry) -> ClassRow:
    return ClassRow(entry.name, _words_from_aliases(entry.aliases), entry.colour)


def examine(rows: Sequence[ClassRow]) -> Finding:
    """Ask the engine what it makes of the rows; nothing is raised, a problem is part of the answer.

    A row that is not accepted says so by itself; the others keep their colours and meanings.
    """
    entries, problems = _sort_out(rows)
    findings = {index: RowFinding(rows[index].colour or "", text, True) for index, text in problems.items()}
    warnings: Tuple[str, ...] = ()
    if entries:
        classes = _number(list(entries.values()))
        interpretation = interpret(classes)
        findings.update(zip(entries, _row_findings(classes, interpretation)))
        warnings = tuple(interpretation.warnings)
    found = tuple(findings.get(index, RowFinding()) for index in range(len(rows)))
    return Finding(found, _problem_of_list(rows), warnings)


def _sort_out(rows: Sequence[ClassRow]) -> Tuple[Dict[int, ClassEntry], Dict[int, str]]:
    """The rows that are accepted, and what is wrong with the others, by number of the row."""
    entries: Dict[int, ClassEntry] = {}
    problems: Dict[int, str] = {}
    owners: Dict[str, str] = {}  # name of the class that a word or a colour belongs to
    for index, row in enumerate(rows):
        if row.is_empty:
            continue
        try:
            entry = make_entry(row.name, _aliases_from_words(row.words), row.colour, index + 1)
        except EngineError as error:
            problems[index] = error.message
            continue
        clash = _clash(entry, owners)
        if clash:
            problems[index] = clash
            continue
        entries[index] = entry
        owners.update(
            dict.fromkeys([*map(comparison_key, (entry.name, *entry.aliases)), entry.colour or ""], entry.name)
        )
    return entries, problems


def _clash(entry: ClassEntry, owners: Dict[str, str]) -> str:
    """What an entry has that another class has already, in words."""
    for word in (entry.name, *entry.aliases):
        if comparison_key(word) in owners:
            text = translate("ClassTable", "“{}” stands for the class “{}” already")
            return text.format(word, owners[comparison_key(word)])
    if entry.colour and entry.colour in owners:
        return translate("ClassTable", "has the colour of the class “{}”").format(owners[entry.colour])
    return ""


def _number(entries: Sequence[ClassEntry]) -> List[LandCoverClass]:
    """Classes of a list that may be shorter than a map needs, with the colours that they will have."""
    colours = choose_colours([(entry.name, *entry.aliases) for entry in entries], [entry.colour for entry in entries])
    return [
        LandCoverClass(number, entry.name, entry.aliases, colour)
        for number, (entry, colour) in enumerate(zip(entries, colours), start=1)
    ]


def _problem_of_list(rows: Sequence[ClassRow]) -> str:
    """Why the whole list is not accepted; empty while fewer than two classes have been typed."""
    if sum(not row.is_empty for row in rows) < 2:
        return ""
    try:
        parse_classes(text_from_rows(rows))
    except EngineError as error:
        return str(error)
    return ""


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
