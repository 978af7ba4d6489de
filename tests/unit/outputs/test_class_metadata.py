# SPDX-License-Identifier: GPL-2.0-or-later
"""What a class raster tells other programs about its classes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, List, Optional

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.outputs.class_metadata import write_class_legend, write_class_table
from special_qgis.engine.outputs.output_set import OutputSet
from special_qgis.engine.outputs.style import paletted_qml
from tests.helpers.written_rasters import utm_grid, write_tiles

CLASSES = parse_classes('water #1f78b4; "forêt & <bois>"; 裸土 #8c510a')
LABELS = np.random.default_rng(1).integers(0, 4, (1, 300, 280)).astype("uint8")
COUNTS = np.bincount(LABELS.ravel(), minlength=4)[1:]


def write_map(
    path: Path, counts: Any = COUNTS, pixel_area_m2: Optional[float] = 900.0, labels: np.ndarray = LABELS
) -> Path:
    with OutputSet() as outputs:
        writer = outputs.raster(str(path), utm_grid(*labels.shape[1:]), 1, "uint8", 0, ["land cover"])
        write_class_legend(writer, CLASSES)
        write_tiles(writer, labels)
        write_class_table(writer, CLASSES, counts, pixel_area_m2)
        writer.set_metadata({"version": "1.0", "seed": 7})
        outputs.commit()
    return path


def columns(band: Any) -> dict[str, List[str]]:
    table = band.GetDefaultRAT()
    return {
        table.GetNameOfCol(col): [table.GetValueAsString(row, col) for row in range(table.GetRowCount())]
        for col in range(table.GetColumnCount())
    }


def test_class_metadata_pixels_stay_as_written(tmp_path: Path) -> None:
    dataset = gdal.Open(str(write_map(tmp_path / "map.tif")))
    np.testing.assert_array_equal(dataset.ReadAsArray(), LABELS[0])


def test_class_metadata_colour_table_and_names_follow_the_ids(tmp_path: Path) -> None:
    dataset = gdal.Open(str(write_map(tmp_path / "map.tif")))
    band = dataset.GetRasterBand(1)
    assert band.GetColorInterpretation() == gdal.GCI_PaletteIndex
    assert [band.GetColorTable().GetColorEntry(c.id)[:3] for c in CLASSES] == [c.rgb for c in CLASSES]
    assert band.GetColorTable().GetColorEntry(0)[3] == 0
    assert band.GetCategoryNames() == ["no data", *(c.name for c in CLASSES)]
    assert (band.GetNoDataValue(), band.GetDescription()) == (0, "land cover")


def test_class_metadata_attribute_table_has_counts_and_areas(tmp_path: Path) -> None:
    dataset = gdal.Open(str(write_map(tmp_path / "map.tif")))
    band = dataset.GetRasterBand(1)
    table = band.GetDefaultRAT()
    usages = {table.GetNameOfCol(i): table.GetUsageOfCol(i) for i in range(table.GetColumnCount())}
    assert usages["Value"] == gdal.GFU_MinMax
    assert usages["Name"] == gdal.GFU_Name
    assert usages["Count"] == gdal.GFU_PixelCount
    assert [usages[name] for name in ("Red", "Green", "Blue", "Alpha")] == [
        gdal.GFU_Red, gdal.GFU_Green, gdal.GFU_Blue, gdal.GFU_Alpha,
    ]  # fmt: skip
    found = columns(band)
    assert found["Value"] == ["1", "2", "3"]
    assert found["Name"] == [c.name for c in CLASSES]
    assert found["Count"] == [str(n) for n in COUNTS]
    assert [float(a) for a in found["Area_m2"]] == [n * 900.0 for n in COUNTS]
    assert [float(a) for a in found["Area_ha"]] == pytest.approx([n * 0.09 for n in COUNTS])
    assert table.GetTableType() == gdal.GRTT_THEMATIC


def test_class_metadata_unknown_pixel_area_leaves_areas_out(tmp_path: Path) -> None:
    dataset = gdal.Open(str(write_map(tmp_path / "map.tif", pixel_area_m2=None)))
    band = dataset.GetRasterBand(1)
    assert list(columns(band)) == ["Value", "Name", "Red", "Green", "Blue", "Alpha", "Count"]


def test_class_metadata_counts_beyond_32_bits_are_kept(tmp_path: Path) -> None:
    counts = np.array([5_000_000_000, 2, 0])
    dataset = gdal.Open(str(write_map(tmp_path / "map.tif", counts=counts)))
    band = dataset.GetRasterBand(1)
    assert [float(n) for n in columns(band)["Count"]] == [5e9, 2, 0]


def test_class_metadata_statistics_leave_no_data_out(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif")
    code = (
        "import json, sys\nfrom osgeo import gdal\n"
        "json.dump(gdal.Info(sys.argv[1], format='json', computeMinMax=True, stats=True, reportHistograms=True),"
        " sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, encoding="utf-8", check=True)
    info = json.loads(done.stdout)
    band = info["bands"][0]
    assert (band["minimum"], band["maximum"]) == (1, 3)
    assert band["mean"] == pytest.approx(LABELS[LABELS > 0].mean(), abs=1e-3)
    assert band["histogram"]["buckets"][1:4] == COUNTS.tolist()
    assert info["rat"]["row"][0]["f"][:2] == [1, "water"]


def test_class_metadata_no_statistics_are_stored_that_could_age(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif")
    dataset = gdal.Open(str(path))
    assert not any("STATISTICS" in key for key in dataset.GetRasterBand(1).GetMetadata())
    assert "Histogram" not in (tmp_path / "map.tif.aux.xml").read_text(encoding="utf-8")


def test_class_metadata_style_and_provenance_come_along(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif")
    assert (tmp_path / "map.qml").read_text(encoding="utf-8") == paletted_qml(CLASSES)
    assert json.loads(gdal.Open(str(path)).GetMetadataItem("SPECIAL_PROVENANCE")) == {"version": "1.0", "seed": 7}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["map.qml", "map.tif", "map.tif.aux.xml"]


def test_class_metadata_after_blocks_reached_the_disk_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "map.tif"
    with OutputSet() as outputs:
        writer = outputs.raster(str(path), utm_grid(*LABELS.shape[1:]), 1, "uint8", 0, ["land cover"])
        write_class_legend(writer, CLASSES)
        write_tiles(writer, LABELS)
        writer.dataset.FlushCache()
        write_class_table(writer, CLASSES, COUNTS, 900.0)
        outputs.commit()
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    assert columns(band)["Count"] == [str(n) for n in COUNTS]
    assert band.GetColorTable().GetColorEntry(1)[:3] == CLASSES[0].rgb
