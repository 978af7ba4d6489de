# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

pytest.importorskip("open_clip", reason="the first stage needs the runtime with PyTorch and open_clip")

import torch
from torch.nn import functional

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.clip import scorer as clip_scorer
from special_qgis.engine.clip import windows as clip_windows
from special_qgis.engine.clip.dense import dense_features
from special_qgis.engine.clip.loaded_clip import OPENAI_MEAN, OPENAI_STD, ImageTower, LoadedClip
from special_qgis.engine.clip.precision import LARGEST_CPU_BATCH, choose_batch, choose_precision
from special_qgis.engine.clip.scorer import WindowScorer
from special_qgis.engine.clip.scoring_options import ScoringOptions, choose_upsampler
from special_qgis.engine.clip.source import ArrayColours, SceneColours
from special_qgis.engine.clip.stage import score_scene
from special_qgis.engine.clip.text import embed_classes
from special_qgis.engine.clip.upsampling import read_weights
from special_qgis.engine.compute.devices import choose_device, is_out_of_memory
from special_qgis.engine.config import ClipConfig, SceneConfig
from special_qgis.engine.errors import Cancelled, ConfigError, EngineError, SpectraError
from special_qgis.engine.evidence.tile_store import TileStore
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.report.summary import ClipSummary
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.windows import Window
from tests.helpers.clip_models import jbu_state, tiny_clip, tokenizer
from tests.helpers.listener import Listener
from tests.helpers.small_scene import SIDE_PX, WAVELENGTHS_NM, cube, write_raster
from tests.helpers.whole_upsampler import upsample

CLASSES = parse_classes("water: river; trees; bare soil")
EXACT = ClipConfig(scales=(1.0, 2.0), use_aliases=False, templates="remote_sensing", precision="float32", tolerance=0.0)
ROWS, COLS = 45, 70


def colours(rows: int = ROWS, cols: int = COLS, seed: int = 0) -> np.ndarray:
    """Smooth random colours."""
    coarse = torch.from_numpy(np.random.default_rng(seed).random((1, 3, 6, 8)).astype(np.float32))
    return functional.interpolate(coarse, size=(rows, cols), mode="bilinear")[0].numpy()


def options(config: ClipConfig, upsampler: Any = None) -> ScoringOptions:
    """On the processor; ``upsampler`` is a state dict."""
    weights = read_weights(upsampler) if upsampler is not None else None
    return ScoringOptions(config, torch.device("cpu"), choose_upsampler(config.upsampler, weights))


def score(
    source: Any, config: ClipConfig = EXACT, upsampler: Any = None, progress: Any = None, model: Any = None
) -> tuple[np.ndarray, np.ndarray, ClipSummary]:
    """Probabilities, valid pixels and summary of a whole source."""
    with TileStore(source.rows, source.cols, len(CLASSES)) as store:
        clip = LoadedClip(model or tiny_clip(), tokenizer())
        summary = score_scene(source, clip, CLASSES, options(config, upsampler), store, progress or NullProgress())
        return (*store.read(Window(0, 0, source.rows, source.cols)), summary)


@torch.no_grad()
def literal_probabilities(rgb: np.ndarray, config: ClipConfig, state: Any) -> np.ndarray:
    """The published procedure, one window of 32 at a time, with all channels: factors 1 and 2, mean blending."""
    model = tiny_clip().double()
    embeddings = embed_classes(LoadedClip(tiny_clip(), tokenizer()), CLASSES, replace(config, use_aliases=False))
    text = torch.from_numpy(embeddings.queries).double()
    mean, std = (torch.tensor(values).double()[:, None, None] for values in (OPENAI_MEAN, OPENAI_STD))
    total = torch.zeros(len(CLASSES), *rgb.shape[1:], dtype=torch.float64)
    for factor in (1, 2):
        image = torch.from_numpy(enlarged(rgb, factor)).double()
        sums, counts = torch.zeros(len(text), *image.shape[1:], dtype=torch.float64), torch.zeros(image.shape[1:])
        for top in starts(image.shape[1]):
            for left in starts(image.shape[2]):
                here = (slice(top, top + 32), slice(left, left + 32))
                window = (image[(slice(None), *here)][None] - mean) / std
                features, first = dense_features(model.visual, window)
                large = functional.normalize(upsample(state, features, window, n_steps=3), dim=1)
                scores = torch.einsum("bdij,qd->qij", large, text)
                scores -= 0.3 * (functional.normalize(first, dim=1) @ text.T)[0, :, None, None]
                sums[(slice(None), *here)] += scores
                counts[here] += 1
        by_query = torch.softmax(50.0 * sums / counts, dim=0)
        by_class = torch.stack([by_query[:2].amax(0), by_query[2], by_query[3]])
        total += functional.avg_pool2d(by_class[None], factor)[0]
    return (total / total.sum(0)).numpy()


