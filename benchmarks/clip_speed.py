# SPDX-License-Identifier: GPL-2.0-or-later
"""Time and memory of the first stage beside the bare image tower and beside the plain form, in one run.

Run with ``python -m benchmarks.clip_speed [--rows 1096 --cols 715] [--threads 2] [--write]``. A ViT-B/16 and a
JBU-one upsampler of random weights score a random scene at the scales {1, 2}, windows of 224 every 112, 9 classes,
exact compression. "Bare" is the tower's own forward of the same windows in the same batches and precision, whose rate
is given beside that of one large product of matrices; "plain" is ``plain_clip``, timed on a few windows. The tests of
this stage run first, and the scores of the plain form must be those of the stage; while either fails, no figure is
printed. Every form runs in a process of its own, which gives its peak memory. Wall times are those of the machine as
it was; processor times, summed over threads, tell more where others use it, but count threads that wait for each
other, so compare them with ``--threads 1``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional

import numpy as np
import torch
from open_clip.model import CLIP
from torch.nn import functional

from benchmarks.machine import describe_machine, show, stage_tests_pass
from benchmarks.plain_clip import plain_scores
from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.clip.loaded_clip import ImageTower, LoadedClip
from special_qgis.engine.clip.scorer import WindowScorer
from special_qgis.engine.clip.scoring_options import ScoringOptions, choose_upsampler
from special_qgis.engine.clip.source import ArrayColours
from special_qgis.engine.clip.stage import plan_scales, score_scene
from special_qgis.engine.clip.upsampling import read_weights
from special_qgis.engine.config import ClipConfig
from special_qgis.engine.evidence.tile_store import TileStore
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.windows import Window
from tests.helpers.clip_models import jbu_state, tokenizer

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "clip_speed.md"
DIMENSIONS, N_PLAIN, LARGE = 512, 1, 3072
CLASSES = parse_classes("water; trees; meadow; bricks; soil; asphalt; bitumen; tiles; shadow")
SAME = 1e-3  # of scores, which are differences of cosines
PRECISIONS = ("float32", "bfloat16")
GOALS = "Goals on two cores: stage / bare at most 1.6, plain / stage at least 5, peak at most 3 GiB."


def model() -> CLIP:
    """OpenAI's ViT-B/16 with random weights."""
    torch.manual_seed(0)
    vision = {"image_size": 224, "patch_size": 16, "width": 768, "layers": 12}
    text = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}
    return CLIP(embed_dim=DIMENSIONS, vision_cfg=vision, text_cfg=text, quick_gelu=True).eval()


def upsampler() -> Dict[str, torch.Tensor]:
    """JBU one with random weights, float32."""
    return {key: value.float() for key, value in jbu_state(dimensions=DIMENSIONS).items()}


