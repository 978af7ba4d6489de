# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands on finished maps: accuracy and areas."""

from __future__ import annotations

import argparse
from typing import Any, Dict

from ..config import AREA_MEASURES, AreasConfig, AssessConfig
from .commands import set_defaults

__all__ = ["add_areas", "add_assess", "areas_options", "assess_options"]


def add_assess(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command assess."""
    parser.add_argument("input", metavar="MAP", help="class raster to judge")
    parser.add_argument("--reference", required=True, metavar="SOURCE", help="class raster, or vector with classes")
    parser.add_argument("--layer", metavar="NAME", help="layer of a vector reference; default: its first")
    parser.add_argument("--field", metavar="NAME", help="field of a vector reference with ids or names")
    parser.add_argument("--report", metavar="HTML", help="report to write")
    parser.add_argument("--table", metavar="CSV", help="confusion matrix to write")
    parser.add_argument("--confidence-level", type=float, metavar="P", help="of the intervals")
    texts = {"layer": "reference_layer", "field": "reference_field"}
    set_defaults(parser, AssessConfig, "report", "table", "confidence_level", **texts)


def assess_options(found: argparse.Namespace) -> Dict[str, Any]:
    """JSON form of ``AssessConfig``."""
    return {
        "map": found.input,
        "reference": found.reference,
        "reference_layer": found.layer,
        "reference_field": found.field,
        "report": found.report,
        "table": found.table,
        "confidence_level": found.confidence_level,
    }


def add_areas(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command areas."""
    parser.add_argument("input", metavar="MAP", help="class raster to measure")
    parser.add_argument("--polygons", metavar="VECTOR", help="measure in each of these, too")
    parser.add_argument("--layer", metavar="NAME", help="layer of that source; default: its first")
    parser.add_argument("--field", metavar="NAME", help="field with the polygons' names")
    parser.add_argument("--measure", choices=AREA_MEASURES, help="what areas are measured on")
    parser.add_argument("--confidence", metavar="RASTER", help="0 to 1, to weight areas by")
    parser.add_argument("--accuracy", metavar="JSON", help="of assess's report, to adjust areas by")
    parser.add_argument("--confidence-level", type=float, metavar="P", help="of adjusted areas' intervals")
    parser.add_argument("--report", metavar="HTML", help="report to write; JSON goes beside it")
    parser.add_argument("--table", metavar="CSV", help="table to write, one row a class and zone")
    parser.add_argument("--vector", metavar="FILE", help="polygons with areas to write: .gpkg, .shp, …")
    names = ("polygons", "measure", "confidence", "confidence_level", "report", "table", "vector")
    texts = {"layer": "polygons_layer", "field": "name_field", "accuracy": "accuracy_report"}
    set_defaults(parser, AreasConfig, *names, **texts)


def areas_options(found: argparse.Namespace) -> Dict[str, Any]:
    """JSON form of ``AreasConfig``."""
    names = ("polygons", "measure", "confidence", "report", "table", "vector", "confidence_level")
    return {
        "map": found.input,
        "polygons_layer": found.layer,
        "name_field": found.field,
        "accuracy_report": found.accuracy,
        **{name: getattr(found, name) for name in names},
    }
