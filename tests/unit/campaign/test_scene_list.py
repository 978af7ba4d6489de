# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes a scene: files, globs, folders, text, CSV and STAC; names that no other scene has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest

from special_qgis.engine.campaign.list_files import read_list
from special_qgis.engine.campaign.scene_list import ListedScene, find_scenes
from special_qgis.engine.config import SceneConfig
from special_qgis.engine.errors import ConfigError, InputError
from tests.helpers.listener import Listener
from tests.helpers.small_scene import write_raster

COMMON = SceneConfig("*", bad_bands="1-3", quantity="reflectance")


def write_cube(path: Path, n_bands: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_raster(path, np.ones((n_bands, 2, 2), np.int16))


def find(*given: object, listener: Any = None) -> List[ListedScene]:
    return find_scenes([str(one) for one in given], COMMON, listener or Listener())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two scenes, a map, a text and a scene in a folder below."""
    folder = tmp_path / "Flüge 1"
    for name in ("b line.tif", "a.tif"):
        write_cube(folder / name)
    write_cube(folder / "below" / "a.tif")
    write_cube(folder / "map.tif", 1)
    (folder / "notes.md").write_text("no raster", encoding="utf-8")
    return folder


def test_find_folder_gives_its_scenes_by_name_and_tells_what_was_left_out(folder: Path) -> None:
    listener = Listener()
    scenes = find(folder, listener=listener)
    assert [one.name for one in scenes] == ["a", "b_line"]
    assert [one.scene.source for one in scenes] == [str(folder / "a.tif"), str(folder / "b line.tif")]
    assert {(one.scene.bad_bands, one.scene.quantity) for one in scenes} == {("1-3", "reflectance")}
    assert listener.infos == ["map.tif was left out: it has 1 bands, and a scene 8 or more."]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        pytest.param("*.tif", ["a", "b_line"], id="star"),
        pytest.param("?.tif", ["a"], id="one letter"),
        pytest.param("**/*.tif", ["a", "b_line", "a_2"], id="folders below"),
        pytest.param("bel*/a.tif", ["a"], id="in a folder's name"),
    ],
)
def test_find_glob_gives_what_matches(folder: Path, pattern: str, names: List[str]) -> None:
    assert [one.name for one in find(folder / pattern)] == names


def test_find_glob_passes_over_what_a_campaign_has_written(folder: Path) -> None:
    probabilities = write_cube(folder / "out" / "a" / "a_probabilities.tif")
    assert [one.name for one in find(folder / "out" / "*" / "*.tif")] == ["a_probabilities"]
    (folder / "out" / "a" / "scene.json").write_text("{}", encoding="utf-8")
    assert [one.name for one in find(folder / "**" / "*.tif")] == ["a", "b_line", "a_2"]
    assert [one.scene.source for one in find(probabilities)] == [str(probabilities)]


def test_find_relative_glob_and_file_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert [one.scene.source for one in find("*.tif", "map.tif")][::2] == [
        str(folder / "a.tif"),
        str(folder / "map.tif"),
    ]


def test_find_same_source_twice_is_one_scene_and_same_name_gets_a_number(folder: Path) -> None:
    scenes = find(folder / "a.tif", folder, folder / "below" / "a.tif", folder / "below")
    assert [one.name for one in scenes] == ["a", "b_line", "a_2"]


def test_find_names_are_file_names_everywhere(tmp_path: Path) -> None:
    sources = ["/vsicurl/https://x/CON.tif?sig=1", "/vsis3/b/a:b.tif", "/vsis3/c/A_B.tif", "/vsis3/c/....tif"]
    assert [one.name for one in find(*sources)] == ["scene_CON", "a_b", "A_B_2", "scene"]


def test_text_list_takes_paths_beside_it_and_passes_over_comments(folder: Path) -> None:
    path = folder / "list.txt"
    path.write_text("# lines of May\n\nb line.tif\n/vsicurl/https://x/c.tif\nhttps://x/d.tif\n", encoding="utf-8-sig")
    sources = [str(folder / "b line.tif"), "/vsicurl/https://x/c.tif", "/vsicurl/https://x/d.tif"]
    assert [one.scene.source for one in find(path)] == sources


@pytest.mark.parametrize("sign", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_csv_list_gives_options_by_scene_and_keeps_the_common_ones(folder: Path, sign: str) -> None:
    rows = [["Scene", "name", "bad_bands", "extent", "drop_water_vapour", "mask"]]
    rows += [["a.tif", "first", "7", "0 1 2 3.5", "no", "map.tif"], ["b line.tif", "", "", "", "", ""]]
    path = folder / "list.csv"
    path.write_text("\n".join(sign.join(row) for row in rows), encoding="utf-8")
    first, second = find(path)
    assert first == ListedScene(
        "first",
        SceneConfig(
            str(folder / "a.tif"),
            bad_bands="7",
            quantity="reflectance",
            extent=(0.0, 1.0, 2.0, 3.5),
            drop_water_vapour=False,
            mask=str(folder / "map.tif"),
        ),
    )
    assert second == ListedScene("b_line", SceneConfig(str(folder / "b line.tif"), "", "", "1-3", True, "reflectance"))


def item(name: str, **assets: Dict[str, Any]) -> Dict[str, Any]:
    return {"type": "Feature", "stac_version": "1.0.0", "id": name, "assets": assets}


def test_stac_collection_gives_the_asset_that_is_the_scene(tmp_path: Path) -> None:
    tiff = "image/tiff; application=geotiff; profile=cloud-optimized"
    items = [
        item(
            "line 1",
            thumbnail={"href": "t.png", "type": "image/png", "roles": ["thumbnail"]},
            cube={"href": "./cubes/1.tif", "type": tiff, "roles": ["data"]},
            quality={"href": "q.tif", "type": tiff, "roles": ["quality"]},
        ),
        item("line 2", cube={"href": "s3://bucket/2.tif", "type": tiff}, text={"href": "x", "type": "text/plain"}),
        item(
            "line 3",
            few={"href": "few.tif", "type": tiff, "roles": ["data"], "eo:bands": [{}]},
            many={"href": "file:///data/my%20line.tif", "type": tiff, "roles": ["data"], "eo:bands": [{}, {}]},
        ),
    ]
    path = tmp_path / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}), encoding="utf-8")
    assert [(one.name, one.scene.source) for one in find(path)] == [
        ("line_1", str(tmp_path / "cubes" / "1.tif")),
        ("line_2", "/vsis3/bucket/2.tif"),
        ("line_3", "/data/my line.tif"),
    ]


TWO = {"href": "a.tif", "type": "image/tiff", "roles": ["data"]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("l.csv", "file,colour\na.tif,red", "has a column 'colour'; its columns must be", id="column"),
        pytest.param("l.csv", "name\na", "has no column “scene”", id="no source"),
        pytest.param("l.csv", "scene,name\n,a", "Row 2 of the list .* names no scene", id="empty source"),
        pytest.param("l.csv", "scene,extent\na.tif,1 2 3", "extent '1 2 3'; xmin ymin xmax ymax", id="extent"),
        pytest.param("l.csv", "scene,drop_water_vapour\na.tif,ja", "'ja'; yes or no", id="yes or no"),
        pytest.param("l.txt", "ftp://x/a.tif", "begins with ftp://", id="address"),
        pytest.param("l.json", "{", "is not a STAC item collection", id="no JSON"),
        pytest.param("l.json", '{"type": "FeatureCollection"}', "is not a STAC item collection", id="no features"),
        pytest.param("l.json", "[]", "is not a STAC item collection", id="list"),
        pytest.param("l.json", json.dumps(item("i")), "item i .* has no asset that may be the scene", id="no asset"),
        pytest.param("l.json", json.dumps(item("i", a=TWO, b=TWO)), "has 2 assets .*, of a, b", id="two assets"),
    ],
)
def test_list_not_understood_says_why(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_list(tmp_path / name)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["missing.tif", "no*.tif", "empty"], ids=["file", "glob", "folder"])
def test_find_nothing_is_an_error_with_the_word_given(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"There is no scene .*{text[:2]}"):
        find(tmp_path / text)


def test_csv_value_not_accepted_is_named(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("scene,quantity\na.tif,albedo", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"quantity must be one of .*; got 'albedo'"):
        find(tmp_path / "l.csv")
