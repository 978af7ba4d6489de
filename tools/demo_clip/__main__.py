# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the demo checkpoint from nothing: paint, train, export, judge. What is there already is gone on with."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .bank import paint_bank
from .evaluate import evaluate
from .export import export
from .train import Recipe, steps_done, train

REPOSITORY = Path(__file__).resolve().parents[2]
N_SCENES = 6000
FIRST_SEED = 1_000_000
PROCESSES = 2
ROUNDS = (1200, 2000)  # steps at whose end the rate has fallen; the second round raises it once more


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "demo_model", help="for what is made")
    options = parser.parse_args()
    bank, state = options.folder / "bank", options.folder / "training.pt"
    if not (bank / "bank.json").exists():
        paint_bank(bank, N_SCENES, FIRST_SEED, PROCESSES)
    for steps in ROUNDS:
        if steps_done(state) < steps:
            train(bank, state, Recipe(steps=steps), PROCESSES)
    target = options.folder / "demo_clip.safetensors"
    print(f"{target}: sha256 {export(state, target)}")
    scenes = Path(os.environ.get("SPECIAL_SCENES", REPOSITORY.parent / "shared" / "scenes"))
    if scenes.is_dir():
        evaluate(target, scenes)
    else:
        print(f"There is no folder {scenes}, so nothing was judged. Name one in SPECIAL_SCENES.")


if __name__ == "__main__":
    main()
