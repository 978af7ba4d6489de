# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever text or file a user gives: a result or an ``EngineError``. SPECIAL_FUZZ=nightly tries 100 000."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import time
from pathlib import Path
from typing import Callable, Dict, List

import pytest

from special_qgis.engine import config as config_module
from special_qgis.engine.areas.estimates import read_accuracy_report
from special_qgis.engine.campaign.list_files import read_list
from special_qgis.engine.classes.files import read_class_file
from special_qgis.engine.classes.text import parse_colour, parse_entries
from special_qgis.engine.config import ClassifyConfig
from special_qgis.engine.errors import EngineError
from special_qgis.engine.jobs import JOBS
from special_qgis.engine.models.card import read_card
from special_qgis.engine.models.inspection import inspect
from special_qgis.engine.models.transfer import check_url, shown_url
from special_qgis.engine.rasters.envi_header import expected_bytes, parse_envi_header
from special_qgis.engine.report.tables import csv_text
from special_qgis.engine.scene.number_lists import parse_flags, parse_number, parse_number_list
from special_qgis.engine.scene.spectra import parse_band_description, parse_band_list, parse_wavelengths
from special_qgis.engine.texts.plain_text import parse_json, shorten
from special_qgis.engine.worker import parse_request
from special_qgis.process.event_reader import parse_event

N_INPUTS = 100_000 if os.environ.get("SPECIAL_FUZZ") == "nightly" else 400  # of each parser
LONGEST_S = 5.0
QML = '<qgis><paletteEntry value="1" color="#ff0000" label="water" alpha="255"/></qgis>'
ENVI = "ENVI\nsamples = 5\nlines = 6\nbands = 2\ndata type = 4\nwavelength = {400.0, 500.0}\n"
GOOD: Dict[str, List[str]] = {
    "classes": ["water #1f78b4; tree = wood, forest\nbare soil", "a|b;c,d\n# note\n'x'", "Wasser: #00f"],
    ".csv": ["name,colour,aliases\nwater,#00f,sea\n", "id;name\n1;wood\n"],
    ".json": ['[{"name": "water", "colour": "#00f", "aliases": ["sea"]}, "tree"]', '{"classes": {"1": "a"}}'],
    ".qml": [QML],
    ".txt": ["water\ntree\n"],
    "colour": ["#1f78b4", "rgb(1, 2, 3)", "red"],
    "wavelengths": ["400-2500", "400, 410; 420 nm", "0.4:0.01:2.5 µm"],
    "bands": ["1-5, 9; 100-", "400-500 nm", "3"],
    "description": ["Band 1 (443.2 nm)", "B02 0.49 um", "1/cm 20000"],
    "envi": [ENVI],
    "json": ['{"a": [1, 2.5e3, null, true, "x"]}'],
    "number": ["400.5 nm", "0,4", "1e-3"],
    "flags": ["1, 0, 1", "true false good bad"],
    "scenes.txt": ["a.tif\n# note\nfolder/b.tif\n"],
    "scenes.csv": ["scene,name,extent\na.tif,one,0 0 1 1\n"],
    "scenes.json": [
        '{"type": "FeatureCollection", "features": [{"id": "a", '
        '"assets": {"x": {"href": "a.tif", "roles": ["data"]}}}]}'
    ],
    "accuracy": [
        '{"map": "a.tif", "confusion": {"classes": ["a", "b"], "counts": [[5, 1], [0, 4]], "map_values": [[1], [2]]}, '
        '"per_class": {"a": {"mapped_px": 9}, "b": {"mapped_px": 7}}}'
    ],
    "request": ['{"job": "classify", "config": {"classes": "a"}}'],
    "event": ['{"event": "progress", "fraction": 0.5, "message": "x"}'],
    "card": ['{"name": "a", "file": "a.pt", "kind": "clip", "architecture": "", "sha256": "", "size_bytes": 1}'],
    "url": ["https://example.org:80/a/b.pt?x=1#y", "http://[::1]/x"],
    "safetensors": ['{"a": {"dtype": "F32", "shape": [1, 0], "data_offsets": [0, 0]}, "__metadata__": {"b": "c"}}'],
}
PIECES = (
    *("=;,#{}[]\"'<>&|~()\t\0"), "\ud800", "\u202e", "٣", "𝟙", "\x1b", "\r\n", "nan", "inf", "-1", "1e999", "1e-38",
    "9" * 5000, "9" * 20, "0x10", "é" * 300, "../", "%00", "\\", ")*", "a" * 10000,
    "[" * 2000, "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "-" * 50, "1-" * 50, " " * 2000, "\t",
)  # fmt: skip


def file_reader(folder: Path, name: str, read: Callable[[Path], object]) -> Callable[[str], object]:
    """A parser of text that stands in a file."""

    def parse(text: str) -> object:
        path = folder / name
        path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
        return read(path)

    return parse


