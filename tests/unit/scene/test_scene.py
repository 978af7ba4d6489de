# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening scenes: good bands, valid pixels, tiles that do not depend on memory or layout, and bad input."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.config import SceneConfig
from special_qgis.engine.errors import Cancelled, InputError, RasterReadError, SpectraError
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.windows import Window
from tests.helpers.listener import Listener
from tests.helpers.scene_files import NORTH_UP, coded_cube, update, write_envi, write_raster

NM = [450.0, 550.0, 650.0, 850.0, 1000.0]
LAYOUTS = {
    "strips, pixel": ("GTiff", ["INTERLEAVE=PIXEL", "COMPRESS=DEFLATE"]),
    "strips, band": ("GTiff", ["INTERLEAVE=BAND", "COMPRESS=LZW"]),
    "tiles, pixel": ("GTiff", ["INTERLEAVE=PIXEL", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=32"]),
    "tiles, band": ("GTiff", ["INTERLEAVE=BAND", "TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512"]),
    "raw, bil": ("ENVI", ["INTERLEAVE=BIL"]),
    "raw, bip": ("ENVI", ["INTERLEAVE=BIP"]),
    "raw, bsq": ("ENVI", ["INTERLEAVE=BSQ"]),
}


@pytest.fixture
def scene_path(tmp_path):
    """Five bands of 30 × 40 pixels, one of them nodata in one band."""
    cube = coded_cube(5, 30, 40)
    cube[2, 10, 11] = -9999
    return write_raster(tmp_path / "scene.tif", cube, NM, -9999, NORTH_UP, 32633)


def opened(path, listener=None, **options):
    return open_scene(SceneConfig(str(path), **options), listener)


def test_scene_gives_bands_grid_and_valid_pixels(scene_path):
    with opened(scene_path) as scene:
        assert (scene.rows, scene.cols, scene.n_bands) == (30, 40, 5)
        assert scene.axis.centres_nm.tolist() == NM
        assert scene.band_numbers == (1, 2, 3, 4, 5)
        assert scene.grid.geotransform == NORTH_UP
        block = scene.read(Window(10, 11, 2, 2))
        assert block.valid.tolist() == [[False, True], [True, True]]
        assert block.raw.dtype == np.int32
        assert block.raw[3, 1, 1] == 4_011_012
        assert block.values()[:, 0, 0].tolist() == [0] * 5


def test_nodata_never_leaks(scene_path):
    with opened(scene_path) as scene:
        values = scene.read(scene.area).values()
        sample = scene.sample(10_000, 0)
        tiles = [block.values() for _, block in scene.tiles(NullProgress())]
    assert values.min() == 0
    assert sample.n_px == 1199 and sample.spectra.min() > 0
    assert min(tile.min() for tile in tiles) == 0
    assert (10, 11) not in set(zip(sample.rows.tolist(), sample.cols.tolist()))


def test_bands_and_wavelengths_shuffled_together_change_nothing(tmp_path):
    cube = coded_cube(5, 30, 40)
    order = [3, 0, 4, 2, 1]
    plain = write_raster(tmp_path / "plain.tif", cube, NM)
    shuffled = write_raster(tmp_path / "shuffled.tif", cube[order], [NM[i] for i in order])
    with opened(plain) as one, opened(shuffled) as other:
        assert np.array_equal(one.axis.centres_nm, other.axis.centres_nm)
        assert np.array_equal(one.read(one.area).raw, other.read(other.area).raw)
        assert np.array_equal(one.sample(500, 3).spectra, other.sample(500, 3).spectra)
        assert other.band_numbers == (2, 5, 4, 1, 3)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("budget_bytes", [1, 3_000_000, 0], ids=["one tile", "a few tiles", "default"])
def test_tiles_equal_whole_reading_in_every_layout(tmp_path, layout, budget_bytes):
    driver, options = LAYOUTS[layout]
    cube = coded_cube(3, 530, 610)
    cube[1, 500:, :7] = -5
    path = write_raster(tmp_path / "scene.dat", cube, NM[:3], -5, None, None, driver, options)
    with opened(path, memory_budget_bytes=budget_bytes) as scene:
        whole = scene.read(scene.area)
        seen = np.zeros((530, 610), int)
        for window, block in scene.tiles(NullProgress()):
            rows, cols = window.slices()
            assert np.array_equal(block.raw, whole.raw[:, rows, cols])
            assert np.array_equal(block.valid, whole.valid[rows, cols])
            seen[rows, cols] += 1
    assert (seen == 1).all()
    assert np.array_equal(whole.raw, cube)
    assert int((~whole.valid).sum()) == 30 * 7


def test_tiles_report_progress_that_ends_at_one(scene_path):
    listener = Listener()
    with opened(scene_path) as scene:
        assert sum(window.n_px for window, _ in scene.tiles(listener)) == 1200
    fractions = [fraction for fraction, _ in listener.progress]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_tiles_stop_when_cancelled_and_leave_no_thread(tmp_path):
    path = write_raster(tmp_path / "scene.tif", coded_cube(3, 600, 600), NM[:3])
    listener = Listener()
    n_tiles = 0
    with opened(path, memory_budget_bytes=1) as scene, pytest.raises(Cancelled):
        for _ in scene.tiles(listener):
            n_tiles += 1
            listener.cancelled_at = 0.0
    assert n_tiles == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_tiles_of_a_damaged_file_say_where(tmp_path):
    path = write_raster(tmp_path / "scene.tif", coded_cube(3, 600, 600), NM[:3], options=["COMPRESS=DEFLATE"])
    content = bytearray(path.read_bytes())
    damage = slice(len(content) // 2, len(content) // 2 + 3000)
    content[damage] = b"\xff" * 3000
    path.write_bytes(bytes(content))
    with pytest.raises(RasterReadError, match=r"cannot be read at rows"), opened(path) as scene:
        list(scene.tiles(NullProgress()))


def test_read_outside_the_area_is_refused(scene_path):
    with opened(scene_path) as scene, pytest.raises(InputError, match="is not inside the scene's 30 rows"):
        scene.read(Window(25, 0, 6, 6))


def test_alpha_band_is_no_spectral_band_and_masks(tmp_path):
    cube = coded_cube(4, 20, 20, np.int32)
    cube[3] = 255
    cube[3, 5, 6] = 0
    path = write_raster(tmp_path / "scene.tif", cube, options=["PHOTOMETRIC=RGB", "ALPHA=YES"])
    with opened(path, wavelengths="450 550 650 nm") as scene:
        assert scene.band_numbers == (1, 2, 3)
        assert np.argwhere(~scene.read(scene.area).valid).tolist() == [[5, 6]]


def test_dataset_mask_makes_pixels_invalid(tmp_path):
    path = write_raster(tmp_path / "scene.tif", coded_cube(3, 20, 20), NM[:3])
    dataset = update(path)
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    mask = np.full((20, 20), 255, np.uint8)
    mask[3, 4] = 0
    dataset.GetRasterBand(1).GetMaskBand().WriteArray(mask)
    del dataset
    with opened(path) as scene:
        assert np.argwhere(~scene.read(scene.area).valid).tolist() == [[3, 4]]


def test_mask_raster_leaves_out_zero_and_nodata(tmp_path, scene_path):
    mask = np.ones((1, 30, 40), np.int16)
    mask[0, 0, 0], mask[0, 1, 1] = 0, -1
    path = write_raster(tmp_path / "mask.tif", mask, None, -1, NORTH_UP, 32633)
    with opened(scene_path, mask=str(path)) as scene:
        assert np.argwhere(~scene.read(scene.area).valid).tolist() == [[0, 0], [1, 1], [10, 11]]
        assert sum(int(block.valid.sum()) for _, block in scene.tiles(NullProgress())) == 1197


@pytest.mark.parametrize(
    ("shape", "geotransform", "message"),
    [
        ((1, 30, 41), NORTH_UP, r"has 30 × 41 pixels, but the scene has 30 × 40"),
        ((1, 30, 40), (0.0, 30.0, 0.0, 0.0, 0.0, -30.0), "lies elsewhere"),
    ],
    ids=["size", "place"],
)
def test_mask_on_another_grid_is_refused(tmp_path, scene_path, shape, geotransform, message):
    path = write_raster(tmp_path / "mask.tif", np.ones(shape, np.uint8), None, None, geotransform, 32633)
    with pytest.raises(InputError, match=message):
        opened(scene_path, mask=str(path))


def test_extent_crops_reading_grid_and_sample(scene_path):
    with opened(scene_path, extent=(600300.0, 5799400.0, 600600.0, 5799700.0)) as scene:
        assert (scene.rows, scene.cols) == (10, 10)
        assert scene.grid.geotransform == (600300.0, 30.0, 0.0, 5799700.0, 0.0, -30.0)
        block = scene.read(scene.area)
        assert block.raw[0, 0, 0] == 1_010_010
        sample = scene.sample(1000, 0)
        assert sample.n_px == 99
        assert sample.spectra[:, 0].min() == 1_010_010


def test_scale_and_offset_are_applied(tmp_path):
    path = write_raster(tmp_path / "scene.tif", coded_cube(3, 20, 20), NM[:3])
    dataset = update(path)
    for number in (1, 2, 3):
        dataset.GetRasterBand(number).SetScale(0.5 * number)
        dataset.GetRasterBand(number).SetOffset(-number)
    del dataset
    with opened(path) as scene:
        values = scene.read(Window(2, 3, 1, 1)).values()[:, 0, 0]
        assert values.tolist() == pytest.approx([n * 0.5 * (n * 1e6 + 2003) - n for n in (1, 2, 3)])
        sample = scene.sample(1000, 0)
        assert sample.spectra[2 * 20 + 3].tolist() == pytest.approx(values.tolist())
        assert scene.summary()["value_range"] == pytest.approx([0.5e6 - 1, 1.5 * 3_019_019 - 3])


def test_bad_band_list_user_list_water_vapour_constant_and_empty_bands_are_dropped(tmp_path):
    nm = [450.0, 550.0, 650.0, 850.0, 1400.0, 1600.0, 1650.0, 2200.0, 2300.0]
    cube = coded_cube(9, 20, 20)
    cube[5], cube[6] = 7, -9
    path = write_raster(tmp_path / "scene.tif", cube, nm, -9)
    dataset = update(path)
    for number in range(1, 10):
        dataset.GetRasterBand(number).SetMetadataItem("bbl", "0" if number == 8 else "1")
    del dataset
    with opened(path, bad_bands="2, 2290-2310nm") as scene:
        assert scene.band_numbers == (1, 3, 4)
        assert scene.summary()["dropped_bands"] == {
            "listed as bad by the user": "2, 9",
            "in a water-vapour window": "5",
            "one value everywhere": "6",
            "no data": "7",
            "listed as bad by the file": "8",
        }
        assert scene.read(scene.area).valid.all()
    with opened(path, bad_bands="2", drop_water_vapour=False) as scene:
        assert scene.band_numbers == (1, 3, 4, 5, 9)


def test_bands_alive_only_outside_the_first_look_are_kept(tmp_path):
    """A scene too large to be looked at as a whole; one band has data in a part only, another nowhere."""
    cube = np.ones((4, 700, 700), np.int16) * 50 + np.arange(700, dtype=np.int16)
    cube[2] = -9
    cube[3, :300] = -9
    path = write_raster(tmp_path / "scene.tif", cube, NM[:4], -9, options=["COMPRESS=DEFLATE"])
    listener = Listener()
    with opened(path, listener) as scene:
        assert scene.band_numbers == (1, 2, 4)
        assert scene.summary()["valid_share"] == pytest.approx(4 / 7, abs=0.15)
    assert any("Bands 4 have no data in up to" in warning for warning in listener.warnings)


def test_scene_with_a_small_valid_corner_is_found_and_sampled(tmp_path):
    cube = np.full((3, 2000, 1500), -1, np.int16)
    cube[:, 1700:1720, 40:70] = np.arange(1, 601).reshape(20, 30)
    path = write_raster(tmp_path / "scene.tif", cube, NM[:3], -1, options=["COMPRESS=DEFLATE", "TILED=YES"])
    with opened(path) as scene:
        sample = scene.sample(5000, 1)
    assert sample.n_px == 600
    assert sorted(sample.spectra[:, 0].tolist()) == list(range(1, 601))


def test_summary_is_plain_json(scene_path):
    with opened(scene_path) as scene:
        summary = json.loads(json.dumps(scene.summary()))
    assert summary["good_bands"] == summary["file_bands"] == 5
    assert summary["crs_authority"] == "EPSG:32633"
    assert summary["value_range"] == [1_000_000, 5_029_039]
    assert summary["valid_share"] == pytest.approx(1199 / 1200, abs=1e-6)
    assert summary["nodata"] == [-9999]
    assert summary["wavelengths"]["median_spacing_nm"] == 125.0


def test_raster_without_georeference_works(tmp_path):
    with opened(write_raster(tmp_path / "scene.tif", coded_cube(3, 20, 20), NM[:3])) as scene:
        assert scene.grid.geotransform is None
        assert json.dumps(scene.summary())


def test_fill_of_zeros_is_left_out_and_told(tmp_path):
    cube = coded_cube(3, 20, 20)
    cube[:, :4] = 0
    listener = Listener()
    with opened(write_raster(tmp_path / "scene.tif", cube, NM[:3]), listener) as scene:
        assert int(scene.read(scene.area).valid.sum()) == 320
    assert any("20.0% of the pixels are 0 in every band" in text for text in listener.infos)


def test_quantity_given_wins_over_metadata(tmp_path):
    path = write_envi(
        tmp_path / "s.img",
        coded_cube(3, 9, 9, np.int16),
        "wavelength = {450, 550, 650}\nreflectance scale factor = 1e4\n",
    )
    with opened(path) as scene:
        assert scene.quantity == "reflectance"
    with opened(path, quantity="radiance") as scene:
        assert scene.quantity == "radiance"


def test_warnings_reach_listener_and_scene(tmp_path):
    path = write_envi(tmp_path / "s.img", coded_cube(3, 9, 9, np.int16), "wavelength = {0.45, 0.55, 0.65}\n")
    listener = Listener()
    with opened(path, listener) as scene:
        assert scene.axis.centres_nm == pytest.approx([450, 550, 650])
        assert scene.warnings == listener.warnings
    assert len(listener.warnings) == 1 and "µm was taken" in listener.warnings[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
def test_every_real_type_is_read(tmp_path, dtype):
    cube = (coded_cube(3, 20, 20) % 251 + 1).astype(dtype)
    with opened(write_raster(tmp_path / "scene.tif", cube, NM[:3])) as scene:
        assert scene.dtype == dtype
        assert np.array_equal(scene.read(scene.area).values(), cube.astype(np.float32))


def test_bands_of_different_types_are_read_in_one_that_holds_all(tmp_path):
    small = write_raster(tmp_path / "a.tif", coded_cube(2, 20, 20), None, None, NORTH_UP)
    large = write_raster(tmp_path / "b.tif", coded_cube(1, 20, 20).astype(np.float32), None, None, NORTH_UP)
    names = [str(small), str(large)]
    parts = [gdal.BuildVRT(str(tmp_path / f"{i}.vrt"), names[i // 2], bandList=[i % 2 + 1]) for i in range(3)]
    del parts
    vrt = gdal.BuildVRT(str(tmp_path / "all.vrt"), [str(tmp_path / f"{i}.vrt") for i in range(3)], separate=True)
    del vrt
    with opened(tmp_path / "all.vrt", wavelengths="450 550 650 nm") as scene:
        assert scene.dtype == np.float64
        assert scene.read(Window(4, 5, 1, 1)).raw[:, 0, 0].tolist() == [1_004_005, 2_004_005, 1_004_005]


@pytest.mark.parametrize(
    ("cube", "options", "error", "message"),
    [
        (coded_cube(1, 20, 20), {}, InputError, "has 1 spectral band; at least 2"),
        (coded_cube(3, 20, 20).astype(np.complex64), {}, InputError, r"Band 1 .* complex numbers \(CFloat32\)"),
        (coded_cube(3, 7, 20), {}, InputError, "The scene has 7 × 20 pixels; at least 8 × 8"),
        (coded_cube(3, 20, 20), {"extent": (2.0, -6.0, 9.0, -1.0)}, InputError, "area of interest has 5 × 7 pixels"),
        (np.full((3, 20, 20), -9), {}, InputError, "None of the 400 pixels is valid"),
        (np.zeros((3, 20, 20), np.int16), {}, InputError, "None of the 400 pixels is valid"),
        (np.full((3, 20, 20), np.nan, np.float32), {}, InputError, "None of the 400 pixels is valid"),
        (coded_cube(3, 20, 20), {"bad_bands": "1-2"}, SpectraError, r"1 of the scene's 3 bands can be used"),
        (coded_cube(3, 20, 20), {"bad_bands": "4"}, SpectraError, "numbered 1 to 3"),
        (coded_cube(3, 20, 20), {"wavelengths": "450, 550 nm"}, SpectraError, "2 wavelengths were typed for 3 bands"),
        (coded_cube(3, 20, 20), {"wavelengths": "450, 450, 550 nm"}, SpectraError, "Bands 1 and 2 have the same"),
        (coded_cube(3, 20, 20), {"wavelengths": "1, 2, 300"}, SpectraError, "Band 1 would have its centre at 1 nm"),
    ],
    ids=[
        "one band", "complex", "small", "small area", "nodata", "zero", "nan", "all bad", "bad list", "typed few",
        "typed twice", "typed unit",
    ],
)  # fmt: skip
def test_unusable_scene_says_what_is_wrong(tmp_path, cube, options, error, message):
    path = write_raster(tmp_path / "scene.tif", cube, (NM * 2)[: cube.shape[0]], -9 if cube.dtype.kind == "i" else None)
    with pytest.raises(error, match=message) as caught:
        opened(path, **options)
    assert caught.value.hint


def test_scene_whose_bands_share_no_valid_pixel_is_refused(tmp_path):
    cube = coded_cube(2, 20, 20)
    cube[0, :, :10], cube[1, :, 10:] = -9, -9
    with pytest.raises(InputError, match="None of the 400 pixels is valid"):
        opened(write_raster(tmp_path / "scene.tif", cube, NM[:2], -9))


REAL = {
    "enmap_potsdam/enmap_potsdam.tif": (192, 160, 224, 215, 18429),
    "jasper_ridge/jasper_ridge.img": (100, 100, 198, 184, 10000),
    "samson/samson.tif": (95, 95, 156, 156, 9025),
    "aviris_park/aviris_park.img": (90, 90, 224, 175, 8100),
    "pavia_bridge/pavia_bridge.tif": (100, 100, 102, 102, 10000),
}


@pytest.mark.parametrize("name", REAL)
def test_real_scene_is_read_without_a_warning(scenes_dir, name):
    rows, cols, file_bands, good_bands, n_valid = REAL[name]
    listener = Listener()
    with opened(scenes_dir / name, listener) as scene:
        summary = scene.summary()
        assert (scene.rows, scene.cols, summary["file_bands"], scene.n_bands) == (rows, cols, file_bands, good_bands)
        assert np.all(np.diff(scene.axis.centres_nm) > 0)
        assert sum(int(block.valid.sum()) for _, block in scene.tiles(NullProgress())) == n_valid
        assert scene.sample(200_000, 0).n_px == n_valid
    assert listener.warnings == []
