# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy on all real scenes: the spectral prior beside an unsupervised and a supervised yardstick.

Run with the runtime that has scikit-learn: ``python -m benchmarks.accuracy [--scenes FOLDER] [--write]``. Only
this and the tests read reference rasters; nothing here is used to choose anything in the engine.

Yardsticks: k-means with 60 clusters, each named by the majority of its reference pixels (an upper bound of what
clustering with perfect names can do), and a random forest trained on 1 % of the reference pixels, scored on the rest.
A nearest-library spectral angle is left out, because the project ships no spectral library.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
from osgeo import gdal
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier

from benchmarks.labelled_scenes import (
    RECORD,
    RESULTS,
    SAMPLE_PX,
    SEEDS,
    LabelledScene,
    Result,
    calibration_error,
    labelled_folders,
    load_scene,
    prior_figures,
    run_prior,
    scenes_folder,
    score,
)
from benchmarks.machine import describe_machine, processor, versions

TRAINING_SHARE = 0.01
N_CLUSTERS = 60
CONFIDENCE_STEPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LEAST_PX = 50  # that an accuracy is told for
PRIOR = "spectral prior, adapted"  # as the plugin runs it


def run_k_means(scene: LabelledScene, seed: int) -> Result:
    """k-means, each cluster named by the majority of its reference pixels."""
    spectra = np.log(np.maximum(scene.values[:, scene.valid].T, 0.0) + 0.01 * np.abs(scene.values).max())
    clusters = np.zeros(scene.valid.shape, int)
    clusters[scene.valid] = KMeans(N_CLUSTERS, n_init=1, random_state=seed).fit_predict(spectra)
    labels = np.zeros(scene.valid.shape, np.uint8)
    for cluster in range(N_CLUSTERS):
        members = clusters == cluster
        counts = np.bincount(scene.reference[members & scene.counted], minlength=len(scene.classes) + 1)[1:]
        labels[members & scene.valid] = counts.argmax() + 1
    certain = np.ones(labels.shape, np.float32)
    return Result(labels, certain, certain, scene.counted)


def run_random_forest(scene: LabelledScene, seed: int) -> Result:
    """Random forest on 1 % of the reference pixels, at least two a class; scored on the others."""
    generator = np.random.default_rng(seed)
    training = np.zeros(scene.valid.shape, bool)
    for one in scene.classes:
        rows, cols = np.nonzero(scene.counted & (scene.reference == one.id))
        chosen = generator.permutation(len(rows))[: max(2, round(TRAINING_SHARE * len(rows)))]
        training[rows[chosen], cols[chosen]] = True
    forest = RandomForestClassifier(300, random_state=seed, n_jobs=1)
    forest.fit(scene.values[:, training].T, scene.reference[training])
    labels = np.zeros(scene.valid.shape, np.uint8)
    labels[scene.counted] = forest.predict(scene.values[:, scene.counted].T)
    certain = np.ones(labels.shape, np.float32)
    return Result(labels, certain, certain, scene.counted & ~training)


METHODS: Dict[str, Callable[[LabelledScene, int], Result]] = {
    "spectral prior, rules": lambda scene, seed: run_prior(scene, seed, False),
    PRIOR: lambda scene, seed: run_prior(scene, seed, True),
    "k-means 60, oracle names": run_k_means,
    "random forest, 1 % labels": run_random_forest,
}


def spread(figures: Sequence[Any]) -> Dict[str, Any]:
    """Mean and standard deviation over the seeds."""
    stacked = np.array(figures)
    return {"mean": stacked.mean(axis=0).tolist(), "sd": stacked.std(axis=0, ddof=1).tolist()}


def assess_scene(scene: LabelledScene) -> Dict[str, Any]:
    """All methods on one scene over all seeds."""
    told: Dict[str, Any] = {
        "classes": [one.name for one in scene.classes],
        "n_reference_px": int(scene.counted.sum()),
        "largest_share": float(np.bincount(scene.reference[scene.counted]).max() / scene.counted.sum()),
        "methods": {},
    }
    for name, run in METHODS.items():
        scores = []
        for seed in SEEDS:
            result = run(scene, seed)
            scored = result.scored
            right = (result.labels == scene.reference)[scored]
            figures = score(result.labels[scored], scene.reference[scored], len(scene.classes))
            scores.append({**figures, "ece": calibration_error(result.probability[scored], right)})
        told["methods"][name] = {key: spread([one[key] for one in scores]) for key in scores[0]}
        if name.startswith("spectral prior"):
            told["methods"][name]["confidence"] = confidence_table(result.confidence[scored], right)
    return told


