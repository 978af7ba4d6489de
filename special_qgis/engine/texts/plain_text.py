# SPDX-License-Identifier: GPL-2.0-or-later
"""Text from elsewhere made harmless: JSON within bounds, shortened values."""

from __future__ import annotations

import json
from typing import Any, Union

_LONGEST_NUMBER = 400  # digits; more is no size, and Python needs quadratic time for them


def parse_json(text: Union[str, bytes]) -> Any:
    """Parse JSON from a file or program that is not trusted.

    Args:
        text: JSON without NaN and Infinity, its numbers of at most 400 digits; its length is the caller's to limit.

    Raises:
        ValueError: It is none; also where it is nested too deeply.
    """
    try:
        return json.loads(text, parse_int=_short_int, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _short_int(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def shorten(value: object, n_chars: int = 80) -> str:
    """A value as a message can show it.

    Args:
        value: A text, which is shown in quotes, or an error or number, whose own text is shown.
        n_chars: Longest form; the middle of a longer one gives way to dots.
    """
    shown = repr(value[: n_chars * 2]) if isinstance(value, str) else str(value)
    if len(shown) <= n_chars and not (isinstance(value, str) and len(value) > n_chars * 2):
        return shown
    return f"{shown[: n_chars * 2 // 3]}…{'' if isinstance(value, str) else shown[-n_chars // 3 :]}"
