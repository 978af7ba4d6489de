# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Iterator, List

import numpy as np
import pytest

pytest.importorskip("torch", reason="stage 2 needs the runtime with PyTorch")
import torch
from torch import nn

from special_qgis.engine.confidence import decide
from special_qgis.engine.config import RefineConfig
from special_qgis.engine.errors import Cancelled, InputError, RefinementError
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine import refinement, stage_one, train
from special_qgis.engine.refine.refinement import refine
from special_qgis.engine.refine.stage_one import ArrayPixels, StageOneTile, probabilities_of_labels
from special_qgis.engine.refine.tiles import plan_training, take_census
from tests.helpers.listener import Listener
from tests.helpers.noisy_scene import N_CLASSES, Constant, NoisyScene, noisy_scene, small_network

SHORT = RefineConfig(
    epochs=6,
    iterations_per_epoch=10,
    warm_up_epochs=3,
    learning_rate=1e-2,
    final_learning_rate=1e-3,
    candidate_px=1000,
)
TILED = replace(SHORT, tile_px=32, halo_px=8, training_tiles=6)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are slower on several threads, which wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def scene() -> NoisyScene:
    return noisy_scene()


def share_right(probabilities: np.ndarray, scene: NoisyScene) -> float:
    labels, _ = decide(probabilities, scene.valid)
    return float((labels == scene.truth)[scene.valid].mean())


@pytest.mark.parametrize("config", [SHORT, TILED], ids=["whole scene", "tiles"])
def test_refinement_of_regionwise_noise_finds_the_truth(scene: NoisyScene, config: RefineConfig) -> None:
    found = refine(scene.cube, scene.valid, scene.probabilities, small_network, config)
    assert share_right(scene.probabilities, scene) < 0.8
    assert share_right(found.probabilities, scene) > 0.95
    np.testing.assert_allclose(found.probabilities.sum(axis=0)[scene.valid], 1.0, rtol=1e-4)
    assert not found.probabilities[:, ~scene.valid].any()


@pytest.mark.parametrize("config", [SHORT, TILED], ids=["whole scene", "tiles"])
def test_refinement_with_the_same_seed_gives_the_same_bytes(scene: NoisyScene, config: RefineConfig) -> None:
    first, second, other = (
        refine(scene.cube, scene.valid, scene.probabilities, small_network, config, seed) for seed in (1, 1, 2)
    )
    assert first.probabilities.tobytes() == second.probabilities.tobytes()
    assert first.history.losses == second.history.losses
    assert first.probabilities.tobytes() != other.probabilities.tobytes()


def test_refinement_leaves_torch_s_own_random_state_alone(scene: NoisyScene) -> None:
    state = torch.get_rng_state()
    refine(scene.cube, scene.valid, scene.probabilities, small_network, replace(SHORT, epochs=3))
    assert torch.equal(torch.get_rng_state(), state)


def test_refinement_does_not_depend_on_what_invalid_pixels_hold(scene: NoisyScene) -> None:
    spoiled = scene.cube.copy()
    spoiled[:, ~scene.valid] = np.nan
    first, second = (
        refine(cube, scene.valid, scene.probabilities, small_network, SHORT) for cube in (scene.cube, spoiled)
    )
    assert first.probabilities.tobytes() == second.probabilities.tobytes()


def test_refinement_does_not_depend_on_the_unit_of_values(scene: NoisyScene) -> None:
    first, second = (
        refine(cube, scene.valid, scene.probabilities, small_network, SHORT) for cube in (scene.cube, scene.cube * 4.0)
    )
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-3)


