# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osgeo import gdal

from special_qgis.engine.report.images import LabelThumbnail, colour_labels, encode_png
from special_qgis.engine.windows import Window, plan_tiles


def _decode(png: bytes, path: Path) -> np.ndarray:
    """Pixels as GDAL's PNG reader sees them, (rows, cols, 4)."""
    path.write_bytes(png)
    dataset = gdal.Open(str(path))
    return np.moveaxis(dataset.ReadAsArray(), 0, 2)


@pytest.mark.parametrize("kind", ["noise", "gradient", "flat"], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (3, 7), (64, 33)], ids=str)
def test_encode_png_read_by_gdal_gives_same_pixels(tmp_path: Path, kind: str, size: tuple) -> None:
    rows, cols = size
    rgba = np.random.default_rng(1).integers(0, 256, (rows, cols, 4)).astype(np.uint8)
    if kind == "gradient":
        rgba[:] = np.add.outer(np.arange(rows), np.arange(cols))[:, :, None].astype(np.uint8)
    if kind == "flat":
        rgba[:] = (10, 20, 30, 255)
    assert np.array_equal(_decode(encode_png(rgba), tmp_path / "a.png"), rgba)


def test_encode_png_smooth_picture_is_smaller_than_plain_rows() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 64, axis=0) + np.zeros((1, 1, 4), np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, ramp.shape).astype(np.uint8)
    assert len(encode_png(ramp)) < len(encode_png(noise)) / 50


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4)), np.zeros((0, 4, 4), np.uint8)],
    ids=["three bands", "float", "empty"],
)
def test_encode_png_of_other_arrays_is_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 of shape"):
        encode_png(array)


def test_colour_labels_paints_known_classes_and_leaves_others_clear() -> None:
    painted = colour_labels(np.array([[0, 1, 2, 9]]), {1: "#ff0000", 2: "#0102FF"})
    assert painted[0].tolist() == [[0, 0, 0, 0], [255, 0, 0, 255], [1, 2, 255, 255], [0, 0, 0, 0]]


def test_colour_labels_without_colours_is_clear() -> None:
    assert not colour_labels(np.array([[0, 3]], np.uint8), {}).any()


@given(rows=st.integers(1, 90), cols=st.integers(1, 90), max_px=st.integers(1, 60), tile_px=st.integers(1, 40))
def test_thumbnail_of_any_tiling_equals_every_nth_pixel(rows: int, cols: int, max_px: int, tile_px: int) -> None:
    labels = np.arange(rows * cols).reshape(rows, cols) % 250
    thumbnail = LabelThumbnail(rows, cols, max_px)
    for window in plan_tiles(Window(0, 0, rows, cols), tile_px):
        thumbnail.add(window, labels[window.slices()])
    step = -(-max(rows, cols) // max_px)
    assert np.array_equal(thumbnail.labels, labels[::step, ::step])
    assert max(thumbnail.labels.shape) <= max_px


def test_thumbnail_png_shows_colours(tmp_path: Path) -> None:
    thumbnail = LabelThumbnail(2, 2)
    thumbnail.add(Window(0, 0, 2, 2), np.array([[1, 0], [0, 1]]))
    pixels = _decode(thumbnail.png({1: "#0a0b0c"}), tmp_path / "t.png")
    assert pixels[0, 0].tolist() == [10, 11, 12, 255]
    assert pixels[0, 1, 3] == 0
