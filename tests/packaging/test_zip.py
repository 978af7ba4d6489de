# SPDX-License-Identifier: GPL-2.0-or-later
"""The zip that users install, built for real, unpacked, and put through what plugins.qgis.org asks and scans."""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import List

import build_zip
import pytest
import stage_plugin

PLUGIN_NAME = "special_qgis"
# Without these the plugin is refused; with the next ones it is found and trusted.
REQUIRED_KEYS = (
    "name",
    "description",
    "about",
    "version",
    "qgisMinimumVersion",
    "author",
    "email",
    "tracker",
    "repository",
)
WANTED_KEYS = ("homepage", "tags", "icon", "category", "license", "hasProcessingProvider", "experimental")
URL_KEYS = ("homepage", "tracker", "repository")
TEXT_SUFFIXES = {".py", ".txt", ".md", ".json", ".svg", ".qml", ".csv", ".css", ".html", ".ts", ".model3", ""}
PICTURE_SUFFIXES = {".png"}
DATA_SUFFIXES = {".tif", ".qm", ".safetensors"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_zip.build_zip(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder / PLUGIN_NAME


@pytest.fixture(scope="module")
def metadata(unpacked: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((unpacked / "metadata.txt").read_text(encoding="utf-8"))
    return parser["general"]


def names_in(archive: Path) -> List[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def run_tool(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *args], cwd=folder, capture_output=True, encoding="utf-8", check=False)


def test_zip_built_twice_has_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    assert build_zip.build_zip(tmp_path).read_bytes() == archive.read_bytes()


def test_zip_name_carries_the_version(archive: Path, metadata: configparser.SectionProxy) -> None:
    assert archive.name == f"{PLUGIN_NAME}-{metadata['version']}.zip"


def test_zip_is_small(archive: Path) -> None:
    assert archive.stat().st_size < 8_000_000


def test_zip_has_one_folder_and_nothing_hidden_or_compiled(archive: Path) -> None:
    names = names_in(archive)
    assert {name.split("/")[0] for name in names} == {PLUGIN_NAME}
    bad = re.compile(r"(^|/)\.|__pycache__|__MACOSX|\.py[co]$|~$|\.part$")
    assert [name for name in names if bad.search(name)] == []


def test_zip_entries_are_plain_files_that_nobody_can_execute(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        modes = {entry.filename: entry.external_attr >> 16 for entry in opened.infolist()}
    assert {name: oct(mode) for name, mode in modes.items() if mode != 0o100644} == {}


def test_zip_has_only_known_kinds_of_file(archive: Path) -> None:
    known = TEXT_SUFFIXES | PICTURE_SUFFIXES | DATA_SUFFIXES
    assert [name for name in names_in(archive) if Path(name).suffix not in known] == []


def test_zip_text_files_are_text(unpacked: Path) -> None:
    for path in unpacked.rglob("*"):
        if path.is_file() and path.suffix in TEXT_SUFFIXES:
            assert "\0" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("name", ["__init__.py", "metadata.txt", "LICENSE", "README.md", "CHANGELOG.md"])
def test_zip_has_file(unpacked: Path, name: str) -> None:
    assert (unpacked / name).stat().st_size > 0


def test_zip_init_defines_class_factory(unpacked: Path) -> None:
    tree = ast.parse((unpacked / "__init__.py").read_text(encoding="utf-8"))
    assert "classFactory" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_zip_licence_is_the_whole_gpl_2(unpacked: Path) -> None:
    text = (unpacked / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "Version 2, June 1991" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("key", REQUIRED_KEYS + WANTED_KEYS)
def test_metadata_has_key(metadata: configparser.SectionProxy, key: str) -> None:
    assert metadata.get(key, "").strip()


@pytest.mark.parametrize("key", URL_KEYS)
def test_metadata_address_is_a_full_https_url(metadata: configparser.SectionProxy, key: str) -> None:
    assert re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w./-]*)?", metadata[key])


def test_metadata_versions_have_the_accepted_form(metadata: configparser.SectionProxy) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", metadata["version"])
    assert metadata["qgisMinimumVersion"] == "3.22"
    assert re.fullmatch(r"\d+\.\d+", metadata["qgisMaximumVersion"])


def test_metadata_email_and_flags_have_the_accepted_form(metadata: configparser.SectionProxy) -> None:
    assert re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", metadata["email"])
    assert metadata["hasProcessingProvider"] == "yes"
    assert metadata["experimental"] in {"True", "False"}


def test_metadata_description_is_plain_and_short(metadata: configparser.SectionProxy) -> None:
    for key in ("description", "about"):
        assert not re.search(r"<[a-z/]", metadata[key])
    assert "\n" not in metadata["description"]
    assert len(metadata["description"]) <= 255


def test_metadata_icon_is_in_the_zip(metadata: configparser.SectionProxy, unpacked: Path) -> None:
    assert (unpacked / metadata["icon"]).is_file()


def test_metadata_version_is_the_newest_of_the_changelog(metadata: configparser.SectionProxy, unpacked: Path) -> None:
    changelog = (unpacked / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(r"^## (\S+) - ", changelog, re.MULTILINE)
    assert found
    assert found.group(1) == metadata["version"]


def test_bandit_finds_nothing_of_any_severity(unpacked: Path) -> None:
    report = json.loads(run_tool(unpacked, "bandit", "--recursive", "--quiet", "--format", "json", ".").stdout)
    found = [f"{r['filename']}:{r['line_number']} {r['test_id']} {r['issue_text']}" for r in report["results"]]
    assert report["metrics"]["_totals"]["loc"] > 0
    assert (found, report["errors"]) == ([], [])


def test_detect_secrets_finds_nothing(unpacked: Path) -> None:
    done = run_tool(unpacked, "detect_secrets", "scan", "--all-files", "--exclude-files", r"metadata\.txt", ".")
    assert json.loads(done.stdout)["results"] == {}


def test_flake8_finds_nothing(unpacked: Path) -> None:
    done = run_tool(unpacked, "flake8", "--isolated", "--max-line-length=120", ".")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_scanners_find_what_is_planted(tmp_path: Path) -> None:
    planted = (
        "import subprocess\npassword = 'hunter2'\nsubprocess.call('ls', shell=True)\nkey = 'AKIAIOSFODNN7EXAMPLF'\n"
    )
    (tmp_path / "bad.py").write_text(planted, encoding="utf-8")
    bandit = json.loads(run_tool(tmp_path, "bandit", "-r", "-q", "-f", "json", ".").stdout)
    secrets = json.loads(run_tool(tmp_path, "detect_secrets", "scan", "--all-files", ".").stdout)
    assert "B602" in {result["test_id"] for result in bandit["results"]}
    assert secrets["results"]


def test_stage_repeated_changes_nothing_and_removes_what_no_longer_belongs(tmp_path: Path) -> None:
    target = tmp_path / PLUGIN_NAME
    assert stage_plugin.stage(target) == len(stage_plugin.plan_files())
    assert stage_plugin.stage(target) == 0
    (target / "engine" / "__pycache__").mkdir()
    (target / "engine" / "__pycache__" / "old.pyc").write_bytes(b"x")
    (target / "removed_module.py").write_text("old", encoding="utf-8")
    (target / "metadata.txt").write_text("changed", encoding="utf-8")
    assert stage_plugin.stage(target) == 3
    staged = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert staged == set(stage_plugin.plan_files())
    assert not (target / "engine" / "__pycache__").exists()
