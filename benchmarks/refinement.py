# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy of the network stage on the real scenes, before and after, with stage-1 labels of two kinds.

Run with the runtime that has torch: ``python -m benchmarks.refinement [--scenes FOLDER] [--seeds 0 1] [--write]``. The
first stage is the spectral prior, whose errors are systematic, or the reference with whole segments flipped to a class
of similar spectra, which is how an image-text model errs. References are read here alone, for the score and to make the
second kind; refinement sees nothing but probabilities.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
from osgeo import gdal

from benchmarks.labelled_scenes import RESULTS, LabelledScene, load_scene, scenes_folder, score
from benchmarks.machine import describe_machine, processor, stage_tests_pass, versions
from special_qgis.engine.config import PriorConfig, RefineConfig
from special_qgis.engine.errors import RefinementError
from special_qgis.engine.probabilities import decide, probabilities_of_labels
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine.network import network_builder
from special_qgis.engine.spectral_prior import SpectralPrior
from tests.helpers.refined_cube import refine

SCENES = ("jasper_ridge", "samson", "enmap_potsdam")
SEGMENT_PX = 8  # side of the cells that cut a class's areas into segments
FLIPPED_CONFIDENCE = (
    0.9  # of every label of the second kind, right or wrong: the first stage does not know what is wrong
)
STAGES = ("spectral prior", "10 % flipped", "30 % flipped", "50 % flipped")
PRESETS: Dict[str, RefineConfig] = {"default": RefineConfig(), "paper": RefineConfig.published()}
CONFIGS: Dict[str, RefineConfig] = {  # the default without one addition at a time beside the presets
    **PRESETS,
    "without fusion": RefineConfig(fuse_stage_one=False),
    "errors not undone": RefineConfig(error_rounds=0),
    "targets as they are": RefineConfig(target_power=1.0),
    "classes not balanced": RefineConfig(class_balance=0.0),
    "confident random set": RefineConfig(random_set="confident"),
    "without hard set": RefineConfig(hard_weight=0.0),
    "spectra of confident pixels": RefineConfig(spectral_px="confident"),
    "last weights": RefineConfig(average_decay=0.0),
}


def prior_probabilities(scene: LabelledScene, seed: int) -> np.ndarray:
    """(classes, rows, cols) probabilities of the spectral prior."""
    prior = SpectralPrior.fit(
        scene.samples[seed], scene.axis, scene.classes, PriorConfig(), scene.quantity, NullProgress()
    )
    return prior.predict(scene.values[prior.band_indices], scene.valid)


def flipped_probabilities(scene: LabelledScene, share: float, seed: int) -> np.ndarray:
    """The reference with a share of its segments flipped, likelier to a class of similar mean spectrum."""
    rng = np.random.default_rng((seed, 11))
    n_classes = len(scene.classes)
    means = np.stack(
        [scene.values[:, scene.counted & (scene.reference == k + 1)].mean(axis=1) for k in range(n_classes)]
    )
    distance = np.sqrt(((means[:, None] - means[None]) ** 2).mean(axis=2))
    chances = np.exp(-distance / distance[distance > 0].mean()) * ~np.eye(n_classes, dtype=bool)
    rows, cols = np.indices(scene.valid.shape) // SEGMENT_PX
    segments = (rows * (cols.max() + 1) + cols) * (n_classes + 1) + scene.reference
    labels = np.where(scene.counted, scene.reference, 0).astype(np.uint8)
    for segment in np.unique(segments[scene.counted]):
        if rng.random() < share:
            right = int(segment % (n_classes + 1)) - 1
            wrong = rng.choice(n_classes, p=chances[right] / chances[right].sum())
            labels[(segments == segment) & scene.counted] = wrong + 1
    confidence = np.full(labels.shape, FLIPPED_CONFIDENCE, np.float32)
    return probabilities_of_labels(labels, confidence, n_classes)


