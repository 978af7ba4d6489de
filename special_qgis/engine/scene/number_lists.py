# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers as files' metadata have them: one number a tag, or lists in brackets, with units, commas, or decimal commas.

Takes text and gives numbers with the unit that stands beside them. Junk gives None or a ``SpectraError``, never another
exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Collection, List, Optional, Tuple

import numpy as np

from ..errors import SpectraError
from .spectra import FloatArray, unit_of

_BRACKETS = re.compile(r"[{}\[\]()\"']")
_WITH_UNIT = re.compile(r"([-+]?[\d.,]+(?:[eE][-+]?\d+)?)\s*([^\W\d_]*)")
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_FLAGS = {
    **dict.fromkeys(("true", "good", "yes", "on", "t", "y", "valid", "ok"), 1.0),
    **dict.fromkeys(("false", "bad", "no", "off", "f", "n", "invalid"), 0.0),
}


@dataclass(frozen=True)
class NumberList:
    """Numbers of a list in the order written."""

    values: FloatArray  # (n,) float64; NaN where the list says so
    unit: str = ""  # unit word that stands beside the numbers; "" = none
    has_decimal_commas: bool = False  # whether commas were read as decimal marks


def parse_number(text: str) -> Tuple[float, str]:
    """A number with or without unit, such as "450.5", "450,5 nm" or "0.45 µm".

    Args:
        text: Value of a tag.

    Returns:
        The number, NaN where there is none, and its unit word, "" for none.
    """
    words = _BRACKETS.sub(" ", text).split()
    if len(words) == 1 and not _WITH_UNIT.fullmatch(words[0]):
        return _float(words[0]), ""  # "nan", "inf"
    found = _WITH_UNIT.fullmatch(" ".join(words))
    if found is None:
        return float("nan"), ""
    value, unit = _float(found.group(1)), found.group(2)
    return (value, unit) if not unit or _is_unit(unit) else (float("nan"), "")


def parse_number_list(text: str, name: str, counts: Collection[int] = ()) -> NumberList:
    """Numbers of a list such as "{394.9, 404.6}", "[394.9 404.6] nm" or "394,9; 404,6".

    Args:
        text: Numbers separated by commas, semicolons or blanks; brackets, quotes and units are optional.
        name: What the list is, for the error.
        counts: How many numbers are expected. Where commas as separators give another number, and commas as decimal
            marks one of these, they are read as decimal marks; () = any number.

    Raises:
        SpectraError: Something else than numbers, or more than one unit.
    """
    body = _BRACKETS.sub(" ", text).strip()
    if counts:
        tight = [piece.rstrip(",") for piece in re.split(r"[;\s]+", body) if piece.rstrip(",")]
        decimal = [piece for piece in tight if _DECIMAL_COMMA.fullmatch(piece)]
        if decimal and len(tight) in counts and all("," not in piece for piece in tight if piece not in decimal):
            plain = [piece for piece in re.split(r"[\s,;]+", body) if piece]
            if len(plain) not in counts:
                values, unit = _split_units([piece.replace(",", ".") for piece in tight], name)
                return NumberList(values, unit, True)
    values, unit = _split_units([piece for piece in re.split(r"[\s,;]+", body) if piece], name)
    return NumberList(values, unit)


def parse_flags(text: str) -> Optional[FloatArray]:
    """Flags of a list such as "{1, 0, 1}" or "good, bad, good".

    Args:
        text: Numbers, or words such as true, false, good and bad, separated by commas, semicolons or blanks.

    Returns:
        (n,) float64, 0 = bad or false; None where a piece is neither a number nor such a word.
    """
    flags: List[float] = []
    for piece in re.split(r"[\s,;]+", _BRACKETS.sub(" ", text).strip()):
        if not piece:
            continue
        value = _FLAGS.get(piece.lower(), _float(piece))
        if np.isnan(value) and piece.lower() != "nan":
            return None
        flags.append(value)
    return np.array(flags)


def describe_count(n_found: int, n_wanted: int) -> str:
    """What to suspect where a list has another number of entries than wanted; "" where nothing is likely.

    Args:
        n_found: Numbers in the list.
        n_wanted: Bands.
    """
    if n_found == 2 * n_wanted:
        return " Twice as many numbers as bands come of decimal commas: write 418.2 instead of 418,2."
    return ""


def _split_units(pieces: List[str], name: str) -> Tuple[FloatArray, str]:
    values: List[float] = []
    units: List[str] = []
    for piece in pieces:
        found = re.fullmatch(r"([-+.\d][-+.\deE]*?)([^\W\d_]*)", piece)
        number, word = (found.group(1), found.group(2)) if found else (piece, "")
        if word and not _is_unit(word):
            number, word = piece, ""
        if not number or (values and _is_unit(piece)):
            units.append(piece)
            continue
        try:
            values.append(float(number))
        except ValueError:
            raise SpectraError(
                f"The list {name!r} in the file's metadata has {piece[:40]!r}, which is not a number.",
                "Correct the metadata, or type the wavelengths.",
            ) from None
        if word:
            units.append(word)
    signs = {unit_of(word) for word in units} - {""}
    if len(signs) > 1:
        raise SpectraError(
            f"The list {name!r} in the file's metadata mixes the units {', '.join(sorted(signs))}; one is accepted.",
            "Correct the metadata, or type the wavelengths.",
        )
    return np.array(values, dtype=np.float64), signs.pop() if signs else ""


def _is_unit(word: str) -> bool:
    try:
        return unit_of(word) != ""
    except SpectraError:
        return False


def _float(text: str) -> float:
    """A number, with a decimal comma perhaps; NaN for anything else."""
    try:
        return float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return float("nan")
