# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of the command line to jobs and their options: one command a job, one option a field of the configuration."""

from __future__ import annotations

import argparse
import re
from typing import Any, Callable, Dict, Mapping, NamedTuple, Sequence

from ..config import (
    AREA_MEASURES,
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
    ClipConfig,
    parse_scales,
)

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
        version: Shown by ``--version``.
    """
    found = make_parser(version).parse_args(arguments)
    return Request(found.job, found.make_options(found), found.json)


def make_parser(version: str) -> argparse.ArgumentParser:
    """The parser of all commands.

    Args:
        version: Shown by ``--version``.
    """
    parser = argparse.ArgumentParser(
        prog="python -m special_qgis.engine",
        description="Land-cover maps of hyperspectral scenes from typed class names, without QGIS's windows.",
        epilog="Exit codes: 0 done, 1 an error, 2 a command line that makes no sense, 130 cancelled.",
    )
    parser.add_argument("--version", action="version", version=f"SPECIAL {version}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_classify(_add_command(commands, "classify", "classify", "map the land cover of a scene", _classify_options))
    _add_refine(
        _add_command(commands, "refine", "refine", "learn a scene from any class raster and map it", _refine_options)
    )
    _add_apply(
        _add_command(commands, "apply", "apply_classifier", "map a scene with a saved classifier", _apply_options)
    )
    _add_prior(
        _add_command(commands, "prior", "spectral_prior", "probabilities from spectra and names", _prior_options)
    )
    _add_rgb(_add_command(commands, "rgb", "true_colour", "true-colour picture of a scene", _rgb_options))
    inspect = _add_command(commands, "inspect", "inspect_scene", "show what is read from a file", scene_options)
    _add_scene(inspect)
    _add_assess(_add_command(commands, "assess", "assess", "accuracy of a map against a reference", _assess_options))
    _add_areas(_add_command(commands, "areas", "areas", "areas of the classes of a map", _areas_options))
    _add_models(commands)
    return parser


def _add_command(
    commands: Any, name: str, job: str, text: str, make_options: Callable[[argparse.Namespace], Dict[str, Any]]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text.capitalize() + ".")
    parser.set_defaults(job=job, make_options=make_options)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _add_scene(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="INPUT", help="the scene: anything GDAL opens")
    group = parser.add_argument_group("reading the scene")
    group.add_argument("--wavelengths", default="", metavar="LIST", help="band centres, when the file has none")
    group.add_argument("--sensor", default="", metavar="NAME", help="known sensor, when the file has no wavelengths")
    group.add_argument("--bad-bands", default="", metavar="LIST", help='bands to leave out: "1-5, 100, 1340-1460nm"')
    group.add_argument("--keep-water-vapour", action="store_true", help="keep 1340-1460, 1790-1960 and > 2450 nm")
    group.add_argument("--quantity", default="automatic", choices=QUANTITIES, help="what the values are")
    group.add_argument("--mask", default="", metavar="RASTER", help="on the scene's grid; 0 or nodata = leave out")
    group.add_argument(
        "--extent",
        type=float,
        nargs=4,
        metavar=("XMIN", "YMIN", "XMAX", "YMAX"),
        help="part to use, in the scene's CRS",
    )
    group.add_argument("--aoi", default="", metavar="VECTOR", help="polygons that limit the work")
    group.add_argument("--aoi-layer", default="", metavar="NAME", help="layer of that source; default: its first")
    group.add_argument("--memory", type=parse_size, default=0, metavar="SIZE", help='for blocks of pixels, as "512M"')


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


def _add_classes(parser: argparse.ArgumentParser, presets: Sequence[str]) -> None:
    parser.add_argument("--classes", required=True, metavar="LIST", help=_CLASSES_HELP)
    parser.add_argument("--preset", default=presets[0], choices=presets, help="default adapts to the scene")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn at random")
    group = parser.add_argument_group("spectral prior")
    group.add_argument("--no-adapt", action="store_true", help="do not adapt to the scene")
    group.add_argument("--rounds", type=int, default=8, metavar="N", help="of adapting to the scene")
    group.add_argument("--sample-px", type=int, default=200_000, metavar="N", help="pixels to adapt to")


def _prior_fields(found: argparse.Namespace) -> Dict[str, Any]:
    return {"adapt": not found.no_adapt, "n_rounds": found.rounds, "sample_px": found.sample_px}


def _add_map_outputs(parser: argparse.ArgumentParser) -> None:
    """Outputs of all commands that map a scene."""
    parser.add_argument("--output", required=True, metavar="TIF", help="class raster to write")
    parser.add_argument("--confidence", default="", metavar="TIF", help="confidence raster to write")
    parser.add_argument("--probabilities", default="", metavar="TIF", help="raster to write with one band a class")
    parser.add_argument("--report", default="", metavar="HTML", help="report to write; JSON goes beside it")
    parser.add_argument("--device", default=DEVICES[0], choices=DEVICES, help="where heavy stages run")
    parser.add_argument(
        "--min-confidence", type=float, default=0.0, metavar="C", help="pixels below stay unclassified (0 in the map)"
    )


def _map_fields(found: argparse.Namespace) -> Dict[str, Any]:
    """Fields that the options of all commands that map a scene have."""
    outputs = {
        "map": found.output,
        "confidence": found.confidence,
        "probabilities": found.probabilities,
        "report": found.report,
        "pseudo_labels": getattr(found, "pseudo_labels", ""),
        "classifier": getattr(found, "save_classifier", ""),
        "agreement": getattr(found, "agreement", ""),
    }
    return {
        "scene": scene_options(found),
        "outputs": outputs,
        "device": found.device,
        "min_confidence": found.min_confidence,
    }


def _add_saved_classifier(parser: argparse.ArgumentParser) -> None:
    text = "trained network to write, for the command apply"
    parser.add_argument("--save-classifier", default="", metavar="SAFETENSORS", help=text)


def _add_classify(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    _add_classes(parser, PRESETS)
    _add_map_outputs(parser)
    _add_saved_classifier(parser)
    parser.add_argument("--pseudo-labels", default="", metavar="TIF", help="class raster of the first stage to write")
    parser.add_argument("--agreement", default="", metavar="TIF", help="raster of how far both sources agree to write")
    parser.add_argument("--source", default=SOURCES[0], choices=SOURCES, help="where the class evidence comes from")
    parser.add_argument("--no-refine", action="store_true", help="leave the network stage out")
    _add_clip(parser)


def _add_clip(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("image-text model")
    group.add_argument("--model", default="", metavar="NAME|FILE", help="installed model or checkpoint; default: best")
    group.add_argument("--upsampler", default="", metavar="NAME|FILE", help="learned upsampler; default: the installed")
    group.add_argument("--models-folder", dest="folder", default="", metavar="DIR", help="where models are installed")
    group.add_argument("--templates", default=TEMPLATE_SETS[0], choices=TEMPLATE_SETS, help="of prompts")
    group.add_argument("--no-aliases", action="store_true", help="only the typed words, not those of the dictionary")
    group.add_argument("--scales", default="automatic", metavar="LIST", help='factors of the image, "1, 2"')
    group.add_argument("--window", type=int, default=0, metavar="PX", help="side of a window; 0 = as the model wants")
    group.add_argument("--stride", type=int, default=0, metavar="PX", help="from window to window; 0 = half a window")
    group.add_argument("--upsampling", default=UPSAMPLERS[0], choices=UPSAMPLERS, help="from patches to pixels")
    group.add_argument("--blending", default=BLENDINGS[0], choices=BLENDINGS, help="of overlapping windows")
    group.add_argument(
        "--tolerance", type=float, default=ClipConfig.tolerance, metavar="T", help="of compression; 0 = exact"
    )
    group.add_argument("--precision", default=PRECISIONS[0], choices=PRECISIONS, help="of the image tower")
    group.add_argument("--compile", action="store_true", help="the image tower; needs a C++ compiler, on a GPU Triton")


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
        **_map_fields(found),
        "classes": found.classes,
        "source": found.source,
        "preset": found.preset,
        "seed": found.seed,
        "refine": not found.no_refine,
        "model": found.model,
        "upsampler": found.upsampler,
        "models_folder": found.folder,
        "clip": _clip_fields(found),
        "prior": _prior_fields(found),
    }


def _add_refine(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    parser.add_argument("--labels", required=True, metavar="RASTER", help="class raster to learn from; 0 = no label")
    parser.add_argument("--label-confidence", default="", metavar="RASTER", help="how sure each label is, 0 to 1")
    parser.add_argument("--assumed-confidence", type=float, default=0.9, metavar="C", help="of labels without one")
    parser.add_argument("--classes", default="", metavar="LIST", help=_CLASSES_HELP + "; default: the raster's own")
    parser.add_argument("--preset", default=LEARNING_PRESETS[0], choices=LEARNING_PRESETS, help="paper: as published")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn at random")
    _add_map_outputs(parser)
    _add_saved_classifier(parser)


def _refine_options(found: argparse.Namespace) -> Dict[str, Any]:
    names = ("labels", "label_confidence", "assumed_confidence", "classes", "preset", "seed")
    return {**_map_fields(found), **{name: getattr(found, name) for name in names}}


def _add_apply(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    parser.add_argument("--classifier", required=True, metavar="SAFETENSORS", help="saved by classify or refine")
    _add_map_outputs(parser)


def _apply_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {**_map_fields(found), "classifier": found.classifier}


def _add_prior(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    _add_classes(parser, PRIOR_PRESETS)
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
    for colour, default_nm in (("red", 655.0), ("green", 553.0), ("blue", 451.0)):
        parser.add_argument(f"--{colour}", type=float, default=default_nm, metavar="NM", help=f"wavelength of {colour}")
    parser.add_argument(
        "--quantiles",
        type=float,
        nargs=2,
        default=(0.001, 0.999),
        metavar=("LOW", "HIGH"),
        help="become black and white",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the pixels that quantiles are taken from")


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


def _add_assess(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="MAP", help="class raster to judge")
    parser.add_argument("--reference", required=True, metavar="SOURCE", help="class raster, or vector with classes")
    parser.add_argument("--layer", default="", metavar="NAME", help="layer of a vector reference; default: its first")
    parser.add_argument("--field", default="", metavar="NAME", help="field of a vector reference with ids or names")
    parser.add_argument("--report", default="", metavar="HTML", help="report to write")
    parser.add_argument("--table", default="", metavar="CSV", help="confusion matrix to write")
    parser.add_argument("--confidence-level", type=float, default=0.95, metavar="P", help="of the intervals")


def _assess_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {
        "map": found.input,
        "reference": found.reference,
        "reference_layer": found.layer,
        "reference_field": found.field,
        "report": found.report,
        "table": found.table,
        "confidence_level": found.confidence_level,
    }


def _add_areas(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="MAP", help="class raster to measure")
    parser.add_argument("--polygons", default="", metavar="VECTOR", help="measure in each of these, too")
    parser.add_argument("--layer", default="", metavar="NAME", help="layer of that source; default: its first")
    parser.add_argument("--field", default="", metavar="NAME", help="field with the polygons' names")
    parser.add_argument("--measure", default=AREA_MEASURES[0], choices=AREA_MEASURES, help="what areas are measured on")
    parser.add_argument("--confidence", default="", metavar="RASTER", help="0 to 1, to weight areas by")
    parser.add_argument("--accuracy", default="", metavar="JSON", help="of assess's report, to adjust areas by")
    parser.add_argument(
        "--confidence-level", type=float, default=0.95, metavar="P", help="of adjusted areas' intervals"
    )
    parser.add_argument("--report", default="", metavar="HTML", help="report to write; JSON goes beside it")
    parser.add_argument("--table", default="", metavar="CSV", help="table to write, one row a class and zone")
    parser.add_argument("--vector", default="", metavar="FILE", help="polygons with areas to write: .gpkg, .shp, …")


def _areas_options(found: argparse.Namespace) -> Dict[str, Any]:
    names = ("polygons", "measure", "confidence", "report", "table", "vector", "confidence_level")
    return {
        "map": found.input,
        "polygons_layer": found.layer,
        "name_field": found.field,
        "accuracy_report": found.accuracy,
        **{name: getattr(found, name) for name in names},
    }


def _add_models(commands: Any) -> None:
    text = "checkpoints of CLIP and of upsamplers: list, import, download, remove"
    models = commands.add_parser("models", help=text, description=text.capitalize() + ".")
    tasks = models.add_subparsers(title="tasks", metavar="TASK", required=True)
    listing = _add_command(tasks, "list", "list_models", "show what is installed and what is known", _folder_option)
    incoming = _add_command(tasks, "import", "import_model", "copy a checkpoint into the folder", _import_options)
    incoming.add_argument("file", metavar="FILE", help="safetensors, file of torch.save, or OpenAI's archive")
    download = _add_command(tasks, "download", "download_model", "download a checkpoint", _download_options)
    download.add_argument("model", metavar="NAME|URL", help="known checkpoint, or an address")
    download.add_argument("--proxy", default="", metavar="URL", help="HTTP proxy; default: that of the environment")
    for parser in (incoming, download):
        parser.add_argument("--name", default="", metavar="NAME", help="to call it by; default: made from the file's")
        parser.add_argument("--sha256", default="", metavar="HASH", help="that the file must have")
        parser.add_argument("--architecture", default="", metavar="NAME", help="open_clip's; default: from the file")
        parser.add_argument("--licence", default="", metavar="TEXT", help="to remember with it")
    removal = _add_command(tasks, "remove", "remove_model", "remove a model", _remove_options)
    removal.add_argument("name", metavar="NAME", help="of an installed model")
    for parser in (listing, incoming, download, removal):
        parser.add_argument("--folder", default="", metavar="DIR", help="folder of models; default: SPECIAL_MODEL_DIR")


def _folder_option(found: argparse.Namespace) -> Dict[str, Any]:
    return {"folder": found.folder}


def _remove_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {"name": found.name, "folder": found.folder}


def _described_options(found: argparse.Namespace) -> Dict[str, Any]:
    names = ("name", "sha256", "architecture", "licence", "folder")
    return {name: getattr(found, name) for name in names}


def _import_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {"file": found.file, **_described_options(found)}


def _download_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {"model": found.model, "proxy": found.proxy, **_described_options(found)}


def parse_size(text: str) -> int:
    """Number of bytes, as "536870912", "512M" or "1.5G".

    Raises:
        argparse.ArgumentTypeError: It is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write it as 512M or 2G")
    return int(float(match.group(1)) * _UNITS[match.group(2).upper()])
