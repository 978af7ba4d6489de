# SPDX-License-Identifier: GPL-2.0-or-later
"""A product maps as the same scene does as plain GeoTIFF, through ``qgis_process`` and the engine's command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from osgeo import gdal

pytest.importorskip("h5py", reason="h5py writes the products of these tests")
pytest.importorskip("netCDF4", reason="netCDF4 writes the products of these tests")

from tests.helpers import product_scenes, small_scene
from tests.helpers.product_scenes import CLOUD, PRODUCTS, ProductScene
from tests.helpers.qgis_process import QgisProcess

LARGEST_DIFFERENCE = 0.02  # of overall accuracy


def classify_in_qgis(qgis_process: QgisProcess, source: Path, target: Path) -> NDArray[Any]:
    parameters = {"INPUT": source, "CLASSES": small_scene.CLASSES, "OUTPUT": target}
    done = qgis_process.run_algorithm("special:classify", {**parameters, "REFINE": False, "SOURCE": "spectral"})
    assert done.rc == 0, done.stdout + done.errors
    return np.asarray(gdal.Open(str(target)).ReadAsArray())


def classify_in_terminal(source: Path, target: Path, repository: Path) -> NDArray[Any]:
    arguments = ["classify", str(source), "--classes", small_scene.CLASSES, "--output", str(target), "--no-refine"]
    command = ["/usr/bin/python3", "-m", "special_qgis.engine", *arguments, "--source", "spectral"]
    env = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return np.asarray(gdal.Open(str(target)).ReadAsArray())


def accuracy(labels: NDArray[Any]) -> float:
    """Overall accuracy outside of CLOUD."""
    seen = product_scenes.cloud() == 0
    return float(np.mean((labels == small_scene.truth())[seen]))


def check(labels: NDArray[Any], plain: NDArray[Any], product: ProductScene) -> None:
    labels = product_scenes.as_map(labels, product)
    assert accuracy(plain) > 0.9
    assert accuracy(labels) == pytest.approx(accuracy(plain), abs=LARGEST_DIFFERENCE)
    assert not labels[CLOUD].any() if product.has_clouds else labels[CLOUD].all()
    assert labels[product_scenes.cloud() == 0].all()


@pytest.mark.parametrize("product", [product for _, product in PRODUCTS], ids=[name for name, _ in PRODUCTS])
def test_product_maps_as_the_plain_raster_in_qgis_process(
    qgis_process: QgisProcess, tmp_path: Path, product: ProductScene
) -> None:
    folder = tmp_path / "Produkt ü"
    folder.mkdir()
    plain = classify_in_qgis(qgis_process, product_scenes.plain(tmp_path), tmp_path / "plain map.tif")
    check(classify_in_qgis(qgis_process, product.write(folder), tmp_path / "map.tif"), plain, product)


@pytest.mark.parametrize("product", [product for _, product in PRODUCTS], ids=[name for name, _ in PRODUCTS])
def test_product_maps_as_the_plain_raster_on_the_command_line(
    repository: Path, tmp_path: Path, product: ProductScene
) -> None:
    plain = classify_in_terminal(product_scenes.plain(tmp_path), tmp_path / "plain map.tif", repository)
    check(classify_in_terminal(product.write(tmp_path), tmp_path / "map.tif", repository), plain, product)
