# SPDX-License-Identifier: GPL-2.0-or-later
"""The polygons as they came, with the areas of the classes in further fields, as a vector file.

Geometries, CRS and fields stay those of the polygons; the file's ending chooses the format. Fields are named by class,
in a Shapefile, whose names have ten characters, by class value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set

from osgeo import gdal, ogr

from ..config import AreasConfig
from ..errors import InputError
from ..outputs.output_set import OutputSet
from ..outputs.raster_writer import failures_reported
from ..progress import Progress, check_cancelled
from ..rasters.polygons import memory_vector, open_vector, pick_layer
from ..rasters.text import name_of
from .classes import AreaClass
from .findings import Areas, PolygonAreas
from .polygons import is_polygon
from .vector_formats import FORMATS

_MOST_CLASSES = 400  # in one file: GeoPackage has 2000 columns at most
_MOST_NAME_CHARS = 40


class _Column(NamedTuple):
    """A field of the output and how its value is found."""

    name: str
    kind: int  # OGR field type
    key: str  # what it holds: m2, share, px or conf of a class, or a key of ``_total_values``
    of: Optional[AreaClass] = None  # None = all classes


def write_polygons(outputs: OutputSet, config: AreasConfig, areas: Areas, progress: Progress) -> None:
    """Write the polygons with their areas.

    Args:
        outputs: Holds the vector output, reserved.
        config: Names polygons and output.
        areas: What was found.
        progress: Checked for cancel at every polygon.

    Raises:
        InputError: More classes than a file has room for.
        RasterWriteError: It cannot be written.
        Cancelled: The user cancelled.
    """
    target, place = Path(config.vector), outputs.place(config.vector)
    driver = FORMATS[target.suffix.lower()]
    joined = _joined(config, areas, driver, progress)
    options = gdal.VectorTranslateOptions(
        format=driver,
        layerName=target.stem,
        geometryType="PROMOTE_TO_MULTI",
        layerCreationOptions=_creation_options(driver, joined.GetLayer(0)),
    )
    with failures_reported(target, "written"):
        written = gdal.VectorTranslate(str(place), joined, options=options)
        del written  # closes the file
    with failures_reported(target, "read back"):
        found = gdal.OpenEx(str(place), gdal.OF_VECTOR)
        if found is None or found.GetLayer(0).GetFeatureCount() != len(areas.polygons):
            raise RuntimeError("the finished file is damaged")
        del found


def _joined(config: AreasConfig, areas: Areas, driver: str, progress: Progress) -> gdal.Dataset:
    """The polygons with their areas, in memory."""
    source = open_vector(config.polygons, "polygon layer")
    layer = pick_layer(source, config.polygons_layer, f"The polygon layer {config.polygons}")
    definition = layer.GetLayerDefn()
    copy = memory_vector()
    target = copy.CreateLayer("areas", layer.GetSpatialRef(), definition.GetGeomType())
    own = [definition.GetFieldDefn(i) for i in range(definition.GetFieldCount())]
    columns = _columns(areas, driver, {name_of(field).casefold() for field in own})
    for field in [*own, *(ogr.FieldDefn(column.name, column.kind) for column in columns)]:
        target.CreateField(field)
    for found, feature in zip(areas.polygons, (feature for feature in layer if is_polygon(feature))):
        check_cancelled(progress)
        made = ogr.Feature(target.GetLayerDefn())
        made.SetFromWithMap(feature, True, list(range(len(own))))
        _fill(made, len(own), columns, areas, found)
        target.CreateFeature(made)
    return copy


def _fill(feature: Any, first: int, columns: Sequence[_Column], areas: Areas, found: PolygonAreas) -> None:
    """Set the fields from ``first`` on; what is not known stays empty."""
    shares = dict(zip((one.name for one in areas.classes), areas.shares(found.sums)))
    totals = _total_values(areas, found)
    for index, column in enumerate(columns, start=first):
        value = totals.get(column.key)
        if column.of is not None:
            sums = found.sums.of(column.of.values)
            by_key = {"m2": sums.area, "share": shares[column.of.name], "px": sums.n_px, "conf": sums.mean_confidence}
            value = by_key[column.key]
        if value is not None:
            feature.SetField(index, value)


def _total_values(areas: Areas, found: PolygonAreas) -> Dict[str, Any]:
    largest = areas.largest(found.sums)
    return {
        "area_m2": found.sums.classified.area,
        "noclass_m2": found.sums.unclassified.area,
        "area_px": found.sums.classified.n_px,
        "noclass_px": found.sums.unclassified.n_px,
        "main_class": None if largest is None else largest.name,
        "measure": areas.measure,
    }


def _columns(areas: Areas, driver: str, taken: Set[str]) -> List[_Column]:
    """Fields to add, with names that no other has.

    Args:
        areas: What was found.
        driver: Name of the output's GDAL driver.
        taken: Names of the polygons' own fields, case-folded; grows.
    """
    met = [one for one in areas.classes if any(found.sums.of(one.values).n_px for found in areas.polygons)]
    if len(met) > _MOST_CLASSES:
        raise InputError(
            f"The polygons hold {len(met)} classes; a vector output has room for {_MOST_CLASSES}.",
            "Write the table, which has one row a class, or join similar classes first.",
        )
    totals = {"area_m2": ogr.OFTReal, "noclass_m2": ogr.OFTReal} if areas.has_areas else {}
    totals.update(area_px=ogr.OFTInteger64, noclass_px=ogr.OFTInteger64, main_class=ogr.OFTString)
    totals["measure"] = ogr.OFTString
    columns = [_Column(_free(name, taken), kind, name) for name, kind in totals.items()]
    kinds = {"m2": ogr.OFTReal} if areas.has_areas else {}
    kinds.update(share=ogr.OFTReal, px=ogr.OFTInteger64)
    if areas.confidence:
        kinds["conf"] = ogr.OFTReal
    for one in met:
        for key, kind in kinds.items():
            name = f"{key[:4]}_{one.values[0]}" if driver == "ESRI Shapefile" else f"{_plain(one)}_{key}"
            columns.append(_Column(_free(name, taken), kind, key, one))
    return columns


def _plain(one: AreaClass) -> str:
    """A class's name of letters, digits and underscores."""
    words = "".join(c if c.isalnum() else " " for c in one.name).split()
    return "_".join(words).lower()[:_MOST_NAME_CHARS] or f"class_{one.values[0]}"


def _free(name: str, taken: Set[str]) -> str:
    """The name, numbered where it is taken; it is taken then."""
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        end = f"_{number}"
        free = name[: max(1, 10 - len(end))] + end if len(name) <= 10 else name + end
    taken.add(free.casefold())
    return free


def _creation_options(driver: str, layer: ogr.Layer) -> List[str]:
    """Options that keep names and fields of the polygons as they are."""
    if driver == "ESRI Shapefile":
        return ["ENCODING=UTF-8"]
    if driver != "GPKG":
        return []
    definition = layer.GetLayerDefn()
    taken = {name_of(definition.GetFieldDefn(i)).casefold() for i in range(definition.GetFieldCount())}
    return [f"FID={_free('fid', taken)}", f"GEOMETRY_NAME={_free('geom', taken)}"]