def scene(options: argparse.Namespace) -> ArrayColours:
    """A random scene of fields of a few tens of pixels."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, options.rows // 24 + 2, options.cols // 24 + 2, generator=generator)
    fields = functional.interpolate(coarse, size=(options.rows, options.cols), mode="nearest")[0]
    noise = 0.05 * torch.randn(3, options.rows, options.cols, generator=generator)
    return ArrayColours((fields + noise).clamp(0.0, 1.0).numpy())


def config(options: argparse.Namespace) -> ClipConfig:
    """The published windows and scales."""
    return replace(ClipConfig.published(), precision=options.precision, tolerance=options.tolerance)


def timed(function: Callable[[], Any]) -> Dict[str, Any]:
    """Wall and processor seconds of a call, and what it gave."""
    wall, processor = time.perf_counter(), time.process_time()
    result = function()
    return {"wall_s": time.perf_counter() - wall, "processor_s": time.process_time() - processor, "result": result}


def scoring(options: argparse.Namespace, cache_folder: Optional[Path] = None) -> ScoringOptions:
    """On the processor, with the upsampler of random weights."""
    stage = config(options)
    chosen = choose_upsampler(stage.upsampler, read_weights(upsampler()))
    return ScoringOptions(stage, torch.device("cpu"), chosen, cache_folder)


def scorer(options: argparse.Namespace) -> WindowScorer:
    """What the stage scores windows with, queries at random."""
    queries = functional.normalize(torch.randn(9, DIMENSIONS, generator=torch.Generator().manual_seed(1)), dim=1)
    return WindowScorer(ImageTower(model().visual), queries.numpy(), scoring(options), (224, 224), NullProgress())


def run_bare(options: argparse.Namespace) -> Dict[str, Any]:
    """The tower's forward of as many windows as the stage has, after one batch to warm up."""
    windows = scorer(options)
    n_windows = sum(
        scale.plan.n_windows for scale in plan_scales(scene(options), windows._source.visual, config(options))
    )
    batch = torch.rand(windows.batch, 3, 224, 224, generator=torch.Generator().manual_seed(0)).to(windows.dtype)
    n_batches = -(-n_windows // windows.batch)

    def forward(times: int) -> None:
        with torch.inference_mode():
            for _ in range(times):
                windows._tower(batch)

    forward(1)
    found = timed(lambda: forward(n_batches))
    share = n_windows / (n_batches * windows.batch)
    return {key: found[key] * share for key in ("wall_s", "processor_s")}


def tower_flop() -> float:
    """Floating-point operations of the tower's forward of a window: products with weights and of attention."""
    visual = model().visual
    tokens, width, blocks = visual.positional_embedding.shape[0], visual.conv1.out_channels, visual.transformer.layers
    weights = sum(parameter.numel() for parameter in visual.transformer.parameters()) + visual.conv1.weight.numel()
    return float(2 * tokens * weights + 4 * blocks * tokens**2 * width)


def run_limit(options: argparse.Namespace) -> Dict[str, Any]:
    """Rate of a large product of matrices in the precision, the limit of what this PyTorch does here."""
    dtype = torch.bfloat16 if options.precision == "bfloat16" else torch.float32
    matrix = torch.rand(LARGE, LARGE, generator=torch.Generator().manual_seed(0)).to(dtype)
    times = [timed(lambda: matrix @ matrix)["wall_s"] for _ in range(5)]
    return {"gflop_per_s": 2e-9 * LARGE**3 / min(times)}


def run_stage(options: argparse.Namespace) -> Dict[str, Any]:
    """The stage, its text embeddings kept from a small scene before; the time of these apart."""
    clip, source = LoadedClip(model(), tokenizer(), "random"), scene(options)
    with tempfile.TemporaryDirectory() as folder:
        stage = scoring(options, Path(folder))

        def score(colours: ArrayColours) -> Any:
            with TileStore(colours.rows, colours.cols, len(CLASSES)) as store:
                return score_scene(colours, clip, CLASSES, stage, store, NullProgress())

        small = ArrayColours(np.zeros((3, 64, 64), np.float32))
        names = timed(lambda: score(small))
        again = timed(lambda: score(small))
        found = timed(lambda: score(source))
    summary = found.pop("result")
    return {**found, "names_s": names["wall_s"] - again["wall_s"], "batch": summary.batch, "n": list(summary.n_windows)}


def run_plain(options: argparse.Namespace) -> Dict[str, Any]:
    """A window of the plain form, and how far its scores are from those of the stage."""
    windows, state = scorer(options), upsampler()
    image = scene(options).read(Window(0, 0, 224, 224))[0][None].copy()
    batch = (torch.from_numpy(image) - windows._mean) / windows._std

    def plain() -> torch.Tensor:
        return plain_scores(windows._source.visual, state, windows._queries, batch, 0.3)

    difference = float(np.abs(windows.score(image)[0] - plain().numpy()).max())
    times = [timed(plain) for _ in range(N_PLAIN)]
    return {**{key: min(one[key] for one in times) for key in ("wall_s", "processor_s")}, "difference": difference}


class Measured(NamedTuple):
    """The stage in one setting, and the bare tower beside it."""

    precision: str
    tolerance: float
    limit: float  # GFLOP/s of a large product
    bare: Dict[str, Any]
    stage: Dict[str, Any]


FORMS = {"limit": run_limit, "bare": run_bare, "stage": run_stage, "plain": run_plain}


def peak_mib() -> float:
    """Largest memory that this process has had."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def child(options: argparse.Namespace, form: str, precision: str, tolerance: float = 0.0) -> Dict[str, Any]:
    """Run a form in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.clip_speed", "--form", form, "--precision", precision]
    command += ["--tolerance", str(tolerance)]
    for name in ("rows", "cols", "threads"):
        command += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found: Dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    sys.stderr.write(f"{form} {precision} {tolerance:g}: {found}\n")
    return found


def render(options: argparse.Namespace, measured: List[Measured], plain: Dict[str, Any]) -> str:
    """The table in Markdown."""
    n_windows = measured[0].stage["n"]
    n = sum(n_windows)
    gflop = 1e-9 * n * tower_flop()
    columns = (
        "precision",
        "compression",
        "bare tower",
        "bare, GFLOP/s",
        "of a large product's",
        "stage",
        "stage / bare",
        "plain, extrapolated",
        "plain / stage",
        "windows / s",
        "bare, processor",
        "stage, processor",
        "stage / bare, processor",
        "plain / stage, processor",
        "peak, GiB",
        "names, once",
    )
    lines = [
        "# Speed of the first stage",
        "",
        f"ViT-B/16 and JBU one of random weights, {options.rows} × {options.cols} pixels, scales 1 and 2, windows of "
        f"224 every 112 ({n_windows[0]} + {n_windows[1]}), {len(CLASSES)} classes, threads: "
        f"{options.threads}, seconds. {describe_machine()}",
        "",
        _row(columns),
        _row("---" for _ in columns),
    ]
    for precision, tolerance, limit, bare, stage in measured:
        cells = [precision, "exact" if tolerance == 0 else f"within {tolerance:g}"]
        rate, extrapolated = gflop / bare["wall_s"], {key: plain[key] * n for key in ("wall_s", "processor_s")}
        cells += [f"{bare['wall_s']:.1f}", f"{rate:.0f}", f"{100.0 * rate / limit:.0f} %"]
        cells += [f"{stage['wall_s']:.1f}", f"{stage['wall_s'] / bare['wall_s']:.2f}"]
        cells += [f"{extrapolated['wall_s']:.0f}", f"{extrapolated['wall_s'] / stage['wall_s']:.1f}"]
        cells += [f"{n / stage['wall_s']:.2f}", f"{bare['processor_s']:.1f}", f"{stage['processor_s']:.1f}"]
        cells += [f"{stage['processor_s'] / bare['processor_s']:.2f}"]
        cells += [f"{extrapolated['processor_s'] / stage['processor_s']:.1f}"]
        lines.append(_row([*cells, f"{stage['peak_mib'] / 1024.0:.2f}", f"{stage['names_s']:.1f}"]))
    lines += [
        "",
        "Wall times are those of the machine as it was, which other work may use; processor times of one thread "
        "compare best.",
        f"{GOALS} The plain form is float32, one window at a time, all 512 channels, unfold buffers. Where compression "
        "may lose something, features of random weights shrink to very few channels, and still finding those costs "
        "more than it saves.",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main(arguments: List[str]) -> int:
    """Test, measure, print and, with ``--write``, keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1096)
    parser.add_argument("--cols", type=int, default=715)
    parser.add_argument("--threads", type=int, default=2, help="of all forms")
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.0, 0.001], help="of compression; 0 = exact")
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--write", action="store_true", help="write the table to benchmarks/results/clip_speed.md")
    parser.add_argument("--form", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help=argparse.SUPPRESS)
    parser.add_argument("--tolerance", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.form:
        found = FORMS[options.form](options)
        sys.stdout.write(json.dumps({**found, "peak_mib": peak_mib()}) + "\n")
        return 0
    if not stage_tests_pass("clip"):
        sys.stderr.write("Tests of this stage fail: no figures.\n")
        return 1
    plain = child(options, "plain", "float32")
    if plain["difference"] > SAME:
        sys.stderr.write(f"The plain form's scores differ by {plain['difference']:.1e}: no figures.\n")
        return 1
    measured = []
    for precision in options.precisions:
        limit, bare = child(options, "limit", precision)["gflop_per_s"], child(options, "bare", precision)
        measured += [
            Measured(precision, tolerance, limit, bare, child(options, "stage", precision, tolerance))
            for tolerance in options.tolerances
        ]
    text = render(options, measured, plain)
    show(text, RESULTS if options.write else None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
