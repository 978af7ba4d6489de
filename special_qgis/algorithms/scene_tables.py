# SPDX-License-Identifier: GPL-2.0-or-later
"""Lays out what the engine found in a scene as tables for people."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Tuple

from ..translation import translate
from .html import Table

Row = Tuple[str, str]


def scene_tables(summary: Mapping[str, Any]) -> List[Table]:
    """Tables of a scene's summary: the file, its bands, its values, and what is doubtful.

    Args:
        summary: Result of the job ``inspect_scene``.
    """
    tables = [
        Table(translate("SceneTables", "File"), (), _file_rows(summary)),
        Table(translate("SceneTables", "Bands"), (), _band_rows(summary)),
        Table(translate("SceneTables", "Values"), (), _value_rows(summary)),
    ]
    if summary["warnings"]:
        rows = [(str(number), text) for number, text in enumerate(summary["warnings"], start=1)]
        tables.append(Table(translate("SceneTables", "Warnings"), (), rows))
    return tables


def _file_rows(summary: Mapping[str, Any]) -> List[Row]:
    size = translate("SceneTables", "{rows} rows × {cols} columns")
    rows = [
        (translate("SceneTables", "File"), str(summary["path"])),
        (translate("SceneTables", "Format"), str(summary["driver"])),
        (translate("SceneTables", "Size"), size.format(rows=summary["file_rows"], cols=summary["file_cols"])),
    ]
    if (summary["rows"], summary["cols"]) != (summary["file_rows"], summary["file_cols"]):
        part = size.format(rows=summary["rows"], cols=summary["cols"])
        rows.append((translate("SceneTables", "Part looked at"), part))
    rows.append((translate("SceneTables", "Coordinate system"), _coordinate_system(summary)))
    if summary["pixel_size"]:
        width, height = summary["pixel_size"]
        rows.append((translate("SceneTables", "Pixel size"), f"{width:g} × {height:g} {summary['units']}"))
    return rows


def _coordinate_system(summary: Mapping[str, Any]) -> str:
    name, authority = summary["crs"], summary["crs_authority"]
    if not name:
        return translate("SceneTables", "none")
    return f"{name} ({authority})" if authority else str(name)


def _band_rows(summary: Mapping[str, Any]) -> List[Row]:
    axis = summary["wavelengths"]
    rows = [
        (translate("SceneTables", "Bands in the file"), str(summary["file_bands"])),
        (translate("SceneTables", "Bands used"), f"{summary['good_bands']} ({summary['good_band_numbers']})"),
    ]
    for reason, numbers in summary["dropped_bands"].items():
        rows.append((translate("SceneTables", "Left out: {}").format(reason), str(numbers)))
    span = f"{axis['first_nm']:g} – {axis['last_nm']:g} nm"
    rows.append((translate("SceneTables", "Wavelengths used"), span))
    rows.append((translate("SceneTables", "Wavelengths come from"), str(axis["source"])))
    rows.append((translate("SceneTables", "Median spacing"), _nanometres(axis["median_spacing_nm"])))
    rows.append((translate("SceneTables", "Median band width (FWHM)"), _nanometres(axis["median_fwhm_nm"])))
    return rows


def _value_rows(summary: Mapping[str, Any]) -> List[Row]:
    low, high = summary["value_range"]
    seen = translate("SceneTables", "unknown") if low is None else f"{low:g} – {high:g}"
    nodata = ", ".join(f"{value:g}" for value in summary["nodata"]) or translate("SceneTables", "none")
    scaled = translate("SceneTables", "yes, from the file") if summary["scaled"] else translate("SceneTables", "no")
    return [
        (translate("SceneTables", "Data type"), str(summary["dtype"])),
        (translate("SceneTables", "Values seen"), seen),
        (translate("SceneTables", "Scale and offset applied"), scaled),
        (translate("SceneTables", "Nodata value"), nodata),
        (translate("SceneTables", "Valid pixels"), f"{summary['valid_share']:.1%}"),
        (translate("SceneTables", "Quantity"), str(summary["quantity"])),
    ]


def _nanometres(value: Optional[float]) -> str:
    return translate("SceneTables", "unknown") if value is None else f"{value:g} nm"
