# SPDX-License-Identifier: GPL-2.0-or-later
"""The command of a campaign: many scenes with one class list."""

from __future__ import annotations

import argparse
from typing import Any, Dict

from ..config import ANY_SCENE, OUTPUT_CHOICES, ClassifyConfig, ScenesConfig
from .commands import set_defaults
from .shared_options import add_method, add_reading, add_run, method_fields, reading_fields

__all__ = ["add_scenes", "scenes_options"]


def add_scenes(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command scenes."""
    text = "scenes: files, globs, folders, lists (.txt, .csv), STAC item collections (.json)"
    parser.add_argument("scenes", nargs="+", metavar="LIST", help=text)
    parser.add_argument("--output-folder", required=True, metavar="DIR", help="gets a folder a scene and the report")
    text = "beside the map: all, none, or some of " + ", ".join(OUTPUT_CHOICES)
    parser.add_argument("--outputs", type=parse_outputs, metavar="LIST", help=text)
    parser.add_argument("--workers", type=int, metavar="N", help="processes; 0 = by cores and memory")
    parser.add_argument("--retries", type=int, metavar="N", help="of a scene whose worker died")
    parser.add_argument("--no-resume", action="store_true", help="map finished scenes again")
    parser.add_argument("--no-mosaic", action="store_true", help="make no virtual mosaic of the maps")
    set_defaults(parser, ScenesConfig, "outputs", "workers", "retries")
    add_reading(parser)
    add_method(parser)
    add_run(parser, ClassifyConfig)


def scenes_options(found: argparse.Namespace) -> Dict[str, Any]:
    """JSON form of ``ScenesConfig``."""
    return {
        "scenes": list(found.scenes),
        "output_folder": found.output_folder,
        "classify": {
            "scene": {"source": ANY_SCENE, **reading_fields(found)},
            **method_fields(found),
            "device": found.device,
            "min_confidence": found.min_confidence,
        },
        "outputs": list(found.outputs),
        "workers": found.workers,
        "retries": found.retries,
        "resume": not found.no_resume,
        "mosaic": not found.no_mosaic,
    }


def parse_outputs(text: str) -> tuple[str, ...]:
    """Outputs of a scene beside its map, as "confidence, report", "all" or "none".

    Raises:
        argparse.ArgumentTypeError: One of them is unknown.
    """
    words = {"all": OUTPUT_CHOICES, "none": ()}
    names = words.get(text.strip(), tuple(filter(None, (part.strip() for part in text.split(",")))))
    unknown = [name for name in names if name not in OUTPUT_CHOICES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(OUTPUT_CHOICES)}")
    return tuple(names)
