# SPDX-License-Identifier: GPL-2.0-or-later
"""A look into a file is bounded in time and memory and ends with an answer or an ``EngineError``, whatever it holds."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from special_qgis.engine.errors import EngineError, ModelError
from special_qgis.engine.models.inspection import inspect
from special_qgis.engine.models.library import list_models
from special_qgis.engine.models.tasks import list_in
from tests.helpers.checkpoint_files import clip_shapes, write_safetensors
from tests.helpers.hostile_checkpoints import CORPUS, OLD_START, zipped

REPOSITORY = Path(__file__).resolve().parents[3]
LONGEST_S = 10.0
MOST_BYTES = 500 * 2**20
N_MUTATIONS = 20_000 if os.environ.get("SPECIAL_FUZZ") == "nightly" else 700  # of each kind of file

LOOK_INTO_ALL = """
import json, resource, sys, time
from pathlib import Path
from special_qgis.engine.errors import EngineError
from special_qgis.engine.models.inspection import inspect
for path in sorted(Path(sys.argv[1]).iterdir()):
    begun = time.monotonic()
    try:
        said = str(inspect(path))
        kind = "facts"
    except EngineError as error:
        said, kind = str(error), "EngineError"
    except BaseException as error:
        said, kind = str(error)[:300], type(error).__name__
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if sys.platform == "linux":  # where ru_maxrss also counts what the starter had before this program took its place
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    print(json.dumps([path.stem, kind, time.monotonic() - begun, peak, len(said), said[:300]]), flush=True)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    """What a process of its own finds in each file of the corpus."""
    pytest.importorskip("resource")
    folder = tmp_path_factory.mktemp("hostile")
    for name, make in CORPUS.items():
        (folder / f"{name}.pt").write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", LOOK_INTO_ALL, str(folder)], cwd=REPOSITORY, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    found = {line[0]: line[1:] for line in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, f"died after {list(found)[-1:]}: {done.stderr[-500:]}"
    return found


@pytest.mark.parametrize("name", CORPUS)
def test_inspect_hostile_file_is_refused_within_bounds(outcomes: Dict[str, Any], name: str) -> None:
    kind, took_s, peak_bytes, n_chars, said = outcomes[name]
    assert kind == ("facts" if name in ("compact-list", "compact-config") else "EngineError"), said
    assert took_s < LONGEST_S
    assert peak_bytes < MOST_BYTES
    assert n_chars < 1000


def test_list_models_folder_of_hostile_files_lists_them(tmp_path: Path) -> None:
    for name in ("memo-index", "tuple-key", "encrypted", "shape-infinite", "metadata-number"):
        (tmp_path / f"{name}.pt").write_bytes(CORPUS[name]())
    (tmp_path / "deep.card.json").write_text("[" * 900_000)
    (tmp_path / "odd.card.json").write_text('{"name": "a", "file": "memo-index.pt", "kind": "clip", "architecture": 1}')
    assert len([model for model in list_models(tmp_path) if not model.is_demo]) == 5
    assert list_in(tmp_path)["default"] == ""


@pytest.mark.parametrize("text", ["[" * 900_000, "9" * 900_000, '{"embed_dim": 1, "vision_cfg": 5, "text_cfg": {}}'])
def test_inspect_configuration_beside_the_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = write_safetensors(tmp_path / "clip.safetensors", clip_shapes())
    (tmp_path / "open_clip_config.json").write_text(text)
    with pytest.raises(ModelError, match="no configuration of open_clip"):
        inspect(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("image_size", []), ("image_size", "x"), ("layers", 1e400), ("width", None), ("patch_size", [8])],
)
def test_inspect_configuration_with_sizes_that_are_none_is_refused(tmp_path: Path, field: str, value: object) -> None:
    config = {"embed_dim": 32, "vision_cfg": {"width": 64, "layers": 2, field: value}, "text_cfg": {}}
    metadata = {"open_clip_config": json.dumps(config)}
    path = write_safetensors(tmp_path / "clip.safetensors", clip_shapes(), metadata)
    with pytest.raises(ModelError):
        inspect(path)


def good_pickle() -> bytes:
    """A pickle with all sorts of instructions that checkpoints have."""
    state: Dict[str, object] = {f"visual.{n}": (n, [1.5, None, True], {"a": b"bytes"}, "text") for n in range(5)}
    return pickle.dumps({"state_dict": state, "epoch": 3, "args": {1, 2}}, 4)


def mutate(data: bytes, chance: random.Random) -> bytes:
    """The data with a few bytes changed, removed, or copied to other places."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(changed) or 1)
        way = chance.randrange(4)
        if way == 0 and changed:
            changed[place] = chance.randrange(256)
        elif way == 1:
            del changed[place : place + chance.randint(1, 8)]
        elif way == 2:
            changed[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
        else:
            other = chance.randrange(len(changed) or 1)
            changed[place:place] = changed[other : other + chance.randint(1, 32)]
    return bytes(changed)


@pytest.mark.parametrize("kind", ["zip", "pickle-in-zip", "old", "safetensors"])
def test_inspect_mutated_file_gives_facts_or_an_engine_error(tmp_path: Path, kind: str) -> None:
    chance = random.Random(20260101)
    good = good_pickle()
    shapes = dict.fromkeys(list(clip_shapes())[:12], (0,))
    safe = write_safetensors(tmp_path / "good", shapes, {"open_clip_config": '{"embed_dim": 1}'}).read_bytes()
    path = tmp_path / "changed.pt"
    n_refused = 0
    for _ in range(N_MUTATIONS):
        data = {
            "zip": lambda: mutate(zipped(good, byteorder=b"little"), chance),
            "pickle-in-zip": lambda: zipped(mutate(good, chance)),
            "old": lambda: OLD_START + mutate(good, chance),
            "safetensors": lambda: mutate(safe, chance),
        }[kind]()
        path.write_bytes(data)
        try:
            inspect(path)
        except EngineError as error:
            n_refused += 1
            assert len(str(error)) < 2000
    assert n_refused > N_MUTATIONS // 2
