# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("open_clip", reason="the first stage needs the runtime with PyTorch and open_clip")

import torch
from torch._dynamo.exc import TorchDynamoException
from torch._inductor.exc import TritonMissing

from special_qgis.engine.clip.compilation import compiled_features
from special_qgis.engine.clip.dense import dense_features
from special_qgis.engine.clip.loaded_clip import ImageTower
from special_qgis.engine.clip.precision import prepare_tower
from special_qgis.engine.clip.scorer import WindowScorer
from special_qgis.engine.clip.scoring_options import ScoringOptions, choose_upsampler
from special_qgis.engine.clip.tower import is_compiled, uncompiled
from special_qgis.engine.config import ClipConfig
from special_qgis.engine.errors import CompileError
from tests.helpers.clip_models import EMBED_DIM, tiny_clip
from tests.helpers.listener import Listener

REPOSITORY = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")
CONFIG = ClipConfig(upsampler="bilinear", precision="float32", batch=4, compile=True)


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Iterator[None]:
    """What one test compiles, another must not find."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def images(n: int) -> torch.Tensor:
    return torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def scorer(visual: Any, config: ClipConfig, listener: Listener) -> WindowScorer:
    queries = np.eye(2, EMBED_DIM, dtype=np.float32)
    options = ScoringOptions(config, CPU, choose_upsampler(config.upsampler, None))
    return WindowScorer(ImageTower(visual), queries, options, (32, 32), listener)


def use_backend(monkeypatch: pytest.MonkeyPatch, backend: Any) -> None:
    """Have ``torch.compile`` use another backend than a C++ compiler, which takes no time."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))


def failing_backend(error: Exception) -> Callable[..., Any]:
    def compile_graph(graph: Any, inputs: Any) -> Any:
        raise error

    return compile_graph


def has_compiler() -> bool:
    return sys.platform != "win32" and shutil.which(os.environ.get("CXX", "g++")) is not None


def run_stage(tmp_path: Path, **environment: str) -> dict[str, Any]:
    """What ``compiled_stage`` finds in an environment, with nothing compiled before."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.compiled_stage"],
        cwd=REPOSITORY,
        env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler")
def test_stage_compiles_once_for_all_batches_and_gives_the_same(tmp_path: Path) -> None:
    found = run_stage(tmp_path)
    assert found["warnings"] == []
    assert found["compiled"] == [False, True]
    assert found["graphs"] == 4  # a block and the last attention, for several windows and for one
    assert found["difference"] < 2e-3 < found["spread"]  # the store rounds to float16


@pytest.mark.parametrize("name", ["CXX", "PATH"])
def test_stage_without_compiler_warns_once_and_gives_the_same(name: str, tmp_path: Path) -> None:
    found = run_stage(tmp_path, **{"CXX": "g++", name: str(tmp_path / "nowhere")})
    assert found["compiled"] == [False, False]
    assert found["difference"] == 0.0
    (warning,) = found["warnings"]
    assert warning.startswith("PyTorch cannot compile the image tower: InvalidCxxCompiler")
    assert warning.endswith("The stage goes on uncompiled, with the same result.")


def test_scorer_without_triton_warns_once_and_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error that PyTorch raises on a GPU, raised on the CPU."""
    use_backend(monkeypatch, failing_backend(TritonMissing(None)))
    visual, listener, batch = tiny_clip().visual, Listener(), images(9).numpy()
    scoring = scorer(visual, CONFIG, listener)
    wanted = scorer(visual, replace(CONFIG, compile=False), listener).score(batch)
    np.testing.assert_array_equal(scoring.score(batch), wanted)
    assert not scoring.is_compiled
    (warning,) = listener.warnings
    assert "working triton installation" in warning


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RuntimeError("Windows not yet supported for torch.compile"), id="system"),
        pytest.param(PermissionError(13, "Permission denied", "/cache"), id="no folder"),
    ],
)
def test_scorer_where_pytorch_never_compiles_warns_once(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(visual: Any, fullgraph: bool) -> Any:
        raise error

    monkeypatch.setattr(torch, "compile", refuse)
    listener = Listener()
    scoring = scorer(tiny_clip().visual, CONFIG, listener)
    scoring.score(images(9).numpy())
    assert not scoring.is_compiled
    (warning,) = listener.warnings
    assert str(error) in warning


def test_features_beyond_the_limit_of_forms_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, "eager")
    visual = tiny_clip().visual
    with torch.inference_mode(), torch._dynamo.config.patch(recompile_limit=1):
        compiled_features(visual, images(4))
        compiled_features(visual, images(3))
        with pytest.raises(CompileError, match="as many forms in this process as it allows"):
            compiled_features(visual, images(1))


def test_missing_memory_of_compiled_code_asks_for_less_and_stays_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_graph(graph: Any, inputs: Any) -> Any:
        def run(*inputs: Any) -> Any:
            if any(isinstance(x, torch.Tensor) and x.ndim == 3 and len(x) > 2 for x in inputs):
                raise torch.OutOfMemoryError("CUDA out of memory")
            return graph(*inputs)

        return run

    visual, listener, batch = tiny_clip().visual, Listener(), images(4).numpy()
    wanted = scorer(visual, replace(CONFIG, compile=False), listener).score(batch)
    use_backend(monkeypatch, compile_graph)
    scoring = scorer(visual, CONFIG, listener)
    np.testing.assert_allclose(scoring.score(batch), wanted, atol=1e-5)
    assert scoring.is_compiled
    assert (scoring.batch, listener.warnings) == (2, [])


def test_tower_that_came_compiled_is_scored_compiled_in_any_precision() -> None:
    visual = tiny_clip().visual
    compiled = torch.compile(visual, backend="eager")
    assert uncompiled(compiled) is visual
    prepared = prepare_tower(compiled, CPU, torch.float64)
    assert is_compiled(prepared)
    assert visual.conv1.weight.dtype == torch.float32
    scoring = scorer(compiled, replace(CONFIG, compile=False), Listener())
    wanted = scorer(visual, replace(CONFIG, compile=False), Listener()).score(images(3).numpy())
    np.testing.assert_allclose(scoring.score(images(3).numpy()), wanted, atol=1e-5)
    assert scoring.is_compiled


def test_tower_that_came_compiled_and_cannot_be_tells_pytorchs_error() -> None:
    compiled = torch.compile(tiny_clip().visual, backend=failing_backend(ValueError("no such instruction")))
    with torch.inference_mode(), pytest.raises(TorchDynamoException, match="no such instruction"):
        dense_features(compiled, images(2))
