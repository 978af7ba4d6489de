# SPDX-License-Identifier: GPL-2.0-or-later
"""Sensor products as downloaded: values, spectra, place and masks of every reader, and what is refused."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any, Callable, List, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("h5py", reason="h5py writes the products of these tests")
pytest.importorskip("netCDF4", reason="netCDF4 writes the products of these tests")

import h5py
from osgeo import gdal

from special_qgis.engine.config import SceneConfig
from special_qgis.engine.config.products import ProductOptions, parse_quality
from special_qgis.engine.errors import Cancelled, ConfigError, EngineError, InputError
from special_qgis.engine.products.opening import find_product_reader, open_source
from special_qgis.engine.progress import NullProgress
from tests.helpers import product_files
from tests.helpers.product_files import COLS, ROWS, code
from tests.helpers.scene_files import NORTH_UP, coded_cube, write_envi, write_raster

ALL = ProductOptions()


class Said(NullProgress):
    """Remembers what was told."""

    def __init__(self) -> None:
        self.texts: List[str] = []

    def info(self, text: str) -> None:
        """Remember."""
        self.texts.append(text)


class Opened:
    """Everything of an opened raster."""

    def __init__(self, source: str) -> None:
        dataset = gdal.Open(source)
        bands = [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]
        self.values = dataset.ReadAsArray()
        self.centres = [float(band.GetMetadataItem("wavelength")) for band in bands]
        self.fwhm = [band.GetMetadataItem("fwhm") for band in bands]
        self.good = [band.GetMetadataItem("bbl") for band in bands]
        self.scale, self.offset = bands[0].GetScale(), bands[0].GetOffset()
        self.nodata = bands[0].GetNoDataValue()
        self.geotransform = dataset.GetGeoTransform()
        self.crs = dataset.GetSpatialRef().GetAuthorityCode(None) if dataset.GetSpatialRef() else None
        self.mask = bands[0].GetMaskBand().ReadAsArray()
        self.mask_flags = bands[0].GetMaskFlags()
        self.quantity = dataset.GetMetadataItem("quantity")


def opened(source: Any, options: ProductOptions = ALL) -> Opened:
    """Open a product, read all of it, and see that nothing is left behind."""
    with open_source(str(source), options) as found:
        result = Opened(found.source)
        folder = Path(found.source).parent
    assert found.product is not None and not folder.exists()
    return result


def test_prisma_two_cubes_are_one_raster_ascending_with_one_detector_in_the_overlap(tmp_path: Path) -> None:
    """SWIR, recommended, keeps 920 and 970 nm; VNIR ends below; unused channels are left out."""
    found = opened(product_files.prisma(tmp_path / "PRS_L2D_STD_20230101.he5"))
    assert found.centres == [500.0, 900.0, 920.0, 970.0, 1500.0, 2000.0, 2400.0]
    vnir, swir = code(5), code(6)
    np.testing.assert_array_equal(found.values, [*vnir[[3, 2]], *swir[[4, 3, 2, 1, 0]]])
    np.testing.assert_allclose(found.geotransform, NORTH_UP, atol=0.3)
    assert (found.crs, found.quantity, found.fwhm[0]) == ("32633", "reflectance", "11")
    assert found.scale == pytest.approx(0.5 / 65535) and found.offset == 0.0
    assert found.mask[:, 0].tolist() == [0] * ROWS and found.mask[:, 1:].all()


@pytest.mark.parametrize(
    ("overlap", "centres"),
    [
        ("vnir", [500.0, 900.0, 980.0, 1000.0, 1500.0, 2000.0, 2400.0]),
        ("both", [500.0, 900.0, 920.0, 970.0, 980.0, 1000.0, 1500.0, 2000.0, 2400.0]),
    ],
    ids=["vnir", "both"],
)
def test_prisma_overlap_option_keeps_the_detector_named(tmp_path: Path, overlap: str, centres: List[float]) -> None:
    """The option decides which bands stay."""
    path = product_files.prisma(tmp_path / "x.he5")
    assert opened(path, ProductOptions(overlap=overlap)).centres == centres


def test_emit_swath_is_laid_on_its_map_grid_with_its_mask(tmp_path: Path) -> None:
    """The table mirrors the swath; its first row is empty; cloud and cirrus are masked, water is not."""
    found = opened(product_files.emit(tmp_path))
    np.testing.assert_array_equal(found.values[:, 1:, :], code(4)[:, :, ::-1])
    assert (found.values[:, 0] == -9999.0).all() and found.nodata == -9999.0
    np.testing.assert_allclose(found.geotransform, (10.0, 0.0005, 0.0, 50.0, 0.0, -0.0005), atol=5e-6)
    assert found.good == ["1", "1", "0", "1"] and found.crs == "4326"
    assert sorted(zip(*np.nonzero(found.mask == 0))) == [(3, COLS - 4), (5, COLS - 6)]


def test_neon_side_on_cube_is_turned(tmp_path: Path) -> None:
    """Lines, samples and bands come to their places, though GDAL shows the lines as bands."""
    found = opened(product_files.neon(tmp_path / "NEON.h5"))
    np.testing.assert_array_equal(found.values, code(6))
    assert found.good == ["1", "1", "1", "0", "1", "1"] and found.scale == pytest.approx(1e-4)
    np.testing.assert_allclose(found.geotransform, NORTH_UP, atol=0.3)
    assert (found.crs, found.nodata) == ("32633", -9999.0)


def test_tanager_grid_and_masks_are_read(tmp_path: Path) -> None:
    """Cube, edges, code and masks of the HDF-EOS grid."""
    found = opened(product_files.tanager(tmp_path / "t.h5"))
    np.testing.assert_array_equal(found.values, code(4))
    np.testing.assert_allclose(found.geotransform, NORTH_UP, atol=0.3)
    assert found.good == ["1", "1", "0", "1"] and found.crs == "32633"
    assert sorted(zip(*np.nonzero(found.mask == 0))) == [(1, 2)]


def test_aviris3_rotation_is_kept(tmp_path: Path) -> None:
    """The grid mapping's own geotransform is taken."""
    found = opened(product_files.aviris3(tmp_path / "AV320230101t000000_RFL_ORT.nc"))
    np.testing.assert_array_equal(found.values, code(4))
    assert found.geotransform == (600000.0, 21.0, 21.0, 5800000.0, 21.0, -21.0)
    assert found.centres == [400.0, 700.0, 1000.0, 2200.0] and found.nodata == -9999.0


