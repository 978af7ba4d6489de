# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of the command line to jobs and their options: one command a job, one option a field of the configuration."""

from __future__ import annotations

import argparse
import re
from typing import Any, Dict, Mapping, NamedTuple, Sequence, Type

from ..config import (
    BLENDINGS,
    DEVICES,
    LEARNING_PRESETS,
    PRECISIONS,
    PRESETS,
    PRIOR_PRESETS,
    QUANTITIES,
    SOURCES,
    TEMPLATE_SETS,
    UPSAMPLERS,
    ApplyConfig,
    ClassifyConfig,
    ClipConfig,
    OutputConfig,
    PriorConfig,
    PriorJobConfig,
    RefineJobConfig,
    SceneConfig,
    TrueColourConfig,
    parse_scales,
)
from ..config.options import Options
from .commands import add_command, set_defaults
from .map_commands import add_areas, add_assess, areas_options, assess_options
from .model_commands import add_models

_UNITS: Mapping[str, int] = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


class Request(NamedTuple):
    """What the command line asks for."""

    job: str  # a key of ``jobs.JOBS``
    options: Dict[str, Any]  # JSON form of the job's configuration
    as_json: bool  # print the result as JSON


def parse_arguments(arguments: Sequence[str], version: str) -> Request:
    """Read the command line; ends the program where it asks for help or makes no sense.

    Args:
        arguments: Words after the program's name.
        version: Version of the plugin, printed by ``--version``.
    """
    found = make_parser(version).parse_args(arguments)
    return Request(found.job, found.make_options(found), found.json)


