# SPDX-License-Identifier: GPL-2.0-or-later
"""Where products lie, and what beside them is a raster like any other: archives, servers, levels, side-on cubes."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import numpy as np
import pytest
from osgeo import gdal

pytest.importorskip("h5py", reason="h5py writes the products of these tests")
pytest.importorskip("netCDF4", reason="netCDF4 writes the products of these tests")

from special_qgis.engine.config import ImportProductConfig, SceneConfig
from special_qgis.engine.config.products import ProductOptions
from special_qgis.engine.errors import ConfigError, EngineError, InputError, SpectraError
from special_qgis.engine.products.importing import import_product
from special_qgis.engine.products.opening import files_of_product, find_product_reader, open_source
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.scene.opening import open_scene
from tests.helpers import product_files
from tests.helpers.file_server import Behaviour, FileServer
from tests.helpers.product_files import COLS, ROWS, code
from tests.helpers.scene_files import NORTH_UP, UTM_33, write_envi, write_raster


@pytest.fixture
def server() -> Iterator[FileServer]:
    found = FileServer(Behaviour(b""))
    yield found
    found.close()


def _values(text: str) -> Tuple[Any, Any]:
    """Values and metadata of the raster that a text becomes."""
    with open_source(text, ProductOptions()) as found:
        dataset = gdal.Open(found.source)
        return dataset.ReadAsArray(), dataset.GetMetadata()


def test_product_on_a_server_is_read(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPL_VSIL_CURL_USE_HEAD", "NO")  # the server answers GET alone
    local = product_files.prisma(tmp_path / "PRS_L2D_STD.he5")
    server.behaviour.content, server.behaviour.only = local.read_bytes(), local.name
    remote, _ = _values(f"/vsicurl/{server.url('PRS_L2D_STD.he5')}")
    np.testing.assert_array_equal(remote, _values(str(local))[0])


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz"])
def test_landsat_in_a_tar_is_read(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "product"
    folder.mkdir()
    product_files.landsat(folder)
    archive = tmp_path / f"LC08.{ending}"
    with tarfile.open(archive, "w" if ending == "tar" else "w:gz") as target:
        for path in sorted(folder.iterdir()):
            target.add(path, path.name)
    np.testing.assert_array_equal(_values(str(archive))[0], code(7))


def test_emit_in_a_zip_with_its_mask_is_read(tmp_path: Path) -> None:
    product_files.emit(tmp_path)
    with zipfile.ZipFile(tmp_path / "emit.zip", "w") as target:
        for path in tmp_path.glob("*.nc"):
            target.write(path, path.name)
    values, _ = _values(str(tmp_path / "emit.zip"))
    np.testing.assert_array_equal(values[:, 1:, :], code(4)[:, :, ::-1])


@pytest.mark.parametrize("sensor", ["enmap", "desis"])
def test_image_without_its_metadata_is_a_raster_like_any_other(tmp_path: Path, sensor: str) -> None:
    folder = getattr(product_files, sensor)(tmp_path)
    for path in [*folder.glob("*METADATA.XML"), *folder.glob("*METADATA.xml")]:
        path.unlink()
    image = next(path for path in folder.iterdir() if "SPECTRAL_IMAGE" in path.name)
    assert find_product_reader(str(image)) is None
    n_bands = gdal.Open(str(image)).RasterCount
    typed = ", ".join(f"{nm:g} nm" for nm in np.linspace(450, 900, n_bands))
    with open_scene(SceneConfig(str(image), wavelengths=typed)) as scene:
        assert scene.n_bands == n_bands
    with pytest.raises(InputError, match="METADATA"):
        open_source(str(folder), ProductOptions())


def _rename(folder: Path, old: str, new: str) -> None:
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace(old, new)))


@pytest.mark.parametrize("sensor", ["enmap", "desis"])
def test_level_1c_is_radiance(tmp_path: Path, sensor: str) -> None:
    folder = getattr(product_files, sensor)(tmp_path)
    _rename(folder, "L2A", "L1C")
    values, items = _values(str(folder))
    assert items["quantity"] == "radiance" and "W/" in items["data_units"]
    assert values.shape[1:] == (ROWS, COLS)


@pytest.mark.parametrize("sensor", ["enmap", "desis"])
def test_level_1b_is_refused(tmp_path: Path, sensor: str) -> None:
    folder = getattr(product_files, sensor)(tmp_path)
    _rename(folder, "L2A", "L1B")
    with pytest.raises(InputError, match="L1C and L2A are accepted"):
        open_source(str(folder), ProductOptions())


def test_landsat_level_1_takes_its_factors_from_the_metadata(tmp_path: Path) -> None:
    folder = product_files.landsat(tmp_path)
    _rename(folder, "L2SP", "L1TP")
    _rename(folder, "_SR_B", "_B")
    lines = [
        f"    REFLECTANCE_{word}_BAND_{n} = {value}"
        for n in range(1, 10)
        for word, value in (("MULT", "2.0000E-05"), ("ADD", "-0.100000"))
    ]
    stem = next(folder.glob("*_QA_PIXEL.TIF")).name.replace("_QA_PIXEL.TIF", "")
    (folder / f"{stem}_MTL.txt").write_text("GROUP = L1\n" + "\n".join(lines) + "\nEND_GROUP = L1\nEND\n")
    with open_source(str(folder), ProductOptions()) as found:
        dataset = gdal.Open(found.source)  # a band does not hold it
        band = dataset.GetRasterBand(1)
        assert (band.GetScale(), band.GetOffset()) == pytest.approx((2e-5, -0.1))


def test_sentinel2_level_1c_takes_its_own_offset(tmp_path: Path) -> None:
    safe = product_files.sentinel2(tmp_path)
    text = (safe / "MTD_MSIL2A.xml").read_text(encoding="utf-8")
    text = text.replace("BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE").replace("BOA_ADD_", "RADIO_ADD_")
    (safe / "MTD_MSIL2A.xml").unlink()
    (safe / "MTD_MSIL1C.xml").write_text(text, encoding="utf-8")
    level_1 = safe.rename(tmp_path / safe.name.replace("MSIL2A", "MSIL1C"))
    with open_source(str(level_1), ProductOptions()) as found:
        assert found.product is not None and found.product.title == "Sentinel-2 L1C"
        dataset = gdal.Open(found.source)  # a band does not hold it
        assert dataset.GetRasterBand(1).GetOffset() == pytest.approx(-0.1)


def test_aviris_ng_folder_stands_for_its_reflectance(tmp_path: Path) -> None:
    extra = "wavelength = {450, 550, 650, 850}\nwavelength units = Nanometers\n"
    for word in ("rdn", "corr"):
        write_envi(tmp_path / f"ang20200101t000000_{word}_v2x1_img", code(4).astype(np.float32), extra)
    with open_scene(SceneConfig(str(tmp_path))) as scene:
        assert scene.axis.centres_nm.tolist() == [450.0, 550.0, 650.0, 850.0]
        assert "_corr_" in scene.summary()["path"]


def test_wyvern_reads_as_any_raster(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "wyvern.tif", code(4).astype(np.float32), None, -9999.0, NORTH_UP, UTM_33)
    dataset = gdal.OpenEx(str(path), gdal.OF_RASTER | gdal.OF_UPDATE)
    for number, nm in enumerate((503, 510, 570, 870), 1):
        dataset.GetRasterBand(number).SetDescription(f"Band_{nm}")
    dataset.FlushCache()
    dataset = None
    with open_scene(SceneConfig(str(path))) as scene:
        assert scene.axis.centres_nm.tolist() == [503.0, 510.0, 570.0, 870.0]


@pytest.mark.parametrize(
    "options",
    [{"sensor": "enmap"}, {"wavelengths": ", ".join(f"{450 + 2 * n} nm" for n in range(224))}],
    ids=["sensor", "list typed"],
)
@pytest.mark.parametrize("side", ["rows", "columns"])
def test_cube_on_its_side_is_told_by_the_number_of_bands(tmp_path: Path, options: Dict[str, str], side: str) -> None:
    shape = (12, 224, 20) if side == "rows" else (12, 20, 224)
    path = write_raster(tmp_path / "side.tif", np.ones(shape, np.int16), None, None, NORTH_UP, UTM_33)
    with pytest.raises(SpectraError, match=f"lies on its side: .* 224 bands, which are the raster's {side}"):
        open_scene(SceneConfig(str(path), **options))


def test_scene_whose_side_has_as_many_pixels_as_its_sensor_bands_is_read(tmp_path: Path) -> None:
    cube = np.random.default_rng(0).integers(1, 4000, (12, 224, 20)).astype(np.int16)
    path = write_raster(tmp_path / "s.tif", cube, list(np.linspace(450, 900, 12)), None, NORTH_UP, UTM_33)
    with open_scene(SceneConfig(str(path), sensor="enmap")) as scene:
        assert (scene.n_bands, scene.rows) == (12, 224)


def test_output_in_place_of_a_file_of_the_product_is_refused(tmp_path: Path) -> None:
    folder = product_files.enmap(tmp_path)
    files = sorted(folder.iterdir())
    before = [path.read_bytes() for path in files]
    assert {str(path) for path in files} <= set(files_of_product(str(folder)))
    for path in [path for path in files if path.suffix == ".TIF"]:
        with pytest.raises(ConfigError, match="would replace the input file"):
            import_product(ImportProductConfig(str(folder), str(path)), NullProgress())
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == before


@pytest.mark.parametrize("count", [0, 3, 8, 100, 3000])
@pytest.mark.parametrize("writer", ["neon", "emit", "aviris3", "hyperion", "landsat", "aviris_classic"])
def test_product_cut_off_ends_with_an_engine_error_or_a_raster(tmp_path: Path, writer: str, count: int) -> None:
    is_file = writer in ("neon", "aviris3")
    source = getattr(product_files, writer)(tmp_path / f"{writer}.h5" if is_file else tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.write_bytes(path.read_bytes()[:count])
    try:
        with open_source(str(source), ProductOptions()) as found:
            assert found.source
    except EngineError as error:
        assert error.message
