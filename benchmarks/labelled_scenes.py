# SPDX-License-Identifier: GPL-2.0-or-later
"""Real scenes with references, the spectral prior on them, and what is told of a map: accuracies and calibration.

Only benchmarks and tests read reference rasters; nothing here is used to choose anything in the engine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from osgeo import gdal

from special_qgis.engine.classes.classes import LandCoverClass, parse_classes
from special_qgis.engine.config import PriorConfig, SceneConfig
from special_qgis.engine.probabilities import decide
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.scene.scene import Sample
from special_qgis.engine.scene.spectra import SpectralAxis
from special_qgis.engine.spectral_prior import SpectralPrior

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SEEDS = (0, 1, 2, 3, 4)
SAMPLE_PX = 5000  # fewer than large scenes have, so that seeds matter there
RECORD = RESULTS / "prior_accuracy.json"  # what a test holds the prior to
N_BINS = 15  # of the expected calibration error (Guo et al. 2017)


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


class Result(NamedTuple):
    """A map and what is scored of it."""

    labels: np.ndarray  # (rows, cols) class ids
    confidence: np.ndarray  # (rows, cols) best minus second best
    probability: np.ndarray  # (rows, cols) of the class that won
    scored: np.ndarray  # (rows, cols) bool


def scenes_folder(given: str) -> Path:
    """Folder of the real scenes: as given, else ``SPECIAL_SCENES``, else beside the checkout."""
    folder = Path(given or os.environ.get("SPECIAL_SCENES", "") or ROOT.parent / "shared" / "scenes")
    if not folder.is_dir():
        raise SystemExit(f"There are no scenes at {folder}. Name their folder with --scenes or SPECIAL_SCENES.")
    return folder


def labelled_folders(folder: Path) -> List[Path]:
    """Folders of all scenes that have a reference, by name."""
    return sorted(path.parent for path in folder.glob("*/reference.tif"))


def load_scene(folder: Path, seeds: Sequence[int] = SEEDS, sample_px: int = SAMPLE_PX) -> LabelledScene:
    """Read a scene, its class names and its reference.

    Args:
        folder: Holds the raster of the same name, ``classes.txt`` and ``reference.tif``.
        seeds: Of the samples.
        sample_px: Most pixels of a sample.
    """
    path = next(p for p in folder.iterdir() if p.stem == folder.name and p.suffix in (".tif", ".img"))
    with open_scene(SceneConfig(str(path))) as scene:
        block = scene.read(scene.area)
        samples = {seed: scene.sample(sample_px, seed) for seed in seeds}
        values, valid, axis, quantity = block.values(), block.valid, scene.axis, scene.quantity
    reference = gdal.Open(str(folder / "reference.tif")).ReadAsArray()
    classes = parse_classes((folder / "classes.txt").read_text(encoding="utf-8"))
    return LabelledScene(folder.name, axis, classes, quantity, values, valid, reference, samples)


def run_prior(scene: LabelledScene, seed: int, adapt: bool) -> Result:
    """The spectral prior, fitted on a sample drawn with the seed."""
    config = PriorConfig(adapt=adapt)
    prior = SpectralPrior.fit(scene.samples[seed], scene.axis, scene.classes, config, scene.quantity, NullProgress())
    probabilities = prior.predict(scene.values[prior.band_indices], scene.valid)
    labels, confidence = decide(probabilities, scene.valid, prior.interpretation.precedence)
    return Result(labels, confidence, probabilities.max(axis=0), scene.counted)


def score(labels: np.ndarray, reference: np.ndarray, n_classes: int) -> Dict[str, Any]:
    """Overall and average accuracy, kappa, macro-F1 and recall of each class.

    Classes without reference pixels count in no mean.

    Args:
        labels: (n,) class ids.
        reference: (n,) class ids, all > 0.
        n_classes: Number of classes.
    """
    confusion = np.zeros((n_classes, n_classes + 1))
    np.add.at(confusion, (reference.astype(int) - 1, labels.astype(int)), 1)
    confusion = confusion[:, 1:]
    total, hits = float(reference.size), np.diag(confusion)
    present = confusion.sum(axis=1) > 0
    chance = float(confusion.sum(axis=0) @ confusion.sum(axis=1)) / total**2
    overall = float(hits.sum() / total)
    recall = hits / np.maximum(confusion.sum(axis=1), 1.0)
    f1 = 2.0 * hits / np.maximum(confusion.sum(axis=0) + confusion.sum(axis=1), 1.0)
    return {
        "oa": overall,
        "aa": float(recall[present].mean()),
        "kappa": (overall - chance) / (1.0 - chance),
        "f1": float(f1[present].mean()),
        "recall": recall,
    }


def prior_figures(folder: Path) -> Dict[str, float]:
    """Overall and average accuracy of the prior on one scene, fitted as the plugin fits it.

    Args:
        folder: Of the scene, as for ``load_scene``.
    """
    scene = load_scene(folder, (0,), PriorConfig().sample_px)
    result = run_prior(scene, 0, True)
    figures = score(result.labels[result.scored], scene.reference[result.scored], len(scene.classes))
    return {key: round(figures[key], 4) for key in ("oa", "aa")}


def calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: mean distance between probability and accuracy over bins, weighted by pixels.

    Args:
        probability: (n,) of the class that won, in [0, 1].
        right: (n,) bool.
    """
    bins = np.minimum((probability * N_BINS).astype(int), N_BINS - 1)
    gaps = [
        abs(right[bins == one].mean() - probability[bins == one].mean()) * (bins == one).mean() for one in set(bins)
    ]
    return float(sum(gaps))
