# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores a small scene with and without compiling, in a process of its own, and prints what came of it as JSON.

Run with ``python -m tests.helpers.compiled_stage``. PyTorch looks for its compiler once, so each environment needs a
process; batches of four, three and one windows occur.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Tuple

import numpy as np
import torch

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.clip.loaded_clip import LoadedClip
from special_qgis.engine.clip.scoring_options import ScoringOptions, choose_upsampler
from special_qgis.engine.clip.source import ArrayColours
from special_qgis.engine.clip.stage import score_scene
from special_qgis.engine.config import ClipConfig
from special_qgis.engine.evidence.tile_store import TileStore
from special_qgis.engine.report.summary import ClipSummary
from special_qgis.engine.windows import Window
from tests.helpers.clip_models import tiny_clip, tokenizer
from tests.helpers.listener import Listener

CLASSES = parse_classes("water; trees")
CONFIG = ClipConfig(scales=(1.0, 2.0), templates="remote_sensing", precision="float32", batch=4)
ROWS, COLS = 32, 96  # five windows in a row at scale 1, eleven at scale 2


def score(config: ClipConfig, listener: Listener) -> Tuple[np.ndarray, ClipSummary]:
    """Probabilities and summary."""
    rgb = np.random.default_rng(0).random((3, ROWS, COLS)).astype(np.float32)
    options = ScoringOptions(config, torch.device("cpu"), choose_upsampler(config.upsampler, None))
    with TileStore(ROWS, COLS, len(CLASSES)) as store:
        summary = score_scene(
            ArrayColours(rgb), LoadedClip(tiny_clip(), tokenizer()), CLASSES, options, store, listener
        )
        return store.read(Window(0, 0, ROWS, COLS))[0], summary


def main() -> None:
    """Score, compare, print."""
    listener = Listener()
    wanted, plain = score(CONFIG, listener)
    found, summary = score(replace(CONFIG, compile=True), listener)
    result = {
        "compiled": [plain.compiled, summary.compiled],
        "difference": float(np.abs(found - wanted).max()),
        "spread": float(wanted.std()),
        "graphs": torch._dynamo.utils.counters["stats"]["unique_graphs"],
        "warnings": listener.warnings,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
