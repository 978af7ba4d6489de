# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and the command of sensor products."""

from __future__ import annotations

import argparse
from typing import Any, Dict

from ..config import OVERLAPS, ImportProductConfig
from .commands import set_defaults

_QUALITY = "of a sensor product: automatic, none, or some of cloud, shadow, cirrus, haze, snow, fill"


def add_product_options(group: Any) -> None:
    """Add the options of reading a sensor product.

    Args:
        group: Parser or group of options to add them to.
    """
    group.add_argument("--quality-layers", metavar="LIST", help=_QUALITY)
    group.add_argument("--detector-overlap", choices=OVERLAPS, help="of a product: bands kept where detectors overlap")


def add_import(parser: argparse.ArgumentParser) -> None:
    """Add the options of importing a product.

    Args:
        parser: The command's parser.
    """
    parser.add_argument("input", metavar="PRODUCT", help="any file of the product, its folder or its ZIP")
    parser.add_argument("--output", required=True, metavar="TIF", help="raster to write")
    parser.add_argument("--mask", metavar="TIF", help="raster to write: 1 = valid, 0 = left out by quality layers")
    add_product_options(parser)
    set_defaults(parser, ImportProductConfig, "mask", "quality_layers", "detector_overlap")


def import_options(found: argparse.Namespace) -> Dict[str, Any]:
    """JSON form of ``ImportProductConfig``.

    Args:
        found: What was found on the command line.
    """
    names = ("output", "mask", "quality_layers", "detector_overlap")
    return {"source": found.input, **{name: getattr(found, name) for name in names}}
