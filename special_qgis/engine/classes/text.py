# SPDX-License-Identifier: GPL-2.0-or-later
"""The grammar in which classes are typed: text in, one entry per class out, and back.

One class a line, or separated by ``;``: ``water: river, lake, pond #1f78b4``, that is a name, other words for it, and
a colour. A backslash followed by ``n``, as a shell passes it on, separates like a line break. Double quotes around a
name or word keep ``; : , #`` and backslashes in it; a double quote inside is doubled. The full-width and Arabic forms
of ``; : , #`` count as these.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Iterable, Iterator, List, Optional, Tuple

from ..errors import ClassListError

MAX_NAME_CHARS = 100  # of a class name or alias; longer ones are almost always a pasted text

_LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
_QUOTED = re.compile(r'"((?:[^"\n]|"")*)"[^\S\n]*')
_TOKEN = re.compile(r"(?P<end>\\n|[;；؛\n])|(?P<colon>[:：])|(?P<comma>[,，、،])|(?P<hash>[#＃])|(?P<text>.)")
_COLOUR_TEXT = re.compile(r"(?:(?!\\n)[^;；؛\n])*")
_SPECIAL = re.compile(r'[;；؛:：,，、،#＃"\\]')
_HEX_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_EXAMPLE = 'Type for example "water: river, lake #1f78b4; trees; bare soil".'


@dataclass(frozen=True)
class ClassEntry:
    """One class as it was given, checked by itself but not yet against the others."""

    name: str
    aliases: Tuple[str, ...] = ()
    colour: Optional[str] = None  # "#rrggbb" in lower case; None = to be chosen


def shorten(text: str, max_chars: int = 60) -> str:
    """A text in double quotes for a message, cut where it is long, with what cannot be shown escaped."""
    shown = text if len(text) <= max_chars else text[: max_chars - 1] + "…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown) + '"'


def comparison_key(name: str) -> str:
    """What two names have in common when a reader would take them for the same.

    Compatibility forms, case, white space and characters that cannot be seen make no difference.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    return " ".join(visible.split())


def make_entry(name: str, aliases: Iterable[str], colour: Optional[str], number: int) -> ClassEntry:
    """Check one class by itself and bring it into its plain form.

    White space is trimmed and runs of it become one space. Empty aliases and aliases that repeat the name or one
    another are left out.

    Args:
        name: Name of the class.
        aliases: Other words for the class.
        colour: ``#rgb`` or ``#rrggbb``; None or blank = to be chosen.
        number: Place in the list, from 1, for error messages.

    Raises:
        ClassListError: The name is empty, a name or alias is too long or holds characters that cannot be shown, or
            the colour is not one.
    """
    clean_name = _clean(name, number)
    if not comparison_key(clean_name):
        raise ClassListError(f"Class {number} has no name. Every class needs one, before its colon. {_EXAMPLE}")
    kept, seen = [], {comparison_key(clean_name)}
    for alias in aliases:
        clean_alias = _clean(alias, number)
        key = comparison_key(clean_alias)
        if key and key not in seen:
            seen.add(key)
            kept.append(clean_alias)
    return ClassEntry(clean_name, tuple(kept), parse_colour(colour, clean_name) if colour and colour.strip() else None)


def parse_colour(text: str, class_name: str) -> str:
    """Bring a colour into the form ``#rrggbb``, in lower case.

    Raises:
        ClassListError: The text is neither ``#rgb`` nor ``#rrggbb``.
    """
    colour = text.strip()
    if not _HEX_COLOUR.fullmatch(colour):
        raise ClassListError(
            f"The colour {shorten(colour)} of class {shorten(class_name)} cannot be read; "
            "#rgb and #rrggbb are accepted, with the digits 0-9 and a-f, at the end of the class.",
            "Correct it or leave it out; a name or word that holds # goes into double quotes.",
        )
    digits = colour[1:].lower()
    return "#" + (digits if len(digits) == 6 else "".join(2 * d for d in digits))


def parse_entries(text: str) -> List[ClassEntry]:
    """Read typed classes; blank lines and separators too many are ignored.

    Raises:
        ClassListError: The text breaks the grammar, or one class is not acceptable by itself.
    """
    entries: List[ClassEntry] = []
    tokens: List[Tuple[str, str]] = []
    for kind, value in _tokens(_LINE_BREAK.sub("\n", text.lstrip("\ufeff"))):
        if kind != "end":
            tokens.append((kind, value))
            continue
        if any(k != "text" or v.strip() for k, v in tokens):
            entries.append(_entry_of(tokens, len(entries) + 1))
        tokens = []
    return entries


