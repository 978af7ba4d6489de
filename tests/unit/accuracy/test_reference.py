# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal, osr

from special_qgis.engine.accuracy.reference import open_reference
from special_qgis.engine.errors import InputError, RasterReadError
from special_qgis.engine.rasters.class_raster import open_class_raster
from special_qgis.engine.windows import Window, plan_tiles
from tests.helpers.class_maps import ORIGIN, UTM33, crs, write_raster

ROWS, COLS = 40, 50
LABELS = np.random.default_rng(2).integers(0, 5, (ROWS, COLS)).astype(np.uint8)
AREA = Window(0, 0, ROWS, COLS)


def _read(map_path: Path, reference_path: Path, tile_px: int = 1000) -> np.ndarray:
    reference = open_reference(str(reference_path), "", "", open_class_raster(str(map_path), "map"))
    result = np.full((ROWS, COLS), -1)
    for window in plan_tiles(AREA, tile_px):
        result[window.slices()] = reference.read(window)
    return result


def _centres(transform: Any) -> tuple[np.ndarray, np.ndarray]:
    x0, dx, rx, y0, ry, dy = transform
    rows, cols = np.mgrid[0:ROWS, 0:COLS] + 0.5
    return x0 + cols * dx + rows * rx, y0 + cols * ry + rows * dy


