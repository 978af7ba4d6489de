# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
from osgeo import gdal

from special_qgis.engine.rasters.legend import read_legend
from tests.helpers.class_maps import write_raster

LABELS = np.array([[1, 2], [2, 0]], np.uint8)


def _open(path: Path, access: int = gdal.GA_ReadOnly) -> gdal.Dataset:
    return gdal.Open(str(path), access)


def test_legend_of_bare_raster_is_empty(tmp_path: Path) -> None:
    dataset = _open(write_raster(tmp_path / "a.tif", LABELS))
    legend = read_legend(dataset)
    assert (legend.names, legend.colours) == ({}, {})


def test_legend_from_category_names_leaves_zero_and_empty_out(tmp_path: Path) -> None:
    dataset = _open(write_raster(tmp_path / "a.tif", LABELS, names=["nothing", "tree", "", "water"]))
    assert read_legend(dataset).names == {1: "tree", 3: "water"}


def test_legend_from_attribute_table_is_preferred(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", LABELS, names=["", "old"])
    dataset = _open(path, gdal.GA_Update)
    table = gdal.RasterAttributeTable()
    table.CreateColumn("Value", gdal.GFT_Integer, gdal.GFU_MinMax)
    table.CreateColumn("Name", gdal.GFT_String, gdal.GFU_Name)
    for row, (value, name) in enumerate([(0, "none"), (1, "Wäld chen"), (2, "water")]):
        table.SetValueAsInt(row, 0, value)
        table.SetValueAsString(row, 1, name)
    dataset.GetRasterBand(1).SetDefaultRAT(table)
    dataset = None
    dataset = _open(path)
    assert read_legend(dataset).names == {1: "Wäld chen", 2: "water"}


def test_legend_colours_come_from_the_colour_table(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", LABELS, names=["", "tree", "water"])
    dataset = _open(path, gdal.GA_Update)
    table = gdal.ColorTable()
    table.SetColorEntry(1, (1, 128, 255, 255))
    table.SetColorEntry(2, (0, 0, 255, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    dataset = None
    dataset = _open(path)
    assert read_legend(dataset).colours == {1: "#0180ff", 2: "#0000ff"}


def test_legend_from_style_beside_the_raster(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", LABELS)
    (tmp_path / "a.qml").write_text(
        '<qgis><pipe><rasterrenderer type="paletted"><colorPalette>'
        '<paletteEntry color="#1F78B4" value="2" alpha="255" label="sea &amp; lake"/>'
        "<paletteEntry value='1' label='tree' color='#00ff00'/>"
        '<paletteEntry value="x" label="odd" color="#000000"/>'
        "</colorPalette></rasterrenderer></pipe></qgis>",
        encoding="utf-8",
    )
    dataset = _open(path)
    legend = read_legend(dataset)
    assert legend.names == {2: "sea & lake", 1: "tree"}
    assert legend.colours == {2: "#1f78b4", 1: "#00ff00"}


def test_legend_of_raster_in_memory_looks_for_no_style() -> None:
    dataset = gdal.GetDriverByName("MEM").Create("", 2, 2, 1)
    assert read_legend(dataset).names == {}
