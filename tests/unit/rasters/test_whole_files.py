# SPDX-License-Identifier: GPL-2.0-or-later
"""Inputs that are cut off, replaced or changed while a job reads them are noticed before anything is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.errors import InputError, RasterReadError
from special_qgis.engine.outputs.output_set import OutputSet
from special_qgis.engine.rasters.opening import open_raster, read_window
from special_qgis.engine.windows import Window

ROWS, COLS, BANDS = 60, 50, 4


def write_raw(path: Path, driver: str) -> Path:
    values = np.full((BANDS, ROWS, COLS), 7, np.int16)
    dataset = gdal.GetDriverByName(driver).Create(str(path), COLS, ROWS, BANDS, gdal.GDT_Int16)
    dataset.WriteRaster(0, 0, COLS, ROWS, values.tobytes())
    return path


def read(dataset: Any, first_row: int) -> bytes:
    return bytes(read_window(dataset, Window(first_row, 0, 20, COLS), [1, 2, 3, 4], gdal.GDT_Int16))


@pytest.mark.parametrize("driver", ["ENVI", "EHdr", "ERS"])
def test_open_raster_raw_file_cut_off_is_refused(tmp_path: Path, driver: str) -> None:
    path = write_raw(tmp_path / "scene.bil", driver)
    source = path if driver != "ERS" else Path(str(path) + ".ers")
    data = next(file for file in (path, path.with_suffix("")) if file.is_file())
    os.truncate(data, int(data.stat().st_size * 0.37))
    with pytest.raises(RasterReadError, match="bytes"):
        open_raster(str(source if source.is_file() else path))


def test_read_window_raw_file_cut_off_between_two_blocks_is_an_error(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "scene.img", "ENVI")
    dataset = open_raster(str(path))
    assert set(read(dataset, 0)) == {7, 0}
    os.truncate(path, int(path.stat().st_size * 0.37))
    with pytest.raises(RasterReadError, match=r"it was cut off|cannot be read"):
        read(dataset, 40)


def cut_off(path: Path) -> None:
    os.truncate(path, int(path.stat().st_size * 0.37))


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def change(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"other")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))


def change_header(path: Path) -> None:
    change(path.with_suffix(".hdr"))


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("disturb", [cut_off, replace, change, change_header, remove], ids=lambda f: f.__name__)
def test_commit_input_disturbed_meanwhile_writes_nothing(tmp_path: Path, disturb: Any) -> None:
    path = write_raw(tmp_path / "scene.img", "ENVI")
    (tmp_path / "map.txt").write_text("old")
    with OutputSet([str(path)]) as outputs:
        outputs.text(str(tmp_path / "map.txt"), "new")
        disturb(path)
        with pytest.raises(InputError, match=r"scene\.(img|hdr) was (changed or replaced|removed) while it was read"):
            outputs.commit()
    assert (tmp_path / "map.txt").read_text() == "old"


def test_commit_statistics_written_by_qgis_meanwhile_do_not_matter(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "scene.img", "ENVI")
    Path(str(path) + ".aux.xml").write_text("<PAMDataset/>")
    with OutputSet([str(path)]) as outputs:
        outputs.text(str(tmp_path / "map.txt"), "new")
        Path(str(path) + ".aux.xml").write_text("<PAMDataset></PAMDataset>")
        outputs.commit()
    assert (tmp_path / "map.txt").read_text() == "new"