def first_stage(scene: LabelledScene, stage: str, seed: int) -> np.ndarray:
    """Probabilities by the name of a stage."""
    if stage == STAGES[0]:
        return prior_probabilities(scene, seed)
    return flipped_probabilities(scene, int(stage.split()[0]) / 100.0, seed)


def overall(scene: LabelledScene, probabilities: np.ndarray) -> Dict[str, Any]:
    """Figures of a map against the reference."""
    labels, _ = decide(probabilities, scene.valid)
    figures = score(labels[scene.counted], scene.reference[scene.counted], len(scene.classes))
    return {**figures, "recall": figures["recall"].tolist()}


def measure(scene: LabelledScene, stage: str, config_name: str, seed: int) -> Dict[str, Any]:
    """One refinement: figures before and after, seconds, and what it said of itself."""
    config = CONFIGS[config_name]
    before = first_stage(scene, stage, seed)
    started = time.monotonic()
    told: Dict[str, Any] = {"scene": scene.name, "stage": stage, "config": config_name, "seed": seed}
    try:
        done = refine(scene.values, scene.valid, before, network_builder(config), config, seed)
        after, failure = done.probabilities, ""
        told["agreement"] = done.history.final_agreement
    except RefinementError as error:  # the product then keeps the first stage's result
        after, failure = before, error.reason
    told.update(seconds=time.monotonic() - started, failure=failure)
    return {**told, "before": overall(scene, before), "after": overall(scene, after)}


def render(runs: Sequence[Dict[str, Any]]) -> str:
    """The results in Markdown."""
    lines = [
        "# Refinement on real scenes",
        "",
        "Overall accuracy before and after the network stage, mean over seeds.",
        describe_machine(),
        "“Flipped”: the reference with that share of its segments given another class, all equally sure.",
        "",
        "| the first stage | scene | preset | seeds | before | after | change, worst seed | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: Dict[tuple[str, str, str], List[Dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["stage"], run["scene"], run["config"]), []).append(run)
    for (stage, scene, config), group in sorted(groups.items(), key=lambda item: (STAGES.index(item[0][0]), item[0])):
        before, after = (np.array([run[when]["oa"] for run in group]) for when in ("before", "after"))
        change = after - before
        seconds = np.mean([run["seconds"] for run in group])
        lines.append(
            f"| {stage} | {scene} | {config} | {len(group)} | {before.mean():.4f} | {after.mean():.4f} | "
            f"{change.mean():+.4f}, {change.min():+.4f} | {seconds:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and, with ``--write``, keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", default="", help="folder of the real scenes")
    parser.add_argument("--names", nargs="+", default=list(SCENES), choices=SCENES)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(CONFIGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], choices=range(5))
    parser.add_argument("--resume", default="", help="file of finished runs to go on from and add to")
    parser.add_argument("--render", action="store_true", help="only tell what the file of finished runs holds")
    parser.add_argument("--write", action="store_true", help="write the tables to benchmarks/results/")
    options = parser.parse_args()
    if not stage_tests_pass("mamba", "refine"):
        raise SystemExit("Tests of this stage fail: no figures.")
    gdal.UseExceptions()
    kept = Path(options.resume) if options.resume else None
    runs = [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept and kept.exists() else []
    finished = {(run["scene"], run["stage"], run["config"], run["seed"]) for run in runs}
    folder = scenes_folder(options.scenes)
    scenes = {name: load_scene(folder / name) for name in options.names}
    for seed in [] if options.render else options.seeds:
        for stage in options.stages:
            for name in options.names:
                for config in options.presets:
                    if (name, stage, config, seed) in finished:
                        continue
                    runs.append(measure(scenes[name], stage, config, seed))
                    if kept:
                        with kept.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(runs[-1]) + "\n")
    text = render(runs)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "refinement.md").write_text(text, encoding="utf-8")
        found = {"machine": processor(), "versions": versions(), "runs": runs}
        (RESULTS / "refinement.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
