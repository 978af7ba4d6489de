# SPDX-License-Identifier: GPL-2.0-or-later
"""Class rasters and reference vectors as real files, for tests of the accuracy assessment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Optional, Sequence, Tuple

import numpy as np
from osgeo import gdal, ogr, osr

UTM33 = 32633
ORIGIN = (364000.0, 30.0, 0.0, 5810000.0, 0.0, -30.0)  # 30 m pixels near Potsdam


def crs(epsg: int) -> osr.SpatialReference:
    """A CRS with x before y."""
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(epsg)
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return srs


def write_raster(
    path: Path,
    labels: np.ndarray,
    transform: Optional[Tuple[float, ...]] = ORIGIN,
    epsg: Optional[int] = UTM33,
    names: Sequence[str] = (),
    nodata: Optional[float] = None,
    gdal_type: int = gdal.GDT_Byte,
) -> Path:
    """Write a GeoTIFF; ``labels`` of three dimensions become several bands, ``names`` begin with value 0."""
    gdal.UseExceptions()
    bands = labels if labels.ndim == 3 else labels[None]
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), bands.shape[2], bands.shape[1], len(bands), gdal_type, ["COMPRESS=DEFLATE"]
    )
    if transform is not None:
        dataset.SetGeoTransform(transform)
    if epsg is not None:
        dataset.SetProjection(crs(epsg).ExportToWkt())
    for number, values in enumerate(bands, start=1):
        band = dataset.GetRasterBand(number)
        band.WriteArray(values)
        if names:
            band.SetCategoryNames(list(names))
        if nodata is not None:
            band.SetNoDataValue(nodata)
    dataset.FlushCache()
    return path


def write_vector(
    path: Path,
    features: Iterable[Tuple[str, Any]],
    epsg: Optional[int] = UTM33,
    field: str = "class",
    extra_fields: Sequence[str] = (),
    layer: str = "plots",
) -> Path:
    """Write a GeoPackage of features (WKT geometry, class); words make a text field, numbers a field of integers."""
    ogr.UseExceptions()
    rows = list(features)
    source = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    made = source.CreateLayer(layer, crs(epsg) if epsg else None, ogr.wkbUnknown)
    is_text = any(isinstance(value, str) for _, value in rows)
    made.CreateField(ogr.FieldDefn(field, ogr.OFTString if is_text else ogr.OFTInteger))
    for name in extra_fields:
        made.CreateField(ogr.FieldDefn(name, ogr.OFTString))
    for wkt, value in rows:
        feature = ogr.Feature(made.GetLayerDefn())
        if value is not None:
            feature.SetField(field, value)
        for name in extra_fields:
            feature.SetField(name, "remark")
        feature.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
        made.CreateFeature(feature)
    return path


def rectangle(col: float, row: float, cols: float, rows: float, transform: Tuple[float, ...] = ORIGIN) -> str:
    """Polygon around a block of pixels, as WKT in the CRS of ``transform`` (no rotation)."""
    x0, x1 = transform[0] + col * transform[1], transform[0] + (col + cols) * transform[1]
    y0, y1 = transform[3] + row * transform[5], transform[3] + (row + rows) * transform[5]
    return f"POLYGON(({x0} {y0},{x1} {y0},{x1} {y1},{x0} {y1},{x0} {y0}))"


def point(col: float, row: float, transform: Tuple[float, ...] = ORIGIN) -> str:
    """Point at a pixel position, as WKT."""
    x = transform[0] + col * transform[1] + row * transform[2]
    y = transform[3] + col * transform[4] + row * transform[5]
    return f"POINT({x} {y})"
