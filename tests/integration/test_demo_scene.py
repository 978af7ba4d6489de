# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo scene: the same from the same seed, described as real data are, and physically plausible."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from osgeo import gdal

SCRIPT = Path(__file__).resolve().parents[2] / "resources" / "demo" / "make_scene.py"
NODATA = -9999
LIMIT_S = 60.0  # 5 s on two idle cores; the limit is for a crowded machine


class Made(NamedTuple):
    """A scene that the script wrote, and its pixels."""

    folder: Path
    took_s: float
    numbers: np.ndarray  # (bands, rows, cols) int16
    truth: np.ndarray  # (rows, cols) uint8
    names: list[str]
    centres_nm: np.ndarray
    good: np.ndarray  # (bands,) bool

    def spectrum(self, name: str) -> np.ndarray:
        """Mean reflectance of a class."""
        return self.numbers[:, self.truth == self.names.index(name) + 1].mean(axis=1) / 1e4

    def at(self, spectrum: np.ndarray, nm: float) -> float:
        """Value at the band nearest to a wavelength."""
        return float(spectrum[np.abs(self.centres_nm - nm).argmin()])

    def ndvi(self, name: str) -> float:
        """Vegetation index of a class's mean spectrum."""
        red, infrared = (self.at(self.spectrum(name), nm) for nm in (660.0, 860.0))
        return (infrared - red) / (infrared + red)


