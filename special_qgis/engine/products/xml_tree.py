# SPDX-License-Identifier: GPL-2.0-or-later
"""A product's XML by GDAL's own parser, which expands no entities, and numbers out of it."""

from __future__ import annotations

import math
from typing import Any, Iterator, List, Optional

from osgeo import gdal

from ..errors import InputError
from .candidate import base_name, read_text

_ELEMENT, _TEXT, _ATTRIBUTE = 0, 1, 2


class Element:
    """An element of an XML file; names are without namespace."""

    def __init__(self, node: List[Any], origin: str) -> None:
        self._node = node
        self._origin = origin

    @property
    def name(self) -> str:
        """Name of the element."""
        return str(self._node[1]).rpartition(":")[2]

    def children(self, name: str = "") -> Iterator[Element]:
        """Elements directly inside, all or those of a name."""
        for node in self._node[2:]:
            if node[0] == _ELEMENT:
                child = Element(node, self._origin)
                if not name or child.name == name:
                    yield child

    def find_all(self, name: str) -> Iterator[Element]:
        """Elements of a name at any depth, in the file's order."""
        for child in self.children():
            if child.name == name:
                yield child
            yield from child.find_all(name)

    def find(self, *names: str) -> Optional[Element]:
        """First element of the first name at any depth, in it the first of the second, and so on."""
        found: Optional[Element] = self
        for name in names:
            found = next(found.find_all(name), None) if found is not None else None
        return found

    def require(self, *names: str) -> Element:
        """As ``find``, for what a product must have.

        Raises:
            InputError: There is no such element.
        """
        found = self.find(*names)
        if found is None:
            raise InputError(
                f"{self._origin} has no {'/'.join(names)}.",
                "The product is damaged or of another version; download it again.",
            )
        return found

    def text(self) -> str:
        """Text directly inside."""
        return " ".join(str(node[1]).strip() for node in self._node[2:] if node[0] == _TEXT)

    def attribute(self, name: str) -> str:
        """An attribute's text; "" = none."""
        for node in self._node[2:]:
            if node[0] == _ATTRIBUTE and node[1] == name:
                return "".join(str(child[1]) for child in node[2:])
        return ""

    def number(self, name: str) -> float:
        """Number in an element directly inside or deeper.

        Raises:
            InputError: There is none.
        """
        return to_number(self.require(name).text(), f"{name} in {self._origin}")


def read_xml(path: str) -> Element:
    """The root of an XML file.

    Raises:
        InputError: It is no XML.
    """
    origin = base_name(path)
    try:
        node = gdal.ParseXMLString(read_text(path).replace("\0", " "))
    except (RuntimeError, UnicodeDecodeError) as error:  # GDAL 3.10 quotes a half character in its own message
        raise InputError(f"{origin} is no whole XML file: {error}.", "Download the product again.") from error
    if not node:
        raise InputError(f"{origin} is no whole XML file.", "Download the product again.")
    return Element([_ELEMENT, "document", node], origin)


def to_number(text: str, what: str) -> float:
    """A finite number.

    Raises:
        InputError: The text is none.
    """
    try:
        value = float(text.strip())
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{what} is {text.strip()[:40]!r}, which is no number.",
            "The product is damaged or of another version; download it again.",
        )
    return value
