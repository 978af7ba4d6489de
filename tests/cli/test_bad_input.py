# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input through ``qgis_process``: exit code 1, a clear sentence, no traceback, no output.

A few cases stand for all; ``tests/qgis/test_bad_input.py`` has the rest, where a start of QGIS is not paid for each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from tests.helpers import small_scene
from tests.helpers.qgis_process import QgisProcess


def _missing(folder: Path) -> Dict[str, Any]:
    return {"INPUT": folder / "none.tif"}


def _no_wavelengths(folder: Path) -> Dict[str, Any]:
    return {"INPUT": small_scene.write_raster(folder / "scene.tif", small_scene.cube())}


def _duplicate_names(folder: Path) -> Dict[str, Any]:
    return {"INPUT": small_scene.write_scene(folder / "scene.tif"), "CLASSES": "water; tree; WATER"}


def _area_outside(folder: Path) -> Dict[str, Any]:
    return {"INPUT": small_scene.write_scene(folder / "scene.tif"), "EXTENT": "0,10,0,10 [EPSG:32633]"}


def _unknown_choice(folder: Path) -> Dict[str, Any]:
    return {"INPUT": small_scene.write_scene(folder / "scene.tif"), "SOURCE": "oracle"}


CASES = [
    (_missing, "There is no raster"),
    (_no_wavelengths, "wavelength"),
    (_duplicate_names, "water"),
    (_area_outside, "extent"),
    (_unknown_choice, "SOURCE"),
]
IDS = ["missing", "no wavelengths", "duplicate names", "area outside", "unknown choice"]


@pytest.mark.parametrize(("make", "words"), CASES, ids=IDS)
def test_classify_with_bad_input_ends_with_exit_code_1_and_no_output(
    qgis_process: QgisProcess, tmp_path: Path, make: Callable[[Path], Dict[str, Any]], words: str
) -> None:
    given, results = tmp_path / "given", tmp_path / "results"
    given.mkdir()
    results.mkdir()
    parameters = {"CLASSES": "water; tree", **make(given)}
    done = qgis_process.run_algorithm("special:classify", {**parameters, "OUTPUT": results / "map.tif"})
    assert done.rc == 1
    assert words in done.stdout + done.errors
    assert "Traceback" not in done.stdout + done.stderr
    assert list(results.iterdir()) == []
