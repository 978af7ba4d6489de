# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that several commands share: how a scene is read, and how class names become a map."""

from __future__ import annotations

import argparse
import re
from typing import Any, Dict, Mapping, Sequence, Type

from ..config import (
    BLENDINGS,
    DEVICES,
    MASK_MEANINGS,
    PRECISIONS,
    PRESETS,
    QUANTITIES,
    SOURCES,
    TEMPLATE_SETS,
    UPSAMPLERS,
    ClassifyConfig,
    ClipConfig,
    PriorConfig,
    SceneConfig,
    parse_scales,
)
from ..config.options import Options
from .commands import set_defaults
from .product_commands import add_product_options

CLASSES_HELP = 'names, aliases and colours, "water: river, lake #1f78b4; trees", or the path of a class file'
_UNITS: Mapping[str, int] = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def add_scene(parser: argparse.ArgumentParser) -> None:
    """Declare the scene of a command that reads one, and how it is read."""
    parser.add_argument("input", metavar="INPUT", help="the scene: anything GDAL opens, or a sensor product")
    add_reading(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Declare how a scene is read."""
    group = parser.add_argument_group("reading the scene")
    group.add_argument("--wavelengths", metavar="LIST", help="band centres, when the file has none")
    group.add_argument("--sensor", metavar="NAME", help="known sensor, when the file has no wavelengths")
    group.add_argument("--bad-bands", metavar="LIST", help='bands to leave out: "1-5, 100, 1340-1460nm"')
    group.add_argument("--keep-water-vapour", action="store_true", help="keep 1340-1460, 1790-1960 and > 2450 nm")
    group.add_argument("--quantity", choices=QUANTITIES, help="what the values are")
    group.add_argument("--mask", metavar="RASTER", help="on the scene's grid; nodata = leave out")
    group.add_argument("--mask-meaning", choices=MASK_MEANINGS, help="values of the mask that leave pixels out")
    add_product_options(group)
    group.add_argument(
        "--extent",
        type=float,
        nargs=4,
        metavar=("XMIN", "YMIN", "XMAX", "YMAX"),
        help="part to use, in the scene's CRS",
    )
    group.add_argument("--aoi", metavar="VECTOR", help="polygons that limit the work")
    group.add_argument("--aoi-layer", metavar="NAME", help="layer of that source; default: its first")
    group.add_argument("--memory", type=parse_size, metavar="SIZE", help='for blocks of pixels, as "512M"')
    texts = ("wavelengths", "sensor", "bad_bands", "mask", "mask_meaning", "aoi", "aoi_layer", "quality_layers")
    set_defaults(parser, SceneConfig, *texts, "detector_overlap", "quantity", "extent", memory="memory_budget_bytes")


def scene_options(found: argparse.Namespace) -> Dict[str, Any]:
    """JSON form of ``SceneConfig``."""
    return {"source": found.input, **reading_fields(found)}


def reading_fields(found: argparse.Namespace) -> Dict[str, Any]:
    """Fields of ``SceneConfig`` but for the source."""
    return {
        "wavelengths": found.wavelengths,
        "sensor": found.sensor,
        "bad_bands": found.bad_bands,
        "drop_water_vapour": not found.keep_water_vapour,
        "quantity": found.quantity,
        "mask": found.mask,
        "mask_meaning": found.mask_meaning,
        "quality_layers": found.quality_layers,
        "detector_overlap": found.detector_overlap,
        "extent": found.extent,
        "aoi": found.aoi,
        "aoi_layer": found.aoi_layer,
        "memory_budget_bytes": found.memory,
    }


def add_classes(parser: argparse.ArgumentParser, presets: Sequence[str], config: Type[Options]) -> None:
    """Declare class list, preset, seed and options of the spectral prior."""
    parser.add_argument("--classes", required=True, metavar="LIST", help=CLASSES_HELP)
    parser.add_argument("--preset", choices=presets, help="default adapts to the scene")
    parser.add_argument("--seed", type=int, help="of everything drawn at random")
    group = parser.add_argument_group("spectral prior")
    group.add_argument("--no-adapt", action="store_true", help="do not adapt to the scene")
    group.add_argument("--rounds", type=int, metavar="N", help="of adapting to the scene")
    group.add_argument("--sample-px", type=int, metavar="N", help="pixels to adapt to")
    set_defaults(parser, config, "preset", "seed")
    set_defaults(parser, PriorConfig, "sample_px", rounds="n_rounds")


def prior_fields(found: argparse.Namespace) -> Dict[str, Any]:
    """Fields of ``PriorConfig``."""
    return {"adapt": not found.no_adapt, "n_rounds": found.rounds, "sample_px": found.sample_px}


def add_run(parser: argparse.ArgumentParser, config: Type[Options]) -> None:
    """Declare the device, and the threshold of confidence, of a command that maps."""
    parser.add_argument("--device", choices=DEVICES, help="where heavy stages run")
    parser.add_argument(
        "--min-confidence", type=float, metavar="C", help="pixels below stay unclassified (0 in the map)"
    )
    set_defaults(parser, config, "device", "min_confidence")


def add_method(parser: argparse.ArgumentParser) -> None:
    """Declare how class names become a map."""
    add_classes(parser, PRESETS, ClassifyConfig)
    parser.add_argument("--source", choices=SOURCES, help="where the class evidence comes from")
    parser.add_argument("--no-refine", action="store_true", help="leave the network stage out")
    set_defaults(parser, ClassifyConfig, "source")
    _add_clip(parser)


def method_fields(found: argparse.Namespace) -> Dict[str, Any]:
    """Fields of ``ClassifyConfig`` that ``add_method`` declares."""
    return {
        "classes": found.classes,
        "source": found.source,
        "preset": found.preset,
        "seed": found.seed,
        "refine": not found.no_refine,
        "model": found.model,
        "upsampler": found.upsampler,
        "models_folder": found.folder,
        "clip": _clip_fields(found),
        "prior": prior_fields(found),
    }


def _add_clip(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("image-text model")
    group.add_argument("--model", metavar="NAME|FILE", help="installed model or checkpoint; default: best")
    group.add_argument("--upsampler", metavar="NAME|FILE", help="learned upsampler; default: the installed")
    group.add_argument("--models-folder", dest="folder", metavar="DIR", help="where models are installed")
    group.add_argument("--templates", choices=TEMPLATE_SETS, help="of prompts")
    group.add_argument("--no-aliases", action="store_true", help="only the typed words, not those of the dictionary")
    group.add_argument("--scales", default="automatic", metavar="LIST", help='factors of the image, "1, 2"')
    group.add_argument("--window", type=int, metavar="PX", help="side of a window; 0 = as the model wants")
    group.add_argument("--stride", type=int, metavar="PX", help="from window to window; 0 = half a window")
    group.add_argument("--upsampling", choices=UPSAMPLERS, help="from patches to pixels")
    group.add_argument("--blending", choices=BLENDINGS, help="of overlapping windows")
    group.add_argument("--tolerance", type=float, metavar="T", help="of compression; 0 = exact")
    group.add_argument("--precision", choices=PRECISIONS, help="of the image tower")
    group.add_argument("--compile", action="store_true", help="the image tower; needs a C++ compiler, on a GPU Triton")
    set_defaults(parser, ClassifyConfig, "model", "upsampler", folder="models_folder")
    own_names = {"window": "window_px", "stride": "stride_px", "upsampling": "upsampler"}
    set_defaults(parser, ClipConfig, "templates", "blending", "tolerance", "precision", **own_names)


def _clip_fields(found: argparse.Namespace) -> Dict[str, Any]:
    return {
        "templates": found.templates,
        "use_aliases": not found.no_aliases,
        "scales": list(parse_scales(found.scales)),
        "window_px": found.window,
        "stride_px": found.stride,
        "upsampler": found.upsampling,
        "blending": found.blending,
        "tolerance": found.tolerance,
        "precision": found.precision,
        "compile": found.compile,
    }


def parse_size(text: str) -> int:
    """Number of bytes, as "536870912", "512M" or "1.5G".

    Raises:
        argparse.ArgumentTypeError: It is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write it as 512M or 2G")
    return int(float(match.group(1)) * _UNITS[match.group(2).upper()])
