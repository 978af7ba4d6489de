# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of the environment variables by which QGIS lends the worker its folders of PROJ's and GDAL's data."""

from __future__ import annotations

PROJ_PATHS_VARIABLE = "SPECIAL_PROJ_PATHS"  # folders, separated as PATH is
GDAL_DATA_VARIABLE = "SPECIAL_GDAL_DATA"  # one folder
