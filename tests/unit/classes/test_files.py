# SPDX-License-Identifier: GPL-2.0-or-later
"""Class lists from files of every kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable, List, Optional, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.classes.files import MAX_FILE_BYTES, class_file_of, read_class_file
from special_qgis.engine.errors import ClassListError
from special_qgis.engine.outputs.style import paletted_qml

Found = List[Tuple[Tuple[str, ...], Optional[str]]]

VECTOR_STYLE = """<!DOCTYPE qgis>
<qgis><renderer-v2 type="categorizedSymbol" attr="kind"><categories>
<category value="1" symbol="0" label="water &amp; ice" render="true"/>
<category value="wood" symbol="1" label="" render="true"/>
<category value="" symbol="2" label="all others" render="true"/>
</categories><symbols>
<symbol name="0" type="fill"><layer><Option type="Map"><Option name="color" value="31,120,180,255"/>
<Option name="outline_color" value="0,0,0,255"/></Option></layer></symbol>
<symbol name="1" type="fill"><layer><prop k="color" v="51,160,44,255,rgb:0.2,0.6,0.2,1"/></layer></symbol>
</symbols></renderer-v2></qgis>"""

RASTER_STYLE = """<qgis><pipe><rasterrenderer type="paletted"><colorPalette>
<paletteEntry value="0" color="#000000" label="Unclassified" alpha="255"/>
<paletteEntry value="11" color="#1f78b4" label="Water, open" alpha="255"/>
<paletteEntry label="&quot;Trees&quot; &lt;tall>" color="#33a02c" value="41" alpha="255"/>
</colorPalette></rasterrenderer></pipe></qgis>"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a class file and gives its path."""

    def write_file(name: str, content: str, encoding: str = "utf-8") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        return str(path)

    return write_file


