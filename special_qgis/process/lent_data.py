# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders of PROJ's and GDAL's data that this process, QGIS, works with, lent to the worker.

QGIS sets its folders inside its own process on Windows and macOS; a worker started from it would look elsewhere, or
follow a variable that another program has left in the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict, List

from ..engine.rasters.lent_paths import GDAL_DATA_VARIABLE, PROJ_PATHS_VARIABLE

_GDAL_DATA_FILE = "gdalvrt.xsd"  # GDAL's data folder has it in all versions
_PROJ_DATABASE = "proj.db"


def lent_data_variables() -> Dict[str, str]:
    """Environment variables by which the worker knows where this process finds PROJ's and GDAL's data.

    Returns:
        Value by name; a variable is missing where this process does not know the folder.
    """
    variables = {PROJ_PATHS_VARIABLE: os.pathsep.join(_proj_folders()), GDAL_DATA_VARIABLE: _gdal_folder()}
    return {name: value for name, value in variables.items() if value}


def _proj_folders() -> List[str]:
    """Folders that hold PROJ's database, those of QGIS first."""
    folders: List[str] = []
    if "qgis.core" in sys.modules:
        from qgis.core import QgsProjUtils

        folders += QgsProjUtils.searchPaths()
    try:
        from osgeo import osr
    except ImportError:  # then the worker says that it has no GDAL either
        return folders
    folders += osr.GetPROJSearchPaths() or []
    return [folder for folder in dict.fromkeys(folders) if (Path(folder) / _PROJ_DATABASE).is_file()]


def _gdal_folder() -> str:
    try:
        from osgeo import gdal
    except ImportError:
        return ""
    found = gdal.FindFile("gdal", _GDAL_DATA_FILE)
    return str(Path(found).parent) if found else ""
