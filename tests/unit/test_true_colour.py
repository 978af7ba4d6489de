# SPDX-License-Identifier: GPL-2.0-or-later
"""True colour: interpolation, one stretch for three channels, transparency, and scenes without visible bands."""

from __future__ import annotations

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.config import SceneConfig, TrueColourConfig
from special_qgis.engine.errors import Cancelled, ConfigError, SpectraError
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.scene.rgb import TrueColourThumbnail, find_stretch, plan_mixer, to_rgba
from special_qgis.engine.scene.spectra import SpectralAxis
from special_qgis.engine.true_colour import true_colour
from tests.helpers.listener import Listener
from tests.helpers.scene_files import NORTH_UP, update, write_raster

NM = [440.0, 460.0, 550.0, 560.0, 650.0, 660.0, 850.0]


def linear_cube(rows=24, cols=32):
    """Spectra that are straight lines over wavelength: a + b · nm, so that interpolation is known exactly."""
    a = np.linspace(100, 300, cols)[None, :] * np.ones((rows, 1))
    b = np.linspace(0.1, 0.5, rows)[:, None] * np.ones((1, cols))
    return np.stack([a + b * nm for nm in NM]).astype(np.float32), a, b


@pytest.fixture
def line_scene(tmp_path):
    cube, _, _ = linear_cube()
    cube[3, 2, 5] = np.nan
    return write_raster(tmp_path / "scene.tif", cube, NM, None, NORTH_UP, 32633)


def test_mixer_reproduces_straight_lines_exactly():
    cube, a, b = linear_cube()
    mixer = plan_mixer(SpectralAxis(np.array(NM)), (655.0, 553.0, 451.0))
    assert mixer.band_indices == (0, 1, 2, 3, 4, 5)
    channels = mixer.mix(cube[list(mixer.band_indices)])
    for channel, nm in zip(channels, (655.0, 553.0, 451.0)):
        assert channel == pytest.approx(a + b * nm, rel=1e-5)


def test_stretch_is_the_quantiles_of_all_channels_together():
    channels = np.stack([np.linspace(0, 1, 1001), np.linspace(1, 2, 1001), np.linspace(2, 3, 1001)]).astype(np.float32)
    assert find_stretch(channels, 0.0, 1.0) == (0.0, 3.0)
    assert find_stretch(channels, 0.25, 0.75) == pytest.approx((0.75, 2.25), abs=0.01)


def test_stretch_of_one_value_or_none_is_still_a_range():
    low, high = find_stretch(np.full((3, 5), 7.0, np.float32), 0.001, 0.999)
    assert low < high
    assert find_stretch(np.zeros((3, 0), np.float32), 0.001, 0.999) == (0.0, 1.0)


def test_bytes_are_clipped_rounded_and_transparent_where_invalid():
    channels = np.array([[[-5.0, 0.0, 5.0, 20.0]]] * 3, np.float32)
    rgba = to_rgba(channels, np.array([[True, True, True, False]]), 0.0, 10.0)
    assert rgba[:, 0].tolist() == [[0, 0, 128, 0]] * 3 + [[255, 255, 255, 0]]


def test_raster_has_four_georeferenced_bands(tmp_path, line_scene):
    out = tmp_path / "rgb.tif"
    result = true_colour(TrueColourConfig(SceneConfig(str(line_scene)), str(out), low_quantile=0.0, high_quantile=1.0))
    dataset = gdal.Open(str(out))
    assert dataset.GetGeoTransform() == NORTH_UP
    assert "33N" in dataset.GetProjection()
    kinds = [dataset.GetRasterBand(n).GetColorInterpretation() for n in (1, 2, 3, 4)]
    assert kinds == [gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand, gdal.GCI_AlphaBand]
    pixels = dataset.ReadAsArray()
    _, a, b = linear_cube()
    channels = np.stack([a + b * nm for nm in (655.0, 553.0, 451.0)])
    channels[:, 2, 5] = np.nan
    low, high = np.nanmin(channels), np.nanmax(channels)
    expected = np.nan_to_num(np.rint((channels - low) / (high - low) * 255))
    assert np.abs(pixels[:3].astype(int) - expected).max() <= 1
    assert np.argwhere(pixels[3] == 0).tolist() == [[2, 5]]
    assert result["stretch"] == pytest.approx([low, high], rel=1e-4)
    assert result["status"] == "ok"


