# SPDX-License-Identifier: GPL-2.0-or-later
"""Files as users have them through ``qgis_process``: a header in Latin-1, undeclared fill, another program's PROJ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from tests.helpers import small_scene
from tests.helpers.qgis_process import QgisProcess
from tests.helpers.scene_files import NORTH_UP, write_envi, write_raster


def _untidy_scene(folder: Path) -> Path:
    """The small scene as a raw file with a header in Latin-1, its upper quarter filled with −9999 undeclared."""
    cube = small_scene.cube()
    cube[:, : small_scene.SIDE_PX // 4] = -9999
    wavelengths = ", ".join(f"{nm / 1000:.4f}" for nm in small_scene.WAVELENGTHS_NM)
    extra = (
        f"description = {{Fläche Süd}}\nwavelength units = µm\nwavelength = {{{wavelengths}}}\nfwhm = {{unbekannt}}\n"
    )
    path = write_envi(folder / "scene.img", cube, extra)
    header = path.with_suffix(".hdr")
    header.write_bytes(header.read_text(encoding="utf-8").encode("latin-1"))
    return path


def test_classify_reads_an_untidy_file_and_leaves_its_fill_out(qgis_process: QgisProcess, tmp_path: Path) -> None:
    parameters = {"INPUT": _untidy_scene(tmp_path), "CLASSES": small_scene.CLASSES, "OUTPUT": tmp_path / "map.tif"}
    done = qgis_process.run_algorithm("special:classify", {**parameters, "REFINE": False, "SOURCE": "spectral"})
    assert done.rc == 0, done.stdout + done.errors
    labels = gdal.OpenEx(str(tmp_path / "map.tif")).ReadAsArray()
    n_rows = small_scene.SIDE_PX // 4
    assert not labels[:n_rows].any()
    assert labels[n_rows:].all()
    assert (labels == small_scene.truth())[n_rows:].mean() > 0.9
    assert "-9999 fills all bands" in done.stdout + done.errors


@pytest.mark.parametrize("variable", ["PROJ_LIB", "PROJ_DATA"])
def test_classify_with_a_proj_variable_of_another_program_keeps_the_map(
    qgis_process: QgisProcess, tmp_path: Path, variable: str
) -> None:
    scene = write_raster(tmp_path / "scene.tif", small_scene.cube(), small_scene.WAVELENGTHS_NM, None, NORTH_UP, 32633)
    other = QgisProcess(qgis_process.profile, qgis_process.plugin_folder, {variable: str(tmp_path)})
    parameters = {"INPUT": scene, "CLASSES": small_scene.CLASSES, "OUTPUT": tmp_path / "map.tif"}
    done = other.run_algorithm("special:classify", {**parameters, "REFINE": False, "SOURCE": "spectral"})
    assert done.rc == 0, done.stdout + done.errors
    dataset = gdal.OpenEx(str(tmp_path / "map.tif"))
    assert dataset.GetGeoTransform() == NORTH_UP
    assert np.all(dataset.ReadAsArray() > 0)
    assert "UTM zone 33N" in dataset.GetProjection()