def confidence_table(confidence: np.ndarray, right: np.ndarray) -> List[Dict[str, Any]]:
    """Share of the pixels at or above each confidence, and accuracy among them; None for too few to tell."""
    rows = []
    for least in CONFIDENCE_STEPS:
        kept = confidence >= least
        accuracy = float(right[kept].mean()) if kept.sum() >= LEAST_PX else None
        rows.append({"least": least, "share": float(kept.mean()), "accuracy": accuracy})
    return rows


def _figure(spread_of: Dict[str, Any]) -> str:
    return f"{spread_of['mean']:.3f} ± {spread_of['sd']:.3f}"


def render(results: Dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        "# Accuracy on real scenes",
        "",
        f"Mean ± standard deviation over seeds {', '.join(map(str, SEEDS))}. {describe_machine()}",
        f"The prior is fitted on at most {SAMPLE_PX} pixels drawn with the seed and sees no label; k-means is named",
        "with all labels (an upper bound of clustering); the random forest learns from 1 % of them and is scored on",
        "the rest. A nearest-library spectral angle is left out: the project ships no spectral library. ECE: expected",
        "calibration error of the probability of the class that won, 15 bins.",
        "",
        *_summary(results["scenes"]),
    ]
    for scene, told in results["scenes"].items():
        lines += _scene_table(scene, told)
    return "\n".join([*lines, *_confidence_table(results["scenes"])]) + "\n"


def _summary(scenes: Dict[str, Any]) -> List[str]:
    """The prior on all scenes, worst first."""
    keys = ("oa", "aa", "kappa", "f1", "ece")
    means = {name: [told["methods"][PRIOR][key]["mean"] for key in keys] for name, told in scenes.items()}
    order = sorted(means, key=lambda name: means[name][0])
    rows = [(name, means[name], scenes[name]["largest_share"]) for name in order]
    lines = ["| scene, worst first | OA | AA | κ | macro-F1 | ECE | largest class |", "|---" * 7 + "|"]
    lines += [
        f"| {name} | " + " | ".join(f"{x:.3f}" for x in (*figures, share)) + " |" for name, figures, share in rows
    ]
    overall = np.mean([(*figures, share) for _, figures, share in rows], axis=0)
    return [*lines, "| **mean** | " + " | ".join(f"{x:.3f}" for x in overall) + " |"]


def _scene_table(scene: str, told: Dict[str, Any]) -> List[str]:
    lines = ["", f"## {scene}", "", f"{told['n_reference_px']} reference pixels; the largest class has "]
    lines[-1] += f"{told['largest_share']:.3f} of them."
    recalls = " | ".join(f"recall {name}" for name in told["classes"])
    lines += ["", f"| method | OA | AA | κ | macro-F1 | ECE | {recalls} |"]
    lines.append("|---" * (6 + len(told["classes"])) + "|")
    for name, figures in told["methods"].items():
        recall = " | ".join(f"{value:.3f}" for value in figures["recall"]["mean"])
        cells = [_figure(figures[key]) for key in ("oa", "aa", "kappa", "f1")]
        cells.append(_figure(figures["ece"]) if "confidence" in figures else "–")
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {recall} |")
    return lines


def _confidence_table(scenes: Dict[str, Any]) -> List[str]:
    lines = ["", "## What the confidence means", ""]
    lines.append(
        "Accuracy among the pixels whose confidence (best − second best) is at least so much; share of pixels kept."
    )
    lines += ["", "| confidence ≥ | " + " | ".join(scenes) + " |", "|---" * (1 + len(scenes)) + "|"]
    tables = [told["methods"][PRIOR]["confidence"] for told in scenes.values()]
    for rows in zip(*tables):
        cells = " | ".join(
            f"{row['accuracy']:.3f} ({row['share']:.0%})" if row["accuracy"] is not None else "–" for row in rows
        )
        lines.append(f"| {rows[0]['least']:.1f} | {cells} |")
    return lines


def main() -> None:
    """Measure, print and, with ``--write``, keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", default="", help="folder of the real scenes")
    parser.add_argument("--write", action="store_true", help="write the tables to benchmarks/results/")
    options = parser.parse_args()
    gdal.UseExceptions()
    folder = scenes_folder(options.scenes)
    results = {
        "machine": processor(),
        "versions": versions(),
        "seeds": SEEDS,
        "scenes": {path.name: assess_scene(load_scene(path)) for path in labelled_folders(folder)},
    }
    text = render(results)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "accuracy.md").write_text(text, encoding="utf-8")
        record = {path.name: prior_figures(path) for path in labelled_folders(folder)}
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "accuracy.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
