# SPDX-License-Identifier: GPL-2.0-or-later
"""PROJ, the library behind coordinate reference systems: probed before work begins, its database found where it can be.

A variable left by another program may lead PROJ to a database that is missing or too old. Then the folders that QGIS
lends are tried, and the one beside GDAL's data; where these do not help, maps are written without a coordinate
reference system, not lost.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, List, Optional

from osgeo import gdal, osr

from .gdal_exceptions import use_exceptions
from .lent_paths import GDAL_DATA_VARIABLE, PROJ_PATHS_VARIABLE
from .text import projection

PROJ_HINT = "Remove the variables PROJ_DATA and PROJ_LIB where another program has set them, or repair QGIS."
_PROBE_EPSG = 4326  # WGS 84: every database of PROJ has it
_GDAL_DATA_FILE = "gdalvrt.xsd"  # GDAL's data folder has it in all versions
_PROJ_DATABASE = "proj.db"
_PROBE_FILE = "/vsimem/special_crs_probe.tif"


def prepare_proj() -> None:
    """Let PROJ and GDAL find their data, in QGIS's folders where they find none of their own; done once, then quick."""
    use_exceptions()
    _prepare(os.environ.get(PROJ_PATHS_VARIABLE, ""), os.environ.get(GDAL_DATA_VARIABLE, ""))


@lru_cache(maxsize=1)
def _prepare(proj_paths: str, gdal_data: str) -> None:
    if gdal_data and not gdal.FindFile("gdal", _GDAL_DATA_FILE):
        gdal.SetConfigOption("GDAL_DATA", gdal_data)
        gdal.PushFinderLocation(gdal_data)  # the option alone is heard only before the first look
    if not proj_fault():
        return
    own = osr.GetPROJSearchPaths()
    for folders in (proj_paths.split(os.pathsep) if proj_paths else [], _beside_gdal_data()):
        if folders:
            osr.SetPROJSearchPaths(folders)
            if not proj_fault():
                return
    osr.SetPROJSearchPaths(own)


def _beside_gdal_data() -> List[str]:
    """PROJ's folder where it lies beside GDAL's, as in QGIS's packages for all systems; empty where there is none."""
    found = gdal.FindFile("gdal", _GDAL_DATA_FILE)
    folder = Path(found).parent.parent / "proj" if found else None
    return [str(folder)] if folder is not None and (folder / _PROJ_DATABASE).is_file() else []


def proj_fault() -> str:
    """What keeps PROJ from working, in its own words; "" = it works."""
    use_exceptions()
    return _failure(lambda: osr.SpatialReference().ImportFromEPSG(_PROBE_EPSG))


def crs_fault(wkt: str) -> str:
    """What keeps a coordinate reference system from being written into a GeoTIFF; "" = nothing.

    Args:
        wkt: The coordinate reference system; "" = none.
    """
    if not wkt:
        return ""
    use_exceptions()
    try:
        return _failure(lambda: _write_probe(wkt))
    finally:
        if gdal.VSIStatL(_PROBE_FILE) is not None:
            gdal.Unlink(_PROBE_FILE)


def describe_crs_fault(wkt: str) -> str:
    """Warning about a coordinate reference system that maps will lack; "" = none is needed.

    Args:
        wkt: The scene's coordinate reference system; "" = it has none.
    """
    without = "Maps are written without a coordinate reference system; assign it to them in QGIS."
    fault = proj_fault()
    if fault:
        return f"PROJ, the library of coordinate reference systems, does not work here: {fault}. {without} {PROJ_HINT}"
    fault = crs_fault(wkt)
    return (
        f"The scene's coordinate reference system cannot be written to a GeoTIFF: {fault}. {without}" if fault else ""
    )


def _failure(act: Any) -> str:
    """What GDAL says of an act that fails, by exception or through its error handler; "" = it succeeds."""
    said: Optional[str] = None

    def note(severity: int, _number: int, text: str) -> None:
        nonlocal said
        if severity >= gdal.CE_Failure and said is None:
            said = text

    gdal.PushErrorHandler(note)
    try:
        act()
    except RuntimeError as error:
        said = said or str(error)
    finally:
        gdal.PopErrorHandler()
    return (said or "").strip().split("\n")[0].rstrip(".")


def _write_probe(wkt: str) -> None:
    dataset = gdal.GetDriverByName("GTiff").Create(_PROBE_FILE, 1, 1, 1)
    dataset.SetGeoTransform((0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    try:
        dataset.SetProjection(wkt)
        dataset.FlushCache()
        if not projection(dataset):
            raise RuntimeError("GDAL does not understand it")
    finally:
        del dataset
