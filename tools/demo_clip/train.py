# SPDX-License-Identifier: GPL-2.0-or-later
"""Trains the demo checkpoint on a bank of painted scenes; stops and goes on where it was, with the same result.

Every step draws its chance from the seed and its own number, so a resumed run sees what an unbroken one would see. On
a processor two processes of one thread train side by side and average their weights every few steps: on a busy machine
that is several times quicker than two threads.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import open_clip
import torch
import torch.distributed
import torch.multiprocessing
from torch.nn.attention import SDPBackend, sdpa_kernel

from .augment import OVERSAMPLE, Batch, draw_batch
from .bank import Bank, load_bank
from .network import GRID, IMAGE_PX, PATCH_PX, build_model, count_parameters, dense_tokens, normalise, whiten_patches
from .targets import dense_loss, draw_queries, patch_shares
from .tokens import Rows
from .vocabulary import teach_words

MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")
LOG_STEPS = 200  # a multiple of Recipe.together, so that all processes have the state that is saved


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Source of Muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon.
    """

    seed: int = 7
    steps: int = 1200  # at whose end the rate has fallen; a finished run may be given more
    batch: int = 32  # pictures a step and process, at the small size
    together: int = 8  # steps from one averaging of the processes' weights to the next
    groups: int = 2  # sets of names a step and process
    small_px: int = 64  # side of the pictures in the first part
    large_share: float = 0.15  # last part of the steps, with pictures of the full size
    rate: float = 1e-3
    block_rate: float = 3.0  # of the rate, for the matrices of the picture tower's blocks, which Muon trains
    block_decay: float = 0.05  # of those
    text_rate: float = 0.3  # of the rate, for the text tower, which has learnt its words before
    warm_up: int = 60
    last_rate: float = 0.02  # share of the rate at the end
    cooling: float = (
        0.4  # last part of the steps, in which the rate falls; until then the number of steps may be changed
    )
    decay: float = 0.1  # of matrices
    clip: float = 1.0
    word_steps: int = 200  # of the text tower alone, before there are pictures
    scale: float = 20.0  # factor on the cosine
    debias: float = 0.3  # share of the class token's cosine that every second step takes off
    average: float = 0.985  # of the averaged weights, each time the processes' weights are averaged


@dataclass
class Training:
    """All that changes while training."""

    model: open_clip.CLIP
    average: Dict[str, torch.Tensor]
    optimisers: Tuple[torch.optim.Optimizer, ...]
    step: int = 0
    seconds: float = 0.0

    def save(self, path: Path, recipe: Recipe) -> None:
        """Write everything, whole or not at all."""
        partial = path.with_suffix(".partial")
        state = {"model": self.model.state_dict(), "average": self.average}
        state["optimisers"] = [optimiser.state_dict() for optimiser in self.optimisers]
        torch.save({**state, "step": self.step, "seconds": self.seconds, "recipe": asdict(recipe)}, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a file that save wrote."""
        state = torch.load(path, weights_only=True, map_location=next(self.model.parameters()).device)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        for optimiser, stored in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(stored)
        self.step, self.seconds = state["step"], state["seconds"]


@dataclass(frozen=True)
class Share:
    """This process's part of the work.

    Attributes:
        rank: Its number; 0 writes the files and the log.
        processes: How many train side by side.
    """

    rank: int = 0
    processes: int = 1

    def average(self, training: Training) -> None:
        """Make weights and moments the mean over all processes, so that all go on from one state."""
        if self.processes == 1:
            return
        tensors = [p.data for p in training.model.parameters()]
        for optimiser in training.optimisers:
            tensors += [state[key] for state in optimiser.state.values() for key in MOMENTS if key in state]
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(flat)
        flat /= self.processes
        for tensor, piece in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
            tensor.copy_(piece.view_as(tensor))


def start(recipe: Recipe, bank: Bank, rows: Rows) -> Training:
    """A model that knows its words and nothing of pictures, and its optimiser."""
    model = build_model(len(rows.token_ids) + 1, recipe.seed)
    batch = draw_batch(bank, np.random.default_rng([recipe.seed, 0]), 64, recipe.small_px, torch.device("cpu"))
    whiten_patches(model, normalise(batch.pictures))
    share = teach_words(model, rows, recipe.seed, recipe.word_steps)
    print(f"{share:.1%} of texts are nearest to their own concept", flush=True)
    return prepare(model, recipe)


def prepare(model: open_clip.CLIP, recipe: Recipe) -> Training:
    """Optimisers and averaged weights for a model."""
    blocks = [p for n, p in model.named_parameters() if n.startswith("visual.transformer.") and p.ndim == 2]
    in_blocks = {id(p) for p in blocks}
    groups = []
    for is_text, is_matrix in itertools.product((False, True), repeat=2):
        chosen = [
            p for n, p in model.named_parameters() if id(p) not in in_blocks and is_text != n.startswith("visual.")
        ]
        chosen = [p for p in chosen if is_matrix == (p.ndim >= 2)]
        factor, decay = recipe.text_rate if is_text else 1.0, recipe.decay if is_matrix else 0.0
        groups.append({"params": chosen, "weight_decay": decay, "factor": factor})
    others = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), eps=1e-6)
    block_group = [{"params": blocks, "weight_decay": recipe.block_decay, "factor": recipe.block_rate}]
    # Muon learns from a third fewer pictures than AdamW, for a tenth more work.
    muon = torch.optim.Muon(block_group, lr=recipe.rate, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    return Training(model, average, (others, muon))


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, a plateau, then half a cosine."""
    if step < recipe.warm_up:
        return recipe.rate * (step + 1) / recipe.warm_up
    done = max(0.0, 1 - (recipe.steps - step) / (recipe.cooling * recipe.steps))
    return recipe.rate * (recipe.last_rate + (1 - recipe.last_rate) * 0.5 * (1 + math.cos(math.pi * done)))


def picture_size(recipe: Recipe, step: int) -> int:
    """Side of the pictures of a step."""
    return IMAGE_PX if step >= recipe.steps * (1 - recipe.large_share) else recipe.small_px


def train_step(training: Training, recipe: Recipe, bank: Bank, rows: Rows, share: Share) -> Dict[str, float]:
    """One step of the optimiser."""
    device = next(training.model.parameters()).device
    rng = np.random.default_rng([recipe.seed, 1, training.step, share.rank])
    side_px = picture_size(recipe, training.step)
    n = max(1, round(recipe.batch * (recipe.small_px / side_px) ** 2 / recipe.groups)) * recipe.groups
    loss, right = _find_loss(training, recipe, draw_batch(bank, rng, n, side_px, device), rows, rng)
    for optimiser in training.optimisers:
        optimiser.zero_grad()
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, training.step) * group["factor"]
    loss.backward()
    torch.nn.utils.clip_grad_norm_(training.model.parameters(), recipe.clip)
    for optimiser in training.optimisers:
        optimiser.step()
    training.step += 1
    if training.step % recipe.together == 0:
        share.average(training)
        _update_average(training, recipe)
    return {"loss": float(loss.detach()), "right": float(right)}