def test_enmap_metadata_detectors_and_masks_are_read(tmp_path: Path) -> None:
    """VNIR, recommended, wins; the dead band is marked; thin cirrus stays and thick goes."""
    found = opened(product_files.enmap(tmp_path))
    assert found.centres == [423.0, 950.0, 955.0, 990.0, 1500.0]
    np.testing.assert_array_equal(found.values, code(6)[[0, 1, 4, 2, 5]])
    assert found.good == ["1", "1", "1", "0", "1"] and found.scale == pytest.approx(1e-4)
    assert sorted(zip(*np.nonzero(found.mask == 0))) == [(1, 2), (3, 5)]
    np.testing.assert_allclose(found.geotransform, NORTH_UP)


def test_desis_gains_and_flags_are_read(tmp_path: Path) -> None:
    """Gains come from the band characterisation alone."""
    found = opened(product_files.desis(tmp_path))
    np.testing.assert_array_equal(found.values, code(4))
    assert found.centres == [402.0, 500.0, 700.0, 999.0]
    assert sorted(zip(*np.nonzero(found.mask == 0))) == [(1, 2), (2, 2)]


def test_landsat_bands_are_stacked(tmp_path: Path) -> None:
    """One band's file stands for the whole product; QA_PIXEL gives the mask."""
    folder = product_files.landsat(tmp_path)
    found = opened(sorted(folder.glob("*_SR_B4.TIF"))[0])
    np.testing.assert_array_equal(found.values, code(7))
    assert found.scale == pytest.approx(2.75e-5) and found.offset == pytest.approx(-0.2)
    assert found.centres[3] == 654.5
    assert sorted(zip(*np.nonzero(found.mask == 0))) == [(1, 2)]