def make(folder: Path, seed: int) -> Made:
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), "--seed", str(seed)], capture_output=True, text=True, check=False
    )
    took = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    cube = gdal.Open(str(folder / "scene.dat"))
    header = cube.GetMetadata("ENVI")
    good = np.array([flag.strip() == "1" for flag in header["bbl"].strip("{} \n").split(",")])
    bands = [cube.GetRasterBand(i + 1) for i in range(cube.RasterCount)]
    centres = np.array([float(band.GetMetadataItem("wavelength")) for band in bands])
    truth = gdal.Open(str(folder / "truth.tif")).ReadAsArray()
    names = (folder / "classes.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return Made(folder, took, cube.ReadAsArray(), truth, names, centres, good)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("demo scène") / "new folder", 7)


def test_script_on_a_busy_machine_is_quick(scene: Made) -> None:
    assert scene.took_s < LIMIT_S


def test_same_seed_gives_the_same_files_and_another_seed_another_town(scene: Made, tmp_path: Path) -> None:
    again, other = make(tmp_path / "again", 7), make(tmp_path / "other", 8)
    for name in ("scene.dat", "scene.hdr", "truth.tif", "classes.txt"):
        assert (again.folder / name).read_bytes() == (scene.folder / name).read_bytes(), name
    valid = (other.truth > 0) & (scene.truth > 0)
    changed = (other.truth != scene.truth)[valid].mean()
    assert 0.02 < changed < 0.8
    assert other.names == scene.names


def test_cube_is_described_as_delivered_data_are(scene: Made) -> None:
    cube = gdal.Open(str(scene.folder / "scene.dat"))
    assert (cube.RasterXSize, cube.RasterYSize, cube.RasterCount) == (400, 400, 120)
    assert cube.GetDriver().ShortName == "ENVI"
    assert cube.GetRasterBand(1).DataType == gdal.GDT_Int16
    assert cube.GetRasterBand(1).GetNoDataValue() == NODATA
    assert cube.GetSpatialRef().GetAuthorityCode(None) == "32633"
    assert cube.GetGeoTransform()[1::4] == (2.0, -2.0)
    header = cube.GetMetadata("ENVI")
    assert header["reflectance_scale_factor"] == "10000"
    assert len(header["fwhm"].split(",")) == 120
    assert cube.GetRasterBand(1).GetMetadataItem("wavelength_units") == "Nanometers"
    assert scene.centres_nm[0] == 400.0
    assert 2490.0 < scene.centres_nm[-1] <= 2500.0
    assert (np.diff(scene.centres_nm) > 5.0).all()


def test_dead_bands_are_the_water_vapour_bands_and_noisier_than_their_neighbours(scene: Made) -> None:
    dead = scene.centres_nm[~scene.good]
    assert 8 <= len(dead) <= 20
    assert ((np.abs(dead - 1395) < 65) | (np.abs(dead - 1870) < 85) | (dead > 2450)).all()
    row_noise = np.abs(np.diff(scene.numbers[:, :, :300].astype(np.float32), n=2, axis=0)).mean(axis=(1, 2))
    assert row_noise[scene.centres_nm[1:-1] == dead[len(dead) // 2]] > 3 * np.median(row_noise)


def test_truth_lies_on_the_cube_and_names_its_classes(scene: Made) -> None:
    cube, truth = gdal.Open(str(scene.folder / "scene.dat")), gdal.Open(str(scene.folder / "truth.tif"))
    assert truth.GetGeoTransform() == cube.GetGeoTransform()
    assert truth.GetSpatialRef().GetAuthorityCode(None) == "32633"
    assert truth.GetRasterBand(1).GetNoDataValue() == 0
    assert truth.GetRasterBand(1).GetCategoryNames()[1:] == scene.names
    assert truth.GetRasterBand(1).GetColorTable().GetColorEntry(1)[3] == 255


def test_truth_holds_every_class_and_nothing_where_there_is_no_data(scene: Made) -> None:
    shares = np.bincount(scene.truth.ravel(), minlength=len(scene.names) + 1) / scene.truth.size
    assert len(shares) == len(scene.names) + 1
    assert (shares[1:] > 0.02).all(), dict(zip(scene.names, shares[1:]))
    missing = (scene.numbers == NODATA).all(axis=0)
    assert ((scene.numbers == NODATA).any(axis=0) == missing).all()
    assert 0.003 < missing.mean() < 0.1
    assert missing[-1, -1] or missing[0, -1]
    assert (scene.truth[missing] == 0).all()
    assert (scene.truth[~missing] > 0).mean() > 0.97


def test_reflectance_is_in_the_range_of_natural_and_built_surfaces(scene: Made) -> None:
    valid = scene.numbers[:, scene.truth > 0][scene.good] / 1e4
    assert valid.min() > -0.06
    assert np.quantile(valid, 0.999) < 0.8
    assert 0.08 < np.median(valid) < 0.35


def test_vegetation_has_a_red_edge_and_the_rest_has_none(scene: Made) -> None:
    assert scene.ndvi("tree") > 0.7
    assert scene.ndvi("grass") > 0.45
    for name in ("bare soil", "asphalt", "red tile roof", "concrete roof"):
        assert scene.ndvi(name) < 0.35, name
    assert scene.ndvi("water") < 0.0


def test_mean_spectra_carry_the_features_of_their_materials(scene: Made) -> None:
    water, tree, soil, tile = (scene.spectrum(name) for name in ("water", "tree", "bare soil", "red tile roof"))
    assert scene.at(water, 560) > scene.at(water, 660) > scene.at(water, 1650)
    assert scene.at(water, 1650) < 0.04
    assert scene.at(tree, 550) > 1.4 * scene.at(tree, 675)  # the green peak over the chlorophyll band
    assert scene.at(tree, 980) < scene.at(tree, 1070)  # leaf water at 970 nm
    assert scene.at(tree, 1650) < scene.at(tree, 1070)
    assert scene.at(soil, 2205) < 0.5 * (scene.at(soil, 2120) + scene.at(soil, 2260))  # clay
    assert scene.at(tile, 650) > 2.5 * scene.at(tile, 480)  # iron oxide
    assert scene.at(tile, 860) < 0.5 * (scene.at(tile, 760) + scene.at(tile, 1000))


def test_spectra_are_smooth_where_the_atmosphere_is_clear(scene: Made) -> None:
    clear = (scene.centres_nm > 780) & (scene.centres_nm < 900)
    for name in scene.names:
        spectrum = scene.spectrum(name)[clear]
        assert np.abs(np.diff(spectrum, n=2)).max() < 0.02 * max(spectrum.mean(), 0.05), name


def test_classes_vary_within_themselves(scene: Made) -> None:
    infrared = scene.numbers[np.abs(scene.centres_nm - 860).argmin()].astype(np.float64)
    for i, name in enumerate(scene.names, start=1):
        if name != "water":
            values = infrared[scene.truth == i]
            assert values.std() > 0.1 * values.mean(), name


def test_trees_and_buildings_cast_shadows_away_from_the_sun(scene: Made) -> None:
    green = scene.numbers[np.abs(scene.centres_nm - 553).argmin()].astype(np.float64)
    roof = np.isin(scene.truth, [scene.names.index("concrete roof") + 1])
    ground = scene.truth == scene.names.index("asphalt") + 1
    behind = ground & np.roll(roof, (-2, -1), axis=(0, 1))  # roof two rows south, so the sun is hidden
    ahead = ground & np.roll(roof, (2, 1), axis=(0, 1))
    assert behind.sum() > 50
    assert ahead.sum() > 50
    assert np.median(green[behind]) < 0.6 * np.median(green[ahead])