def _find_loss(
    training: Training, recipe: Recipe, batch: Batch, rows: Rows, rng: np.random.Generator
) -> Tuple[torch.Tensor, torch.Tensor]:
    device, side_px = batch.pictures.device, batch.pictures.shape[-1]
    queries = draw_queries(rng, rows, recipe.groups, device)
    shares = patch_shares(batch.labels, queries, PATCH_PX * OVERSAMPLE)
    row, col = (int(x) for x in rng.integers(GRID - side_px // PATCH_PX + 1, size=2))
    # Plain attention: on a processor the fused one is half as fast with so few tokens.
    with torch.autocast(device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        texts = training.model.encode_text(queries.rows)
        tokens = dense_tokens(training.model.visual, normalise(batch.pictures), (row, col))
    debias = recipe.debias if training.step % 2 else 0.0
    return dense_loss(tokens, texts, shares, queries, recipe.scale, debias)


def _update_average(training: Training, recipe: Recipe) -> None:
    n_times = training.step // recipe.together
    keep = min(recipe.average, n_times / (n_times + 8))
    for name, value in training.model.state_dict().items():
        if value.dtype.is_floating_point:
            training.average[name].lerp_(value, 1 - keep)


def run(
    training: Training, recipe: Recipe, bank: Bank, rows: Rows, share: Share, path: Path
) -> Iterator[Dict[str, Any]]:
    """Train to the end; yields a line for the log and saves every ``LOG_STEPS``."""
    recent: List[Dict[str, float]] = []
    while training.step < recipe.steps:
        began = time.monotonic()
        recent.append(train_step(training, recipe, bank, rows, share))
        training.seconds += time.monotonic() - began
        if training.step % LOG_STEPS == 0 or training.step == recipe.steps:
            means = {key: float(np.mean([one[key] for one in recent])) for key in recent[0]}
            recent.clear()
            line = {"step": training.step, "minutes": training.seconds / 60, **means}
            if share.rank == 0:
                training.save(path, recipe)
            yield line


def _work(rank: int, folder: Path, path: Path, recipe: Recipe, processes: int, device: torch.device) -> None:
    """What each process does."""
    share = Share(rank, processes)
    if processes > 1:
        torch.set_num_threads(1)
        meeting = f"file://{_meeting(path)}"
        torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    bank, rows = load_bank(folder), Rows.of_words()
    training = prepare(build_model(len(rows.token_ids) + 1, recipe.seed).to(device), recipe)
    training.load(path)
    if rank == 0:
        n_weights = count_parameters(training.model)
        print(f"{n_weights} weights, {len(rows.token_ids)} tokens, {len(bank.labels)} scenes, {device}", flush=True)
    for line in run(training, recipe, bank, rows, share, path):
        if rank == 0:
            print(" ".join(f"{key} {value:.4g}" for key, value in line.items()), flush=True)
    if processes > 1:
        torch.distributed.destroy_process_group()


def _meeting(path: Path) -> Path:
    """File through which the processes find each other; must not be there at the start."""
    return path.resolve().with_suffix(".meeting")


def steps_done(path: Path) -> int:
    """Steps that a training state has behind it; 0 where there is none."""
    return int(torch.load(path, weights_only=True, map_location="cpu")["step"]) if path.exists() else 0


def train(folder: Path, path: Path, recipe: Recipe, processes: int = 2) -> None:
    """Train to the end.

    Args:
        folder: Bank of scenes.
        path: Training state, written regularly; gone on with where it exists.
        recipe: How.
        processes: Processes side by side; one where there is CUDA.
    """
    if not path.exists():
        start(recipe, load_bank(folder), Rows.of_words()).save(path, recipe)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda" or processes == 1:
        _work(0, folder, path, recipe, 1, device)
        return
    _meeting(path).unlink(missing_ok=True)
    torch.multiprocessing.spawn(_work, (folder, path, recipe, processes, device), processes)
    _meeting(path).unlink(missing_ok=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("checkpoint", type=Path, help="training state; gone on with where it exists")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--processes", type=int, default=2, help="side by side where there is no CUDA")
    options = parser.parse_args()
    train(options.bank, options.checkpoint, Recipe(steps=options.steps, seed=options.seed), options.processes)


if __name__ == "__main__":
    main()