def test_raster_does_not_depend_on_the_memory_budget(tmp_path):
    rng = np.random.default_rng(1)
    cube = rng.integers(1, 9999, (len(NM), 300, 700)).astype(np.int16)
    path = write_raster(tmp_path / "scene.tif", cube, NM)
    pictures = []
    for budget_bytes in (1, 0):
        out = tmp_path / f"rgb{budget_bytes}.tif"
        true_colour(TrueColourConfig(SceneConfig(str(path), memory_budget_bytes=budget_bytes), str(out)))
        pictures.append(gdal.Open(str(out)).ReadAsArray())
    assert np.array_equal(*pictures)


def test_scene_without_blue_names_the_wavelength_and_leaves_nothing(tmp_path):
    cube, _, _ = linear_cube()
    path = write_raster(tmp_path / "scene.tif", cube[2:], NM[2:])
    with pytest.raises(SpectraError, match="no band at 451 nm") as caught:
        true_colour(TrueColourConfig(SceneConfig(str(path)), str(tmp_path / "rgb.tif")))
    assert "wavelengths" in caught.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == ["scene.tif"]


def test_other_wavelengths_give_false_colour(tmp_path, line_scene):
    out = tmp_path / "rgb.tif"
    config = TrueColourConfig(SceneConfig(str(line_scene)), str(out), red_nm=850.0, green_nm=655.0, blue_nm=553.0)
    assert true_colour(config)["rgb_nm"] == [850.0, 655.0, 553.0]


def test_output_that_is_the_input_is_refused(line_scene):
    before = line_scene.read_bytes()
    with pytest.raises(ConfigError, match="would replace the input"):
        true_colour(TrueColourConfig(SceneConfig(str(line_scene)), str(line_scene)))
    assert line_scene.read_bytes() == before


def test_cancel_leaves_nothing(tmp_path, line_scene):
    listener = Listener(cancel_on="Rendering")
    with pytest.raises(Cancelled):
        true_colour(TrueColourConfig(SceneConfig(str(line_scene)), str(tmp_path / "rgb.tif")), listener)
    assert [entry.name for entry in tmp_path.iterdir()] == ["scene.tif"]


def gather(scene, max_px):
    picture = TrueColourThumbnail(scene, max_px)
    for window, block in scene.tiles(NullProgress()):
        picture.add(window, block)
    return picture.rgba()


