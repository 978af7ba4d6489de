# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts that GDAL and OGR hand out, decoded: metadata, descriptions, names of layers, fields, classes and files.

Nothing else in the engine takes text from GDAL, so that the rule of ``decoding`` holds everywhere. ``source_of`` alone
gives a text as GDAL has it, because it is needed to open the source again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List

from ..texts.decoding import as_text


def metadata(owner: Any, domain: str = "") -> Dict[str, str]:
    """Metadata items of a dataset, band or layer.

    Args:
        owner: Open gdal.Dataset, gdal.Band or ogr.Layer.
        domain: Metadata domain; "" = the default one.

    Returns:
        Value by name; empty where the domain is not there.
    """
    items = owner.GetMetadata_Dict(domain) or {}
    return {as_text(name): as_text(value) for name, value in items.items()}


def metadata_item(owner: Any, name: str, domain: str = "") -> str:
    """One metadata item; "" where it is not there.

    Args:
        owner: Open gdal.Dataset, gdal.Band or gdal.Driver.
        name: Name of the item.
        domain: Metadata domain; "" = the default one.
    """
    return as_text(owner.GetMetadataItem(name, domain))


def virtual_raster_xml(dataset: Any) -> str:
    """The XML of a virtual raster; "" where the dataset is none."""
    return "".join(map(as_text, dataset.GetMetadata_List("xml:VRT") or ()))


def description(owner: Any) -> str:
    """Description of a band, or name of a dataset's source for messages; "" where it has none."""
    return as_text(owner.GetDescription())


def source_of(dataset: Any) -> str:
    """What a dataset was opened by, unchanged, for opening it again or looking at its file."""
    return str(dataset.GetDescription() or "")


def projection(dataset: Any) -> str:
    """A dataset's coordinate reference system as WKT; "" where it has none."""
    return as_text(dataset.GetProjection())


def gcp_projection(dataset: Any) -> str:
    """Coordinate reference system of a dataset's ground control points as WKT; "" where it has none."""
    return as_text(dataset.GetGCPProjection())


def unit_type(band: Any) -> str:
    """Unit of a band's values as the file states it; "" where it states none."""
    return as_text(band.GetUnitType())


def files_of(dataset: Any) -> List[Path]:
    """Files that a dataset consists of, as far as GDAL says."""
    return [Path(os.fsdecode(name)) for name in dataset.GetFileList() or ()]


def subdataset_names(dataset: Any) -> List[str]:
    """Names by which the rasters inside a container are opened."""
    return [as_text(name) for name, _ in dataset.GetSubDatasets() or ()]


def category_names(band: Any) -> List[str]:
    """Names of a band's values, from value 0 on; empty where it has none."""
    return [as_text(name) for name in band.GetCategoryNames() or ()]


def column_title(table: Any, column: int) -> str:
    """Title of a column of a raster attribute table."""
    return as_text(table.GetNameOfCol(column))


def table_text(table: Any, row: int, column: int) -> str:
    """A cell of a raster attribute table as text."""
    return as_text(table.GetValueAsString(row, column))


def name_of(named: Any) -> str:
    """Name of a layer, of a field definition or of a spatial reference; "" where it has none."""
    return as_text(named.GetName())


def linear_unit(srs: Any) -> str:
    """Name of the unit of a reference system's coordinates."""
    return as_text(srs.GetLinearUnitsName())


def field_value(feature: Any, field_index: int) -> Any:
    """Value of a feature's field.

    Args:
        feature: An ogr.Feature.
        field_index: Position of the field, from 0.

    Returns:
        Decoded text, a number, a list, or None where the field is empty.
    """
    if not feature.IsFieldSetAndNotNull(field_index):
        return None
    value = feature.GetField(field_index)
    return as_text(value) if isinstance(value, (str, bytes, bytearray)) else value
