# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns layers into sources that GDAL opens by itself, because the worker process knows no layers.

Everything here runs in ``prepareAlgorithm``, in the main thread. Layers that live only inside QGIS are exported to the
temporary folder of the run, or refused where their values are a picture and not data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingUtils,
    QgsRasterFileWriter,
    QgsRasterLayer,
    QgsRasterPipe,
)

from ..engine.errors import EngineError
from ..engine.products.opening import describe_product, is_product
from ..engine.rasters.text import subdataset_names
from ..translation import translate
from .parameter_values import is_given

# Providers whose pixels are a rendered picture, not the values that were measured.
_PICTURE_PROVIDERS = ("wms", "arcgismapserver", "vectortile")
# Formats that the engine reads without a copy; anything else is exported to GeoPackage.
_VECTOR_FORMATS = ["gpkg", "shp", "geojson", "json", "fgb", "kml", "gml", "sqlite", "tab", "mif", "dxf"]


def raster_source(
    algorithm: QgsProcessingAlgorithm,
    parameters: Mapping[str, Any],
    name: str,
    context: QgsProcessingContext,
    feedback: QgsProcessingFeedback,
) -> str:
    """Source of a raster parameter that GDAL opens by itself; empty where an optional one is not given.

    Raises:
        QgsProcessingException: There is no such raster, or it is a picture without values.
    """
    values = dict(parameters)
    layer = algorithm.parameterAsRasterLayer(values, name, context)
    if layer is None:
        text = str(algorithm.parameterAsString(values, name, context))
        if is_readable(text):
            return absolute_path(text)
        if text:
            raise QgsProcessingException(raster_problem(text))
        return ""
    if layer.providerType() == "gdal":
        return _gdal_source(layer, feedback)
    if layer.providerType() in _PICTURE_PROVIDERS:
        raise QgsProcessingException(
            translate(
                "SpecialSources",
                "The layer “{}” comes from a map service: its values are a picture, not measured bands. "
                "Use the raster file that the service is made from.",
            ).format(layer.name())
        )
    return _export(layer, context, feedback)


def _gdal_source(layer: QgsRasterLayer, feedback: QgsProcessingFeedback) -> str:
    source, *options = layer.source().split("|")
    if options:
        feedback.pushWarning(
            translate("SpecialSources", "Open options of the layer “{}” are not used.").format(layer.name())
        )
    return absolute_path(source)