def make_parser(version: str) -> argparse.ArgumentParser:
    """The parser of all commands.

    Args:
        version: Version of the plugin, printed by ``--version``.
    """
    parser = argparse.ArgumentParser(
        prog="python -m special_qgis.engine",
        description="Land-cover maps of hyperspectral scenes from typed class names, without QGIS's windows.",
        epilog="Exit codes: 0 done, 1 an error, 2 a command line that makes no sense, 130 cancelled.",
    )
    parser.add_argument("--version", action="version", version=f"SPECIAL {version}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_classify(add_command(commands, "classify", "classify", "map the land cover of a scene", _classify_options))
    _add_refine(
        add_command(commands, "refine", "refine", "learn a scene from any class raster and map it", _refine_options)
    )
    _add_apply(
        add_command(commands, "apply", "apply_classifier", "map a scene with a saved classifier", _apply_options)
    )
    _add_prior(add_command(commands, "prior", "spectral_prior", "probabilities from spectra and names", _prior_options))
    _add_rgb(add_command(commands, "rgb", "true_colour", "true-colour picture of a scene", _rgb_options))
    inspect = add_command(commands, "inspect", "inspect_scene", "show what is read from a file", scene_options)
    _add_scene(inspect)
    add_assess(add_command(commands, "assess", "assess", "accuracy of a map against a reference", assess_options))
    add_areas(add_command(commands, "areas", "areas", "areas of the classes of a map", areas_options))
    add_models(commands)
    return parser


def _add_scene(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="INPUT", help="the scene: anything GDAL opens")
    group = parser.add_argument_group("reading the scene")
    group.add_argument("--wavelengths", metavar="LIST", help="band centres, when the file has none")
    group.add_argument("--sensor", metavar="NAME", help="known sensor, when the file has no wavelengths")
    group.add_argument("--bad-bands", metavar="LIST", help='bands to leave out: "1-5, 100, 1340-1460nm"')
    group.add_argument("--keep-water-vapour", action="store_true", help="keep 1340-1460, 1790-1960 and > 2450 nm")
    group.add_argument("--quantity", choices=QUANTITIES, help="what the values are")
    group.add_argument("--mask", metavar="RASTER", help="on the scene's grid; 0 or nodata = leave out")
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
    texts = ("wavelengths", "sensor", "bad_bands", "mask", "aoi", "aoi_layer")
    set_defaults(parser, SceneConfig, *texts, "quantity", "extent", memory="memory_budget_bytes")


def scene_options(found: argparse.Namespace) -> Dict[str, Any]:
    """JSON form of ``SceneConfig``."""
    return {
        "source": found.input,
        "wavelengths": found.wavelengths,
        "sensor": found.sensor,
        "bad_bands": found.bad_bands,
        "drop_water_vapour": not found.keep_water_vapour,
        "quantity": found.quantity,
        "mask": found.mask,
        "extent": found.extent,
        "aoi": found.aoi,
        "aoi_layer": found.aoi_layer,
        "memory_budget_bytes": found.memory,
    }


_CLASSES_HELP = 'names, aliases and colours, "water: river, lake #1f78b4; trees", or the path of a class file'


def _add_classes(parser: argparse.ArgumentParser, presets: Sequence[str], config: Type[Options]) -> None:
    parser.add_argument("--classes", required=True, metavar="LIST", help=_CLASSES_HELP)
    parser.add_argument("--preset", choices=presets, help="default adapts to the scene")
    parser.add_argument("--seed", type=int, help="of everything drawn at random")
    group = parser.add_argument_group("spectral prior")
    group.add_argument("--no-adapt", action="store_true", help="do not adapt to the scene")
    group.add_argument("--rounds", type=int, metavar="N", help="of adapting to the scene")
    group.add_argument("--sample-px", type=int, metavar="N", help="pixels to adapt to")
    set_defaults(parser, config, "preset", "seed")
    set_defaults(parser, PriorConfig, "sample_px", rounds="n_rounds")


def _prior_fields(found: argparse.Namespace) -> Dict[str, Any]:
    return {"adapt": not found.no_adapt, "n_rounds": found.rounds, "sample_px": found.sample_px}


def _add_map_outputs(parser: argparse.ArgumentParser, config: Type[Options]) -> None:
    """Outputs of all commands that map a scene."""
    parser.add_argument("--output", required=True, metavar="TIF", help="class raster to write")
    parser.add_argument("--confidence", metavar="TIF", help="confidence raster to write")
    parser.add_argument("--probabilities", metavar="TIF", help="raster to write with one band a class")
    parser.add_argument("--report", metavar="HTML", help="report to write; JSON goes beside it")
    parser.add_argument("--device", choices=DEVICES, help="where heavy stages run")
    parser.add_argument(
        "--min-confidence", type=float, metavar="C", help="pixels below stay unclassified (0 in the map)"
    )
    set_defaults(parser, OutputConfig, "confidence", "probabilities", "report")
    set_defaults(parser, config, "device", "min_confidence")


def _map_fields(found: argparse.Namespace, **more_outputs: str) -> Dict[str, Any]:
    """Fields that the options of all commands that map a scene have.

    Args:
        found: Parsed command line.
        more_outputs: Name of the option for each output that only this command has, by the output's field.
    """
    outputs = {
        "map": found.output,
        "confidence": found.confidence,
        "probabilities": found.probabilities,
        "report": found.report,
    }
    return {
        "scene": scene_options(found),
        "outputs": {**outputs, **{field: getattr(found, option) for field, option in more_outputs.items()}},
        "device": found.device,
        "min_confidence": found.min_confidence,
    }


def _add_saved_classifier(parser: argparse.ArgumentParser) -> None:
    text = "trained network to write, for the command apply"
    parser.add_argument("--save-classifier", metavar="SAFETENSORS", help=text)
    set_defaults(parser, OutputConfig, save_classifier="classifier")


def _add_classify(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    _add_classes(parser, PRESETS, ClassifyConfig)
    _add_map_outputs(parser, ClassifyConfig)
    _add_saved_classifier(parser)
    parser.add_argument("--pseudo-labels", metavar="TIF", help="class raster of the first stage to write")
    parser.add_argument("--agreement", metavar="TIF", help="raster of how far both sources agree to write")
    parser.add_argument("--source", choices=SOURCES, help="where the class evidence comes from")
    parser.add_argument("--height", metavar="RASTER", help="heights above ground, or a surface model; any grid")
    parser.add_argument("--terrain", metavar="RASTER", help="terrain model to subtract from the heights")
    parser.add_argument("--no-refine", action="store_true", help="leave the network stage out")
    set_defaults(parser, OutputConfig, "pseudo_labels", "agreement")
    set_defaults(parser, ClassifyConfig, "source", "height", "terrain")
    _add_clip(parser)


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


def _classify_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {
        **_map_fields(found, pseudo_labels="pseudo_labels", classifier="save_classifier", agreement="agreement"),
        "classes": found.classes,
        "source": found.source,
        "preset": found.preset,
        "seed": found.seed,
        "refine": not found.no_refine,
        "model": found.model,
        "upsampler": found.upsampler,
        "models_folder": found.folder,
        "height": found.height,
        "terrain": found.terrain,
        "clip": _clip_fields(found),
        "prior": _prior_fields(found),
    }


def _add_refine(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    parser.add_argument("--labels", required=True, metavar="RASTER", help="class raster to learn from; 0 = no label")
    parser.add_argument("--label-confidence", metavar="RASTER", help="how sure each label is, 0 to 1")
    parser.add_argument("--assumed-confidence", type=float, metavar="C", help="of labels without one")
    parser.add_argument("--classes", metavar="LIST", help=_CLASSES_HELP + "; default: the raster's own")
    parser.add_argument("--preset", choices=LEARNING_PRESETS, help="paper: as published")
    parser.add_argument("--seed", type=int, help="of everything drawn at random")
    set_defaults(parser, RefineJobConfig, "label_confidence", "assumed_confidence", "classes", "preset", "seed")
    _add_map_outputs(parser, RefineJobConfig)
    _add_saved_classifier(parser)
    parser.add_argument(
        "--pseudo-labels", default="", metavar="TIF", help="the class raster on the scene's grid to write"
    )


def _refine_options(found: argparse.Namespace) -> Dict[str, Any]:
    names = ("labels", "label_confidence", "assumed_confidence", "classes", "preset", "seed")
    fields = _map_fields(found, pseudo_labels="pseudo_labels", classifier="save_classifier")
    return {**fields, **{name: getattr(found, name) for name in names}}


def _add_apply(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    parser.add_argument("--classifier", required=True, metavar="SAFETENSORS", help="saved by classify or refine")
    _add_map_outputs(parser, ApplyConfig)


def _apply_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {**_map_fields(found), "classifier": found.classifier}


def _add_prior(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    _add_classes(parser, PRIOR_PRESETS, PriorJobConfig)
    parser.add_argument("--output", required=True, metavar="TIF", help="probabilities to write, one band a class")


def _prior_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {
        "scene": scene_options(found),
        "classes": found.classes,
        "probabilities": found.output,
        "preset": found.preset,
        "seed": found.seed,
        "prior": _prior_fields(found),
    }


def _add_rgb(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    parser.add_argument("--output", required=True, metavar="TIF", help="picture to write")
    for colour in ("red", "green", "blue"):
        parser.add_argument(f"--{colour}", type=float, metavar="NM", help=f"wavelength of {colour}")
    parser.add_argument(
        "--quantiles",
        type=float,
        nargs=2,
        default=(TrueColourConfig.low_quantile, TrueColourConfig.high_quantile),
        metavar=("LOW", "HIGH"),
        help="become black and white",
    )
    parser.add_argument("--seed", type=int, help="of the pixels that quantiles are taken from")
    set_defaults(parser, TrueColourConfig, "seed", red="red_nm", green="green_nm", blue="blue_nm")


def _rgb_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {
        "scene": scene_options(found),
        "output": found.output,
        "red_nm": found.red,
        "green_nm": found.green,
        "blue_nm": found.blue,
        "low_quantile": found.quantiles[0],
        "high_quantile": found.quantiles[1],
        "seed": found.seed,
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
