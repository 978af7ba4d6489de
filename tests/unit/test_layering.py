# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may import whom, and what no file of the package may contain: over the syntax trees, and by really importing."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Set, Tuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "special_qgis"
ENGINE = PACKAGE / "engine"
FILES = sorted(PACKAGE.rglob("*.py"))
ENGINE_FILES = [path for path in FILES if ENGINE in path.parents]
PLUGIN_FILES = [path for path in FILES if ENGINE not in path.parents]
ALL_FILES = sorted(
    path
    for folder in ("special_qgis", "tests", "tools", "benchmarks", "resources", "docs")
    for path in (REPOSITORY / folder).rglob("*.py")
)

MODEL_MODULES = tuple(f"models.{path.stem}" for path in sorted((ENGINE / "models").glob("*.py")) if path.stem[0] != "_")
LIGHT_MODULES = (
    "errors",
    "config",
    "progress",
    "progress_text",
    "scene.spectra",
    "scene.sensors",
    "windows",
    "classes.classes",
    "clip.words",
    *MODEL_MODULES,
)
QGIS_PACKAGES = {"qgis", "PyQt5", "PyQt6", "processing", "sip"}
LAYERS = (  # of the engine, from the bottom: a module imports from its own package and from lower layers, nothing else
    {"config", "errors", "files", "texts", "progress", "progress_text", "windows"}
    | {"probabilities", "heavy_stages", "packages", "source_kinds"},
    {"rasters", "classes", "report", "compute", "models"},
    {"outputs", "terminal"},
    {"products"},
    {"scene"},
    {"spectral_prior", "accuracy"},
    {"mamba", "evidence", "areas"},
    {"mapping", "clip"},
    {"refine"},
    {"pipeline", "true_colour", "jobs", "worker", "campaign", "__main__"},
)
LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer}
GROUND, ENTRIES = 0, len(LAYERS) - 1  # layers of single modules, which import each other freely
COMPUTING_PACKAGES = {"clip", "mamba", "refine", "compute"}  # may import PyTorch, Numba and what comes with them
MOST_MODULES_OF_ITS_OWN = 20  # of the engine, besides its packages
HEAVY_PACKAGES = {"torch", "torchvision", "open_clip", "timm", "sklearn", "scipy", "numba", "safetensors"}
PLUGIN_MAY_IMPORT = {"numpy", "osgeo", "qgis", "processing", "special_qgis"} | set(sys.stdlib_module_names)
NETWORK_MODULES = {"socket", "ssl", "http.client", "urllib.request", "ftplib", "huggingface_hub", "requests"}
FORBIDDEN_CALLS = {"print", "exec", "eval", "breakpoint", "__import__"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common"}
OLDEST_PYTHON = (3, 9)


def label(path: Path) -> str:
    """Path in the repository, as the id of a test case."""
    return path.relative_to(REPOSITORY).as_posix()


def module_name(path: Path) -> str:
    """Dotted name of a file of the package."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(source: str, path: Path) -> Set[str]:
    """Absolute dotted names of all that a file imports, at any depth of nesting, also through importlib."""
    package = list(path.relative_to(REPOSITORY).parent.parts)
    found: Set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join(base + ([node.module] if node.module else []))
            found.add(origin)
            found.update(f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called_name(node) in {"import_module", "__import__", "find_spec"}:
            found.update(a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str))
    return found


def top_level(modules: Set[str]) -> Set[str]:
    """First parts of dotted names."""
    return {name.split(".")[0] for name in modules}


def room(name: str) -> str:
    """Package of the engine, or module of its own, that a dotted name lies in; "" = the engine itself or outside it."""
    parts = name.split(".")
    if parts[:2] != ["special_qgis", "engine"] or len(parts) < 3:
        return ""
    is_room = (ENGINE / parts[2]).is_dir() or (ENGINE / f"{parts[2]}.py").is_file()
    return parts[2] if is_room else ""


def offences(source: str) -> List[str]:
    """What a file of the package contains and must not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Assert):
            found.append(f"line {line}: assert")
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"line {line}: bare except")
        elif isinstance(node, ast.Call):
            name = _called_name(node) if isinstance(node.func, ast.Name) else ""
            keywords = {keyword.arg for keyword in node.keywords}
            if name in FORBIDDEN_CALLS:
                found.append(f"line {line}: {name}()")
            if name == "zip" and "strict" in keywords:
                found.append(f"line {line}: zip(strict=) needs Python 3.10")
            if name == "dataclass" and keywords & {"slots", "kw_only"}:
                found.append(f"line {line}: dataclass(slots/kw_only) needs Python 3.10")
    return found


