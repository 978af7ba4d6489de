# SPDX-License-Identifier: GPL-2.0-or-later
"""Docstrings of the engine: each line below ``Args:`` says by itself what its argument is."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Iterator, Tuple

import pytest

ENGINE = Path(__file__).resolve().parents[2] / "special_qgis" / "engine"
ROOMS = (
    *("refine", "mamba", "mapping", "evidence", "report", "accuracy", "compute", "terminal", "classes", "."),
    *("clip", "clip/upsampling", "models", "texts", "files"),
    *("scene", "rasters", "products", "spectral_prior", "outputs", "areas", "campaign"),
    *("../process", "../runtime"),
)
FILES = sorted(path for room in ROOMS for path in (ENGINE / room).resolve().glob("*.py"))
INCOMPLETE = re.compile(
    r"(Of|As|By|In|See|From|Hears|Asked|Told|Whose|Says)\b|Listener\b(?!,)"
    r"|.*\b(asked for cancel|[Nn]obody|See above)\b"
)
DTYPE = re.compile(r"\b(float32|float64|integer|int64|int32|intp|uint8|bool)\b")


def argument_lines(docstring: str) -> Iterator[Tuple[str, str]]:
    """Names and texts below ``Args:`` of a docstring; lines that go on are joined."""
    section = re.search(r"^Args:\n(.*?)(?:\n\n|\Z)", docstring, re.DOTALL | re.MULTILINE)
    entries = re.split(r"\n(?=    \w)", section.group(1)) if section else []
    for entry in entries:
        name, _, text = entry.strip().partition(": ")
        yield name, " ".join(text.split())


def documented(path: Path) -> Iterator[Tuple[str, ast.AST, str]]:
    """Functions and classes of a file that have a docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.name, node, docstring


def annotations(node: ast.AST) -> dict[str, str]:
    """Annotations of a function's parameters, or of those of a class's ``__init__``, as written."""
    functions = [node] if isinstance(node, ast.FunctionDef) else []
    if isinstance(node, ast.ClassDef):
        functions = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    return {arg.arg: ast.unparse(arg.annotation) for f in functions for arg in f.args.args if arg.annotation}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ENGINE.parent).as_posix())
def test_argument_line_is_complete_by_itself(path: Path) -> None:
    found = [
        f"{name}({argument}): {text}"
        for name, _, docstring in documented(path)
        for argument, text in argument_lines(docstring)
        if INCOMPLETE.match(text)
    ]
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ENGINE.parent).as_posix())
def test_argument_line_of_an_array_gives_shape_and_number_type(path: Path) -> None:
    found = [
        f"{name}({argument}): {text}"
        for name, node, docstring in documented(path)
        for argument, text in argument_lines(docstring)
        if "NDArray[" in annotations(node).get(argument, "")
        and not (DTYPE.search(text) and ("(" in text or "shape" in text))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        pytest.param("Of the draw.", True, id="of"),
        pytest.param("As in ``scan``.", True, id="as"),
        pytest.param("Listener; nobody listens.", True, id="nobody"),
        pytest.param("Reports tiles; asked for cancel.", True, id="asked"),
        pytest.param("Told how far it is.", True, id="told"),
        pytest.param("Whose pixels are read.", True, id="whose"),
        pytest.param("Listener.", True, id="listener"),
        pytest.param("Seed of the random generator.", False, id="complete"),
        pytest.param("Assumed confidence in [0, 1].", False, id="longer-word"),
    ],
)
def test_incomplete_lines_are_found(text: str, is_refused: bool) -> None:
    assert bool(INCOMPLETE.match(text)) == is_refused


def test_argument_lines_join_lines_that_go_on() -> None:
    docstring = "Do.\n\nArgs:\n    a: First\n        and on.\n    b: Second.\n\nReturns:\n    c: Third."
    assert list(argument_lines(docstring)) == [("a", "First and on."), ("b", "Second.")]
