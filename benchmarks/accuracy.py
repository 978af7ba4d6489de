# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy on the real scenes: the spectral prior beside an unsupervised and a supervised yardstick.

Run with the runtime that has scikit-learn: ``python -m benchmarks.accuracy [--scenes FOLDER] [--write]``. Only
this and the tests read reference rasters; nothing here is used to choose anything in the engine.

Yardsticks: k-means with 60 clusters, each named by the majority of its reference pixels (an upper bound of what
clustering with perfect names can do), and a random forest trained on 1 % of the reference pixels, scored on the rest.
A nearest-library spectral angle is left out, because the project ships no spectral library.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np
from osgeo import gdal
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier

from benchmarks.machine import describe_machine, processor, versions
from special_qgis.engine.classes.classes import LandCoverClass, parse_classes
from special_qgis.engine.config import PriorConfig, SceneConfig
from special_qgis.engine.probabilities import decide
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.scene.scene import Sample
from special_qgis.engine.scene.spectra import SpectralAxis
from special_qgis.engine.spectral_prior import SpectralPrior

SCENES = ("jasper_ridge", "samson", "enmap_potsdam")
SEEDS = (0, 1, 2, 3, 4)
SAMPLE_PX = 5000  # fewer than any scene has, so that seeds matter
TRAINING_SHARE = 0.01
N_CLUSTERS = 60
CONFIDENCE_STEPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LEAST_PX = 50  # that an accuracy is told for
ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class LabelledScene:
    """A scene in memory with its reference."""

    name: str
    axis: SpectralAxis
    classes: Tuple[LandCoverClass, ...]
    quantity: str
    values: np.ndarray  # (bands, rows, cols) float32
    valid: np.ndarray  # (rows, cols) bool
    reference: np.ndarray  # (rows, cols), 0 = unlabelled
    samples: Dict[int, Sample]  # by seed

    @property
    def counted(self) -> np.ndarray:
        """(rows, cols) bool, valid and labelled."""
        return self.valid & (self.reference > 0)


def load_scene(folder: Path) -> LabelledScene:
    """Read a scene, its class names and its reference."""
    path = next(p for p in folder.iterdir() if p.stem == folder.name and p.suffix in (".tif", ".img"))
    with open_scene(SceneConfig(str(path))) as scene:
        block = scene.read(scene.area)
        samples = {seed: scene.sample(SAMPLE_PX, seed) for seed in SEEDS}
        values, valid, axis, quantity = block.values(), block.valid, scene.axis, scene.quantity
    reference = gdal.Open(str(folder / "reference.tif")).ReadAsArray()
    classes = parse_classes((folder / "classes.txt").read_text(encoding="utf-8"))
    return LabelledScene(folder.name, axis, classes, quantity, values, valid, reference, samples)


Result = Tuple[np.ndarray, np.ndarray, np.ndarray]  # labels, confidence, pixels to score


def run_prior(scene: LabelledScene, seed: int, adapt: bool) -> Result:
    """The spectral prior, fitted on a sample drawn with the seed."""
    config = PriorConfig(adapt=adapt)
    prior = SpectralPrior.fit(scene.samples[seed], scene.axis, scene.classes, config, scene.quantity, NullProgress())
    labels, confidence = decide(prior.predict(scene.values[prior.band_indices], scene.valid), scene.valid)
    return labels, confidence, scene.counted


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
    return labels, np.ones(labels.shape, np.float32), scene.counted


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
    return labels, np.ones(labels.shape, np.float32), scene.counted & ~training


METHODS: Dict[str, Callable[[LabelledScene, int], Result]] = {
    "spectral prior, rules": lambda scene, seed: run_prior(scene, seed, False),
    "spectral prior, rules + EM": lambda scene, seed: run_prior(scene, seed, True),
    "k-means 60, oracle names": run_k_means,
    "random forest, 1 % labels": run_random_forest,
}


def score(labels: np.ndarray, reference: np.ndarray, n_classes: int) -> Dict[str, Any]:
    """Overall and average accuracy, kappa and recall of each class.

    Args:
        labels: (n,) class ids.
        reference: (n,) class ids, all > 0.
        n_classes: Number of classes.
    """
    confusion = np.zeros((n_classes, n_classes + 1))
    np.add.at(confusion, (reference.astype(int) - 1, labels.astype(int)), 1)
    confusion = confusion[:, 1:]
    total, hits = float(reference.size), np.diag(confusion)
    chance = float(confusion.sum(axis=0) @ confusion.sum(axis=1)) / total**2
    overall = float(hits.sum() / total)
    recall = hits / np.maximum(confusion.sum(axis=1), 1.0)
    return {"oa": overall, "aa": float(recall.mean()), "kappa": (overall - chance) / (1.0 - chance), "recall": recall}


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
            labels, confidence, scored = run(scene, seed)
            scores.append(score(labels[scored], scene.reference[scored], len(scene.classes)))
        told["methods"][name] = {key: spread([one[key] for one in scores]) for key in scores[0]}
        if name.startswith("spectral prior"):
            right = (labels == scene.reference)[scored]
            told["methods"][name]["confidence"] = confidence_table(confidence[scored], right)
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
        f"The prior is fitted on {SAMPLE_PX} pixels drawn with the seed and sees no label; k-means is named with all",
        "labels (an upper bound of clustering); the random forest learns from 1 % of them and is scored on the rest. A",
        "nearest-library spectral angle is left out: the project ships no spectral library.",
    ]
    for scene, told in results["scenes"].items():
        lines += ["", f"## {scene}", "", f"{told['n_reference_px']} reference pixels; the largest class has "]
        lines[-1] += f"{told['largest_share']:.3f} of them."
        lines += ["", "| method | OA | AA | κ | " + " | ".join(f"recall {name}" for name in told["classes"]) + " |"]
        lines.append("|---" * (4 + len(told["classes"])) + "|")
        for name, figures in told["methods"].items():
            recall = " | ".join(f"{value:.3f}" for value in figures["recall"]["mean"])
            lines.append(
                f"| {name} | " + " | ".join(_figure(figures[k]) for k in ("oa", "aa", "kappa")) + f" | {recall} |"
            )
    lines += ["", "## What the confidence means", ""]
    lines.append(
        "Accuracy among the pixels whose confidence (best − second best) is at least so much; share of pixels kept."
    )
    lines += [
        "",
        "| confidence ≥ | " + " | ".join(results["scenes"]) + " |",
        "|---" * (1 + len(results["scenes"])) + "|",
    ]
    tables = [told["methods"]["spectral prior, rules + EM"]["confidence"] for told in results["scenes"].values()]
    for rows in zip(*tables):
        cells = " | ".join(
            f"{row['accuracy']:.3f} ({row['share']:.0%})" if row["accuracy"] is not None else "–" for row in rows
        )
        lines.append(f"| {rows[0]['least']:.1f} | {cells} |")
    return "\n".join(lines) + "\n"


def scenes_folder(given: str) -> Path:
    """Folder of the real scenes: as given, else ``SPECIAL_SCENES``, else beside the checkout."""
    folder = Path(given or os.environ.get("SPECIAL_SCENES", "") or ROOT.parent / "shared" / "scenes")
    if not folder.is_dir():
        raise SystemExit(f"There are no scenes at {folder}. Name their folder with --scenes or SPECIAL_SCENES.")
    return folder


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
        "scenes": {name: assess_scene(load_scene(folder / name)) for name in SCENES},
    }
    text = render(results)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "accuracy.md").write_text(text, encoding="utf-8")
        (RESULTS / "accuracy.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