def read(path: str) -> Found:
    """Names, words and colours of a class file."""
    return [((entry.name, *entry.aliases), entry.colour) for entry in read_class_file(path)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("classes.txt", "classes.txt", id="relative"),
        pytest.param(" /a b/ä.CSV \n", "/a b/ä.CSV", id="spaces-and-capitals"),
        pytest.param(r'"C:\new\classes.json"', r"C:\new\classes.json", id="windows-quoted"),
        pytest.param("water; map.qml", None, id="semicolon"),
        pytest.param("water\nmap.qml", None, id="line-break"),
        pytest.param("water", None, id="word"),
        pytest.param("classes.xlsx", None, id="other-suffix"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_class_file_of_string_tells_path_from_list(text: str, expected: Optional[str]) -> None:
    assert class_file_of(text) == expected


@pytest.mark.parametrize(
    ("name", "content", "encoding", "expected"),
    [
        pytest.param(
            "a.txt", "water: river #18f\r\n\r\nbâti\r\n", "utf-8", [(("water", "river"), "#1188ff"), (("bâti",), None)],
            id="txt",
        ),
        pytest.param("a.txt", "water\ntrees", "utf-16", [(("water",), None), (("trees",), None)], id="txt-utf-16"),
        pytest.param("a.txt", "water\ntrees", "utf-8-sig", [(("water",), None), (("trees",), None)], id="txt-bom"),
        pytest.param(
            "a.csv",
            'id,Class name,Aliases,Color\n1,water,"river, lake",#1f78b4\n2,"Developed, open",,\n',
            "utf-8-sig",
            [(("water", "river", "lake"), "#1f78b4"), (("Developed, open",), None)],
            id="csv-with-heading",
        ),
        pytest.param(
            "a.csv", "name;red;green;blue\nwater;31;120;180\ntrees;;;\n", "utf-8",
            [(("water",), "#1f78b4"), (("trees",), None)], id="csv-semicolons-and-channels",
        ),
        pytest.param(
            "a.csv", "water,river,lake,#1f78b4\n\ntrees\n", "utf-8",
            [(("water", "river", "lake"), "#1f78b4"), (("trees",), None)], id="csv-without-heading",
        ),
        pytest.param("a.csv", "water\ntrees\n", "utf-8", [(("water",), None), (("trees",), None)], id="csv-one-column"),
        pytest.param(
            "a.csv", "name\taliases\nwater\tlake|sea\n", "utf-8", [(("water", "lake", "sea"), None)], id="csv-tabs"
        ),
        pytest.param(
            "a.json", '["water", "Developed, open: low"]', "utf-8",
            [(("water",), None), (("Developed, open: low",), None)], id="json-names",
        ),
        pytest.param(
            "a.json",
            '{"classes": [{"id": 7, "name": "water", "aliases": ["river"], "colour": "#18f"},'
            ' {"name": "trees", "aliases": "wood, forest", "color": [51, 160, 44]}, {"name": "soil"}]}',
            "utf-8",
            [(("water", "river"), "#1188ff"), (("trees", "wood", "forest"), "#33a02c"), (("soil",), None)],
            id="json-objects",
        ),
        pytest.param(
            "a.json", '{"classes": "water: sea; soil"}', "utf-8", [(("water", "sea"), None), (("soil",), None)],
            id="json-typed-list",
        ),
        pytest.param(
            "a.qml", RASTER_STYLE, "utf-8", [(("Water, open",), "#1f78b4"), (('"Trees" <tall>',), "#33a02c")],
            id="qml-raster",
        ),
        pytest.param(
            "a.qml", VECTOR_STYLE, "utf-8", [(("water & ice",), "#1f78b4"), (("wood",), "#33a02c")], id="qml-vector"
        ),
    ],
)  # fmt: skip
def test_read_class_file_accepted_content_gives_classes(
    write: Callable[..., str], name: str, content: str, encoding: str, expected: Found
) -> None:
    assert read(write(name, content, encoding)) == expected


def test_read_class_file_own_style_gives_the_same_classes(write: Callable[..., str]) -> None:
    classes = parse_classes('"a & <b>": x; “ü”; "c; \'d\'"')
    assert read(write("map.qml", paletted_qml(classes))) == [((c.name,), c.colour) for c in classes]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("a.txt", "water\n: river", "Class file .*a.txt.*Class 2 has no name", id="txt-empty-name"),
        pytest.param("a.csv", "name,colour\nwater,blue\n", 'colour "blue" of class "water"', id="csv-colour"),
        pytest.param("a.csv", "name,red,green,blue\nwater,1,2,300\n", "from 0 to 255", id="csv-channel"),
        pytest.param("a.csv", "name,aliases\n,river\n", "Class 1 has no name", id="csv-empty-name"),
        pytest.param("a.csv", 'name\n"water\n', "table is malformed", id="csv-open-quote"),
        pytest.param("a.json", "[water]", "not valid JSON", id="json-syntax"),
        pytest.param("a.json", "[" * 100_000, "not valid JSON", id="json-nested"),
        pytest.param("a.json", "3", "holds no class list", id="json-number"),
        pytest.param("a.json", '[{"name": 3}]', "Item 1 of the JSON list", id="json-name-kind"),
        pytest.param("a.json", '["water", null]', "Item 2 of the JSON list", id="json-null"),
        pytest.param("a.json", '[{"name": "a", "aliases": [1]}]', "Item 1 of the JSON list", id="json-alias-kind"),
        pytest.param("a.json", '[{"name": "a", "colour": [1, 2]}]', "red, green and blue", id="json-two-channels"),
        pytest.param("a.qml", "<qgis></qgis>", "lists no classes", id="qml-other-renderer"),
        pytest.param("a.qml", "<![x", "lists no classes|malformed", id="qml-garbage"),
    ],
)
def test_read_class_file_unusable_content_is_refused_with_reason(
    write: Callable[..., str], name: str, content: str, message: str
) -> None:
    path = write(name, content)
    with pytest.raises(ClassListError, match=message):
        read_class_file(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.txt", "forêt: bois\nbâti", id="txt"),
        pytest.param("a.csv", "name;aliases\nforêt;bois\nbâti;\n", id="csv"),
        pytest.param("a.json", '[{"name": "forêt", "aliases": ["bois"]}, "bâti"]', id="json"),
    ],
)
def test_read_class_file_in_windows_1252_is_read(write: Callable[..., str], name: str, content: str) -> None:
    assert read(write(name, content, "cp1252")) == [(("forêt", "bois"), None), (("bâti",), None)]


def test_read_class_file_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClassListError, match=r"nothing.txt.* does not exist; the path of a .txt"):
        read_class_file(str(tmp_path / "nothing.txt"))


def test_read_class_file_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ClassListError, match="does not exist"):
        read_class_file(str(tmp_path / "folder.csv"))


def test_read_class_file_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ClassListError, match=f"at most {MAX_FILE_BYTES}"):
        read_class_file(str(path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["txt", "csv", "json", "qml"]),
    st.binary() | st.text().map(str.encode) | st.text("<>!?[]-&;#=\"'/ paletteEntrylbcov01,\n{}").map(str.encode),
)
def test_read_class_file_any_content_gives_classes_or_class_list_error(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"any.{suffix}"
    path.write_bytes(content)
    try:
        entries = read_class_file(str(path))
    except ClassListError:
        return
    assert all(entry.name for entry in entries)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "aliases", "colour", "classes"]), inner),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_JSON)
def test_read_class_file_any_json_gives_classes_or_class_list_error(tmp_path: Path, value: object) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    try:
        entries = read_class_file(str(path))
    except ClassListError:
        return
    assert all(entry.name for entry in entries)
