# SPDX-License-Identifier: GPL-2.0-or-later
"""What all option classes share: checks of their fields, and their JSON form."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Dict, Mapping, Tuple, Type, TypeVar

from ..errors import ConfigError

__all__ = ["Options", "require", "require_choice"]

ConfigT = TypeVar("ConfigT", bound="Options")


def require(condition: bool, name: str, accepted: str, got: object, hint: str = "") -> None:
    """Raise unless a field's value is accepted.

    Args:
        condition: Whether the value is accepted.
        name: Name of the field.
        accepted: What is accepted, in words.
        got: Value of the field.
        hint: What to do next.

    Raises:
        ConfigError: The condition is false.
    """
    if not condition:
        raise ConfigError(f"{name} must be {accepted}; got {got!r}.", hint)


def require_choice(name: str, value: str, choices: Tuple[str, ...]) -> None:
    require(value in choices, name, "one of " + ", ".join(choices), value)


_KINDS: Dict[str, Tuple[Tuple[type, ...], str]] = {
    "str": ((str,), "a text"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
}


def _require_kind(name: str, value: object, annotation: str) -> None:
    """Raise where a plain field came as another kind of JSON value; a bool is no number here."""
    if annotation in _KINDS:
        kinds, words = _KINDS[annotation]
        require(isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)), name, words, value)


class Options:
    """JSON form shared by all option classes."""

    NESTED: ClassVar[Mapping[str, Type[Options]]] = {}  # classes of the fields that are options themselves

    def to_json(self) -> Dict[str, Any]:
        """The options as plain JSON values, nested options as objects."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls: Type[ConfigT], data: Mapping[str, Any]) -> ConfigT:
        """Make options from their JSON form; fields left out keep their defaults.

        Raises:
            ConfigError: An unknown field, a value of the wrong kind, or one that is not accepted.
        """
        known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(data) - set(known))
        if unknown:
            raise ConfigError(
                f"{cls.__name__} has no option {unknown[0]!r}.",
                "Known options are: " + ", ".join(sorted(known)) + ".",
            )
        values = {}
        for name, value in data.items():
            nested = cls.NESTED.get(name)
            if nested is not None and isinstance(value, Mapping):
                value = nested.from_json(value)
            _require_kind(name, value, str(known[name].type))
            values[name] = tuple(value) if isinstance(value, list) else value
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"{cls.__name__} cannot be made from the options given: {error}.") from error