def light_closure() -> Iterator[Tuple[Path, Set[str]]]:
    """The light modules and every module of the package that they pull in, each with what it imports."""
    waiting = [f"special_qgis.engine.{name}" for name in LIGHT_MODULES] + ["special_qgis.engine", "special_qgis"]
    by_name = {module_name(path): path for path in FILES}
    seen: Set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        path = by_name[name]
        imported = set() if name == "special_qgis" else imported_modules(path.read_text(encoding="utf-8"), path)
        waiting.extend(imported)
        yield path, imported


def _called_name(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _loaded_after(statement: str) -> Set[str]:
    code = f"import json, sys\n{statement}\njson.dump(sorted(sys.modules), sys.stdout)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("path", ENGINE_FILES, ids=label)
def test_engine_file_imports_no_qgis(path: Path) -> None:
    imported = imported_modules(path.read_text(encoding="utf-8"), path)
    assert not top_level(imported) & QGIS_PACKAGES


@pytest.mark.parametrize("path", ENGINE_FILES, ids=label)
def test_engine_file_imports_nothing_of_the_plugin_side(path: Path) -> None:
    plugin_modules = {module_name(plugin_file) for plugin_file in PLUGIN_FILES} - {"special_qgis"}
    assert not imported_modules(path.read_text(encoding="utf-8"), path) & plugin_modules


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=label)
def test_plugin_file_imports_only_what_qgis_brings(path: Path) -> None:
    imported = imported_modules(path.read_text(encoding="utf-8"), path)
    assert top_level(imported) - {""} <= PLUGIN_MAY_IMPORT


@pytest.mark.parametrize("name", LIGHT_MODULES)
def test_light_module_exists(name: str) -> None:
    path = ENGINE / name.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_light_modules_import_only_standard_library_and_numpy() -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy", "special_qgis"}
    others = {label(path): top_level(imported) - allowed for path, imported in light_closure()}
    assert {name: extra for name, extra in others.items() if extra} == {}


@pytest.mark.parametrize("name", LIGHT_MODULES)
def test_light_module_imported_alone_loads_no_gdal_qgis_or_heavy_package(name: str) -> None:
    loaded = top_level(_loaded_after(f"import special_qgis.engine.{name}"))
    assert not loaded & (QGIS_PACKAGES | HEAVY_PACKAGES | {"osgeo"})


def test_words_of_the_clip_stage_are_shown_without_a_heavy_package() -> None:
    loaded = top_level(_loaded_after("import special_qgis.engine.clip.prompts"))
    assert not loaded & (QGIS_PACKAGES | HEAVY_PACKAGES | {"osgeo"})


def test_mapping_stages_never_load_what_reads_a_reference() -> None:
    loaded = _loaded_after("import special_qgis.engine.pipeline, special_qgis.engine.true_colour")
    assert "special_qgis.engine.pipeline" in loaded
    assert not [name for name in loaded if name.startswith("special_qgis.engine.accuracy")]
    assert "special_qgis.engine.classes.matching" not in loaded


def test_areas_never_load_what_reads_a_reference() -> None:
    loaded = _loaded_after("import special_qgis.engine.areas.measure")
    of_accuracy = {name.rpartition(".")[2] for name in loaded if name.startswith("special_qgis.engine.accuracy.")}
    assert of_accuracy == {"confusion", "stratified"}


@pytest.mark.parametrize("path", ENGINE_FILES, ids=label)
def test_engine_file_imports_its_own_package_or_lower_layers(path: Path) -> None:
    own = room(module_name(path))
    if own == "":
        return  # the engine's docstring
    imported = {room(name) for name in imported_modules(path.read_text(encoding="utf-8"), path)} - {"", own}
    allowed = {name for name, layer in LAYER_OF.items() if layer < LAYER_OF[own]}
    if LAYER_OF[own] in (GROUND, ENTRIES):
        allowed |= LAYERS[LAYER_OF[own]]
    assert imported <= allowed


def test_every_room_of_the_engine_has_a_layer_and_is_there() -> None:
    assert {room(module_name(path)) for path in ENGINE_FILES} - {""} == set(LAYER_OF)
    assert sum(len(layer) for layer in LAYERS) == len(LAYER_OF)


