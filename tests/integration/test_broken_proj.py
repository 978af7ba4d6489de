# SPDX-License-Identifier: GPL-2.0-or-later
"""Real workers whose environment leads PROJ to a database that is missing or damaged."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from osgeo import gdal, ogr, osr

from special_qgis.engine.rasters.lent_paths import GDAL_DATA_VARIABLE, PROJ_PATHS_VARIABLE
from special_qgis.process import worker_client
from special_qgis.process.interpreters import clean_environment, light_interpreter, module_command
from special_qgis.process.lent_data import lent_data_variables
from special_qgis.process.worker_client import WORKER_MODULE, Patience, WorkerFailed, run_command, run_job
from tests.helpers.listener import Listener
from tests.helpers.small_scene import CLASSES, write_scene


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene") / "scene.tif")


@pytest.fixture(params=["missing", "damaged"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Dict[str, str]:
    """Variables as another program leaves them, with neither QGIS's folders nor GDAL's data to fall back on."""
    folder = tmp_path / "proj of another program"
    folder.mkdir()
    if request.param == "damaged":
        (folder / "proj.db").write_bytes(b"SQLite format 3\0" + bytes(4096))
    return {"PROJ_LIB": str(folder), "PROJ_DATA": str(folder), "GDAL_DATA": str(folder)}


def run(scene: Path, variables: Dict[str, str], listener: Listener, **options: Any) -> Dict[str, Any]:
    """Map a scene in a real worker with these variables in place of what the client lends."""
    environment = {**clean_environment(False, os.environ, sys.platform), **variables}
    config = {
        "scene": {"source": str(scene), **options},
        "classes": CLASSES,
        "outputs": {"map": str(scene.with_name("map.tif"))},
    }
    command = module_command(light_interpreter(), WORKER_MODULE)
    return run_command(command, environment, {"job": "classify", "config": config}, listener, Patience())


def crs_and_pixels(path: Path) -> Any:
    dataset = gdal.OpenEx(str(path))
    return dataset.GetProjection(), dataset.GetGeoTransform(), dataset.ReadAsArray()


def test_lent_folders_hold_the_databases() -> None:
    lent = lent_data_variables()
    folders = lent[PROJ_PATHS_VARIABLE].split(os.pathsep)
    assert folders
    assert all((Path(folder) / "proj.db").is_file() for folder in folders)


def test_broken_proj_with_folders_lent_by_qgis_gives_the_same_map(scene: Path, broken: Dict[str, str]) -> None:
    run(scene, lent_data_variables(), Listener())
    expected = crs_and_pixels(scene.with_name("map.tif"))
    listener = Listener()
    result = run(scene, {**broken, **lent_data_variables()}, listener)
    crs, transform, pixels = crs_and_pixels(scene.with_name("map.tif"))
    assert "UTM zone 33N" in crs
    assert (crs, transform) == expected[:2]
    assert np.array_equal(pixels, expected[2])
    assert not any("PROJ" in warning for warning in result["warnings"])


def test_broken_proj_is_found_beside_the_data_of_gdal(scene: Path, broken: Dict[str, str]) -> None:
    data = lent_data_variables()[GDAL_DATA_VARIABLE]
    if not (Path(data).parent / "proj" / "proj.db").is_file():
        pytest.skip("PROJ's data do not lie beside GDAL's here")
    result = run(scene, {**broken, GDAL_DATA_VARIABLE: data}, Listener())
    assert "UTM zone 33N" in crs_and_pixels(scene.with_name("map.tif"))[0]
    assert not any("PROJ" in warning for warning in result["warnings"])


def test_broken_proj_alone_gives_the_map_without_crs_and_says_so_first(scene: Path, broken: Dict[str, str]) -> None:
    run(scene, lent_data_variables(), Listener())
    expected = crs_and_pixels(scene.with_name("map.tif"))
    listener = Listener()
    result = run(scene, broken, listener)
    crs, transform, pixels = crs_and_pixels(scene.with_name("map.tif"))
    assert crs == ""
    assert transform == expected[1]
    assert np.array_equal(pixels, expected[2])
    assert [warning for warning in result["warnings"] if "PROJ" in warning] == listener.warnings[:1]
    assert "without a coordinate reference system" in listener.warnings[0]


def test_client_lends_its_folders_to_the_worker_that_it_starts(
    scene: Path, broken: Dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = lent_data_variables()
    monkeypatch.setattr(worker_client, "lent_data_variables", lambda: lent)  # as found before the variables went wrong
    for name, value in broken.items():
        monkeypatch.setenv(name, value)
    listener = Listener()
    options = {"scene": {"source": str(scene)}, "classes": CLASSES, "outputs": {"map": str(scene.with_name("map.tif"))}}
    run_job("classify", options, listener, light_interpreter())
    assert not any("PROJ" in warning for warning in listener.warnings)
    for name in broken:
        monkeypatch.delenv(name)
    assert "UTM zone 33N" in crs_and_pixels(scene.with_name("map.tif"))[0]


def test_area_in_another_crs_with_broken_proj_is_refused_naming_proj(
    tmp_path: Path, scene: Path, broken: Dict[str, str]
) -> None:
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(4326)
    source = ogr.GetDriverByName("GPKG").CreateDataSource(str(tmp_path / "area.gpkg"))
    layer = source.CreateLayer("area", crs, ogr.wkbPolygon)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkt("POLYGON((13 52, 14 52, 14 53, 13 53, 13 52))"))
    layer.CreateFeature(feature)
    del feature, layer, source
    with pytest.raises(WorkerFailed, match="PROJ does not work here") as caught:
        run(scene, broken, Listener(), aoi=str(tmp_path / "area.gpkg"))
    assert caught.value.kind == "input"
    assert "PROJ_DATA" in caught.value.hint