LAYOUTS = {
    "pixel strips": ["INTERLEAVE=PIXEL"],
    "pixel tiles": ["INTERLEAVE=PIXEL", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"],
    "band strips": ["INTERLEAVE=BAND"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_thumbnail_takes_nearest_pixels_in_every_layout(tmp_path, layout):
    cube, _, _ = linear_cube(90, 160)
    path = write_raster(tmp_path / "scene.tif", cube, NM, None, NORTH_UP, 32633, options=LAYOUTS[layout])
    with open_scene(SceneConfig(str(path))) as scene:
        small = gather(scene, 40)
        rows = ((np.arange(small.shape[0]) + 0.5) * 90 / small.shape[0]).astype(int)
        cols = ((np.arange(40) + 0.5) * 4).astype(int)
        mixer = plan_mixer(scene.axis)
        channels = mixer.mix(scene.read(scene.area).values(mixer.band_indices))[:, rows][:, :, cols]
    assert small.dtype == np.uint8 and small.shape[1:] == (40, 4)
    low, high = find_stretch(channels.reshape(3, -1), 0.001, 0.999)
    expected = np.moveaxis(to_rgba(channels, np.ones(channels.shape[1:], bool), low, high), 0, -1)
    assert np.abs(small.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_thumbnail_leaves_out_masked_pixels_and_pixels_outside_the_area(tmp_path, layout):
    cube, _, _ = linear_cube(60, 80)
    path = write_raster(tmp_path / "scene.tif", cube, NM, None, NORTH_UP, 32633, options=LAYOUTS[layout])
    dataset = update(path)
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    mask = np.full((60, 80), 255, np.uint8)
    mask[:30] = 0
    dataset.GetRasterBand(1).GetMaskBand().WriteArray(mask)
    del dataset
    extent = (600000.0, 5800000.0 - 60 * 30, 600000.0 + 40 * 30, 5800000.0)
    with open_scene(SceneConfig(str(path), extent=extent)) as scene:
        small = gather(scene, 30)
    assert small.shape == (30, 20, 4)
    assert (small[:15, :, 3] == 0).all() and (small[15:, :, 3] == 255).all()


def test_thumbnail_of_a_small_scene_is_not_enlarged(line_scene):
    with open_scene(SceneConfig(str(line_scene))) as scene:
        assert gather(scene, 640).shape == (24, 32, 4)


def test_raster_of_a_scene_without_georeference_has_none(tmp_path):
    cube, _, _ = linear_cube()
    path = write_raster(tmp_path / "scene.tif", cube, NM)
    true_colour(TrueColourConfig(SceneConfig(str(path)), str(tmp_path / "rgb.tif")))
    assert gdal.Open(str(tmp_path / "rgb.tif")).GetGeoTransform(can_return_null=True) is None


@pytest.mark.parametrize(
    "name",
    ["enmap_potsdam/enmap_potsdam.tif", "jasper_ridge/jasper_ridge.img", "samson/samson.tif",
     "aviris_park/aviris_park.img",     "pavia_bridge/pavia_bridge.tif"],
)  # fmt: skip
def test_real_scene_is_rendered_with_contrast(scenes_dir, tmp_path, name):
    out = tmp_path / "rgb.tif"
    true_colour(TrueColourConfig(SceneConfig(str(scenes_dir / name)), str(out)))
    pixels = gdal.Open(str(out)).ReadAsArray()
    colours = pixels[:3, pixels[3] == 255]
    assert np.percentile(colours, 99) - np.percentile(colours, 1) > 100


def test_thumbnail_of_scaled_bands_over_many_tiles_is_the_whole_scene_decimated(tmp_path):
    rng = np.random.default_rng(3)
    cube = rng.integers(1, 9999, (len(NM), 530, 710)).astype(np.int16)
    path = write_raster(tmp_path / "scene.tif", cube, NM)
    dataset = update(path)
    for number in range(1, len(NM) + 1):
        dataset.GetRasterBand(number).SetScale(0.001 * number)
        dataset.GetRasterBand(number).SetOffset(number)
    del dataset
    with open_scene(SceneConfig(str(path))) as scene:
        small = gather(scene, 100)
        mixer = plan_mixer(scene.axis)
        rows = ((np.arange(75) + 0.5) * 530 / 75).astype(int)
        cols = ((np.arange(100) + 0.5) * 7.1).astype(int)
        channels = mixer.mix(scene.read(scene.area).values(mixer.band_indices))[:, rows][:, :, cols]
    low, high = find_stretch(channels.reshape(3, -1), 0.001, 0.999)
    expected = np.moveaxis(to_rgba(channels, np.ones(channels.shape[1:], bool), low, high), 0, -1)
    assert np.array_equal(small, expected)


def test_thumbnail_of_a_scene_without_visible_bands_is_refused(tmp_path):
    path = write_raster(tmp_path / "scene.tif", linear_cube()[0], [value + 1000 for value in NM])
    with open_scene(SceneConfig(str(path))) as scene, pytest.raises(SpectraError, match="no band at 655 nm"):
        TrueColourThumbnail(scene, 100)
