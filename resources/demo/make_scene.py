# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the demo scene: ``python3 make_scene.py FOLDER [--seed N]``, with NumPy and GDAL's Python bindings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def main() -> int:
    """Read the command line, write the scene, say where it is."""
    from demo_scene.scene import DEFAULT_SEED, make_scene

    parser = argparse.ArgumentParser(description="Make the demo scene: town on a river, 400 x 400 pixels, 120 bands.")
    parser.add_argument("folder", type=Path, help="where scene.dat, scene.hdr, truth.tif and classes.txt go")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"another town (default {DEFAULT_SEED})")
    arguments = parser.parse_args()
    for path in make_scene(arguments.folder, arguments.seed):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