def nameless(value: int) -> str:
    """What a class is called that has a value and no name."""
    return f"class {value}"


def format_entry(entry: ClassEntry) -> str:
    """Write one class so that ``parse_entries`` reads it back the same."""
    text = quote(entry.name)
    if entry.aliases:
        text += ": " + ", ".join(quote(alias) for alias in entry.aliases)
    return f"{text} {entry.colour}" if entry.colour else text


def quote(name: str) -> str:
    """A name or word as it is typed: in double quotes where it holds a sign of the grammar."""
    return '"' + name.replace('"', '""') + '"' if _SPECIAL.search(name) else name


def _clean(name: str, number: int) -> str:
    text = " ".join(name.split())
    if len(text) > MAX_NAME_CHARS:
        raise ClassListError(
            f"A name or word of class {number}, {shorten(text)}, has {len(text)} characters; "
            f"at most {MAX_NAME_CHARS} are accepted.",
            "Shorten it, and separate classes with ; or line breaks.",
        )
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cs") or ord(char) & 0xFFFE == 0xFFFE:
            raise ClassListError(
                f"The name or word {shorten(text)} of class {number} holds the character U+{ord(char):04X}, which "
                "cannot be shown; letters, digits, spaces and signs of any language are accepted.",
                "Delete that character; a text file should be saved as UTF-8.",
            )
    return text


def _tokens(text: str) -> Iterator[Tuple[str, str]]:
    """Cut text into ("text" | "quoted" | "colon" | "comma" | "hash" | "end", value); the last one is an "end"."""
    position, at_field_start, buffer = 0, True, ""
    while position < len(text):
        quoted = _QUOTED.match(text, position) if at_field_start and text[position] == '"' else None
        if quoted:
            yield "quoted", quoted.group(1).replace('""', '"')
            position, at_field_start, buffer = quoted.end(), False, ""
            continue
        if at_field_start and text[position] == '"':
            raise ClassListError(
                f"The double quote in {shorten(text[position:].split(chr(10))[0])} is not closed on its line; "
                "names and words may stand in double quotes.",
                'Close it, or write a double quote that belongs to the name as "".',
            )
        match = _TOKEN.match(text, position)
        kind = match.lastgroup if match else None
        if match is None or kind is None or kind == "text":
            buffer += text[position]
            at_field_start = at_field_start and text[position].isspace()
            position += 1
            continue
        yield "text", buffer
        buffer, position, at_field_start = "", match.end(), True
        if kind == "hash":
            colour = _COLOUR_TEXT.match(text, position)
            value = colour.group() if colour else ""
            position += len(value)
            yield "hash", "#" + value
        else:
            yield kind, ""
    yield "text", buffer
    yield "end", ""


def _entry_of(tokens: List[Tuple[str, str]], number: int) -> ClassEntry:
    colour = None
    fields: List[str] = [""]
    quoted = [False]
    has_colon = False
    for kind, value in tokens:
        if kind == "hash":
            colour = value
        elif kind == "colon" and has_colon:
            raise _grammar_error(number, fields, "a second colon", "one colon is accepted, after the name")
        elif kind == "comma" and not has_colon:
            raise _grammar_error(number, fields, "a comma", "commas separate the words after the colon")
        elif kind in ("colon", "comma"):
            has_colon = True
            fields.append("")
            quoted.append(False)
        elif kind == "quoted" or value.strip():
            if quoted[-1]:
                raise _grammar_error(number, fields, "text after a closing quote", "nothing may follow it in a name")
            fields[-1], quoted[-1] = value, kind == "quoted"
    return make_entry(fields[0], fields[1:], colour, number)


def _grammar_error(number: int, fields: List[str], what: str, accepted: str) -> ClassListError:
    return ClassListError(
        f"Class {number}, which begins with {shorten(fields[0].strip())}, has {what}; {accepted}.",
        "Separate classes with ; or line breaks and put a name that holds one of ; : , # into double quotes. "
        + _EXAMPLE,
    )