def test_learning_rate_steps_once_an_iteration_down_to_the_last(
    scene: NoisyScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: List[float] = []
    plain_step = torch.optim.Adam.step

    def watched(self: torch.optim.Adam) -> None:
        rates.append(self.param_groups[0]["lr"])
        plain_step(self)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    refine(scene.cube, scene.valid, scene.probabilities, small_network, SHORT)
    assert len(rates) == 60
    assert (np.diff(rates) < 0).all()
    assert rates[0] == pytest.approx(SHORT.learning_rate)
    assert rates[-1] == pytest.approx(SHORT.final_learning_rate)


def test_history_tells_loss_and_agreement_of_every_step_and_sets_of_every_epoch(scene: NoisyScene) -> None:
    listener = Listener()
    found = refine(scene.cube, scene.valid, scene.probabilities, small_network, SHORT, progress=listener)
    history = found.history
    assert len(history.losses) == len(history.agreements) == 60
    assert len(history.confident_px) == len(history.hard_px) == 3
    assert history.losses[29] < history.losses[0]
    assert 0.6 < history.final_agreement < 0.9  # stage 1 is wrong in a quarter
    fractions = [fraction for fraction, _ in listener.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert sum("loss" in text and "agreement" in text for _, text in listener.progress) == 60


@pytest.mark.parametrize("message", ["Looking", "Preparing", "step 1 of", "step 35 of", "Mapping"], ids=str)
def test_refinement_cancelled_anywhere_stops_within_a_second(scene: NoisyScene, message: str) -> None:
    listener = Listener(cancel_on=message)
    with pytest.raises(Cancelled):
        refine(scene.cube, scene.valid, scene.probabilities, small_network, SHORT, progress=listener)
    assert listener.since_cancel_s() < 1.0


class BecomesNaN(nn.Module):
    """A network that breaks after some steps."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.inner = small_network(bands, classes)
        self.n_calls = 0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.n_calls += 1
        logits: torch.Tensor = self.inner(image)
        return logits * float("nan") if self.n_calls > 5 else logits


def test_training_that_diverges_fails_with_its_reason_and_the_way_back(scene: NoisyScene) -> None:
    with pytest.raises(RefinementError, match=r"step 6 .* not a number.*stage-1 result") as caught:
        refine(scene.cube, scene.valid, scene.probabilities, BecomesNaN, SHORT)
    assert caught.value.reason == "loss"


def test_map_of_one_class_fails_as_collapsed(scene: NoisyScene) -> None:
    with pytest.raises(RefinementError, match=r"class 2 100% .*stage-1 result") as caught:
        refine(scene.cube, scene.valid, scene.probabilities, lambda b, k: Constant([0.0, 3.0, 0.0]), SHORT)
    assert caught.value.reason == "collapse"


def test_map_of_one_class_where_stage_one_says_so_too_is_accepted(scene: NoisyScene) -> None:
    labels = np.where(scene.valid, 2, 0).astype(np.uint8)
    stage = probabilities_of_labels(labels, np.full(labels.shape, 0.5, np.float32), N_CLASSES)
    found = refine(scene.cube, scene.valid, stage, small_network, SHORT)
    assert (found.probabilities[:, scene.valid].argmax(axis=0) == 1).all()


def test_map_that_forgets_what_stage_one_was_sure_of_fails(scene: NoisyScene) -> None:
    class Shuffled(nn.Module):
        """Learns nothing, and says classes by column."""

        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(1))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            columns = torch.arange(image.shape[3]) % N_CLASSES
            logits = 5.0 * torch.eye(N_CLASSES)[:, columns][None, :, None, :]
            return logits.expand(1, N_CLASSES, *image.shape[2:]) + 0.0 * self.unused

    with pytest.raises(RefinementError, match=r"keeps 3.% of what stage 1") as caught:
        refine(scene.cube, scene.valid, scene.probabilities, lambda b, k: Shuffled(), SHORT)
    assert caught.value.reason == "disagreement"


def test_class_that_wins_nowhere_stays_alive_where_it_is_likeliest(scene: NoisyScene) -> None:
    stage = np.zeros((4, *scene.truth.shape), np.float32)
    stage[:3] = np.eye(3, dtype=np.float32)[:, scene.truth - 1] * 0.9 + 0.1 / 3
    stage[:, scene.truth == 1] = np.array([0.52, 0.0, 0.0, 0.48], np.float32)[:, None]
    found = refine(scene.cube, scene.valid, stage, small_network, replace(SHORT, warm_up_epochs=6))
    where = scene.valid & (scene.truth == 1)
    assert found.probabilities[3][where].mean() > 0.15
    assert found.probabilities[3][scene.valid & (scene.truth != 1)].mean() < 0.05


def test_class_that_stage_one_gives_no_probability_at_all_stays_out(scene: NoisyScene) -> None:
    stage = np.concatenate([scene.probabilities, np.zeros_like(scene.probabilities[:1])])
    found = refine(scene.cube, scene.valid, stage, small_network, SHORT)
    assert not (found.probabilities[:, scene.valid].argmax(axis=0) == 3).any()


def test_refinement_with_few_labelled_pixels_still_maps_everything(scene: NoisyScene) -> None:
    labelled = np.random.default_rng(0).random(scene.truth.shape) < 0.05
    stage = scene.probabilities * labelled
    found = refine(scene.cube, scene.valid, stage, small_network, SHORT)
    assert share_right(found.probabilities, scene) > 0.85


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"valid": np.ones((3, 3), bool)}, "do not fit", id="shapes"),
        pytest.param({"valid": np.zeros((40, 52), bool)}, "no valid pixel", id="nothing valid"),
        pytest.param({"probabilities": np.full((3, 40, 52), np.nan, np.float32)}, "not a number", id="NaN"),
        pytest.param({"probabilities": np.full((3, 40, 52), -1.0, np.float32)}, "negative", id="negative"),
        pytest.param({"cube": np.ones((8, 40, 52), np.float32)}, "All values", id="constant"),
    ],
)
def test_refinement_of_unusable_arrays_says_why(scene: NoisyScene, change: dict[str, np.ndarray], message: str) -> None:
    given = {**scene._asdict(), **change}
    with pytest.raises(InputError, match=message):
        refine(given["cube"], given["valid"], given["probabilities"], small_network, SHORT)


def test_no_entry_point_takes_a_reference() -> None:
    accepted = {"cube", "valid", "probabilities", "build", "config", "seed", "device", "progress", "pixels", "trained"}
    for function in (refine, refinement.predict_tiles, train.train):
        assert set(inspect.signature(function).parameters) <= accepted
    asked = {name for name in vars(stage_one.Pixels) if not name.startswith("_")}
    assert asked == {"values", "stage_one", "sample"}
    words = ("reference", "truth", "ground")
    assert not [name for name in RefineConfig.__dataclass_fields__ if any(word in name for word in words)]


def test_training_windows_of_a_large_scene_meet_every_class_inside_the_scene() -> None:
    rng = np.random.default_rng(0)
    labels = np.ones((300, 400), np.uint8)
    labels[250:256, 390:396] = 2  # 36 of 120 000 pixels
    stage = probabilities_of_labels(labels, rng.uniform(0.5, 0.9, labels.shape).astype(np.float32), 3)
    pixels = ArrayPixels(np.zeros((2, 300, 400), np.float32), np.ones(labels.shape, bool), stage)
    census = take_census(pixels, NullProgress())
    assert census.counts.tolist() == [120_000 - 36, 36, 0]
    windows = plan_training(pixels, census, 64, 9, 0)
    assert windows == plan_training(pixels, census, 64, 9, 0)
    assert windows != plan_training(pixels, census, 64, 9, 1)
    met = [set(np.unique(StageOneTile.of(*pixels.stage_one(window)).labels)) for window in windows]
    assert sum(2 in classes for classes in met) >= 3
    assert all(window.rows == window.cols == 64 for window in windows)


def test_training_reads_windows_only_never_the_whole_of_a_large_scene() -> None:
    scene = noisy_scene(rows=200, cols=300)
    largest = []

    class Watched(ArrayPixels):
        def values(self, window):  # type: ignore[no-untyped-def]
            largest.append(window.n_px)
            return super().values(window)

    pixels = Watched(scene.cube, scene.valid, scene.probabilities)
    trained = train.train(pixels, small_network, TILED, 0, torch.device("cpu"), NullProgress())
    for _ in refinement.predict_tiles(trained, pixels, TILED, NullProgress()):
        pass
    assert max(largest) == 32 * 32


def test_probabilities_of_labels_lead_by_the_confidence() -> None:
    labels = np.array([[1, 3, 0]], np.uint8)
    confidence = np.array([[0.5, 0.0, 0.7]], np.float32)
    found = probabilities_of_labels(labels, confidence, 3)
    np.testing.assert_allclose(found.sum(axis=0), [[1.0, 1.0, 0.0]], rtol=1e-6)
    decided, lead = decide(found, labels > 0)
    np.testing.assert_allclose(lead, [[0.5, 0.0, 0.0]], atol=1e-6)
    assert decided[0, 0] == 1