def test_hyperion_calibrated_bands_are_stacked(tmp_path: Path) -> None:
    """Bands without calibration are left out, and VNIR wins at 57 and 77 by the wavelengths."""
    found = opened(product_files.hyperion(tmp_path))
    assert sorted(found.values[:, 0, 0].tolist()) == [8, 57, 100]
    assert found.centres == pytest.approx([426.8, 925.4, 1144.5], abs=0.2)
    assert found.scale == pytest.approx(1 / 40)


def test_sentinel2_finer_bands_are_averaged(tmp_path: Path) -> None:
    """Ten metres come to twenty; offset and quantification are those of the metadata."""
    found = opened(product_files.sentinel2(tmp_path))
    assert found.centres == [664.6, 704.1, 832.8, 1613.7]
    assert found.values[:, 3, 3].tolist() == [4000, 5000, 8000, 11000]
    assert found.values.shape[1:] == (ROWS, COLS)
    assert found.scale == pytest.approx(1e-4) and found.offset == pytest.approx(-0.1)
    assert sorted(zip(*np.nonzero(found.mask == 0))) == [(1, 2)]


def test_aviris_classic_is_divided_by_its_gains(tmp_path: Path) -> None:
    """Wavelengths come from .spc, −50 is no data."""
    found = opened(product_files.aviris_classic(tmp_path))
    assert found.centres == [400.0, 700.0, 1200.0] and found.nodata == -50.0
    assert found.scale == pytest.approx(1 / 300) and found.quantity == "radiance"


def _enmap_texts(folder: Path) -> Sequence[str]:
    product = folder / "product"
    product.mkdir()
    product_files.enmap(product)
    archive = folder / "enmap.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in product.iterdir():
            target.write(path, f"product/{path.name}")
    xml, image = next(product.glob("*METADATA.XML")), next(product.glob("*SPECTRAL_IMAGE.TIF"))
    inside = f"/vsizip/{archive}/product/{image.name}"
    return [str(product), str(xml), str(image), str(archive), f"/vsizip/{archive}", inside]


def test_enmap_folder_xml_image_and_zip_give_the_same(tmp_path: Path) -> None:
    """Whatever the user points at, the product is found."""
    results = [opened(text) for text in _enmap_texts(tmp_path)]
    for result in results[1:]:
        np.testing.assert_array_equal(result.values, results[0].values)
        np.testing.assert_array_equal(result.mask, results[0].mask)


@pytest.mark.parametrize(
    "form", ['HDF5:"{}"://HDFEOS/SWATHS/PRS_L2D_HCO/Data_Fields/SWIR_Cube', "{}"], ids=["sub", "path"]
)
def test_subdataset_and_path_give_the_product(tmp_path: Path, form: str) -> None:
    """A sub-dataset's name stands for its product."""
    path = product_files.prisma(tmp_path / "p.he5")
    assert opened(form.format(path)).values.shape == (7, ROWS, COLS)


def test_container_in_folder_and_zip_is_found(tmp_path: Path) -> None:
    """A folder and a ZIP with one HDF5 file stand for it."""
    path = product_files.prisma(tmp_path / "p.he5")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as target:
        target.write(path, "p.he5")
    assert opened(tmp_path / "p.zip").values.shape == (7, ROWS, COLS)
    assert opened(tmp_path).values.shape == (7, ROWS, COLS)


def test_plain_raster_header_and_connection_stay_as_they_are(tmp_path: Path) -> None:
    """What is no product is passed through; a header stands for its raster."""
    plain = write_raster(tmp_path / "plain.tif", coded_cube(4, 9, 9))
    raw = write_envi(tmp_path / "raw.img", coded_cube(4, 9, 9))
    cases = {str(plain): str(plain), "/vsimem/none.tif": "/vsimem/none.tif", str(raw.with_suffix(".hdr")): str(raw)}
    for text, source in {**cases, "WMS:https://host/x": "WMS:https://host/x"}.items():
        with open_source(text, ALL) as found:
            assert found.source == source and found.product is None