def starts(length: int) -> list[int]:
    """Every 16 pixels, the last window at the border."""
    return [*range(0, length - 32, 16), length - 32]


def enlarged(rgb: np.ndarray, factor: int) -> np.ndarray:
    """Keys' cubic from its definition, the border repeated."""
    if factor == 1:
        return rgb

    def kernel(x: float) -> float:
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    def matrix(n: int) -> np.ndarray:
        weights = np.zeros((n * factor, n))
        for out in range(n * factor):
            centre = (out + 0.5) / factor - 0.5
            for place in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
                weights[out, min(max(place, 0), n - 1)] += kernel(centre - place)
        return weights

    large = np.einsum("yr,crk,xk->cyx", matrix(rgb.shape[1]), rgb, matrix(rgb.shape[2]))
    return np.clip(large, 0.0, 1.0).astype(np.float32)


@pytest.mark.parametrize("kind", ["jbu_one", "jbu_stack"])
def test_stage_equals_the_published_procedure_written_out(kind: str) -> None:
    rgb, state = colours(), jbu_state(kind)
    found, valid, summary = score(ArrayColours(rgb), replace(EXACT, blending="mean"), state)
    wanted = literal_probabilities(rgb, EXACT, state)
    assert valid.all()
    assert float(wanted.std()) > 0.02
    np.testing.assert_allclose(found, wanted, atol=2e-3)  # the store rounds to float16
    assert summary.upsampler == kind


def test_summary_tells_what_was_done_and_becomes_plain_json() -> None:
    listener = Listener()
    _, _, summary = score(ArrayColours(colours(), gsd_m=4.0), replace(EXACT, scales=()), progress=listener)
    assert summary.to_json() == json.loads(json.dumps(summary.to_json()))
    assert summary.words == (("water", "river"), ("trees",), ("bare soil",))
    assert summary.scales == (2.0, 4.0)
    assert summary.pixel_m == 4.0
    assert summary.window_px == ((32, 32), (32, 32))
    assert summary.n_windows == (5 * 8, 11 * 17)
    assert (summary.upsampler, summary.precision, summary.device) == ("bilateral", "float32", "cpu")
    assert summary.compiled is False
    fractions = [fraction for fraction, _ in listener.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


@pytest.mark.parametrize("blending", ["mean", "hann"])
@pytest.mark.parametrize("upsampler", ["bilateral", "bilinear", "jbu_one"])
def test_stage_does_not_depend_on_batch_or_memory(
    upsampler: str, blending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ArrayColours(colours(), guide=colours(seed=1))
    config = replace(EXACT, upsampler=upsampler, blending=blending)
    state = jbu_state() if upsampler == "jbu_one" else None
    wanted, _, _ = score(source, replace(config, batch=8), state)
    monkeypatch.setattr(clip_windows, "LARGEST_IN_MEMORY_BYTES", 1000)
    found, _, _ = score(source, replace(config, batch=1), state)
    np.testing.assert_allclose(found, wanted, atol=1.1e-3)  # one step of float16
    np.testing.assert_array_equal(found.argmax(0), wanted.argmax(0))


@pytest.mark.parametrize(
    ("rows", "cols", "scales"),
    [
        pytest.param(8, 9, (1.0,), id="tiny"),
        pytest.param(8, 9, (0.25, 8.0), id="tiny, shrunk and enlarged"),
        pytest.param(8, 200, (0.5, 1.0), id="flat"),
        pytest.param(33, 31, (1.5, 4.0), id="odd"),
    ],
)
def test_stage_of_a_small_scene_gives_probabilities_everywhere(rows: int, cols: int, scales: Any) -> None:
    found, valid, _ = score(ArrayColours(colours(rows, cols)), replace(EXACT, scales=scales), jbu_state())
    assert valid.all()
    np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=2e-3)


@pytest.mark.parametrize("kind", ["jbu_one", "jbu_stack", None])
def test_stage_of_patches_whose_side_is_no_power_of_two(kind: Optional[str]) -> None:
    """ViT-L/14 has such; what the upsampler gives is brought to the window's pixels."""
    model = tiny_clip(image_px=48, patch_px=12)
    state = jbu_state(kind) if kind else None
    found, _, summary = score(ArrayColours(colours(60, 50)), replace(EXACT, scales=(1.0,)), state, model=model)
    assert summary.window_px == ((48, 48),)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=2e-3)


