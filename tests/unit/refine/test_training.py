# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Iterator, List

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")
import torch
from torch import nn

from special_qgis.engine.config import RefineConfig
from special_qgis.engine.errors import Cancelled, InputError, RefinementError
from special_qgis.engine.probabilities import decide, probabilities_of_labels
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine import first_stage, refinement, train
from special_qgis.engine.refine.first_stage import FirstStageTile
from special_qgis.engine.refine.network import network_builder
from special_qgis.engine.refine.scaling import Scaling
from special_qgis.engine.refine.tiles import class_statistics, plan_images
from special_qgis.engine.refine.training_images import CACHE_BYTES, TrainingImages, image_bytes
from special_qgis.engine.windows import Window
from tests.helpers.listener import Listener
from tests.helpers.noisy_scene import N_CLASSES, Constant, NoisyScene, noisy_scene, small_network
from tests.helpers.refined_cube import ArrayPixels, refine

CPU = torch.device("cpu")
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
    assert 0.6 < history.final_agreement < 0.9  # the first stage is wrong in a quarter
    fractions = [fraction for fraction, _ in listener.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert sum("loss" in text and "agreement" in text for _, text in listener.progress) == 60


@pytest.mark.parametrize("message", ["looking", "preparing", "step 1 of", "step 35 of", "mapping"], ids=str)
def test_refinement_cancelled_anywhere_stops_within_a_second(scene: NoisyScene, message: str) -> None:
    listener = Listener(cancel_on=message)
    with pytest.raises(Cancelled):
        refine(scene.cube, scene.valid, scene.probabilities, small_network, SHORT, progress=listener)
    assert listener.since_cancel_s() < 1.0


def test_network_makes_its_first_pass_before_the_first_step_and_again_before_mapping(scene: NoisyScene) -> None:
    listener = Listener()
    refine(scene.cube, scene.valid, scene.probabilities, small_network, replace(SHORT, epochs=3), progress=listener)
    messages = [text for _, text in listener.progress]
    passes = [number for number, text in enumerate(messages) if "preparing" in text]
    steps = [number for number, text in enumerate(messages) if ", step " in text]
    assert len(passes) == 2
    assert passes[0] < steps[0] < steps[-1] < passes[1]


def test_map_is_made_with_the_mean_of_the_weights_which_changes_no_step(scene: NoisyScene) -> None:
    last, mean = (
        refine(scene.cube, scene.valid, scene.probabilities, small_network, replace(SHORT, average_decay=decay))
        for decay in (0.0, 0.9)
    )
    assert last.history.losses == mean.history.losses
    assert np.abs(last.probabilities - mean.probabilities).max() > 1e-3


@pytest.mark.parametrize(
    ("config", "expected"),
    [(TILED, 1), (replace(TILED, scene_norms=False), 0), (replace(TILED, tile_px=64), 0)],
    ids=["windows", "switched off", "one window"],
)
def test_scene_norms_are_used_where_a_scene_is_mapped_in_windows(
    scene: NoisyScene, config: RefineConfig, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: List[nn.Module] = []
    plain = train.TrainedNetwork.with_scene_norms

    def watched(trained: train.TrainedNetwork) -> nn.Module:
        made.append(plain(trained))
        return made[-1]

    monkeypatch.setattr(train.TrainedNetwork, "with_scene_norms", watched)
    short = replace(config, epochs=2, warm_up_epochs=1)
    found = refine(scene.cube, scene.valid, scene.probabilities, small_network, short)
    assert len(made) == expected
    np.testing.assert_allclose(found.probabilities.sum(axis=0)[scene.valid], 1.0, rtol=1e-4)


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
    with pytest.raises(RefinementError, match=r"step 6 .* not a number.*first stage's result") as caught:
        refine(scene.cube, scene.valid, scene.probabilities, BecomesNaN, SHORT)
    assert caught.value.reason == "loss"


def test_map_of_one_class_fails_as_collapsed(scene: NoisyScene) -> None:
    with pytest.raises(RefinementError, match=r"the class “class 2” 100% .*first stage's result") as caught:
        refine(scene.cube, scene.valid, scene.probabilities, lambda b, k: Constant([0.0, 3.0, 0.0]), SHORT)
    assert caught.value.reason == "collapse"


def test_collapsed_map_is_refused_by_the_name_of_its_class(scene: NoisyScene) -> None:
    pixels = ArrayPixels(scene.cube, scene.valid, scene.probabilities, class_names=("water", "tree", "bare soil"))
    with pytest.raises(RefinementError, match=r"gave the class “bare soil” 100% of the pixels") as caught:
        train.train(pixels, lambda b, k: Constant([0.0, 0.0, 3.0]), SHORT, 0, CPU, NullProgress())
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

    with pytest.raises(RefinementError, match=r"keeps 3.% of the first stage's labels") as caught:
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


def test_refinement_where_stage_one_knows_a_corner_only_maps_everything(scene: NoisyScene) -> None:
    stage = scene.probabilities.copy()
    stage[:, 20:] = 0.0
    stage[:, :, 26:] = 0.0
    found = refine(scene.cube, scene.valid, stage, small_network, TILED)
    assert share_right(found.probabilities, scene) > 0.85


def test_mixtures_see_all_valid_pixels_also_where_stage_one_says_nothing(
    scene: NoisyScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: List[int] = []
    plain_draw = train.draw_candidates

    def watched(spectra: np.ndarray, valid: np.ndarray, *others: object) -> object:
        candidates = plain_draw(spectra, valid, *others)  # type: ignore[arg-type]
        seen.append(candidates.index.size)
        return candidates

    monkeypatch.setattr(train, "draw_candidates", watched)
    stage = scene.probabilities.copy()
    stage[:, 20:] = 0.0
    config = replace(SHORT, epochs=1, warm_up_epochs=1, candidate_px=10_000)
    train.train(ArrayPixels(scene.cube, scene.valid, stage), small_network, config, 0, CPU, NullProgress())
    assert seen == [np.count_nonzero(scene.valid)]


def test_step_on_an_image_without_labels_learns_nothing_and_goes_on(scene: NoisyScene) -> None:
    class Blind(ArrayPixels):
        """A scene whose values are missing wherever training looks for the first class."""

        def values(self, window):  # type: ignore[no-untyped-def]
            values, valid = super().values(window)
            return values, valid & (window.row_off >= 8)

    pixels = Blind(scene.cube, scene.valid, scene.probabilities)
    config = replace(TILED, patches_per_side=1, training_tiles=8)
    trained = train.train(pixels, small_network, config, 0, CPU, NullProgress())
    assert len(trained.history.losses) == 60
    assert np.isfinite(trained.history.losses).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (5, 5), (3, 400)], ids=str)
def test_refinement_of_a_narrow_scene_maps_every_pixel(shape: tuple[int, int]) -> None:
    narrow = noisy_scene(rows=max(4, shape[0]), cols=max(5, shape[1]))
    given = (narrow.cube, np.ones_like(narrow.valid), np.where(narrow.valid, narrow.probabilities, 1 / N_CLASSES))
    cube, valid, stage = (array[..., -shape[0] :, -shape[1] :] for array in given)
    config = replace(TILED, epochs=1, warm_up_epochs=1)
    cube = cube + np.linspace(0.0, 1.0, len(cube), dtype=np.float32)[:, None, None]
    try:
        found = refine(cube, valid, stage.astype(np.float32), network_builder(config), config).probabilities
    except RefinementError as error:
        assert error.reason in ("collapse", "disagreement")
        return
    np.testing.assert_allclose(found.sum(axis=0), 1.0, rtol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 7, 16], ids=str)