def test_cube_on_its_side_is_refused_in_those_words(tmp_path: Path) -> None:
    """A container that no reader knows, whose wavelengths run along the raster's columns."""
    path = tmp_path / "cube.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=np.zeros((20, 30, 7), np.float32))
        file.create_dataset("wavelength", data=np.linspace(400, 1000, 7))
    with pytest.raises(InputError, match="lies on its side"):
        open_source(f'HDF5:"{path}"://cube', ALL)


def test_swaths_are_refused_with_advice(tmp_path: Path) -> None:
    """Products without a map grid say which level to take."""
    for name, match in (("HDFEOS/SWATHS/PRS_L1_HCO/Data Fields/VNIR_Cube", "L2D"), ("b/wavelength_3d", "PACE")):
        path = tmp_path / "swath.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset(name, data=np.zeros((3, 4, 5), np.uint16))
        with pytest.raises(InputError, match=match):
            open_source(str(path), ALL)


def test_two_products_in_a_folder_are_listed(tmp_path: Path) -> None:
    """Which one is meant must be said."""
    product_files.enmap(tmp_path)
    product_files.enmap(tmp_path, "ENMAP01-____L2A-DT0000002_20230101T000000Z_001_V010401")
    with pytest.raises(InputError, match="several products"):
        open_source(str(tmp_path), ALL)


def test_quality_option_none_makes_no_mask(tmp_path: Path) -> None:
    """Without kinds no pixel is left out; snow alone is another mask."""
    folder = product_files.enmap(tmp_path)
    assert opened(folder, ProductOptions(quality=())).mask_flags & gdal.GMF_PER_DATASET == 0
    assert np.argwhere(opened(folder, ProductOptions(quality=("snow",))).mask == 0).tolist() == [[1, 2]]


@pytest.mark.parametrize("text", ["clouds", "cloud;snow", "1"])
def test_quality_word_unknown_is_refused(text: str) -> None:
    """Only the kinds known are accepted."""
    with pytest.raises(ConfigError, match="quality_layers must be"):
        parse_quality(text)


def test_mask_share_is_told(tmp_path: Path) -> None:
    """How much is left out and by which layer stands in the log."""
    said = Said()
    with open_source(str(product_files.enmap(tmp_path)), ALL, said):
        pass
    assert any("leave out 1.7% of the pixels" in text and "cloud 0.8%" in text for text in said.texts)


def test_cancel_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is gone when the user cancels while the cube is copied."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    progress = NullProgress()
    monkeypatch.setattr(progress, "is_cancelled", lambda: True)
    path = product_files.neon(tmp_path / "n.h5")
    with pytest.raises(Cancelled):
        open_source(str(path), ALL, progress)
    assert list(temporary.iterdir()) == []


_WRITERS: Sequence[Callable[[Path], Path]] = (
    lambda folder: product_files.prisma(folder / "p.he5"),
    lambda folder: product_files.tanager(folder / "t.h5"),
    product_files.enmap,
    product_files.desis,
    product_files.sentinel2,
)


@pytest.mark.parametrize("writer", _WRITERS, ids=["prisma", "tanager", "enmap", "desis", "sentinel2"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_product_raises_engine_errors_only(tmp_path: Path, writer: Any, data: Any) -> None:
    """Bytes changed anywhere in the description give a result or an error in words."""
    folder = tmp_path / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    source = writer(folder)
    described = [*folder.rglob("*.xml"), *folder.rglob("*.XML")] or [source]
    content = bytearray(described[0].read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    described[0].write_bytes(bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))]))
    try:
        with open_source(str(source), ALL) as found:
            assert found.source
    except EngineError as error:
        assert error.message


@given(st.text(max_size=60))
def test_any_text_is_no_product_or_an_engine_error(text: str) -> None:
    """Connection strings and nonsense pass."""
    try:
        find_product_reader(text)
    except EngineError as error:
        assert error.message


def test_scene_config_takes_the_options() -> None:
    """Both options are checked where they are given."""
    with pytest.raises(ConfigError, match="detector_overlap"):
        SceneConfig(source="x", detector_overlap="left")
    with pytest.raises(ConfigError, match="quality_layers"):
        SceneConfig(source="x", quality_layers="fog")