def test_stage_of_several_rows_of_tiles_joins_them() -> None:
    """Twice the same picture, one above the other: what is far from the seam is the same."""
    rgb = colours(288, 40)
    config = replace(EXACT, scales=(1.0,), upsampler="bilinear")
    found, _, _ = score(ArrayColours(np.concatenate([rgb, rgb], axis=1)), config)
    assert found.shape == (3, 576, 40)
    np.testing.assert_allclose(found[:, 320:540], found[:, 32:252], atol=1.1e-3)


def test_stage_leaves_invalid_pixels_out_and_passes_windows_without_any_over(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, valid = colours(), np.ones((ROWS, COLS), bool)
    valid[:, :40] = False
    scored = []
    score_windows = WindowScorer.score

    def counting(self: WindowScorer, images: Any, *others: Any) -> Any:
        scored.append(len(images))
        return score_windows(self, images, *others)

    monkeypatch.setattr(WindowScorer, "score", counting)
    config = replace(EXACT, scales=(1.0,), upsampler="bilinear")
    found, known, summary = score(ArrayColours(rgb, valid), config)
    np.testing.assert_array_equal(known, valid)
    assert (found[:, ~valid] == 0.0).all()
    np.testing.assert_allclose(found[:, valid].sum(axis=0), 1.0, atol=2e-3)
    assert sum(scored) < summary.n_windows[0]


def test_stage_scores_the_same_whatever_was_asked_before() -> None:
    source = ArrayColours(colours())
    first, _, _ = score(source)
    second, _, _ = score(source)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("message", ["Encoding", "Comparing"])
def test_stage_when_cancelled_stops(message: str) -> None:
    listener = Listener(cancel_on=message)
    with pytest.raises(Cancelled):
        score(ArrayColours(colours()), progress=listener)
    assert listener.since_cancel_s() < 1.0


def test_store_of_another_size_is_refused() -> None:
    source = ArrayColours(colours())
    with TileStore(ROWS, COLS, 2) as store, pytest.raises(ConfigError, match="2 classes"):
        score_scene(source, LoadedClip(tiny_clip(), tokenizer()), CLASSES, options(EXACT), store, NullProgress())


class Hungry:
    """Stands for memory: a batch of more than ``limit`` windows does not fit."""

    def __init__(self, limit: int) -> None:
        self.limit, self.sizes = limit, []
        self._real = clip_scorer.dense_features

    def __call__(self, visual: Any, images: Any, **others: Any) -> Any:
        self.sizes.append(len(images))
        if len(images) > self.limit:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory")
        return self._real(visual, images, **others)


def test_out_of_memory_makes_batches_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    source, config, listener = ArrayColours(colours()), replace(EXACT, scales=(1.0,), batch=4), Listener()
    wanted, _, _ = score(source, config)
    hungry = Hungry(1)
    monkeypatch.setattr(clip_scorer, "dense_features", hungry)
    found, _, summary = score(source, config, progress=listener)
    assert hungry.sizes[:3] == [4, 2, 1]
    assert max(hungry.sizes[2:]) == 1
    assert summary.batch == 1
    assert [text for text in listener.infos if "windows at once" in text] == [
        "Memory does not suffice; 2 windows at once are tried.",
        "Memory does not suffice; 1 windows at once are tried.",
    ]
    np.testing.assert_allclose(found, wanted, atol=1.1e-3)


def test_out_of_memory_for_one_window_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_scorer, "dense_features", Hungry(0))
    with pytest.raises(EngineError, match="does not suffice for one window"):
        score(ArrayColours(colours()))