def look_into_header(path: Path) -> object:
    text = path.read_bytes()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return inspect(path)


def parsers(folder: Path) -> Dict[str, Callable[[str], object]]:
    """The parsers by the name of their good inputs."""
    found: Dict[str, Callable[[str], object]] = {
        "classes": parse_entries,
        "colour": lambda text: parse_colour(text, "x"),
        "wavelengths": parse_wavelengths,
        "bands": lambda text: parse_band_list(text, 200),
        "description": parse_band_description,
        "envi": lambda text: [
            expected_bytes(parse_envi_header(text)),
            parse_number_list(parse_envi_header(text).get("wavelength", ""), "wavelength"),
        ],
        "number": parse_number,
        "flags": parse_flags,
        "accuracy": file_reader(folder, "accuracy.json", lambda path: read_accuracy_report(str(path))),
        "request": lambda text: parse_request(text.encode("utf-8", errors="replace")),
        "event": lambda text: parse_event(text.encode("utf-8", errors="replace")),
        "card": file_reader(folder, "a.card.json", read_card),
        "url": lambda text: [shown_url(text), check_url(text)],
        "safetensors": file_reader(folder, "a.safetensors", look_into_header),
    }
    for name in ("scenes.txt", "scenes.csv", "scenes.json"):
        found[name] = file_reader(folder, name, read_list)
    for suffix in (".csv", ".json", ".qml", ".txt"):
        found[suffix] = file_reader(folder, f"a{suffix}", lambda path: read_class_file(str(path)))
    return found


def mutate(text: str, chance: random.Random) -> str:
    """A text with a few pieces put in, taken out, doubled or moved."""
    for _ in range(chance.randint(1, 5)):
        begin = chance.randint(0, len(text))
        end = min(len(text), begin + chance.randint(0, 12))
        piece = chance.choice((chance.choice(PIECES), chr(chance.randrange(0x3000)), text[begin:end] * 2, ""))
        text = text[:begin] + piece + text[chance.choice((begin, end)) :]
    return text


@pytest.mark.parametrize("name", [name for name in GOOD if name != "json"])
def test_parse_mutated_input_gives_a_result_or_an_engine_error(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    parse = parsers(tmp_path)[name]
    for number in range(N_INPUTS):
        text = chance.choice(GOOD[name]) if number < 5 else mutate(chance.choice(GOOD[name]), chance)
        begun = time.monotonic()
        try:
            parse(text)
        except EngineError as error:
            assert len(str(error)) < 5000, text[:200]
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} {error!s:.300} for {text[:300]!r}") from error
        assert time.monotonic() - begun < LONGEST_S, text[:300]


def test_parse_json_mutated_text_gives_a_value_or_a_value_error() -> None:
    chance = random.Random(3)
    for _ in range(N_INPUTS):
        text = mutate(GOOD["json"][0], chance)
        try:
            shown = shorten(str(parse_json(text)))
        except ValueError as error:
            shown = shorten(error)
        assert len(shown) < 200
        cell = next(csv.reader(io.StringIO(csv_text((text,), ())[1:], newline="")))[0]
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t"))


def values(chance: random.Random) -> object:
    """Something that JSON can hold."""
    simple = (
        None,
        True,
        -1,
        0,
        3,
        1e308,
        1e-38,
        10**30,
        "",
        "x",
        "\0",
        "~nouser/x",
        "http://x",
        "a" * 5000,
        "9" * 5000,
    )
    return chance.choice((*simple, [], {}, [1, "a"], {"a": 1}, [[[]]], ["a.tif"] * 3))


@pytest.mark.parametrize("job", JOBS)
def test_job_options_of_any_kind_give_a_configuration_or_an_engine_error(job: str) -> None:
    chance = random.Random(job)
    kind = getattr(config_module, JOBS[job].config)
    fields = list(getattr(kind, "__dataclass_fields__", {})) or ["x"]
    for _ in range(N_INPUTS // 4):
        options = {chance.choice((*fields, "other")): values(chance) for _ in range(chance.randint(0, 5))}
        nested = {key: {chance.choice(("file", "path", "files", "bands")): values(chance)} for key in fields[:2]}
        try:
            kind.from_json({**options, **(nested if chance.random() < 0.5 else {})})
        except EngineError as error:
            assert len(str(error)) < 20_000
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} {error!s:.300} for {str(options)[:300]}") from error


def test_classify_configuration_deep_inside_gives_a_configuration_or_an_engine_error() -> None:
    chance = random.Random(1)
    good = ClassifyConfig.__dataclass_fields__
    assert {"scene", "classes"} <= set(good)
    for _ in range(N_INPUTS):
        text = json.dumps(
            {key: {"file": values(chance), "preset": values(chance)} for key in chance.sample(list(good), 2)}
        )
        try:
            ClassifyConfig.from_json(parse_json(text))
        except EngineError:
            continue
