# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiles and read windows: each pixel once, whatever the size, the budget and the file's blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.windows import Window, plan_reads, plan_tiles

AREAS = st.builds(Window, st.integers(0, 50), st.integers(0, 50), st.integers(1, 70), st.integers(1, 70))


def cover(area, windows):
    """How often each pixel of an area is covered."""
    count = np.zeros((area.rows, area.cols), int)
    for window in windows:
        assert window.rows > 0 and window.cols > 0
        count[window.slices(area)] += 1
    return count


@given(AREAS, st.integers(1, 40))
def test_tiles_cover_every_pixel_once(area, tile_px):
    tiles = plan_tiles(area, tile_px)
    assert (cover(area, tiles) == 1).all()
    assert all(tile.rows <= tile_px and tile.cols <= tile_px for tile in tiles)


@given(AREAS, st.integers(1, 20), st.integers(1, 50), st.integers(0, 100_000), st.integers(1, 64))
def test_reads_cut_into_tiles_are_the_tiles_of_the_area(area, tile_px, bytes_per_px, budget, block_rows):
    reads = plan_reads(area, bytes_per_px, budget, tile_px, block_rows)
    assert (cover(area, reads) == 1).all()
    pieces = [tile for read in reads for tile in plan_tiles(read, tile_px)]
    assert sorted(pieces, key=str) == sorted(plan_tiles(area, tile_px), key=str)


@given(AREAS, st.integers(1, 20), st.integers(1, 50), st.integers(0, 100_000), st.integers(1, 64))
def test_reads_stay_within_the_budget_or_are_one_tile(area, tile_px, bytes_per_px, budget, block_rows):
    for read in plan_reads(area, bytes_per_px, budget, tile_px, block_rows):
        assert read.n_px * bytes_per_px <= budget or (read.rows <= tile_px and read.cols <= tile_px)


@pytest.mark.parametrize(("block_rows", "height"), [(1, 256), (256, 256), (512, 512), (1024, 1024), (4096, 1024)])
def test_reads_are_as_high_as_the_file_s_blocks_when_memory_allows(block_rows, height):
    reads = plan_reads(Window(0, 0, 5000, 300), 1, 4 * 256 * 256, 256, block_rows)
    assert reads[0].rows == height


def test_slices_are_relative_to_an_origin():
    assert Window(10, 20, 3, 4).slices(Window(8, 15, 9, 9)) == (slice(2, 5), slice(5, 9))
    assert Window(10, 20, 3, 4).slices() == (slice(10, 13), slice(20, 24))