def test_engine_keeps_few_modules_of_its_own() -> None:
    assert len([path for path in ENGINE.glob("*.py") if path.stem != "__init__"]) <= MOST_MODULES_OF_ITS_OWN


@pytest.mark.parametrize("path", ENGINE_FILES, ids=label)
def test_only_computing_packages_import_pytorch_and_numba(path: Path) -> None:
    heavy = top_level(imported_modules(path.read_text(encoding="utf-8"), path)) & HEAVY_PACKAGES
    assert not heavy or room(module_name(path)) in COMPUTING_PACKAGES


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=label)
def test_package_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert len(docstring.split()) > 5
    if ENGINE in path.parents and path.parent.parent == ENGINE:
        assert "May import" in docstring


@pytest.mark.parametrize("path", ENGINE_FILES, ids=label)
def test_engine_file_reaches_no_network_but_for_downloads(path: Path) -> None:
    imported = imported_modules(path.read_text(encoding="utf-8"), path)
    may_reach = path == ENGINE / "models" / "transfer.py"
    assert may_reach or not imported & NETWORK_MODULES


def test_worker_of_a_campaign_sets_its_threads_before_anything_that_computes_is_loaded() -> None:
    loaded = top_level(_loaded_after("import special_qgis.engine.campaign.worker_process"))
    assert not loaded & (HEAVY_PACKAGES | {"numpy", "osgeo"})


def test_campaign_itself_loads_no_heavy_package_and_jobs_no_campaign() -> None:
    assert not top_level(_loaded_after("import special_qgis.engine.campaign.run")) & (HEAVY_PACKAGES | {"dask"})
    loaded = _loaded_after("import special_qgis.engine.worker, special_qgis.engine.pipeline")
    assert not [name for name in loaded if name.startswith("special_qgis.engine.campaign")]


def test_mapping_stages_never_load_what_downloads() -> None:
    loaded = _loaded_after("import special_qgis.engine.pipeline, special_qgis.engine.models.library")
    assert not {f"special_qgis.engine.models.{name}" for name in ("download", "transfer")} & set(loaded)


def test_package_imported_alone_loads_nothing_else() -> None:
    loaded = _loaded_after("import special_qgis")
    assert {name for name in loaded if name.startswith("special_qgis.")} == set()
    assert not top_level(loaded) & (QGIS_PACKAGES | HEAVY_PACKAGES | {"numpy", "osgeo"})


def test_plugin_started_by_qgis_loads_no_heavy_package() -> None:
    pytest.importorskip("qgis.core")
    loaded = _loaded_after("import special_qgis.plugin, special_qgis.provider")
    assert "qgis" in top_level(loaded)
    assert not top_level(loaded) & HEAVY_PACKAGES


@pytest.mark.parametrize("path", FILES, ids=label)
def test_package_file_contains_nothing_forbidden(path: Path) -> None:
    assert offences(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_package_file_is_read_by_oldest_python(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=OLDEST_PYTHON)


@pytest.mark.parametrize("path", FILES, ids=label)
def test_package_module_name_says_something(path: Path) -> None:
    assert not set(path.relative_to(REPOSITORY).with_suffix("").parts) & VAGUE_NAMES


@pytest.mark.parametrize("path", ALL_FILES, ids=label)
def test_file_begins_with_its_licence(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: GPL-2.0-or-later\n")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import torch.nn as nn", "torch.nn", id="plain"),
        pytest.param("def f():\n    from torch import nn", "torch", id="nested"),
        pytest.param("from ..engine import errors", "special_qgis.engine.errors", id="relative"),
        pytest.param("from . import base", "special_qgis.algorithms.base", id="sibling"),
        pytest.param("import importlib\nimportlib.import_module('scipy.stats')", "scipy.stats", id="importlib"),
    ],
)
def test_imported_modules_finds_every_way_to_import(source: str, expected: str) -> None:
    assert expected in imported_modules(source, PACKAGE / "algorithms" / "x.py")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("print(1)", id="print"),
        pytest.param("x = eval('1')", id="eval"),
        pytest.param("assert x", id="assert"),
        pytest.param("try:\n    f()\nexcept:\n    pass", id="bare-except"),
        pytest.param("zip(a, b, strict=True)", id="zip-strict"),
        pytest.param("@dataclass(frozen=True, slots=True)\nclass A: pass", id="slots"),
    ],
)
def test_offences_names_each_forbidden_thing(source: str) -> None:
    assert len(offences(source)) == 1
