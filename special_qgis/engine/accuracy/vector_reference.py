# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons or points as a reference: which field holds the classes, and their values burnt onto the map's pixels."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Set

from osgeo import gdal, ogr, osr

from ..errors import InputError
from ..rasters.class_raster import Values
from ..rasters.legend import MAX_CLASS_VALUE, read_legend
from ..rasters.opening import QGIS_PIXEL_FRAME, read_grid, spatial_reference
from ..rasters.polygons import Shapes, known_crs, pick_layer, plan_reprojection, reproject
from ..rasters.text import field_value, name_of, projection
from ..windows import Window

_FIELD_NAMES = ("class", "class_name", "classname", "class_id", "classid", "label", "landcover", "lc", "code", "name")


class _Field(NamedTuple):
    """A field of a layer."""

    position: int  # in the layer, from 0
    name: str
    kind: int  # OGR's type


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
        self._wkt = projection(map_dataset)
        self._crs = spatial_reference(self._wkt) if self._wkt else None
        layer = pick_layer(source, layer_name, "The reference")
        field = _pick_field(layer, field_name, set(read_legend(map_dataset).names.values()))
        self.names: Mapping[int, str] = {}
        self._shapes = self._copy(layer, field)
        self.has_ids = not self.names
        self.how = f"field {field.name} of layer {name_of(layer)}, burnt onto the map's grid"

    def _copy(self, layer: ogr.Layer, field: _Field) -> Shapes:
        """The usable features in memory, in the map's CRS, with a whole number as class."""
        shapes = Shapes(self._crs)
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
            shapes.add(reproject(geometry, transformation, "A feature of the reference"), code)
        if not len(shapes):
            raise InputError(
                f"Layer {name_of(layer)} has no polygon or point with a class.",
                "Give polygons or points whose class field is filled in.",
            )
        if n_skipped:
            self.warnings.append(f"{n_skipped} features of the reference are lines or empty and were left out.")
        self.names = codes.names
        return shapes

    def _transformation(self, layer: ogr.Layer) -> Optional[osr.CoordinateTransformation]:
        source, target = known_crs(layer), self._crs
        if source is None or target is None:
            if (source is None) != (target is None):
                self.warnings.append("Only one of map and reference names its CRS; the other is taken to be the same.")
            return None
        return plan_reprojection(source, target, "The reference")

    def read(self, window: Window) -> Values:
        """Class values of a window of the map; 0 = unlabelled."""
        return self._shapes.burn(window, self._transform, self._wkt)


class _ClassCodes:
    """Whole numbers for a field's values: numbers stay themselves, words are numbered as they come."""

    def __init__(self, field: _Field) -> None:
        self._field = field
        self._codes: Dict[str, int] = {}

    @property
    def names(self) -> Dict[int, str]:
        """Words by number; empty where the field holds numbers."""
        return {code: word for word, code in self._codes.items()}

    def of(self, feature: ogr.Feature) -> int:
        """Number of a feature's class; 0 = none."""
        value = field_value(feature, self._field.position)
        if value is None:
            return 0
        if isinstance(value, str):
            word = value.strip()
            return self._codes.setdefault(word, len(self._codes) + 1) if word else 0
        if value != int(value) or value > MAX_CLASS_VALUE:
            raise InputError(
                f"Field {self._field.name} of the reference holds {value:g}; classes are names, or whole numbers "
                f"from 1 to {MAX_CLASS_VALUE}.",
                "Choose the field that holds the classes.",
            )
        return max(0, int(value))


def _pick_field(layer: ogr.Layer, wanted: str, class_names: Set[str]) -> _Field:
    """The field that holds the classes: the one named, else the only one that can be meant.

    Raises:
        InputError: There is no such field, or more than one could be meant.
    """
    definition = layer.GetLayerDefn()
    definitions = [definition.GetFieldDefn(i) for i in range(definition.GetFieldCount())]
    fields = [_Field(index, name_of(field), field.GetType()) for index, field in enumerate(definitions)]
    if wanted:
        matches = [f for f in fields if f.name == wanted] or [f for f in fields if f.name.lower() == wanted.lower()]
    else:
        matches = _likely_fields(layer, fields, class_names)
    if len(matches) == 1:
        return matches[0]
    problem = f"has no field {wanted!r}" if wanted else "does not show which field holds the classes"
    raise InputError(
        f"Layer {name_of(layer)} {problem}; its fields are {', '.join(f.name for f in fields) or 'none'}.",
        "Name the field that holds class names or ids.",
    )


def _likely_fields(layer: ogr.Layer, fields: List[_Field], class_names: Set[str]) -> List[_Field]:
    usable = [f for f in fields if f.kind in (ogr.OFTInteger, ogr.OFTInteger64, ogr.OFTString, ogr.OFTReal)]
    if len(usable) == 1:
        return usable
    wanted = {name.casefold() for name in class_names}
    naming = [f for f in usable if f.kind == ogr.OFTString and wanted & _field_words(layer, f)]
    if naming:
        return naming
    titled = {f.name.lower(): f for f in usable}
    return next(([titled[title]] for title in _FIELD_NAMES if title in titled), [])


def _field_words(layer: ogr.Layer, field: _Field) -> Set[str]:
    layer.ResetReading()
    words = {str(field_value(feature, field.position) or "").strip().casefold() for feature in layer}
    layer.ResetReading()
    return words
