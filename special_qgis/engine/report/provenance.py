# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the figures of a report come from: software, versions, and the options of the job that found them."""

from __future__ import annotations

from typing import Any, Dict, Mapping

import numpy as np
from osgeo import gdal

from ..files.resources import plugin_version


def provenance_of(parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """What someone needs to find the same figures again, as JSON values.

    Args:
        parameters: JSON form of the job's options.
    """
    return {
        "software": "SPECIAL for QGIS",
        "version": plugin_version(),
        "gdal": gdal.__version__,
        "numpy": np.__version__,
        "parameters": dict(parameters),
    }
