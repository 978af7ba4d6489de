# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents kept in step with the code: functions that they name exist, words and numbers are as everywhere."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "special_qgis"
ENGINE = PACKAGE / "engine"
TESTS = REPOSITORY / "tests"
README = REPOSITORY / "README.md"
GENERATED = {REPOSITORY / "docs" / "parameters.md"}  # from the algorithms' own texts
DOCUMENTS = sorted(
    {*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md"), *(REPOSITORY / "docs" / "decisions").glob("*.md")}
    - GENERATED
)
MAX_README_LINES, MAX_COLUMNS = 199, 120
BARE_NUMBER = re.compile(r"(?:^|[\s|(~≥≤<>=×·,\[–−+±])\.\d")
AVOIDED = re.compile(
    r"\bmends?\b|\bmakes? good\b|\bmade good\b|\bhow sure it is\b|\bbelongs? into\b|\btold\(\)", re.IGNORECASE
)


def name_of(path: Path) -> str:
    """Path in the repository, as the id of a test case."""
    return path.relative_to(REPOSITORY).as_posix()


def prose(path: Path) -> List[Tuple[int, str]]:
    """Numbered lines of a document outside code blocks."""
    found, is_code = [], False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            is_code = not is_code
        elif not is_code:
            found.append((number, line))
    return found


def defined_names(source: str) -> Set[str]:
    """What a module defines at its top level, and the members of its classes as ``Class.member``."""
    found: Set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def is_defined(reference: str, root: Path) -> bool:
    """Whether ``package/module`` or ``package/module.name`` exists below a folder of sources."""
    if (root / f"{reference}.py").is_file():
        return True
    module, _, name = reference.partition(".")
    path = root / f"{module}.py"
    return path.is_file() and name in defined_names(path.read_text(encoding="utf-8"))


def method_rows() -> Iterator[Tuple[str, str]]:
    """Cells on functions and on tests of the tables of method.md."""
    lines = (REPOSITORY / "docs" / "method.md").read_text(encoding="utf-8").splitlines()
    is_table = False
    for line in lines:
        if line == "| what | function | test |":
            is_table = True
        elif not line.startswith("|"):
            is_table = False
        elif is_table and not line.startswith("|---"):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            yield cells[-2], cells[-1]


def code_spans(text: str) -> List[str]:
    return re.findall(r"`([^`]+)`", text)


def test_method_functions_all_exist() -> None:
    functions = [span for cell, _ in method_rows() for span in code_spans(cell)]
    assert len(functions) > 60
    missing = [one for one in functions if not (is_defined(one, ENGINE) or (REPOSITORY / one).is_file())]
    assert missing == []


def test_method_tests_all_exist() -> None:
    named = [span for _, cell in method_rows() for span in code_spans(cell) if "test" in span]
    assert len(named) > 50
    missing = [one for one in named if not (is_defined(one, TESTS / "unit") or (REPOSITORY / one).is_file())]
    assert missing == []


@pytest.mark.parametrize("document", ["method.md", "design.md"])
def test_paths_of_modules_in_prose_exist(document: str) -> None:
    rooms = {path.name for path in ENGINE.iterdir() if path.is_dir()}
    lines = prose(REPOSITORY / "docs" / document)
    named = [span for _, line in lines for span in code_spans(line) if re.fullmatch(r"\w+(/\w+)+(\.\w+)*", span)]
    named = [span for span in named if span.split("/")[0] in rooms and "/test_" not in span]
    assert named
    assert [one for one in named if not (is_defined(one.removesuffix(".py"), ENGINE) or (ENGINE / one).exists())] == []


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("evidence/fusion", True, id="module"),
        pytest.param("evidence/fusion.fit_fusion", True, id="function"),
        pytest.param("evidence/fusion.Weighing.temper", True, id="method"),
        pytest.param("refine/train._Trainer.check_map", True, id="private"),
        pytest.param("evidence/fusion.undo_errors", False, id="no-such-function"),
        pytest.param("stage_one.choose_sources", False, id="no-such-module"),
    ],
)
def test_is_defined_knows_what_there_is(reference: str, expected: bool) -> None:
    assert is_defined(reference, ENGINE) == expected


def test_design_gives_every_module_and_package_its_layer() -> None:
    spec = importlib.util.spec_from_file_location("layering", TESTS / "unit" / "test_layering.py")
    assert spec is not None and spec.loader is not None
    layering = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layering)
    found: Dict[str, int] = {}
    for _, line in prose(REPOSITORY / "docs" / "design.md"):
        row = re.match(r"\| (\d+) \| ([^|]*) \|", line)
        found.update({name: int(row.group(1)) - 1 for name in code_spans(row.group(2))} if row else {})
    assert found == layering.LAYER_OF


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


def test_readme_lists_every_algorithm() -> None:
    ids: Set[str] = set()
    for path in (PACKAGE / "algorithms").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        ids |= set(re.findall(r'def name\(self\) -> str:\n(?: +"""[^"]*"""\n)? +return "([a-z]+)"', source))
    assert len(ids) > 10
    assert ids == set(re.findall(r"^\| `special:([a-z]+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_document_lines_fit_the_column_limit(path: Path) -> None:
    tables_too = path == README
    long = [number for number, line in prose(path) if len(line) > MAX_COLUMNS and (tables_too or line[:1] != "|")]
    assert long == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_document_numbers_have_a_leading_zero(path: Path) -> None:
    assert [number for number, line in prose(path) if BARE_NUMBER.search(line)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_document_is_in_plain_words(path: Path) -> None:
    assert [f"{number}: {line}" for number, line in prose(path) if AVOIDED.search(line)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_document_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [one for one in targets if "://" not in one and not (path.parent / one).exists()] == []
