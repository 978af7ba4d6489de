# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk that runs full while outputs are written: a clear error, nothing left, nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import numpy as np
import pytest

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.errors import RasterWriteError
from special_qgis.engine.outputs.class_metadata import write_class_legend, write_class_table
from special_qgis.engine.outputs.output_set import OutputSet
from special_qgis.engine.rasters.gdal_exceptions import use_exceptions, without_exceptions
from special_qgis.engine.windows import Window
from tests.helpers.tiny_disk import TINY_DISK_BYTES
from tests.helpers.written_rasters import contents, read_raster, utm_grid, write_raster, write_tiles

CLASSES = parse_classes("water; trees")


@pytest.fixture(autouse=True, params=[False, True], ids=["gdal-returns-errors", "gdal-raises-exceptions"])
def gdal_exceptions(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways in which GDAL tells of errors; which one is on depends on who else uses it in the process."""
    if request.param:
        use_exceptions()
        yield
    else:
        with without_exceptions():
            yield


def noise(n_bands: int, side_px: int, dtype: str) -> np.ndarray:
    """Values that do not compress."""
    generator = np.random.default_rng(0)
    return np.frombuffer(generator.bytes(n_bands * side_px**2 * np.dtype(dtype).itemsize), dtype).reshape(
        n_bands, side_px, side_px
    )


def assert_full(error: RasterWriteError) -> None:
    """The error names the cause and the way out."""
    assert "free in" in error.message
    assert "Free space there or choose another folder" in error.hint


def test_write_raster_larger_than_the_disk_ends_in_write_error(tiny_disk: Path) -> None:
    write_raster(tiny_disk / "map.tif", np.ones((1, 64, 64), "uint8"))
    before = contents(tiny_disk)
    values = noise(4, 1024, "uint8")
    assert values.nbytes == 2 * TINY_DISK_BYTES
    with pytest.raises(RasterWriteError, match=r"map\.tif cannot be .*No space left") as caught, OutputSet() as outputs:
        writer = outputs.raster(str(tiny_disk / "map.tif"), utm_grid(1024, 1024), 4, "uint8", 0)
        write_tiles(writer, values)
        outputs.commit()
    assert_full(caught.value)
    assert contents(tiny_disk) == before
    assert [file.name for file in tiny_disk.iterdir()] == ["map.tif"]


def write_outputs(folder: Path, values: np.ndarray) -> bool:
    """Write a map and a report; tells whether they fitted."""
    try:
        with OutputSet() as outputs:
            writer = outputs.raster(str(folder / "map.tif"), utm_grid(200, 200), 1, "uint8", 0)
            write_class_legend(writer, CLASSES)
            writer.write(Window(0, 0, 200, 200), values[0])
            write_class_table(writer, CLASSES, np.array([1, 2]), 900.0)
            writer.set_metadata({"version": "1", "note": "x" * 3000})
            outputs.text(str(folder / "report.html"), "x" * 5000)
            outputs.commit()
    except RasterWriteError as error:
        assert_full(error)
        return False
    return True


def test_write_outputs_into_any_remaining_space_are_whole_or_refused(tiny_disk: Path) -> None:
    values = noise(1, 200, "uint8")
    outcomes = []
    for free_bytes in range(0, 90_000, 4096):  # the disk runs full at every stage once
        (tiny_disk / "filler").write_bytes(b"x" * (TINY_DISK_BYTES - free_bytes - 16_384))
        outcomes.append(write_outputs(tiny_disk, values))
        if outcomes[-1]:
            assert sorted(contents(tiny_disk)) == ["filler", "map.qml", "map.tif", "map.tif.aux.xml", "report.html"]
            np.testing.assert_array_equal(read_raster(tiny_disk / "map.tif"), values)
            assert (tiny_disk / "report.html").stat().st_size == 5000
        else:
            assert [file.name for file in tiny_disk.iterdir()] == ["filler"]
        for file in tiny_disk.iterdir():
            file.unlink()
    assert outcomes == sorted(outcomes)
    assert outcomes.count(False) >= 8
    assert outcomes.count(True) >= 2


def test_write_text_larger_than_the_disk_ends_in_write_error_and_keeps_the_rest(tiny_disk: Path) -> None:
    (tiny_disk / "report.html").write_text("old")
    with pytest.raises(RasterWriteError, match=r"report\.html cannot be written") as caught, OutputSet() as outputs:
        write_tiles(outputs.raster(str(tiny_disk / "map.tif"), utm_grid(9, 9), 1, "uint8"), noise(1, 9, "uint8"))
        outputs.text(str(tiny_disk / "report.html"), "x" * (2 * TINY_DISK_BYTES))
        outputs.commit()
    assert_full(caught.value)
    assert contents(tiny_disk) == {"report.html": b"old"}


def test_begin_raster_on_a_full_disk_is_refused_at_once(tiny_disk: Path) -> None:
    (tiny_disk / "filler").write_bytes(b"x" * (TINY_DISK_BYTES))
    with OutputSet() as outputs, pytest.raises(RasterWriteError) as caught:
        outputs.raster(str(tiny_disk / "map.tif"), utm_grid(9, 9), 1, "uint8")
    assert_full(caught.value)
    assert [file.name for file in tiny_disk.iterdir()] == ["filler"]