def test_out_of_memory_on_a_gpu_ends_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device stands for a GPU: it has a name of its own and no memory."""
    listener = Listener()
    queries = functional.normalize(torch.randn(4, 24, generator=torch.Generator().manual_seed(0)), dim=1).numpy()
    scorer = WindowScorer(ImageTower(tiny_clip().visual), queries, options(EXACT), (32, 32), listener)
    images = np.random.default_rng(0).random((2, 3, 32, 32)).astype(np.float32)
    wanted = scorer.score(images)
    scorer.device, scorer.batch = torch.device("meta"), 1

    def failing(self: Any, batch: Any, *others: Any) -> Any:
        monkeypatch.undo()
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(WindowScorer, "_score_batch", failing)
    np.testing.assert_allclose(scorer.score(images), wanted, atol=1e-6)
    assert scorer.device.type == "cpu"
    assert len(listener.warnings) == 1


def test_other_errors_are_not_taken_for_missing_memory() -> None:
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    assert is_out_of_memory(MemoryError())


def test_bfloat16_scores_nearly_the_same() -> None:
    source = ArrayColours(colours())
    wanted, _, _ = score(source)
    found, _, summary = score(source, replace(EXACT, precision="bfloat16"))
    assert summary.precision == "bfloat16"
    assert float(np.abs(found - wanted).mean()) < 0.02


@pytest.mark.parametrize(("factor", "precision"), [(1e6, "float16"), (float("nan"), "float32")])
def test_features_that_are_not_finite_are_told(factor: float, precision: str) -> None:
    """Too large for float16, the features are finite in float32; those of a damaged model are not."""
    source, config, model = ArrayColours(colours()), replace(EXACT, scales=(1.0,)), tiny_clip()
    with torch.no_grad():
        model.visual.proj.mul_(factor)
    listener = Listener()
    if precision == "float32":
        with pytest.raises(ConfigError, match="not finite"):
            score(source, config, model=model, progress=listener)
        return
    found, _, summary = score(source, replace(config, precision=precision), model=model, progress=listener)
    wanted, _, _ = score(source, config)
    assert [text for text in listener.warnings if "too large for torch.float16" in text]
    assert summary.precision == "float32"
    np.testing.assert_allclose(found, wanted, atol=5e-3)


def test_tolerance_changes_probabilities_by_little() -> None:
    source = ArrayColours(colours())
    wanted, _, _ = score(source)
    found, _, summary = score(source, replace(EXACT, tolerance=0.001))
    assert summary.tolerance == 0.001
    assert float(np.abs(found - wanted).max()) < 0.02


def test_scoring_leaves_the_model_as_it_was() -> None:
    model = tiny_clip()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    score(ArrayColours(colours()), replace(EXACT, precision="bfloat16", scales=(1.0,)), model=model)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        ("automatic", None, "bilateral"),
        ("automatic", "jbu_one", "jbu_one"),
        ("automatic", "jbu_stack", "jbu_stack"),
        ("bilinear", "jbu_one", "bilinear"),
        ("jbu_stack", "jbu_stack", "jbu_stack"),
    ],
)
def test_upsampler_is_the_wanted_one_or_the_best_at_hand(wanted: str, there: Optional[str], expected: str) -> None:
    weights = read_weights(jbu_state(there)) if there else None
    chosen = choose_upsampler(wanted, weights)
    assert chosen.kind == expected
    assert (chosen.weights is weights) == expected.startswith("jbu") or weights is None
    assert chosen.uses_spectra == (expected == "bilateral")


@pytest.mark.parametrize("there", [None, "jbu_stack"])
def test_upsampler_that_is_not_there_is_refused(there: Optional[str]) -> None:
    weights = read_weights(jbu_state(there)) if there else None
    with pytest.raises(ConfigError, match="upsampler is jbu_one"):
        choose_upsampler("jbu_one", weights)


def test_upsampler_of_another_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="upsampler's weights have 16 dimensions"):
        score(ArrayColours(colours()), upsampler=jbu_state(dimensions=16))


def test_batch_on_a_cpu_shrinks_with_the_model() -> None:
    visual = tiny_clip().visual
    cpu = torch.device("cpu")
    assert choose_batch(7, visual, (32, 32), cpu) == 7
    assert choose_batch(0, visual, (32, 32), cpu) == LARGEST_CPU_BATCH
    assert choose_batch(0, visual, (4096, 4096), cpu) < 8


def test_precision_and_device_are_chosen() -> None:
    cpu = torch.device("cpu")
    assert choose_device("cpu") == cpu
    assert choose_precision("float16", cpu) == torch.float16
    assert choose_precision("automatic", torch.device("cuda")) == torch.float16
    assert choose_precision("automatic", cpu) in (torch.float32, torch.bfloat16)
    with pytest.raises(ConfigError, match="device must be"):
        choose_device("abacus")


@pytest.fixture
def scene_path(tmp_path: Path) -> Path:
    values = np.tile(cube(), (1, 2, 3))
    values[:, 3:6, 4:9] = -1
    return write_raster(tmp_path / "scene.tif", values, WAVELENGTHS_NM)


def test_scene_gives_colours_pixel_size_and_components(scene_path: Path) -> None:
    with open_scene(SceneConfig(str(scene_path))) as scene:
        source = SceneColours(scene, ClipConfig(), True, NullProgress())
        whole = Window(0, 0, scene.rows, scene.cols)
        rgb, valid = source.read(whole)
        guide = source.guide(whole)
        block = scene.read(whole)
    assert (source.rows, source.cols, source.gsd_m) == (2 * SIDE_PX, 3 * SIDE_PX, 4.0)
    assert rgb.min() >= 0.0
    assert rgb.max() == 1.0
    np.testing.assert_array_equal(valid, block.valid)
    assert guide is not None
    assert np.abs(guide[0][valid].std() - 1.0) < 0.1
    assert np.abs(np.corrcoef(guide[:, valid])[np.triu_indices(3, 1)]).max() < 0.05
    np.testing.assert_allclose(
        rgb[:, ~valid], np.broadcast_to(rgb[:, valid].mean(1)[:, None], (3, (~valid).sum())), atol=0.02
    )
    assert (guide[:, ~valid] == 0.0).all()


def test_scene_is_scored_the_same_whatever_the_memory(scene_path: Path) -> None:
    results = []
    for budget in (0, 1):
        with open_scene(SceneConfig(str(scene_path), memory_budget_bytes=budget)) as scene:
            source = SceneColours(scene, ClipConfig(), True, NullProgress())
            results.append(score(source, replace(EXACT, scales=(1.0,))))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_scene_without_visible_bands_is_refused(tmp_path: Path) -> None:
    infrared = WAVELENGTHS_NM > 900.0
    path = write_raster(tmp_path / "infrared.tif", cube()[infrared], WAVELENGTHS_NM[infrared])
    with open_scene(SceneConfig(str(path))) as scene, pytest.raises(SpectraError, match="655"):
        SceneColours(scene, ClipConfig(), False, NullProgress())


def test_published_options_are_the_published_constants() -> None:
    config = ClipConfig.published()
    assert (config.window_px, config.stride_px, config.scales) == (224, 112, (1.0, 2.0))
    assert (config.templates, config.blending, config.upsampler) == ("openai", "mean", "jbu_one")
    assert not config.use_aliases
    assert config.tolerance == 0.0
    assert ClipConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_px": -1}, "window_px must be from 0 to 4096"),
        ({"window_px": 64, "stride_px": 65}, "stride_px must be from 0 to window_px"),
        ({"scales": (0.1,)}, "scales must be different factors from 1/8 to 8"),
        ({"scales": (2, 2.0)}, "scales must be different"),
        ({"blending": "sum"}, "blending must be one of hann, mean"),
        ({"upsampler": "best"}, "upsampler must be one of"),
        ({"templates": "none"}, "templates must be one of"),
        ({"precision": "int8"}, "precision must be one of"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"cls_debias": 1.5}, "cls_debias must be from 0 to 1"),
        ({"tolerance": 0.5}, "tolerance must be from 0 to 0.1"),
        ({"batch": -1}, "batch must be from 0"),
        ({"low_quantile": 0.9, "high_quantile": 0.1}, "low_quantile, high_quantile must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_options_that_are_not_accepted_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ClipConfig(**change)