def _nearest(labels: np.ndarray, transform: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Labels at coordinates by hand, for a grid without rotation; 0 outside."""
    cols = np.floor((x - transform[0]) / transform[1]).astype(int)
    rows = np.floor((y - transform[3]) / transform[5]).astype(int)
    inside = (rows >= 0) & (rows < labels.shape[0]) & (cols >= 0) & (cols < labels.shape[1])
    return np.where(inside, labels[rows.clip(0, labels.shape[0] - 1), cols.clip(0, labels.shape[1] - 1)], 0)


@pytest.fixture
def map_path(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "map.tif", np.ones((ROWS, COLS), np.uint8))


def test_reference_on_same_grid_is_read_as_it_is(tmp_path: Path, map_path: Path) -> None:
    path = write_raster(tmp_path / "ref.tif", LABELS)
    assert np.array_equal(_read(map_path, path), LABELS)


@pytest.mark.parametrize("tile_px", [1000, 16, 7], ids=["whole", "tiles", "odd tiles"])
def test_reference_on_finer_shifted_grid_is_nearest_pixel(tmp_path: Path, map_path: Path, tile_px: int) -> None:
    fine = np.random.default_rng(3).integers(1, 5, (90, 80)).astype(np.uint8)
    transform = (ORIGIN[0] + 137.0, 11.0, 0.0, ORIGIN[3] - 222.0, 0.0, -13.0)
    path = write_raster(tmp_path / "ref.tif", fine, transform)
    assert np.array_equal(_read(map_path, path, tile_px), _nearest(fine, transform, *_centres(ORIGIN)))


@pytest.mark.parametrize("tile_px", [1000, 13], ids=["whole", "tiles"])
def test_reference_in_another_crs_is_brought_onto_the_map(tmp_path: Path, map_path: Path, tile_px: int) -> None:
    transformation = osr.CoordinateTransformation(crs(UTM33), crs(4326))
    x, y = _centres(ORIGIN)
    lonlat = np.array(transformation.TransformPoints(np.stack([x.ravel(), y.ravel()], 1).tolist()))[:, :2]
    lon, lat = lonlat[:, 0].reshape(x.shape), lonlat[:, 1].reshape(x.shape)
    coarse = np.random.default_rng(4).integers(1, 5, (12, 14)).astype(np.uint8)
    transform = (lon.min() - 0.001, 0.002, 0.0, lat.max() + 0.0005, 0.0, -0.0013)
    path = write_raster(tmp_path / "ref.tif", coarse, transform, 4326)
    assert np.array_equal(_read(map_path, path, tile_px), _nearest(coarse, transform, lon, lat))


def test_reference_under_a_rotated_map_is_nearest_pixel(tmp_path: Path) -> None:
    angle = math.radians(25)
    c, s = 30 * math.cos(angle), 30 * math.sin(angle)
    rotated = (ORIGIN[0], c, s, ORIGIN[3], -s, -c)
    map_path = write_raster(tmp_path / "map.tif", np.ones((ROWS, COLS), np.uint8), rotated)
    reference = np.random.default_rng(5).integers(1, 5, (30, 60)).astype(np.uint8)
    transform = (ORIGIN[0] - 300.0, 40.0, 0.0, ORIGIN[3] + 100.0, 0.0, -40.0)
    path = write_raster(tmp_path / "ref.tif", reference, transform)
    expected = _nearest(reference, transform, *_centres(rotated))
    assert np.array_equal(_read(map_path, path, 17), expected)
    assert (expected == 0).any()
    assert (expected > 0).any()


def test_reference_nodata_and_negative_values_are_unlabelled_after_resampling(tmp_path: Path, map_path: Path) -> None:
    values = LABELS.astype(np.int16)
    values[LABELS == 2], values[LABELS == 3] = -99, -1
    transform = (ORIGIN[0] + 3000.0, *ORIGIN[1:])  # off by 100 pixels: nothing overlaps
    path = write_raster(tmp_path / "ref.tif", values, nodata=-99, gdal_type=gdal.GDT_Int16)
    assert np.array_equal(_read(map_path, path), np.where(LABELS > 3, LABELS, np.where(LABELS == 1, 1, 0)))
    far = write_raster(tmp_path / "far.tif", values, transform, nodata=-99, gdal_type=gdal.GDT_Int16)
    assert not _read(map_path, far).any()
    shifted = (ORIGIN[0] + 1.0, *ORIGIN[1:])  # resampled, yet the same nearest pixels
    near = write_raster(tmp_path / "near.tif", values, shifted, nodata=-99, gdal_type=gdal.GDT_Int16)
    expected = np.where(np.isin(LABELS, (2, 3)), 0, LABELS)
    assert np.array_equal(_read(map_path, near), expected)


def test_reference_of_same_size_without_georeferencing_is_compared_pixel_by_pixel(tmp_path: Path) -> None:
    map_path = write_raster(tmp_path / "map.tif", np.ones((ROWS, COLS), np.uint8), None, None)
    path = write_raster(tmp_path / "ref.tif", LABELS, None, None)
    reference = open_reference(str(path), "", "", open_class_raster(str(map_path), "map"))
    assert np.array_equal(reference.read(AREA), LABELS)
    assert reference.warnings == []


def test_reference_alone_without_georeferencing_is_compared_with_a_warning(tmp_path: Path, map_path: Path) -> None:
    path = write_raster(tmp_path / "ref.tif", LABELS, None, None)
    reference = open_reference(str(path), "", "", open_class_raster(str(map_path), "map"))
    assert np.array_equal(reference.read(AREA), LABELS)
    assert "Only one of map and reference is georeferenced" in reference.warnings[0]


def test_reference_of_other_size_without_georeferencing_is_an_error(tmp_path: Path, map_path: Path) -> None:
    path = write_raster(tmp_path / "ref.tif", LABELS[:-1], None, None)
    with pytest.raises(InputError, match="The map has 50 × 40 pixels and the reference 50 × 39"):
        _read(map_path, path)


def test_reference_without_crs_is_taken_to_share_the_maps_with_a_warning(tmp_path: Path, map_path: Path) -> None:
    path = write_raster(tmp_path / "ref.tif", LABELS[5:, 5:], (ORIGIN[0] + 150, 30, 0, ORIGIN[3] - 150, 0, -30), None)
    reference = open_reference(str(path), "", "", open_class_raster(str(map_path), "map"))
    expected = LABELS.copy()
    expected[:5], expected[:, :5] = 0, 0
    assert np.array_equal(reference.read(AREA), expected)
    assert "names its CRS" in reference.warnings[0]


def test_reference_that_does_not_exist_is_a_read_error(tmp_path: Path, map_path: Path) -> None:
    with pytest.raises(RasterReadError, match="does not exist"):
        _read(map_path, tmp_path / "nowhere.gpkg")


def test_reference_that_is_a_text_file_is_a_read_error(tmp_path: Path, map_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x00\x01nothing")
    with pytest.raises(RasterReadError, match="neither a raster nor a vector"):
        _read(map_path, tmp_path / "a.bin")
