# SPDX-License-Identifier: GPL-2.0-or-later
"""Training: the published order of warm-up, mixtures and steps, on images of a scene and its noisy labels.

Each step learns from one image. After the warm-up, every epoch first predicts the candidates of all images and makes
confident and hard sets. The map is made by a running mean of the weights; no reference chooses anything.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Callable, List, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..config import RefineConfig
from ..errors import RefinementError
from ..probabilities import decide, sharpen
from ..progress import Progress, ReportOnce, SubProgress, check_cancelled
from .augment import add_noise, draw_view
from .ema import WeightAverage
from .first_pass import make_first_pass
from .first_stage import FirstStageTile, Pixels
from .fixed_norms import NormStatistics, fix_norms, recorded_norms
from .fusion import NoiseTransitions
from .losses import soft_cross_entropy
from .mixtures import Projection
from .sampling import draw_random_set
from .scaling import Scaling
from .schedule import cosine_rate
from .soft_sets import CandidateLabels, Candidates, SoftSets, draw_candidates, make_soft_sets
from .tiles import ClassStatistics, class_statistics, plan_images
from .training_images import TrainingImage, TrainingImages, as_input

Build = Callable[[int, int], torch.nn.Module]  # bands, classes → (1, bands, rows, cols) to (1, classes, rows, cols)
SCALING_SAMPLE_PX = 50_000  # pixels that quantiles, spreads and principal components are computed from
COLLAPSE_THRESHOLD = 0.98  # share of the pixels in one class: a degenerate map, unless the first stage has as many
LEAST_AGREEMENT = 0.5  # training agreement below which the map is refused; see TrainingHistory


@dataclass
class TrainingHistory:
    """How the training went, for the report.

    Training agreement: share of the first stage's labels that the network keeps, weighted by their confidence.
    """

    losses: List[float] = field(default_factory=list)  # of every step
    agreements: List[float] = field(default_factory=list)  # training agreement of every step
    confident_px: List[int] = field(default_factory=list)  # of every epoch after the warm-up
    hard_px: List[int] = field(default_factory=list)
    final_agreement: float = math.nan  # training agreement of the mean weights, over all training images


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that maps the scene it was trained on."""

    network: torch.nn.Module  # in evaluation mode, on its device
    scaling: Scaling
    n_classes: int
    transitions: NoiseTransitions  # noise transition matrix of the first stage, counted on the training images
    history: TrainingHistory
    norms: NormStatistics  # statistics of its normalisations over the training images

    def predict(self, values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Class probabilities of a window.

        Args:
            values: (bands, rows, cols) float32 in the scene's unit; anything where invalid.
            valid: (rows, cols) bool, pixels with data.

        Returns:
            (classes, rows, cols) float32, sum 1, also where invalid.
        """
        return class_probabilities(self.network, self.scaling, values, valid)

    def with_scene_norms(self) -> torch.nn.Module:
        """A copy of the network whose normalisations have the statistics of all training images together."""
        fixed = copy.deepcopy(self.network).cpu()
        fix_norms(fixed, self.norms)
        return fixed.to(next(self.network.parameters()).device)


@torch.no_grad()
def class_probabilities(
    network: torch.nn.Module, scaling: Scaling, values: NDArray[np.float32], valid: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Class probabilities of a window by a network; arguments and result as ``TrainedNetwork.predict``."""
    image = as_input(scaling.image(values, valid), next(network.parameters()).device)
    probabilities: NDArray[np.float32] = torch.softmax(network(image)[0].float(), 0).cpu().numpy()
    return probabilities


def train(
    pixels: Pixels, build: Build, config: RefineConfig, seed: int, device: torch.device, progress: Progress
) -> TrainedNetwork:
    """Learn a scene from its first-stage probabilities.

    Args:
        pixels: Values, first-stage probabilities and class names of the scene.
        build: Makes the network for a number of bands and classes.
        config: Options of the network stage.
        seed: Seed of the start weights and of all random draws; on a CPU the same seed gives the same weights.
        device: Device that the network is trained on.
        progress: Receives progress at every step, and messages; checked for cancel before each step.

    Raises:
        InputError: The first stage labels no valid pixel, or all spectra are alike.
        RefinementError: The training diverged or gave a degenerate map; the first stage's result is the one to use.
        Cancelled: The user cancelled.
    """
    progress = ReportOnce(progress)
    progress.report(0.0, "Network: looking at the scene")
    spectra = pixels.sample(SCALING_SAMPLE_PX, seed)
    scaling = Scaling.fit(spectra, config.low_quantile, config.high_quantile)
    projection = Projection.fit(scaling.spectra(spectra), config.spectral_dimensions)
    statistics = class_statistics(pixels, config, SubProgress(progress, 0.0, 0.05))
    images = TrainingImages(pixels, plan_images(pixels, statistics, config, seed), scaling, device, progress)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = build(pixels.n_bands, pixels.n_classes).to(device)
    make_first_pass(network, pixels.n_bands, True, SubProgress(progress, 0.05, 0.05))
    trainer = _Trainer(network, images, statistics, config, seed, device)
    trainer.draw_candidates(projection)
    trainer.run(scaling, SubProgress(progress, 0.05, 0.97))
    network.load_state_dict(trainer.average.weights())
    network.eval()
    with recorded_norms(network) as norms:
        transitions = trainer.check_map(SubProgress(progress, 0.97, 1.0))
    return TrainedNetwork(network, scaling, pixels.n_classes, transitions, trainer.history, norms)


class _Trainer:
    """State of a training."""

    def __init__(
        self,
        network: torch.nn.Module,
        images: TrainingImages,
        statistics: ClassStatistics,
        config: RefineConfig,
        seed: int,
        device: torch.device,
    ) -> None:
        self.history = TrainingHistory()
        self.average = WeightAverage(network, config.average_decay)
        self._network, self._images, self._config, self._seed = network, images, config, seed
        self._absent = statistics.absent
        self._counts, self._class_names = statistics.counts, images.class_names
        self._optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
        self._rng = np.random.default_rng((seed, 5))
        self._noise = torch.Generator(device).manual_seed(seed)
        self._device = device
        self._candidates: List[Candidates] = []
        self._soft: List[SoftSets] = []
        self._order: List[int] = []

    def draw_candidates(self, projection: Projection) -> None:
        """Draw the pixels that the mixtures are fitted on."""
        n_px = max(1, self._config.candidate_px // self._images.n)
        for number in range(self._images.n):
            image = self._images.get(number)
            self._candidates.append(draw_candidates(image.spectra, image.valid, projection, n_px, self._seed + number))

    def run(self, scaling: Scaling, progress: Progress) -> None:
        """All epochs."""
        config = self._config
        n_steps = config.epochs * config.iterations_per_epoch
        noise = scaling.spread * config.noise if config.relative_noise else np.full_like(scaling.spread, config.noise)
        spread = torch.from_numpy(noise.astype(np.float32)).to(self._device)
        for step in range(n_steps):
            check_cancelled(progress)
            epoch, within = divmod(step, config.iterations_per_epoch)
            if within == 0 and epoch >= config.warm_up_epochs:
                self._renew_soft_sets(epoch, progress)
            self._optimiser.param_groups[0]["lr"] = cosine_rate(
                step, n_steps, config.learning_rate, config.final_learning_rate
            )
            loss, agreement = self._step(spread)
            self.history.losses.append(loss)
            self.history.agreements.append(agreement)
            progress.report(
                (step + 1) / n_steps,
                f"Network: learning, step {step + 1} of {n_steps}: loss {loss:.3f}, "
                f"agreement with the first stage {agreement:.3f}",
            )

    def _next(self) -> int:
        """Index of the next image; every image comes once before any comes again."""
        if not self._order:
            self._order = self._rng.permutation(self._images.n).tolist()
        return self._order.pop()

    def _step(self, spread: torch.Tensor) -> tuple[float, float]:
        number = self._next()
        image = self._images.get(number)
        view = draw_view(self._rng)
        self._network.train()
        seen = add_noise(view.apply(image.image), spread, self._noise)
        logits = view.undo(self._network(seen))[0].float()
        log_probabilities = torch.log_softmax(logits.flatten(1), 0)
        drawn = draw_random_set(image.tile, self._config, self._absent, self._rng)
        loss = soft_cross_entropy(log_probabilities, drawn)
        if self._soft:
            loss = loss + self._config.hard_weight * soft_cross_entropy(log_probabilities, self._soft[number].hard)
            confident = soft_cross_entropy(log_probabilities, self._soft[number].confident)
            loss = loss + self._config.confident_weight * confident
        value = float(loss.detach())
        if not math.isfinite(value):
            raise _diverged(len(self.history.losses))
        if loss.requires_grad:  # else the image has no labelled pixel
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
            self.average.update()
        labels = (log_probabilities.detach().argmax(0) + 1).to(torch.uint8).cpu().numpy()
        return value, _training_agreement([labels], [image.tile])

    @torch.no_grad()
    def _probabilities(self, image: TrainingImage) -> NDArray[np.float32]:
        """(classes, rows · cols) float32 probabilities of the network."""
        self._network.eval()
        logits = self._network(image.image)[0].float()
        probabilities: NDArray[np.float32] = torch.softmax(logits.flatten(1), 0).cpu().numpy()
        if not np.isfinite(probabilities).all():
            raise _diverged(len(self.history.losses))
        return probabilities

    def _renew_soft_sets(self, epoch: int, progress: Progress) -> None:
        predicted = []
        for number, candidates in enumerate(self._candidates):
            check_cancelled(progress)
            chosen = self._probabilities(self._images.get(number))[:, candidates.index]
            labels, confidence = decide(chosen[:, None], np.ones((1, candidates.index.size), bool))
            predicted.append(CandidateLabels(labels[0], confidence[0]))
        names, seed = self._class_names, self._seed + epoch
        self._soft = make_soft_sets(self._candidates, predicted, names, self._config, seed, progress)
        self.history.confident_px.append(sum(one.confident.n_px for one in self._soft))
        self.history.hard_px.append(sum(one.hard.n_px for one in self._soft))

    def check_map(self, progress: Progress) -> NoiseTransitions:
        """Refuse a degenerate result, judged on the training images with the final weights.

        Returns:
            Noise transition matrix of the first stage.

        Raises:
            RefinementError: Weights are not numbers, one class has nearly all pixels, or hardly any confident label of
                the first stage is kept.
        """
        n_counts = len(self._counts) + 1
        counts, before = np.zeros(n_counts, np.int64), np.zeros(n_counts, np.int64)
        every_label, tiles = [], []
        transitions = NoiseTransitions(len(self._counts))
        for number in range(self._images.n):
            check_cancelled(progress)
            image = self._images.get(number)
            probabilities = self._probabilities(image)
            learnt = sharpen(image.tile.probabilities, self._config.target_power)
            transitions.add(probabilities, learnt.reshape(probabilities.shape))
            labels = (probabilities.argmax(axis=0) + 1).astype(np.uint8)
            labelled = image.tile.labels.ravel() > 0
            counts += np.bincount(labels[labelled], minlength=n_counts)
            before += np.bincount(image.tile.labels.ravel()[labelled], minlength=n_counts)
            every_label.append(labels)
            tiles.append(image.tile)
        self.history.final_agreement = _training_agreement(every_label, tiles)
        _refuse_collapse(counts, before, self._class_names)
        _refuse_disagreement(self.history.final_agreement)
        return transitions


def _refuse_collapse(counts: NDArray[np.int64], before: NDArray[np.int64], class_names: Sequence[str]) -> None:
    """Raise ``RefinementError`` where one class has nearly all labelled pixels; counts are by class id, 0 = none."""
    largest = int(counts.argmax())
    share, share_before = counts[largest] / max(1, counts.sum()), before[largest] / max(1, before.sum())
    if share >= COLLAPSE_THRESHOLD and share - share_before > 1.0 - COLLAPSE_THRESHOLD:
        raise RefinementError(
            f"Refinement gave the class “{class_names[largest - 1]}” {share:.0%} of the pixels; "
            f"the first stage gives it {share_before:.0%}.",
            "collapse",
            "Use the first stage's result, or check that the class names fit the scene.",
        )


def _refuse_disagreement(agreement: float) -> None:
    """Raise ``RefinementError`` where the training agreement is too low."""
    if agreement < LEAST_AGREEMENT:
        raise RefinementError(
            f"Refinement keeps {agreement:.0%} of the first stage's labels, weighted by their confidence; "
            f"{LEAST_AGREEMENT:.0%} or more is accepted.",
            "disagreement",
            "Use the first stage's result, or check that the class names fit the scene.",
        )


def _training_agreement(labels: List[NDArray[np.uint8]], tiles: List[FirstStageTile]) -> float:
    """Training agreement: share of the first stage's labels kept, weighted by their confidence; 1 where it has none."""
    kept = total = 0.0
    for one, tile in zip(labels, tiles):
        confidence = tile.confidence.ravel()
        kept += float(confidence[one == tile.labels.ravel()].sum(dtype=np.float64))
        total += float(confidence.sum(dtype=np.float64))
    return kept / total if total > 0.0 else 1.0


def _diverged(step: int) -> RefinementError:
    return RefinementError(
        f"Training diverged: at step {step + 1} the loss or a probability is not a number.",
        "loss",
        "Use the first stage's result, or lower the learning rate.",
    )
