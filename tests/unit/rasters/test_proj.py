# SPDX-License-Identifier: GPL-2.0-or-later
"""PROJ probed in this process, where it works; ``tests/integration/test_broken_proj.py`` breaks it in others."""

from __future__ import annotations

from special_qgis.engine.rasters.proj import crs_fault, describe_crs_fault, prepare_proj, proj_fault
from tests.helpers.scene_files import wkt


def test_working_proj_has_no_fault() -> None:
    prepare_proj()
    assert proj_fault() == ""
    assert crs_fault(wkt()) == ""
    assert crs_fault("") == ""
    assert describe_crs_fault(wkt()) == ""
    assert describe_crs_fault("") == ""


def test_reference_system_that_cannot_be_written_is_described_without_blaming_proj() -> None:
    text = describe_crs_fault("no reference system")
    assert "cannot be written to a GeoTIFF" in text
    assert "without a coordinate reference system" in text
    assert "PROJ_DATA" not in text
