# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of the command line to jobs and their options: one command a job, one option a field of the configuration."""

from __future__ import annotations

import argparse
from typing import Any, Dict, NamedTuple, Sequence, Type

from ..config import (
    LEARNING_PRESETS,
    PRIOR_PRESETS,
    ApplyConfig,
    ClassifyConfig,
    OutputConfig,
    PriorJobConfig,
    RefineJobConfig,
    TrueColourConfig,
)
from ..config.options import Options
from .campaign_commands import add_scenes, scenes_options
from .commands import add_command, set_defaults
from .map_commands import add_areas, add_assess, areas_options, assess_options
from .model_commands import add_models
from .product_commands import add_import, import_options
from .shared_options import (
    CLASSES_HELP,
    add_classes,
    add_method,
    add_run,
    add_scene,
    method_fields,
    prior_fields,
    scene_options,
)


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
    text = "map the land cover of many scenes with one class list"
    add_scenes(add_command(commands, "scenes", "scenes", text, scenes_options))
    _add_refine(
        add_command(commands, "refine", "refine", "learn a scene from any class raster and map it", _refine_options)
    )
    _add_apply(
        add_command(commands, "apply", "apply_classifier", "map a scene with a saved classifier", _apply_options)
    )
    _add_prior(add_command(commands, "prior", "spectral_prior", "probabilities from spectra and names", _prior_options))
    _add_rgb(add_command(commands, "rgb", "true_colour", "true-colour picture of a scene", _rgb_options))
    inspect = add_command(commands, "inspect", "inspect_scene", "show what is read from a file", scene_options)
    add_scene(inspect)
    add_import(add_command(commands, "import", "import_product", "write a sensor product as a GeoTIFF", import_options))
    add_assess(add_command(commands, "assess", "assess", "accuracy of a map against a reference", assess_options))
    add_areas(add_command(commands, "areas", "areas", "areas of the classes of a map", areas_options))
    add_models(commands)
    return parser


def _add_map_outputs(parser: argparse.ArgumentParser, config: Type[Options]) -> None:
    """Outputs of all commands that map a scene."""
    parser.add_argument("--output", required=True, metavar="TIF", help="class raster to write")
    parser.add_argument("--confidence", metavar="TIF", help="confidence raster to write")
    parser.add_argument("--probabilities", metavar="TIF", help="raster to write with one band a class")
    parser.add_argument("--report", metavar="HTML", help="report to write; JSON goes beside it")
    set_defaults(parser, OutputConfig, "confidence", "probabilities", "report")
    add_run(parser, config)


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
    add_scene(parser)
    add_method(parser)
    _add_map_outputs(parser, ClassifyConfig)
    _add_saved_classifier(parser)
    parser.add_argument("--pseudo-labels", metavar="TIF", help="class raster of the first stage to write")
    parser.add_argument("--agreement", metavar="TIF", help="raster of how far both sources agree to write")
    parser.add_argument("--height", metavar="RASTER", help="heights above ground, or a surface model; any grid")
    parser.add_argument("--terrain", metavar="RASTER", help="terrain model to subtract from the heights")
    set_defaults(parser, OutputConfig, "pseudo_labels", "agreement")
    set_defaults(parser, ClassifyConfig, "height", "terrain")


def _classify_options(found: argparse.Namespace) -> Dict[str, Any]:
    outputs = {"pseudo_labels": "pseudo_labels", "classifier": "save_classifier", "agreement": "agreement"}
    heights = {"height": found.height, "terrain": found.terrain}
    return {**_map_fields(found, **outputs), **method_fields(found), **heights}


def _add_refine(parser: argparse.ArgumentParser) -> None:
    add_scene(parser)
    parser.add_argument("--labels", required=True, metavar="RASTER", help="class raster to learn from; 0 = no label")
    parser.add_argument("--label-confidence", metavar="RASTER", help="how sure each label is, 0 to 1")
    parser.add_argument("--assumed-confidence", type=float, metavar="C", help="of labels without one")
    parser.add_argument("--classes", metavar="LIST", help=CLASSES_HELP + "; default: the raster's own")
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
    add_scene(parser)
    parser.add_argument("--classifier", required=True, metavar="SAFETENSORS", help="saved by classify or refine")
    _add_map_outputs(parser, ApplyConfig)


def _apply_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {**_map_fields(found), "classifier": found.classifier}


def _add_prior(parser: argparse.ArgumentParser) -> None:
    add_scene(parser)
    add_classes(parser, PRIOR_PRESETS, PriorJobConfig)
    parser.add_argument("--output", required=True, metavar="TIF", help="probabilities to write, one band a class")


def _prior_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {
        "scene": scene_options(found),
        "classes": found.classes,
        "probabilities": found.output,
        "preset": found.preset,
        "seed": found.seed,
        "prior": prior_fields(found),
    }


def _add_rgb(parser: argparse.ArgumentParser) -> None:
    add_scene(parser)
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
