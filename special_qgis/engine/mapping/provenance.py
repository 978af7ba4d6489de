# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a result comes from: versions, parameters and estimated numbers, for the report and the rasters' metadata.

Holds no date and no duration, so that the same inputs and seed give the same raster to the byte; the report adds them.
"""

from __future__ import annotations

import platform
from typing import Any, Dict, Mapping

import numpy as np
from osgeo import gdal

from ..files.resources import plugin_version

METHOD_SOURCE = "SPECIAL, Pang et al., arXiv 2501.16222; spectral prior of SPECIAL for QGIS"


def describe_run(parameters: Mapping[str, Any], estimates: Mapping[str, Any]) -> Dict[str, Any]:
    """Collect what someone needs to make the same result again.

    Args:
        parameters: Configuration of the job as JSON values.
        estimates: Numbers that the method estimated from the scene, as JSON values.

    Returns:
        JSON values.
    """
    return {
        "software": "SPECIAL for QGIS",
        "version": plugin_version(),
        "method": METHOD_SOURCE,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "gdal": gdal.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "parameters": dict(parameters),
        "estimates": dict(estimates),
    }
