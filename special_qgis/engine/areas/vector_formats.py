# SPDX-License-Identifier: GPL-2.0-or-later
"""Formats in which polygons are written: those that keep names, CRS and fields. Standard library only."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError

FORMATS = {  # GDAL's driver by the ending of a file
    ".gpkg": "GPKG",
    ".shp": "ESRI Shapefile",
    ".geojson": "GeoJSON",
    ".fgb": "FlatGeobuf",
}


def require_format(path: str) -> None:
    """Refuse a file whose ending names no format.

    Raises:
        ConfigError: It does not.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError(
            f"The vector output {path} must end with {', '.join(FORMATS)}; it ends with {suffix!r}.",
            "Rename it; the ending chooses the format.",
        )