def test_refinement_of_any_number_of_classes_learns_them(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    truth = np.kron(np.arange(n_classes).repeat(2), np.ones((8, 6), int)).astype(np.intp)
    cube = np.moveaxis(rng.uniform(200.0, 3000.0, (n_classes, 20))[truth], -1, 0)
    cube = (cube + rng.normal(0.0, 40.0, cube.shape)).astype(np.float32)
    stage = probabilities_of_labels((truth + 1).astype(np.uint8), np.full(truth.shape, 0.5, np.float32), n_classes)
    found = refine(cube, np.ones(truth.shape, bool), stage, small_network, SHORT)
    assert (found.probabilities.argmax(axis=0) == truth).mean() > 0.95


def test_refinement_of_a_single_valid_pixel_gives_its_class(scene: NoisyScene) -> None:
    valid = np.zeros_like(scene.valid)
    valid[20, 20] = True
    found = refine(scene.cube, valid, scene.probabilities * valid, small_network, SHORT)
    assert found.probabilities[:, 20, 20].argmax() + 1 == scene.probabilities[:, 20, 20].argmax() + 1
    assert not found.probabilities[:, ~valid].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"valid": np.ones((3, 3), bool)}, "do not fit", id="shapes"),
        pytest.param({"valid": np.zeros((40, 52), bool)}, "no valid pixel", id="nothing valid"),
        pytest.param({"probabilities": np.full((3, 40, 52), np.nan, np.float32)}, "not a number", id="NaN"),
        pytest.param({"probabilities": np.full((3, 40, 52), -1.0, np.float32)}, "negative", id="negative"),
        pytest.param({"probabilities": np.zeros((3, 40, 52), np.float32)}, "labels none", id="nothing labelled"),
        pytest.param({"cube": np.ones((8, 40, 52), np.float32)}, "All values", id="constant"),
        pytest.param({"cube": np.full((8, 40, 52), np.nan, np.float32)}, "not numbers", id="NaN in valid pixels"),
        pytest.param({"cube": np.full((8, 40, 52), np.inf, np.float32)}, "infinite", id="infinite valid pixels"),
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
    asked = {name for name in vars(first_stage.Pixels) if not name.startswith("_")}
    assert asked == {"values", "first_stage", "sample"}
    words = ("reference", "truth", "ground")
    assert not [name for name in RefineConfig.__dataclass_fields__ if any(word in name for word in words)]


