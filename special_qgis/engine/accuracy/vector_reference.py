# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons or points as a reference: which field holds the classes, and their values burnt onto the map's pixels."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

import numpy as np
from osgeo import gdal, ogr, osr

from ..errors import InputError
from ..rasters.class_raster import Values, block_dataset
from ..rasters.legend import MAX_CLASS_VALUE, read_legend
from ..rasters.opening import QGIS_PIXEL_FRAME, read_grid, spatial_reference, traditional
from ..windows import Window

_FIELD_NAMES = ("class", "class_name", "classname", "class_id", "classid", "label", "landcover", "lc", "code", "name")


class VectorReference:
    """Polygons or points burnt onto the map's pixels.

    Args:
        map_dataset: The open map. Where it has no georeferencing, coordinates are pixels with y running up to 0, as
            QGIS shows such rasters.
        source: An open vector source.
        layer_name: Name of the layer of the source; "" = its first.
        field_name: Name of the field that holds the classes; "" = find it.

    Raises:
        InputError: No such layer or field, no polygons or points, or class values that are not accepted.
    """

    def __init__(
        self, map_dataset: gdal.Dataset, source: gdal.Dataset, layer_name: str = "", field_name: str = ""
    ) -> None:
        self.warnings: List[str] = []
        self._transform = read_grid(map_dataset).geotransform or QGIS_PIXEL_FRAME
        self._wkt = map_dataset.GetProjection()
        self._crs = spatial_reference(self._wkt) if self._wkt else None
        layer = _pick_layer(source, layer_name)
        field = _pick_field(layer, field_name, set(read_legend(map_dataset).names.values()))
        self.names: Mapping[int, str] = {}
        self._layer, self._keep_open = self._copy(layer, field)
        self.has_ids = not self.names
        self.how = f"field {field} of layer {layer.GetName()}, burnt onto the map's grid"

    def _copy(self, layer: ogr.Layer, field: str) -> Tuple[ogr.Layer, gdal.Dataset]:
        """Copy the usable features to memory, in the map's CRS, with a whole number as class."""
        target = memory_vector()
        copy = target.CreateLayer("reference", self._crs, ogr.wkbUnknown)
        copy.CreateField(ogr.FieldDefn("value", ogr.OFTInteger))
        transformation = self._transformation(layer)
        codes = _ClassCodes(field)
        n_skipped = 0
        for feature in layer:
            geometry = feature.GetGeometryRef()
            code = codes.of(feature)
            if code == 0:
                continue
            if geometry is None or geometry.IsEmpty() or geometry.GetDimension() == 1:
                n_skipped += 1
                continue
            made = ogr.Feature(copy.GetLayerDefn())
            made.SetField("value", code)
            made.SetGeometryDirectly(_transformed(geometry, transformation))
            copy.CreateFeature(made)
        self._check(copy, layer, n_skipped)
        self.names = codes.names
        return copy, target

    def _check(self, copy: ogr.Layer, layer: ogr.Layer, n_skipped: int) -> None:
        if copy.GetFeatureCount() == 0:
            raise InputError(
                f"Layer {layer.GetName()} has no polygon or point with a class.",
                "Give polygons or points whose class field is filled in.",
            )
        if n_skipped:
            self.warnings.append(f"{n_skipped} features of the reference are lines or empty and were left out.")

    def _transformation(self, layer: ogr.Layer) -> Optional[osr.CoordinateTransformation]:
        source, target = _known_crs(layer), self._crs
        if source is None or target is None:
            if (source is None) != (target is None):
                self.warnings.append("Only one of map and reference names its CRS; the other is taken to be the same.")
            return None
        source = traditional(source.Clone())
        return None if source.IsSame(target) else osr.CoordinateTransformation(source, target)

    def read(self, window: Window) -> Values:
        """Class values of a window of the map; 0 = unlabelled."""
        block = block_dataset(window, self._transform, self._wkt, gdal.GDT_Int32)
        x0, dx, rx, y0, ry, dy = block.GetGeoTransform()
        xs = [x0, x0 + window.cols * dx, x0 + window.rows * rx, x0 + window.cols * dx + window.rows * rx]
        ys = [y0, y0 + window.cols * ry, y0 + window.rows * dy, y0 + window.cols * ry + window.rows * dy]
        self._layer.SetSpatialFilterRect(min(xs), min(ys), max(xs), max(ys))
        gdal.RasterizeLayer(block, [1], self._layer, options=["ATTRIBUTE=value"])
        values: Values = block.ReadAsArray().astype(np.int64)
        return values