def _export(layer: QgsRasterLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> str:
    path = QgsProcessingUtils.generateTempFilename("scene.tif")
    feedback.pushInfo(
        translate("SpecialSources", "The layer “{}” is no file; it is copied to a temporary one first.").format(
            layer.name()
        )
    )
    provider = layer.dataProvider().clone()
    pipe = QgsRasterPipe()
    pipe.set(provider)
    writer = QgsRasterFileWriter(path)
    result = writer.writeRaster(
        pipe, provider.xSize(), provider.ySize(), provider.extent(), layer.crs(), context.transformContext()
    )
    if result != QgsRasterFileWriter.NoError:
        raise QgsProcessingException(
            translate(
                "SpecialSources",
                "The layer “{}” could not be copied to a file. Save it as a GeoTIFF and use that.",
            ).format(layer.name())
        )
    return str(path)


def absolute_path(source: str) -> str:
    """The absolute path of an existing file; connection strings stay as they are."""
    try:
        path = Path(source)
        return str(path.absolute()) if path.exists() else source
    except (OSError, ValueError):  # too long, or a character that no path may have: a connection string
        return source


def find_raster_problem(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """Why a raster parameter given as text cannot be loaded; empty when it can, or is not text."""
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        return ""
    layer = algorithm.parameterAsRasterLayer(dict(parameters), name, context)
    return "" if layer is not None or is_readable(value) else raster_problem(value)


def is_text_without_layer(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext
) -> bool:
    """Whether a raster parameter is a text that the engine reads though QGIS loads no layer from it."""
    value = parameters.get(name)
    if not isinstance(value, str) or algorithm.parameterAsRasterLayer(dict(parameters), name, context) is not None:
        return False
    return is_readable(value)


def is_readable(text: str) -> bool:
    """Whether the engine reads a text that QGIS loads no layer from: a sensor product, or a source of GDAL's.

    Args:
        text: Path, connection string, or anything else that was typed.
    """
    if not text.strip():
        return False
    if is_product(text) or _is_header(text):
        return True
    dataset = _opened(text)
    return dataset is not None and dataset.RasterCount > 0


def _is_header(text: str) -> bool:
    path = Path(text)
    return path.suffix.lower() == ".hdr" and path.is_file()


def _opened(text: str) -> Any:
    try:
        return gdal.OpenEx(text, gdal.OF_RASTER)
    except RuntimeError:  # where GDAL raises instead of giving None
        return None


def raster_problem(text: str) -> str:
    """Why a source cannot be opened as a raster, in words.

    Args:
        text: Path or connection string that QGIS could not load.
    """
    path = Path(text.partition("|")[0])
    if not path.exists():
        return translate(
            "SpecialSources",
            "There is no raster “{}”. The path of a raster file or the name of a loaded raster layer is accepted. "
            "Check the path.",
        ).format(text)
    if path.is_dir():
        return translate(
            "SpecialSources", "“{}” is a folder. The path of a raster file is accepted. Choose the file inside."
        ).format(text)
    subdatasets = _subdatasets(str(path))
    if subdatasets:
        return translate(
            "SpecialSources",
            "“{}” holds several rasters. One of them is accepted at a time. Give its name, for example {}.",
        ).format(text, subdatasets[0])
    return translate(
        "SpecialSources",
        "“{}” is not a raster that GDAL can read. Any raster format of GDAL is accepted, such as ENVI or GeoTIFF. "
        "Check that the file is whole and that an ENVI file has its .hdr beside it.",
    ).format(text)


def _subdatasets(path: str) -> list[str]:
    dataset = _opened(path)
    return subdataset_names(dataset) if dataset is not None else []


def vector_source(
    algorithm: QgsProcessingAlgorithm,
    parameters: Mapping[str, Any],
    name: str,
    context: QgsProcessingContext,
    feedback: QgsProcessingFeedback,
) -> Tuple[str, str]:
    """Path and layer of a vector parameter; the first is empty where an optional one is not given.

    Layers in memory or a database, and selections, are exported to a temporary GeoPackage.

    Raises:
        QgsProcessingException: There is no such layer.
    """
    values = dict(parameters)
    if not is_given(values, name):
        return "", ""
    if algorithm.parameterAsSource(values, name, context) is None:
        raise QgsProcessingException(algorithm.invalidSourceError(values, name))
    path, layer = algorithm.parameterAsCompatibleSourceLayerPathAndLayerName(
        values, name, context, _VECTOR_FORMATS, "gpkg", feedback
    )
    return absolute_path(path), layer


def extent_in_scene(
    algorithm: QgsProcessingAlgorithm, parameters: Mapping[str, Any], context: QgsProcessingContext, scene: str
) -> Optional[Tuple[float, float, float, float]]:
    """The extent parameter in the scene's coordinate system; None where it is not given.

    Args:
        algorithm: Whose parameters these are.
        parameters: Values as they came.
        context: Context of the run.
        scene: Source of the scene.

    Returns:
        xmin, ymin, xmax, ymax.
    """
    values: Dict[str, Any] = dict(parameters)
    if not is_given(values, "EXTENT"):
        return None
    rectangle = algorithm.parameterAsExtent(values, "EXTENT", context, _crs_of(scene))
    if rectangle.isNull():
        return None
    return rectangle.xMinimum(), rectangle.yMinimum(), rectangle.xMaximum(), rectangle.yMaximum()


def _crs_of(scene: str) -> QgsCoordinateReferenceSystem:
    """Coordinate reference system of a scene or of the sensor product that it is."""
    try:
        product = describe_product(scene)
    except EngineError:  # reading the scene tells what is wrong
        product = None
    if product is not None:
        return QgsCoordinateReferenceSystem.fromWkt(product.grid.crs_wkt)
    return QgsRasterLayer(scene, "scene", "gdal").crs()