def large_stage_one() -> ArrayPixels:
    """A scene of 300 × 400 pixels, 36 of which are of class 2; class 3 wins nowhere."""
    labels = np.ones((300, 400), np.uint8)
    labels[250:256, 390:396] = 2
    confidence = np.random.default_rng(0).uniform(0.5, 0.9, labels.shape).astype(np.float32)
    cube = np.arange(2 * labels.size, dtype=np.float32).reshape(2, *labels.shape)
    return ArrayPixels(cube, np.ones(labels.shape, bool), probabilities_of_labels(labels, confidence, 3))


def test_training_images_of_a_large_scene_meet_every_class_inside_the_scene() -> None:
    pixels, config = large_stage_one(), replace(SHORT, tile_px=64, halo_px=8, training_tiles=3, patches_per_side=2)
    statistics = class_statistics(pixels, config, NullProgress())
    assert statistics.counts.tolist() == [120_000 - 36, 36, 0]
    plan = plan_images(pixels, statistics, config, 0)
    assert plan == plan_images(pixels, statistics, config, 0)
    assert plan != plan_images(pixels, statistics, config, 1)
    assert [len(patches) for patches in plan] == [4, 4, 4]
    patches = [patch for one in plan for patch in one]
    assert all(patch.rows == patch.cols == 32 for patch in patches)
    met = [set(np.unique(FirstStageTile.of(*pixels.first_stage(patch)).labels)) for patch in patches]
    assert sum(2 in classes for classes in met) >= 4  # a class's turn comes every third time


def test_training_image_holds_its_patches_side_by_side_with_their_labels() -> None:
    pixels = large_stage_one()
    patches = [Window(0, 0, 4, 6), Window(248, 388, 4, 6), Window(100, 7, 4, 6), Window(296, 394, 4, 6)]
    scaling = Scaling.fit(pixels.sample(120_000, 0), 0.0, 1.0)
    image = TrainingImages(pixels, [patches], scaling, CPU, NullProgress()).get(0)
    assert image.image.shape == (1, 2, 8, 12)
    assert image.image.is_contiguous(memory_format=torch.channels_last)
    for number, patch in enumerate(patches):
        here = (slice(None), slice(number // 2 * 4, number // 2 * 4 + 4), slice(number % 2 * 6, number % 2 * 6 + 6))
        values, valid = pixels.values(patch)
        np.testing.assert_array_equal(image.image[0].numpy()[here], scaling.image(values, valid))
        np.testing.assert_array_equal(image.tile.probabilities[here], pixels.first_stage(patch)[0])
    np.testing.assert_array_equal(image.spectra.T.reshape(2, 8, 12), image.image[0].numpy())


def test_reading_a_training_image_when_cancelled_stops() -> None:
    listener = Listener()
    listener.cancel()
    images = TrainingImages(
        large_stage_one(), [[Window(0, 0, 4, 6)]], Scaling(0.0, 1.0, *np.zeros((2, 2), np.float32)), CPU, listener
    )
    with pytest.raises(Cancelled):
        images.get(0)


def test_training_images_fit_into_a_fixed_budget() -> None:
    pixels, config = large_stage_one(), replace(SHORT, tile_px=128, halo_px=8, training_tiles=100_000)
    statistics = class_statistics(pixels, config, NullProgress())
    plan = plan_images(pixels, statistics, config, 0)
    held = sum(image_bytes(pixels.n_bands, pixels.n_classes, patch.n_px) for one in plan for patch in one)
    assert 0.99 * CACHE_BYTES < held <= CACHE_BYTES


def test_windows_of_a_large_scene_are_normalised_as_the_scene_whatever_they_hold(scene: NoisyScene) -> None:
    trained = train.train(
        ArrayPixels(scene.cube, scene.valid, scene.probabilities), small_network, TILED, 0, CPU, NullProgress()
    )
    one_material = scene.cube[:, 10:14, 10:14]
    wide = np.tile(one_material, (1, 3, 3))
    valid = np.ones((12, 12), bool)
    both = scene.cube[:, :12, :12].copy()
    both[:, 3:9, 3:9] = wide[:, 3:9, 3:9]
    network = trained.with_scene_norms()
    inside = (slice(None), slice(4, 8), slice(4, 8))  # the convolution reaches one pixel
    found = [train.class_probabilities(network, trained.scaling, cube, valid)[inside] for cube in (wide, both)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    plain = [trained.predict(cube, valid)[inside] for cube in (wide, both)]
    assert np.abs(plain[0] - plain[1]).max() > 0.01  # what a window holds changes what is said of a pixel


def test_training_reads_windows_only_never_the_whole_of_a_large_scene() -> None:
    scene = noisy_scene(rows=200, cols=300)
    largest = []

    class Watched(ArrayPixels):
        def values(self, window):  # type: ignore[no-untyped-def]
            largest.append(window.n_px)
            return super().values(window)

    pixels = Watched(scene.cube, scene.valid, scene.probabilities)
    trained = train.train(pixels, small_network, TILED, 0, CPU, NullProgress())
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