def _known_crs(layer: ogr.Layer) -> Optional[osr.SpatialReference]:
    """CRS of a layer; None where it has none, which a GeoPackage says as "Undefined … SRS"."""
    crs = layer.GetSpatialRef()
    if crs is None or crs.IsLocal() or str(crs.GetName()).lower().startswith("undefined"):
        return None
    return crs


def _transformed(geometry: ogr.Geometry, transformation: Optional[osr.CoordinateTransformation]) -> ogr.Geometry:
    """A copy of a geometry in the map's CRS."""
    geometry = geometry.Clone()
    if transformation is not None:
        try:
            geometry.Transform(transformation)
        except RuntimeError as error:
            raise InputError(
                f"A feature of the reference cannot be brought into the map's CRS: {error}.",
                "Check that the reference names its own CRS, and that it lies in the map's region.",
            ) from error
    return geometry


def memory_vector() -> gdal.Dataset:
    """An empty vector source in memory; the driver's name changed in GDAL 3.11."""
    driver = gdal.GetDriverByName("MEM")
    if driver.GetMetadataItem(gdal.DCAP_VECTOR) != "YES":
        driver = gdal.GetDriverByName("Memory")
    return driver.Create("", 0, 0, 0, gdal.GDT_Unknown)


class _ClassCodes:
    """Whole numbers for a field's values: numbers stay themselves, words are numbered as they come."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._codes: Dict[str, int] = {}

    @property
    def names(self) -> Dict[int, str]:
        """Words by number; empty where the field holds numbers."""
        return {code: word for word, code in self._codes.items()}

    def of(self, feature: ogr.Feature) -> int:
        """Number of a feature's class; 0 = none."""
        if not feature.IsFieldSetAndNotNull(self._field):
            return 0
        value = feature.GetField(self._field)
        if isinstance(value, str):
            word = value.strip()
            return self._codes.setdefault(word, len(self._codes) + 1) if word else 0
        if value != int(value) or value > MAX_CLASS_VALUE:
            raise InputError(
                f"Field {self._field} of the reference holds {value:g}; classes are names, or whole numbers "
                f"from 1 to {MAX_CLASS_VALUE}.",
                "Choose the field that holds the classes.",
            )
        return max(0, int(value))


def _pick_layer(source: gdal.Dataset, name: str) -> ogr.Layer:
    layers = [source.GetLayer(i) for i in range(source.GetLayerCount())]
    if not name:
        return layers[0]
    for layer in layers:
        if layer.GetName() == name:
            return layer
    raise InputError(
        f"The reference has no layer {name!r}; it has {', '.join(layer.GetName() for layer in layers)}.",
        "Name one of these layers, or none for the first.",
    )


def _pick_field(layer: ogr.Layer, wanted: str, class_names: set[str]) -> str:
    """The field that holds the classes: the one named, else the only one that can be meant.

    Raises:
        InputError: There is no such field, or more than one could be meant.
    """
    definition = layer.GetLayerDefn()
    fields = [definition.GetFieldDefn(i) for i in range(definition.GetFieldCount())]
    names = [field.GetName() for field in fields]
    if wanted:
        matches = [n for n in names if n == wanted] or [n for n in names if n.lower() == wanted.lower()]
    else:
        matches = _likely_fields(layer, fields, class_names)
    if len(matches) == 1:
        return str(matches[0])
    problem = f"has no field {wanted!r}" if wanted else "does not show which field holds the classes"
    raise InputError(
        f"Layer {layer.GetName()} {problem}; its fields are {', '.join(names) or 'none'}.",
        "Name the field that holds class names or ids.",
    )


def _likely_fields(layer: ogr.Layer, fields: List[ogr.FieldDefn], class_names: set[str]) -> List[str]:
    usable = [f for f in fields if f.GetType() in (ogr.OFTInteger, ogr.OFTInteger64, ogr.OFTString, ogr.OFTReal)]
    if len(usable) == 1:
        return [usable[0].GetName()]
    words = [f.GetName() for f in usable if f.GetType() == ogr.OFTString]
    wanted = {name.casefold() for name in class_names}
    naming = [name for name in words if wanted & _field_words(layer, name)]
    if naming:
        return naming
    titled = {f.GetName().lower(): f.GetName() for f in usable}
    return next(([titled[title]] for title in _FIELD_NAMES if title in titled), [])


def _field_words(layer: ogr.Layer, field: str) -> set[str]:
    layer.ResetReading()
    words = {str(feature.GetField(field) or "").strip().casefold() for feature in layer}
    layer.ResetReading()
    return words
