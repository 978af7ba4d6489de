# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes of others become text by one rule, and nothing in the package goes round it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.texts.decoding import as_text, decode, decode_file, read_text_file

PACKAGE = Path(__file__).resolve().parents[2] / "special_qgis"
GDAL_TEXTS = {  # methods of GDAL, OGR and OSR that hand out text which somebody else wrote
    *("GetMetadata", "GetMetadata_Dict", "GetMetadata_List", "GetMetadataItem", "GetDescription", "GetUnitType"),
    *("GetName", "GetNameRef", "GetFieldAsString", "GetField", "GetFieldAsStringList", "GetCategoryNames"),
    *("GetRasterCategoryNames", "GetValueAsString", "GetNameOfCol", "GetSubDatasets", "GetFileList", "GetProjection"),
    *("GetProjectionRef", "GetGCPProjection", "GetLinearUnitsName", "GetStyleString", "GetAlternativeName"),
}
READERS_OF_OUR_FILES = {  # files that the plugin writes or ships, JSON that is UTF-8 by its standard, and the system's
    *(
        "engine/files/resources.py",
        "engine/spectral_prior/lexicon.py",
        "engine/report/page.py",
        "engine/files/process_lock.py",
    ),
    *("engine/outputs/partial.py", "engine/outputs/abandoned.py", "engine/clip/prompts.py", "engine/models/card.py"),
    *("engine/models/inspection.py", "engine/models/download.py", "engine/classes/classes.py"),
    *("engine/classes/text.py", "engine/classes/colours.py", "engine/scene/memory.py", "runtime/install.py"),
    *("engine/areas/estimates.py", "runtime/layout.py", "process/logged_process.py", "process/event_reader.py"),
}


def calls(source: str) -> List[str]:
    """Names of all methods called in a source text."""
    nodes = ast.walk(ast.parse(source))
    return [node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=relative)
def test_package_file_takes_text_of_others_from_the_decoder_alone(path: Path) -> None:
    called = set(calls(path.read_text(encoding="utf-8")))
    if relative(path) != "engine/rasters/text.py":
        assert not called & GDAL_TEXTS
    if relative(path) != "engine/texts/decoding.py" and relative(path) not in READERS_OF_OUR_FILES:
        assert not called & {"read_text", "decode"}


@pytest.mark.parametrize("name", sorted(READERS_OF_OUR_FILES))
def test_reader_of_our_files_is_still_there_and_reads(name: str) -> None:
    assert set(calls((PACKAGE / name).read_text(encoding="utf-8"))) & {"read_text", "decode"}


@given(st.text())
def test_text_in_utf_8_comes_back(text: str) -> None:
    assert decode(text.encode("utf-8", "replace")) == text.encode("utf-8", "replace").decode("utf-8")


@given(st.text(st.characters(min_codepoint=0xA0, max_codepoint=0xFF), min_size=1, max_size=1))
def test_one_letter_of_latin_1_among_plain_ones_comes_back(letter: str) -> None:
    assert decode(f"Fl{letter}che".encode("latin-1")) == f"Fl{letter}che"


@given(st.binary())
def test_any_bytes_give_text_that_can_be_written(content: bytes) -> None:
    for text in (decode(content), decode_file(content), as_text(content), as_text(bytearray(content))):
        text.encode("utf-8")


@given(st.binary())
def test_surrogates_in_place_of_bytes_are_undone(content: bytes) -> None:
    assert as_text(content.decode("utf-8", "surrogateescape")) == decode(content)


@given(st.text(st.characters(min_codepoint=0xD000, max_codepoint=0xE0FF)))
def test_any_surrogate_gives_text_that_can_be_written(text: str) -> None:
    as_text(text).encode("utf-8")


def test_none_gives_no_text() -> None:
    assert as_text(None) == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_file_in_any_usual_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Höhe in µm".encode(encoding))
    assert read_text_file(path) == "Höhe in µm"
    assert read_text_file(path, 0) == ""
