# SPDX-License-Identifier: GPL-2.0-or-later
"""What learning from windows costs in accuracy: the demo scene, learnt whole and from windows of several sizes.

Run with ``python -m benchmarks.refinement_tiles [--sides 400 256 128 64] [--seeds 0 1] [--write]``. The demo scene of
400 × 400 pixels has classes of very different size. The first stage is the spectral prior. A seam would show as labels
that change more often across the borders of inference windows than elsewhere; the ratio of both rates is told.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
import torch
from osgeo import gdal

from benchmarks.labelled_scenes import RESULTS, LabelledScene, load_scene, score
from benchmarks.machine import describe_machine, show, stage_tests_pass
from benchmarks.refinement import prior_probabilities
from resources.demo.demo_scene.scene import make_scene
from special_qgis.engine.config import RefineConfig
from special_qgis.engine.errors import RefinementError
from special_qgis.engine.probabilities import decide
from special_qgis.engine.refine.infer import plan_offsets
from special_qgis.engine.refine.network import network_builder
from tests.helpers.refined_cube import refine


def demo_scene(folder: Path) -> LabelledScene:
    """The demo scene with its truth, made in a folder."""
    target = folder / "scene"
    make_scene(target)
    (target / "truth.tif").rename(target / "reference.tif")
    (target / "scene.dat").rename(target / "scene.img")
    return load_scene(target)


def seam_ratio(labels: np.ndarray, config: RefineConfig) -> float:
    """How much oftener neighbours differ across borders of inference windows than elsewhere; 1 = no seam."""
    rates = []
    for axis in (0, 1):
        length = labels.shape[axis]
        side = min(config.tile_px, length)
        offsets = plan_offsets(length, side, config.halo_px)
        borders = sorted({at for start in offsets for at in (start, start + side) if 0 < at < length})
        differ = np.diff(labels.astype(int), axis=axis) != 0
        lines = differ.mean(axis=1 - axis)
        if borders:
            at_border = np.isin(np.arange(1, length), borders)
            rates.append((lines[at_border].mean(), lines[~at_border].mean()))
    return float(np.mean([a for a, _ in rates]) / np.mean([b for _, b in rates])) if rates else 1.0


def measure(scene: LabelledScene, side: int, seed: int) -> Dict[str, Any]:
    """One refinement with windows of a side."""
    config = replace(RefineConfig(), tile_px=side, halo_px=min(RefineConfig().halo_px, side // 4))
    before = prior_probabilities(scene, seed)
    wall, processor = time.monotonic(), time.process_time()
    failure = ""
    try:
        found = refine(scene.values, scene.valid, before, network_builder(config), config, seed).probabilities
    except RefinementError as error:
        found, failure = before, error.reason
    told: Dict[str, Any] = {"side": side, "seed": seed, "failure": failure}
    told.update(wall_s=time.monotonic() - wall, processor_s=time.process_time() - processor)
    for when, probabilities in (("before", before), ("after", found)):
        labels, _ = decide(probabilities, scene.valid)
        figures = score(labels[scene.counted], scene.reference[scene.counted], len(scene.classes))
        told[when] = {**figures, "recall": figures["recall"].tolist()}
    told["seam"] = seam_ratio(labels, config)
    return told


def render(runs: Sequence[Dict[str, Any]], scene: LabelledScene) -> str:
    """The results in Markdown."""
    counts = np.bincount(scene.reference[scene.counted], minlength=len(scene.classes) + 1)[1:]
    names = " | ".join(f"{one.name} ({share:.1%})" for one, share in zip(scene.classes, counts / counts.sum()))
    seeds = sorted({run["seed"] for run in runs})
    lines = [
        "# Learning a scene from windows",
        "",
        f"Demo scene of {scene.valid.shape[0]} × {scene.valid.shape[1]} pixels, first stage by spectra, mean over "
        f"seeds {', '.join(map(str, seeds))}. {describe_machine()}",
        "Seam: rate of label changes across borders of inference windows over the rate elsewhere. Recall by class.",
        "",
        f"| windows of | OA | lowest to highest | AA | seam | processor s | {names} |",
        "|---" * (6 + len(scene.classes)) + "|",
    ]
    groups: Dict[str, List[Dict[str, Any]]] = {"the first stage": [run["before"] for run in runs]}
    for run in runs:
        groups.setdefault(f"{run['side']}²", []).append({**run["after"], **run})
    for name, group in groups.items():
        overall = np.array([one["oa"] for one in group])
        recall = " | ".join(f"{value:.3f}" for value in np.mean([one["recall"] for one in group], axis=0))
        seam, seconds = (
            f"{np.mean([one[key] for one in group]):{form}}" if key in group[0] else "–"
            for key, form in (("seam", ".2f"), ("processor_s", ".0f"))
        )
        spread = f"{overall.min():.4f}–{overall.max():.4f}"
        average = np.mean([one["aa"] for one in group])
        lines.append(f"| {name} | {overall.mean():.4f} | {spread} | {average:.4f} | {seam} | {seconds} | {recall} |")
    failed = [f"{run['side']}² with seed {run['seed']}: {run['failure']}" for run in runs if run["failure"]]
    return (
        "\n".join([*lines, *(["", "Refused, the first stage kept: " + "; ".join(failed) + "."] if failed else [])])
        + "\n"
    )


def main() -> None:
    """Measure, print and, with ``--write``, keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", nargs="+", type=int, default=[400, 256, 128, 64], help="of windows; 400 = whole")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], choices=range(5))
    parser.add_argument("--resume", default="", help="file of finished runs to go on from and add to")
    parser.add_argument("--write", action="store_true", help="write the table to benchmarks/results/")
    options = parser.parse_args()
    if not stage_tests_pass("mamba", "refine"):
        raise SystemExit("Tests of this stage fail: no figures.")
    gdal.UseExceptions()
    kept = Path(options.resume) if options.resume else None
    runs = [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept and kept.exists() else []
    finished = {(run["side"], run["seed"]) for run in runs}
    with tempfile.TemporaryDirectory() as folder:
        scene = demo_scene(Path(folder))
        for seed in options.seeds:
            for side in options.sides:
                if (side, seed) in finished:
                    continue
                runs.append(measure(scene, side, seed))
                if kept:
                    with kept.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(runs[-1]) + "\n")
    text = render(runs, scene)
    show(text, RESULTS / "refinement_tiles.md" if options.write else None)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
