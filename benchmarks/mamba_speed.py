# SPDX-License-Identifier: GPL-2.0-or-later
"""Time of one training step of MambaHSI by scene size: plain PyTorch beside the fused layers, in one run.

Run with ``python -m benchmarks.mamba_speed [--sides 128 256 512] [--threads 2] [--write]``. A step is one forward and
one backward pass over the whole image, 102 bands, float32. The tests of this stage run first; while one of them fails,
no figure is printed. Wall time is the shortest of several steps, processor time likewise, summed over threads: it tells
more on a machine that others use. Small operations of plain PyTorch in several threads wait for each other on such a
machine, so one thread compares best there. The goals are figures measured elsewhere, on two cores with AVX-512; ratios
within this run are what can be compared.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import torch

from benchmarks.machine import describe_machine, show, stage_tests_pass
from special_qgis.engine.mamba import MambaHSI
from tests.helpers.seeded_network import seeded_network

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "mamba_speed.md"
N_BANDS, N_CLASSES = 102, 9
N_STEPS = {"lanes": 2, "fused": 5}
GOALS_S: Dict[int, Tuple[str, str]] = {  # best plain PyTorch, fused layers
    256: ("0.81", "0.17–0.22"),
    512: ("3.4", "0.66–0.93"),
}
SAME = 1e-4  # relative difference of gradients, float32


class Timing(NamedTuple):
    """Shortest times of one form at one size."""

    wall_s: float
    processor_s: float


def step(network: MambaHSI, cube: torch.Tensor, weighting: torch.Tensor) -> None:
    """One forward and one backward pass."""
    network.zero_grad()
    (network(cube) * weighting).mean().backward()


def measure(network: MambaHSI, cube: torch.Tensor, weighting: torch.Tensor, n_steps: int) -> Timing:
    """Shortest of several steps after one to warm up."""
    step(network, cube, weighting)
    walls, processors = [], []
    for _ in range(n_steps):
        wall, processor = time.perf_counter(), time.process_time()
        step(network, cube, weighting)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return Timing(min(walls), min(processors))


def compare(side: int) -> Dict[str, Timing]:
    """Both forms on the same image with the same weights; their gradients must agree."""
    generator = torch.Generator().manual_seed(0)
    cube = torch.rand(1, N_BANDS, side, side, generator=generator).contiguous(memory_format=torch.channels_last)
    weighting = torch.randn(1, N_CLASSES, side, side, generator=generator)
    timings, gradients = {}, []
    for backend, n_steps in N_STEPS.items():
        network = seeded_network(N_BANDS, N_CLASSES, seed=0, backend=backend)
        timings[backend] = measure(network, cube, weighting, n_steps)
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]))
    difference = float((gradients[0] - gradients[1]).norm() / gradients[0].norm())
    if difference > SAME:
        raise SystemExit(f"At {side} × {side} the gradients of the two forms differ by {difference:.1e}: no figures.")
    return timings


def render(measured: Dict[int, Dict[str, Timing]]) -> str:
    """The table in Markdown."""
    lines = [
        "# Speed of MambaHSI",
        "",
        f"One training step (forward and backward) over the whole image, {N_BANDS} bands, {torch.get_num_threads()} "
        f"threads, seconds. {describe_machine()}",
        "",
        "| side | plain PyTorch | fused | ratio | plain, processor | fused, processor | ratio | fused, µs / px "
        "| goal: plain | goal: fused |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for side, timings in measured.items():
        plain, fused = timings["lanes"], timings["fused"]
        goals = " | ".join(GOALS_S.get(side, ("–", "–")))
        lines.append(
            f"| {side}² | {plain.wall_s:.3f} | {fused.wall_s:.3f} | {plain.wall_s / fused.wall_s:.1f} "
            f"| {plain.processor_s:.3f} | {fused.processor_s:.3f} | {plain.processor_s / fused.processor_s:.1f} "
            f"| {fused.processor_s / side**2 * 1e6:.2f} | {goals} |"
        )
    lines += [
        "",
        "Wall times are those of a machine that other work may use; µs a pixel are processor time of the fused form.",
        "Goals are wall times on an idle machine with two threads.",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: List[str]) -> int:
    """Test, measure, print and, with ``--write``, keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[128, 256, 512], help="pixels a side")
    parser.add_argument("--write", action="store_true", help="write the table to benchmarks/results/")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of both forms")
    options = parser.parse_args(arguments)
    if not stage_tests_pass("mamba"):
        sys.stderr.write("Tests of this stage fail: no figures.\n")
        return 1
    torch.set_num_threads(options.threads)
    text = render({side: compare(side) for side in options.sides})
    show(text, RESULTS if options.write else None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
