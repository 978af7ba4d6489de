# SPDX-License-Identifier: GPL-2.0-or-later
"""Importing a product, opening one as a scene, and masks of either meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from osgeo import gdal

pytest.importorskip("h5py", reason="h5py writes the products of these tests")
pytest.importorskip("netCDF4", reason="netCDF4 writes the products of these tests")

from special_qgis.engine.config import ImportProductConfig, SceneConfig
from special_qgis.engine.config.products import leaves_out_nonzero
from special_qgis.engine.errors import InputError
from special_qgis.engine.products.importing import import_product
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.scene.opening import open_scene
from tests.helpers import product_files
from tests.helpers.product_files import COLS, ROWS, code
from tests.helpers.scene_files import NORTH_UP, UTM_33, coded_cube, write_raster


def test_import_gives_the_same_scene_as_the_product(tmp_path: Path) -> None:
    product = product_files.tanager(tmp_path / "t.h5")
    output, mask = tmp_path / "o.tif", tmp_path / "m.tif"
    result = import_product(ImportProductConfig(str(product), str(output), str(mask)), NullProgress())
    assert (result["bands"], result["status"]) == (4, "ok")
    assert np.argwhere(gdal.Open(str(mask)).ReadAsArray() == 0).tolist() == [[1, 2]]
    summaries = []
    for source in (product, output):
        with open_scene(SceneConfig(source=str(source))) as scene:
            summaries.append({**scene.summary(), "path": "", "driver": ""})
            block = scene.read(scene.area)
            np.testing.assert_array_equal(block.raw, code(4)[[0, 1, 3]])
            assert np.argwhere(~block.valid).tolist() == [[1, 2]]
    assert summaries[0] == summaries[1]
    assert summaries[0]["quantity"] == "reflectance"


def test_import_of_a_plain_raster_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    plain = write_raster(tmp_path / "plain.tif", coded_cube(3, 9, 9))
    with pytest.raises(InputError, match="no sensor product"):
        import_product(ImportProductConfig(str(plain), str(tmp_path / "o.tif")), NullProgress())
    assert [path.name for path in tmp_path.iterdir()] == ["plain.tif"]


def test_scene_of_a_product_names_the_product_and_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = product_files.prisma(tmp_path / "p.he5")
    with open_scene(SceneConfig(source=str(path))) as scene:
        assert scene.summary()["path"] == str(path)
        assert len(list(temporary.iterdir())) == 1
    assert list(temporary.iterdir()) == []


def _scene_with_mask(folder: Path, name: str, share_of_ones: float) -> Dict[str, str]:
    scene = write_raster(folder / "s.tif", code(3), [450.0, 550.0, 650.0], geotransform=NORTH_UP, epsg=UTM_33)
    values = np.zeros((1, ROWS, COLS), np.uint8)
    values[0, : int(ROWS * share_of_ones)] = 1
    mask = write_raster(folder / name, values, geotransform=NORTH_UP, epsg=UTM_33)
    return {"source": str(scene), "mask": str(mask)}


@pytest.mark.parametrize(
    ("name", "meaning", "kept"),
    [
        ("mask.tif", "automatic", 0.25),
        ("QL_QUALITY_CLOUD.tif", "automatic", 0.75),
        ("QL_QUALITY_CLOUD.tif", "zero", 0.25),
        ("mask.tif", "nonzero", 0.75),
    ],
    ids=["plain name", "cloud mask", "zero wins over the name", "nonzero"],
)
def test_mask_meaning_decides_which_pixels_stay(tmp_path: Path, name: str, meaning: str, kept: float) -> None:
    options = _scene_with_mask(tmp_path, name, 0.25)
    with open_scene(SceneConfig(**options, mask_meaning=meaning)) as scene:
        assert scene.read(scene.area).valid.mean() == kept
        assert any("meaning" in warning for warning in scene.warnings) == (kept < 0.5)


@pytest.mark.parametrize("name", ["cloud.tif", "x_SHADOW.img", "nodata.tif", "bad_pixels.tif"])
def test_name_of_what_is_bad_makes_ones_bad(name: str) -> None:
    assert leaves_out_nonzero("automatic", name)
    assert not leaves_out_nonzero("zero", name)
